import assert from 'node:assert/strict';
import test from 'node:test';
import { exactness, summarize } from './measure.mjs';

const frame = (at, latency = null) => ({ at, mediaTime: at / 1000, presented: at / 100, latency });

test('latency quantiles, and a freeze where the picture stood still', () => {
  const sum = summarize([frame(0, 2000), frame(100, 2100), frame(200), frame(900, 2200), frame(1000, 2300)]);
  assert.deepEqual(sum.latency, { least: 2, median: 2.2, p95: 2.3, most: 2.3 });
  assert.equal(sum.frozenMs, 700);
  assert.equal(sum.longestGapMs, 700);
  assert.equal(sum.presentedFrames, 10);
});

test('no clock in the picture is no latency, not zero', () => {
  assert.equal(summarize([frame(0), frame(100)]).latency.median, null);
});

test('a level whose picture is not where its time says is noticed', () => {
  const at = (ms, height, late = 0) => ({ mediaTime: ms / 1000, height, clock: 5000 + ms - late });
  const good = exactness([at(0, 720), at(33, 720), at(67, 480), at(100, 720)]);
  assert.equal(good.worstMs, 0);
  assert.equal(good.backwards, 0);
  assert.deepEqual(good.heights, [720, 480, 720]);
  assert.equal(exactness([at(0, 720), at(33, 720), at(67, 480, 34)]).worstMs, 34);
  assert.equal(exactness([at(33, 720), at(67, 480, 67)]).backwards, 1);
  const stray = exactness([at(0, 720), at(33, 720), at(67, 720), at(100, 720, -33), at(133, 720)]);
  assert.equal(stray.worstMs, 0);
  assert.equal(stray.strays, 1);
});
