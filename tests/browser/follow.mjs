// hls.js or Shaka in Chromium, left alone with a show: what a viewer sees is told of as it happens.
//
//     node follow.mjs '{ "media": "https://localhost:8443/live/stage/index.m3u8", "player": "hls.js",
//                        "certificate": "cert.pem", "key": "key.pem" }'
//
// Further keys: `deadline` (s for everything, default 150), `page` (hls.js as the watch page steers it). Standard output is one JSON object a line:
//
//     {"event":"waiting"}                    the show is not on; it is asked for again and again
//     {"event":"playing", "at", "foundAt"}   the first picture is on the screen (Unix ms); when the playlist was there
//     {"event":"clock", "at"}                pictures have a clock (as clock_source draws it) from here on
//     {"event":"plain", "at"}                they have none: a slate
//     {"event":"fresh", "at"}                a picture is shown whose clock is later than the order `fresh`
//     {"event":"reached"}                    the position of the order `reach` is played
//     {"event":"ended"}                      the end of the show was reached
//     {"event":"report", ...}                whatever was seen since it was last asked for
//     {"event":"failed", "reason", ...}      hls.js has given up, or the deadline is over; exit code 1
//
// Orders on standard input, one a line: `report`, `fresh`, `seek SECONDS`, `reach SECONDS`, `change SECONDS` (of
// hls.js: from then on the level is forced to be the next one, each so many seconds). It ends with standard input.

import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';
import { witness } from './checks.mjs';
import { FLAGS, serveLibraries } from './libraries.mjs';
import { exactness, READER, summarize } from './measure.mjs';

const plan = { player: 'hls.js', deadline: 150, page: false, ...JSON.parse(process.argv[2]) };

const PATHWAY = new URL('../../distributor/page/src/pathway.js', import.meta.url);

function tell(event, fields = {}) {
  process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);
}

// All below run in the page.
/* global document, window, performance, Hls, shaka, clockReader, nextLevelOfHls, stayBuffered */

/** Waits until the show is on. Whoever sits before a page that says "not yet" wants to see it begin. */
async function appears(media) {
  const POLL_MS = 50;
  let told = false;
  while (!(await fetch(media, { cache: 'no-store' })).ok) {
    if (!told) window.tell('waiting');
    told = true;
    await new Promise((resolve) => { setTimeout(resolve, POLL_MS); });
  }
  window.stats.foundAt = performance.timeOrigin + performance.now();
}

function playHls(media) {
  // A twentieth faster is not heard, and takes back what a slow start has cost.
  const hls = new Hls({ lowLatencyMode: true, maxLiveSyncPlaybackRate: 1.05 });
  window.change = () => nextLevelOfHls(hls);
  if (typeof stayBuffered === 'function') stayBuffered(hls, document.getElementById('video'));
  hls.on(Hls.Events.ERROR, (_, { details, fatal, frag, part, response, error }) => {
    const place = frag ? ` ${frag.level}:${frag.sn}${part ? `.${part.index}` : ''}` : '';
    const reason = `${details}${place} ${response?.code ?? ''} ${error?.message ?? ''}`.trim();
    window.stats[fatal ? 'fatal' : 'errors'].push(reason);
    if (fatal) window.tell('failed', { reason });
  });
  hls.on(Hls.Events.LEVEL_UPDATED, (_, { details }) => { window.stats.holdBack = details.partHoldBack; });
  hls.loadSource(media);
  hls.attachMedia(document.getElementById('video'));
}

async function playShaka(media) {
  shaka.polyfill.installAll();
  const player = new shaka.Player();
  await player.attach(document.getElementById('video'));
  player.addEventListener('error', ({ detail }) => {
    window.stats[detail.severity === 2 ? 'fatal' : 'errors'].push(`${detail.code} ${detail.data?.slice(0, 2).join(' ') ?? ''}`);
  });
  // Looking for captions, 5.2.12 asks for an open segment, which has no address, and fails where fewer than three are whole.
  player.configure({ streaming: { lowLatencyMode: true }, manifest: { hls: { disableClosedCaptionsDetection: true } } });
  await player.load(media);
}

function observe() {
  const EVERY = 3; // of the clocks is read
  const SURE = 4; // readings that agree
  const NEAR_S = 0.5; // is where one wanted to be
  const video = document.getElementById('video');
  const read = clockReader(video);
  const { stats } = window;
  let shown = null;
  let others = 0;
  let first = true;
  video.autoplay = true;
  video.addEventListener('waiting', () => { stats.waits += 1; });
  video.addEventListener('ended', () => window.tell('ended'));
  function frame(now, metadata) {
    const at = performance.timeOrigin + metadata.expectedDisplayTime;
    const sample = { at: now, mediaTime: metadata.mediaTime, presented: metadata.presentedFrames, height: metadata.height, clock: null, latency: null };
    if (first) window.tell('playing', { at, foundAt: stats.foundAt, height: metadata.height });
    if (stats.frames.length % EVERY === 0) {
      sample.clock = read();
      sample.read = sample.clock !== null;
      if (sample.read) sample.latency = at - sample.clock;
      if (sample.read && sample.clock > stats.fresh) {
        stats.fresh = Infinity;
        window.tell('fresh', { at });
      }
      const now = sample.read ? 'clock' : 'plain';
      others = now === shown ? 0 : others + 1;
      if (others === SURE) {
        window.tell(now, { at });
        shown = now;
        others = 0;
      }
    }
    if (stats.reach !== null && Math.abs(metadata.mediaTime - stats.reach) < NEAR_S) {
      stats.reach = null;
      window.tell('reached');
    }
    first = false;
    stats.frames.push(sample);
    video.requestVideoFrameCallback(frame);
  }
  video.requestVideoFrameCallback(frame);
}

function report() {
  const { frames, fresh, reach, changing, ...rest } = window.stats;
  const video = document.getElementById('video');
  Object.assign(window.stats, { frames: [], fatal: [], errors: [], waits: 0, changes: 0 });
  const buffered = Array.from({ length: video.buffered.length }, (_, index) => [video.buffered.start(index), video.buffered.end(index)]);
  return { frames, rest: { ...rest, buffered, position: video.currentTime, length: video.duration } };
}

async function seek(to) {
  const video = document.getElementById('video');
  video.currentTime = to;
  // At its end it was paused.
  await video.play();
}

function changeEvery(seconds) {
  clearInterval(window.stats.changing);
  window.stats.changing = setInterval(() => {
    window.change();
    window.stats.changes += 1;
  }, seconds * 1000);
}

async function obey(page, line) {
  const [order, value] = line.split(' ');
  if (order === 'report') {
    const { frames, rest } = await page.evaluate(report);
    tell('report', { ...summarize(frames), ...exactness(frames), ...rest });
  } else if (order === 'fresh') await page.evaluate(() => { window.stats.fresh = Date.now(); });
  else if (order === 'seek') await page.evaluate(seek, Number(value));
  else if (order === 'reach') await page.evaluate((to) => { window.stats.reach = to; }, Number(value));
  else if (order === 'change') await page.evaluate(changeEvery, Number(value));
  else throw new Error(`no order: ${line}`);
}

async function main() {
  const { origin, close } = await serveLibraries(plan);
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: FLAGS });
  const page = await browser.newPage({ viewport: { width: 640, height: 360 }, ignoreHTTPSErrors: true });
  page.setDefaultTimeout(plan.deadline * 1000);
  const { errors } = witness(page, [origin, new URL(plan.media).origin]);
  let fail;
  const failed = new Promise((resolve) => { fail = resolve; });
  setTimeout(() => fail({ reason: `not done within ${plan.deadline} s` }), plan.deadline * 1000).unref();
  await page.exposeFunction('tell', (event, fields) => (event === 'failed' ? fail(fields) : tell(event, fields)));
  const orders = (async () => {
    await page.goto(origin);
    await page.addScriptTag({ url: `${origin}/${plan.player}` });
    if (plan.page) await page.addScriptTag({ content: (await readFile(PATHWAY, 'utf8')).replaceAll(/^export /gm, '') });
    await page.evaluate(`(() => { window.stats = { frames: [], fatal: [], errors: [], waits: 0, changes: 0, fresh: Infinity, reach: null }; ${READER}; (${observe})(); })()`);
    await page.evaluate(appears, plan.media);
    await page.evaluate(plan.player === 'shaka' ? playShaka : playHls, plan.media);
    for await (const line of createInterface({ input: process.stdin })) await obey(page, line);
  })();
  try {
    const failure = await Promise.race([orders, failed]);
    if (failure) throw Object.assign(new Error(failure.reason), failure);
  } catch (error) {
    const seen = await Promise.race([page.evaluate(report), new Promise((resolve) => { setTimeout(resolve, 2000); })]).catch(() => null);
    tell('failed', { player: plan.player, reason: error.message, ...seen?.rest, frames: seen?.frames.length, errors });
    process.exitCode = 1;
  }
  await browser.close();
  close();
  // Whoever gives orders may not know yet that nobody listens.
  process.exit();
}

await main();
