// What a viewer saw: every presented frame, and the clock in the picture.

import { COLUMNS, crc16, decode, ROWS } from './clock.mjs';

/** Between two presented frames this long is a freeze a viewer notices, in ms. */
export const FREEZE_MS = 500;

/** To be put before code that runs in a page: `clockReader(video)` there makes a function that reads the clock, or null. */
export const READER = `const COLUMNS=${COLUMNS}, ROWS=${ROWS}, HEAD=0b10100101, TAIL=0b01011010; ${crc16} ${decode} ${clockReader}`;

/** Watches `video` for `seconds` of presented frames, inside the page, and reads the clock of one in `every`. Resolves to raw samples. */
export async function collect(page, seconds, every = 6) {
  return page.evaluate(`(async () => { ${READER}; return (${watchFrames})(${seconds}, ${every}); })()`);
}

// The two below run in the page.
/* global document, performance, COLUMNS, ROWS, decode */
function clockReader(video) {
  const canvas = document.createElement('canvas');
  const CELL = 8;
  canvas.width = COLUMNS * CELL;
  canvas.height = ROWS * CELL;
  const context = canvas.getContext('2d', { willReadFrequently: true });
  return () => {
    const cell = video.videoWidth / COLUMNS;
    context.drawImage(video, 0, 0, video.videoWidth, cell * ROWS, 0, 0, canvas.width, canvas.height);
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
    const at = (x, y) => data[(y * canvas.width + x) * 4 + 1];
    return decode(Array.from({ length: COLUMNS * ROWS }, (_, index) => {
      const x = (index % COLUMNS) * CELL + CELL / 2;
      const y = Math.floor(index / COLUMNS) * CELL + CELL / 2;
      return at(x, y) + at(x - 1, y - 1) > 255;
    }));
  };
}

async function watchFrames(seconds, every) {
  const video = document.getElementById('video');
  const read = clockReader(video);
  const frames = [];
  const start = performance.now();
  await new Promise((resolve) => {
    // A player that has given up presents no frame; what came until then is told.
    setTimeout(resolve, seconds * 2000);
    function frame(now, metadata) {
      const sample = { at: now, mediaTime: metadata.mediaTime, presented: metadata.presentedFrames, height: metadata.height, clock: null, latency: null };
      // A few times a second is plenty for latency, and leaves the processor to the show.
      if (frames.length % every === 0) {
        const clock = read();
        sample.clock = clock;
        if (clock !== null) sample.latency = performance.timeOrigin + metadata.expectedDisplayTime - clock;
        sample.read = clock !== null;
      }
      frames.push(sample);
      if (now - start >= seconds * 1000) resolve();
      else video.requestVideoFrameCallback(frame);
    }
    video.requestVideoFrameCallback(frame);
  });
  return frames;
}

/** Sums the samples up: latency quantiles in seconds, freezes, frames a second. Pure. */
export function summarize(frames) {
  const gaps = frames.slice(1).map((frame, index) => frame.at - frames[index].at);
  const latencies = frames.filter((frame) => frame.latency !== null).map((frame) => frame.latency / 1000).sort((a, b) => a - b);
  const quantile = (q) => (latencies.length ? round(latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * q))]) : null);
  const none = { at: 0, mediaTime: 0, presented: 0 };
  const first = frames[0] ?? none;
  const last = frames[frames.length - 1] ?? none;
  return {
    seconds: round((last.at - first.at) / 1000),
    mediaSeconds: round(last.mediaTime - first.mediaTime),
    presentedFrames: last.presented - first.presented,
    frozenMs: Math.round(gaps.filter((gap) => gap >= FREEZE_MS).reduce((sum, gap) => sum + gap, 0)),
    longestGapMs: Math.round(Math.max(0, ...gaps)),
    clockReads: latencies.length,
    clockMisreads: frames.filter((frame) => frame.read === false).length,
    latency: { least: quantile(0), median: quantile(0.5), p95: quantile(0.95), most: quantile(1) },
  };
}

/**
 * How true the picture is to its time, for a clock that shows each picture's own: the distance between clock and media time
 * is the same in every stretch of every level. That distance in ms, and the worst deviation of a stretch from it; how many
 * single pictures are further off than `frameMs` / 2 (a busy browser may draw the picture after the one it tells of); the
 * heights in their order. Pure.
 */
export function exactness(frames, frameMs = 1000 / 30) {
  const read = frames.filter((frame) => frame.clock !== null);
  const offset = (frame) => frame.clock - frame.mediaTime * 1000;
  const median = (all) => all.map(offset).sort((a, b) => a - b)[Math.floor(all.length / 2)] ?? 0;
  const whole = median(read);
  const stretches = [];
  for (const frame of read) {
    const last = stretches[stretches.length - 1];
    if (last?.[0].height === frame.height) last.push(frame);
    else stretches.push([frame]);
  }
  const off = stretches.map((stretch) => Math.abs(median(stretch) - whole));
  return {
    framesRead: read.length,
    offsetMs: Math.round(whole * 10) / 10,
    worstMs: Math.round(Math.max(0, ...off) * 10) / 10,
    strays: read.filter((frame) => Math.abs(offset(frame) - whole) > frameMs / 2).length,
    backwards: read.filter((frame, index) => index > 0 && frame.clock < read[index - 1].clock).length,
    heights: frames.map((frame) => frame.height).filter((height, index, all) => height !== all[index - 1]),
  };
}

/** What the player was told beside the media: `[{ type, key, data, start, clockMs }]`, each with what the clock in the picture shows then. */
export async function cues(page, frames) {
  const told = await page.evaluate(() => [...document.getElementById('video').textTracks]
    .flatMap((track) => [...(track.cues ?? [])])
    .map(({ type, value, startTime }) => ({ type, key: value?.key ?? null, data: String(value?.data ?? ''), start: startTime })));
  const offsets = frames.filter((frame) => frame.clock !== null).map((frame) => frame.clock - frame.mediaTime * 1000).sort((a, b) => a - b);
  const offset = offsets[Math.floor(offsets.length / 2)] ?? NaN;
  return told.map((cue) => ({ ...cue, clockMs: cue.start * 1000 + offset }));
}

function round(value) {
  return Math.round(value * 1000) / 1000;
}
