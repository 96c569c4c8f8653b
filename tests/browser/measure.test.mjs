import assert from 'node:assert/strict';
import test from 'node:test';
import { summarize } from './measure.mjs';

const frame = (at, latency = null) => ({ at, mediaTime: at / 1000, presented: at / 100, latency });

test('latency quantiles, and a freeze where the picture stood still', () => {
  const sum = summarize([frame(0, 2000), frame(100, 2100), frame(200), frame(900, 2200), frame(1000, 2300)]);
  assert.deepEqual(sum.latency, { least: 2, median: 2.2, p95: 2.3, most: 2.3 });
  assert.equal(sum.freezes, 1);
  assert.equal(sum.longestGapMs, 700);
  assert.equal(sum.presentedFrames, 10);
});

test('no clock in the picture is no latency, not zero', () => {
  assert.equal(summarize([frame(0), frame(100)]).latency.median, null);
});
