// hls.js and Shaka in Chromium, each made to change its level again and again: is every picture where its time says?
//
//     node players.mjs '{ "media": "https://localhost:8443/live/stage/index.m3u8", "seconds": 20,
//                         "certificate": "cert.pem", "key": "key.pem" }'
//
// Further keys: `every` (seconds between two changes, default 3), `deadline` (s for each player, default 90).
// The show's clock has to be that of `clock_source ... steady`. Standard output is one JSON object a line:
// {"event":"report", "player", ...} for each, or {"event":"failed", "player", "reason"}, with exit code 1.

import { chromium } from 'playwright-core';
import { witness } from './checks.mjs';
import { FLAGS, LIBRARIES, serveLibraries } from './libraries.mjs';
import { collect, exactness, summarize } from './measure.mjs';

const plan = { seconds: 20, every: 3, deadline: 90, ...JSON.parse(process.argv[2]) };

function tell(event, fields) {
  process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);
}

// The two below run in the page. Each resolves when the player plays, and leaves `window.change()` behind, which forces
// the next level, and `window.stats`.
/* global document, window, Hls, shaka, nextLevelOfHls, nextLevelOfShaka */
async function playHls(media) {
  const video = document.getElementById('video');
  const hls = new Hls({ lowLatencyMode: true });
  window.stats = { fatal: [], errors: [], changes: 0 };
  hls.on(Hls.Events.ERROR, (_, { details, fatal, frag, part, error }) => {
    const place = frag ? ` ${frag.level}:${frag.sn}${part ? `.${part.index}` : ''}` : '';
    window.stats[fatal ? 'fatal' : 'errors'].push(`${details}${place} ${error?.message ?? ''}`.trim());
  });
  hls.loadSource(media);
  hls.attachMedia(video);
  await video.play();
  window.change = () => {
    nextLevelOfHls(hls);
    window.stats.changes += 1;
  };
}

async function playShaka(media) {
  const video = document.getElementById('video');
  shaka.polyfill.installAll();
  const player = new shaka.Player();
  await player.attach(video);
  window.stats = { fatal: [], errors: [], changes: 0 };
  player.addEventListener('error', ({ detail }) => window.stats[detail.severity === 2 ? 'fatal' : 'errors'].push(`${detail.code} ${detail.data?.slice(0, 2).join(' ') ?? ''}`));
  player.configure({ streaming: { lowLatencyMode: true } });
  // It may load anew while it begins, which would break off a promise to play.
  video.autoplay = true;
  await player.load(media);
  window.change = () => {
    nextLevelOfShaka(player);
    window.stats.changes += 1;
  };
}

async function watch(page, player, origin) {
  const { errors } = witness(page, [origin, new URL(plan.media).origin]);
  await page.goto(origin);
  await page.addScriptTag({ url: `${origin}/${player}` });
  await page.evaluate(player === 'shaka' ? playShaka : playHls, plan.media);
  await page.waitForFunction(() => document.getElementById('video').currentTime > 0);
  await page.evaluate((every) => {
    const video = document.getElementById('video');
    window.stats.waits = 0;
    video.addEventListener('error', () => window.stats.fatal.push(video.error.message));
    video.addEventListener('waiting', () => { window.stats.waits += 1; });
    setInterval(window.change, every * 1000);
  }, plan.every);
  const frames = await collect(page, plan.seconds, 1);
  const stats = await page.evaluate(() => window.stats);
  return { player, ...summarize(frames), ...exactness(frames), stats, errors };
}

async function main() {
  const { origin, close } = await serveLibraries(plan);
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: FLAGS });
  for (const player of Object.keys(LIBRARIES)) {
    const page = await browser.newPage({ viewport: { width: 640, height: 360 }, ignoreHTTPSErrors: true });
    page.setDefaultTimeout(plan.deadline * 1000);
    const overdue = new Promise((_, reject) => {
      setTimeout(() => reject(new Error(`not done within ${plan.deadline} s`)), plan.deadline * 1000).unref();
    });
    try {
      tell('report', await Promise.race([watch(page, player, origin), overdue]));
    } catch (error) {
      tell('failed', { player, reason: error.message, stats: await page.evaluate(() => window.stats).catch(() => null) });
      process.exitCode = 1;
    }
    await page.close();
  }
  await browser.close();
  close();
}

await main();
