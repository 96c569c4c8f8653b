import assert from 'node:assert/strict';
import test from 'node:test';
import { judge } from './strict.mjs';

const segment = (n, durations, first = 'INDEPENDENT=YES') =>
  `${durations.map((d, p) => `#EXT-X-PART:DURATION=${d},URI="${n}.${p}.m4s"${p ? '' : `,${first}`}`).join('\n')}\n#EXTINF:2.0,\n${n}.m4s\n`;
const playlist = (body) => `#EXTM3U
#EXT-X-VERSION:6
#EXT-X-TARGETDURATION:3
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.8
#EXT-X-PART-INF:PART-TARGET=0.6
#EXT-X-MEDIA-SEQUENCE:1
#EXT-X-MAP:URI="init.mp4"
${body}#EXT-X-PRELOAD-HINT:TYPE=PART,URI="next.m4s"
`;
const WHOLE = [0.6, 0.6, 0.6, 0.2];

test('a good playlist sets nothing off', () => {
  const good = playlist([1, 2].map((n) => segment(n, WHOLE)).join(''));
  assert.deepEqual(judge(good), { falseAlarms: [], message: null });
});

test('the two false alarms are known by name', () => {
  const many = playlist([1, 2, 3, 4, 5].map((n) => segment(n, n === 4 ? [0.3, 0.6, 0.6, 0.5] : WHOLE)).join(''));
  assert.deepEqual(judge(many), { falseAlarms: ['parts beyond three entries', 'short independent part'], message: null });
});

test('a true fault behind a false alarm is still found', () => {
  const fault = playlist([1, 2, 3, 4, 5].map((n) => segment(n, n === 4 ? [0.6, 0.3, 0.6, 0.5] : WHOLE)).join(''));
  assert.match(judge(fault).message, /85%/);
});
