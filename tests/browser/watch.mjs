// A viewer: opens the watch page in Chromium, and reports. The page comes from another origin than
// the media, as on an embedding site, unless it is asked for as the distributor serves it (`own`).
//
//     node watch.mjs '{ "media": "https://localhost:8443", "stream": "stage", "seconds": 30,
//                       "certificate": "cert.pem", "key": "key.pem" }'
//
// With `states` it does not measure but stays for a whole evening: each time the page is in another state, it is
// audited, and {"event": STATE, "title", "viewers", "date", "audit"} is told; STATE is the page's own, or `held`, which is
// told when the slate is shown and how many watch; `date` is that of the picture when the state changed. It ends with the show. `embed` opens the page for frames.
//
// Further keys: `own` (default false), `before` (the show is not on yet; expect the page to say so), `clock` (the picture
// carries a clock; wait for one), `checks` (quality menu, keyboard, axe, sound; default true),
// `told` (report what the player was told beside the media), `deadline` (s for everything, default 120),
// `screenshots` (a folder), `size` ([width, height]), `light`,
// `dist` (a folder, default distributor/page/dist).
//
// Standard output is one JSON object a line: {"event":"before"} once the page has said that the
// show has not started, {"event":"playing"} at the first frame, and last {"event":"report", ...}
// or {"event":"failed", "reason", ...}, with exit code 1.

import { mkdir } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';
import { audit, tryQualities, turnSoundOn, unreachable, witness } from './checks.mjs';
import { collect, cues, summarize } from './measure.mjs';
import { servePage } from './serve.mjs';

const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--autoplay-policy=no-user-gesture-required',
  '--ignore-certificate-errors',
];
const DIST = new URL('../../distributor/page/dist/', import.meta.url);

const plan = {
  seconds: 30, states: false, embed: false, light: false, own: false, before: false, clock: false, checks: true, deadline: 120, size: [1280, 720],
  ...JSON.parse(process.argv[2]),
};

function tell(event, fields = {}) {
  process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);
}

async function watch(page, address) {
  const { errors, strangers } = witness(page, [new URL(address).origin, plan.media]);
  const audits = {};
  await page.goto(address);
  if (plan.before) {
    await page.waitForFunction(() => document.getElementById('title').textContent === 'The show starts soon');
    await shoot(page, 'before');
    if (plan.checks) audits.before = await audit(page);
    tell('before');
  }
  const started = Date.now();
  await page.waitForFunction(() => window.footlight.stats.state === 'playing');
  const opened = await page.evaluate(() => window.footlight.stats.firstFrameMs);
  tell('playing');
  const frames = await collect(page, plan.seconds);
  const stats = await page.evaluate(() => window.footlight.stats);
  await shoot(page, 'playing');
  const report = { firstFrameMs: plan.before ? Date.now() - started - plan.seconds * 1000 : Math.round(opened), ...summarize(frames), stats };
  if (plan.told) report.told = { now: await page.textContent('#now'), cues: await cues(page, frames) };
  if (plan.checks) Object.assign(report, await inspect(page, audits));
  return { ...report, errors, strangers: [...strangers] };
}

async function attend(page, address) {
  const { errors, strangers } = witness(page, [new URL(address).origin, plan.media]);
  await page.goto(address);
  let before = 'connecting';
  while (before !== 'over') {
    const changed = await page.waitForFunction((known) => {
      const { state, held, date } = window.footlight?.stats ?? {};
      const now = held && state !== 'over' ? 'held' : state;
      return now && now !== known && { now, date };
    }, before);
    const { now, date } = await changed.jsonValue();
    before = now;
    if (before === 'held') {
      // The publisher's own picture has nothing but gaps then, so another is shown; on a busy machine the page may have
      // come before there was any. How many watch is asked for now and then.
      await page.waitForFunction(() => {
        const { levels, level } = window.footlight.stats;
        return levels.length === 1 || /^\d+p$/.test(levels[level]);
      });
      await page.waitForFunction(() => !document.getElementById('viewers').hidden);
    }
    const shown = await page.evaluate(() => ({
      title: document.getElementById('title').textContent,
      viewers: document.getElementById('viewers').hidden ? null : document.getElementById('viewers-text').textContent,
    }));
    await shoot(page, before);
    tell(before, { ...shown, date, audit: await audit(page) });
  }
  return { errors, strangers: [...strangers] };
}

async function inspect(page, audits) {
  const sound = await turnSoundOn(page);
  const qualities = await tryQualities(page);
  const missed = await unreachable(page);
  await shoot(page, 'keyboard');
  audits.playing = await audit(page);
  return { sound, qualities, unreachable: missed, audits };
}

async function shoot(page, name) {
  if (!plan.screenshots) return;
  await mkdir(plan.screenshots, { recursive: true });
  await page.screenshot({ path: `${plan.screenshots}/${name}-${plan.size[0]}.png` });
}

async function main() {
  const dist = plan.dist ? pathToFileURL(`${plan.dist}/`) : DIST;
  const server = await servePage({ dist, media: plan.media, certificate: plan.certificate, key: plan.key });
  const path = `/${plan.embed ? 'embed' : 'watch'}/${plan.stream}`;
  const address = plan.own ? `${plan.media}${path}` : `${server.origin}${path}?origin=${encodeURIComponent(plan.media)}`;
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: FLAGS });
  const [width, height] = plan.size;
  const page = await browser.newPage({ viewport: { width, height }, ignoreHTTPSErrors: true, colorScheme: plan.light ? 'light' : 'dark', hasTouch: width < 600 });
  page.setDefaultTimeout(plan.deadline * 1000);
  const overdue = new Promise((_, reject) => {
    setTimeout(() => reject(new Error(`not done within ${plan.deadline} s`)), plan.deadline * 1000).unref();
  });
  try {
    tell('report', await Promise.race([(plan.states ? attend : watch)(page, address), overdue]));
  } catch (error) {
    const stats = await page.evaluate(() => window.footlight?.stats).catch(() => null);
    await shoot(page, 'failed').catch(() => {});
    tell('failed', { reason: error.message, stats });
    process.exitCode = 1;
  } finally {
    await browser.close();
    server.close();
  }
}

await main();
