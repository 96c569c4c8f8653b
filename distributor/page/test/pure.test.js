import assert from 'node:assert/strict';
import test from 'node:test';
import { parseAddress } from '../src/address.js';
import { fullDelay, pollDelay, retryDelay } from '../src/backoff.js';
import { BEHIND_S, clockOffset, glassLatency, isBehind } from '../src/latency.js';
import { viewersIn } from '../src/house.js';
import { isHeld, nowPlaying, titleLine } from '../src/now-playing.js';
import { markBuffered } from '../src/pathway.js';
import { firstRendition, isFinished, refusal } from '../src/probe.js';
import { levelName, menu, slateOf } from '../src/quality.js';
import { afterFatal, afterStuck, LAST_S, STUCK_JUMP_MS, STUCK_REBUILD_MS, STUCK_TELL_MS } from '../src/recovery.js';
import { fill, tableFor, tables } from '../src/text.js';

const text = tables.en;

test('address: the stream of this host, or of another https host', () => {
  assert.deepEqual(parseAddress('https://a.example/watch/stage'), {
    stream: 'stage',
    source: 'https://a.example/live/stage/index.m3u8',
    poster: 'https://a.example/live/stage/poster.jpg',
    viewers: 'https://a.example/live/stage/viewers.json',
    embedded: false,
    autoplay: true,
    muted: true,
  });
  assert.equal(parseAddress('https://a/watch/stage?origin=https://b:8443/x').source, 'https://b:8443/live/stage/index.m3u8');
});

test('address: names no stream, or an origin that is not https', () => {
  const wrong = ['/watch/', '/watch/Stage', '/watch/a/b', '/watch/..', `/watch/${'a'.repeat(65)}`, '/', '/watch/a?origin=http://b', '/watch/a?origin=javascript:1', '/watch/a?origin='];
  for (const path of wrong) assert.equal(parseAddress(`https://a${path}`), null, path);
});

test('address: a frame may wait for its viewer, or begin with sound', () => {
  const { embedded, autoplay, muted } = parseAddress('https://a/embed/stage?autoplay=0&muted=0');
  assert.deepEqual([embedded, autoplay, muted], [true, false, false]);
  assert.equal(parseAddress('https://a/embed/stage?muted=1').muted, true);
});

test('a full house is asked again no sooner than it said, by nobody at the same time, and within three minutes', () => {
  assert.deepEqual([fullDelay(20, 0), fullDelay(20, 1)], [20_000, 30_000]);
  for (const nonsense of [NaN, -1, 0]) assert.equal(fullDelay(nonsense, 0), 5_000);
  assert.equal(fullDelay(1e9, 1), 180_000);
});

test('what an answer without a playlist means', () => {
  assert.deepEqual(refusal({ status: 404, full: false }), { result: 'absent' });
  assert.deepEqual(refusal({ status: 503, full: false, retryAfter: 1 }), { result: 'unreachable' });
  assert.deepEqual(refusal({ status: 503, full: true, retryAfter: 20 }), { result: 'full', seconds: 20 });
});

test('whole segments that are in the buffer are known to be there', () => {
  const parts = (sn, start, type) => [0, 1].map((index) => ({
    fragment: { sn, start, end: start + 2, type }, start: start + index, end: start + index + 1, loaded: false, elementaryStreams: {},
  }));
  const marked = (type) => {
    const partList = [...parts(1, 0, type), ...parts(2, 2, type), ...parts(3, 4, type), ...parts(4, 6, type)];
    markBuffered({ endSN: 3, partList }, [[1, 4], [3.95, 7.99]]);
    return partList.map(({ elementaryStreams }) => Object.keys(elementaryStreams).join());
  };
  // The first begins before the buffer, and the last is not whole.
  assert.deepEqual(marked('main'), ['', '', 'video', 'video', 'video', 'video', '', '']);
  assert.deepEqual(marked('audio')[2], 'audio');
  markBuffered({ endSN: 3, partList: null }, [[0, 1]]);
});

test('viewers: a number or nothing', () => {
  assert.equal(viewersIn('{"stream":"stage","viewers":12,"renditions":{}}'), 12);
  for (const other of ['', '{}', '{"viewers":"12"}', '{"viewers":-1}', '{"viewers":1.5}', 'null']) assert.equal(viewersIn(other), null, other);
});

test('the slate is on the smallest level that is no source', () => {
  const level = (rendition) => ({ url: `https://a/live/stage/${rendition}/media.m3u8` });
  assert.equal(slateOf([level('source'), level('360p'), level('480p')]), 1);
  assert.equal(slateOf([level('source')]), -1);
});

test('polling begins at about 2 s, never comes down, and never passes 10 s', () => {
  assert.equal(pollDelay(0, 0.5), 2_000);
  for (let attempt = 0; attempt < 100; attempt += 1) {
    assert.ok(pollDelay(attempt, 1) <= 10_000);
    assert.ok(pollDelay(attempt + 1, 0.5) >= pollDelay(attempt, 0.5));
  }
  assert.ok(pollDelay(1e9, 0) >= 6_000);
});

test('retrying goes on for ever between a quarter of a second and 8 s', () => {
  for (const attempt of [0, 1, 5, 1_000, 1e9]) {
    assert.ok(retryDelay(attempt, 0) >= 250);
    assert.ok(retryDelay(attempt, 1) <= 8_000);
  }
});

test('clock: a Date header within its own error is no offset, a wrong clock is', () => {
  const noon = Date.parse('2026-11-21T12:00:00Z');
  const header = 'Sat, 21 Nov 2026 12:00:00 GMT';
  assert.equal(clockOffset(header, noon + 900, noon + 950), 0);
  assert.equal(clockOffset(header, noon + 60_000, noon + 60_000), -59_500);
  assert.equal(clockOffset(null, noon, noon), 0);
  assert.equal(clockOffset('yesterday', noon, noon), 0);
});

test('latency: the wall clock of the playlist first, the distance from its end otherwise', () => {
  const known = { nowMs: 10_000, offsetMs: 0, playingDateMs: 8_000, edgeLatency: 1.5 };
  assert.equal(glassLatency(known), 2);
  assert.equal(glassLatency({ ...known, offsetMs: 500 }), 2.5);
  assert.equal(glassLatency({ ...known, playingDateMs: null }), 1.5);
  assert.equal(glassLatency({ ...known, playingDateMs: 11_000 }), 1.5);
  assert.equal(glassLatency({ ...known, playingDateMs: null, edgeLatency: 0 }), null);
});

test('latency: behind means clearly past the target', () => {
  assert.equal(isBehind(1.6 + BEHIND_S, 1.6), false);
  assert.equal(isBehind(1.7 + BEHIND_S, 1.6), true);
  assert.equal(isBehind(100, null), false);
});

test('recovery: one media error is recovered, a second soon after rebuilds', () => {
  const media = { kind: 'media', nowMs: 20_000, failures: 0 };
  assert.equal(afterFatal({ ...media, lastRecoverMs: null }), 'recover');
  assert.equal(afterFatal({ ...media, lastRecoverMs: 5_000 }), 'recover');
  assert.equal(afterFatal({ ...media, lastRecoverMs: 15_000 }), 'rebuild');
});

test('recovery: the network is resumed thrice, then the player is built anew', () => {
  const network = { kind: 'network', nowMs: 0, lastRecoverMs: null };
  assert.deepEqual([0, 1, 2, 3, 4].map((failures) => afterFatal({ ...network, failures })), ['resume', 'resume', 'resume', 'rebuild', 'rebuild']);
  assert.equal(afterFatal({ ...network, kind: 'other', failures: 0 }), 'rebuild');
});

test('recovery: a still picture is told, then jumped, then rebuilt, each once', () => {
  assert.equal(afterStuck(STUCK_TELL_MS - 1, LAST_S / 2, null), null);
  assert.equal(afterStuck(STUCK_TELL_MS, Infinity, null), 'tell');
  assert.equal(afterStuck(STUCK_TELL_MS + 1, Infinity, 'tell'), null);
  assert.equal(afterStuck(STUCK_JUMP_MS, Infinity, 'tell'), 'jump');
  assert.equal(afterStuck(STUCK_JUMP_MS + 1, Infinity, 'jump'), null);
  assert.equal(afterStuck(STUCK_REBUILD_MS, Infinity, 'jump'), 'rebuild');
  assert.equal(afterStuck(STUCK_TELL_MS, LAST_S / 2, null), 'end');
  assert.equal(afterStuck(STUCK_TELL_MS, LAST_S, null), 'tell');
});

test('playlists: the first rendition, and whether it has ended', () => {
  const multivariant = '#EXTM3U\r\n#EXT-X-MEDIA:TYPE=AUDIO,URI="audio/media.m3u8"\r\n#EXT-X-STREAM-INF:BANDWIDTH=1\r\n# note\r\nsource/media.m3u8\r\n';
  assert.equal(firstRendition(multivariant, 'https://a/live/stage/index.m3u8'), 'https://a/live/stage/source/media.m3u8');
  assert.equal(firstRendition('#EXTM3U\n', 'https://a/x'), null);
  assert.equal(isFinished('#EXTM3U\n#EXTINF:2,\n1.m4s\n#EXT-X-ENDLIST\n'), true);
  assert.equal(isFinished('#EXTM3U\n#EXTINF:2,\n#EXT-X-ENDLISTING\n1.m4s\n'), false);
});

test('quality: renditions by name, highest first, Auto says what it plays', () => {
  const level = (rendition, height, bitrate) => ({ url: `https://a/live/stage/${rendition}/media.m3u8`, height, bitrate });
  const levels = [level('480p', 480, 1_400_000), level('source', 720, 3_000_000)];
  assert.equal(levelName(levels[1], text), 'Source 720p');
  assert.deepEqual(menu(levels, 0, text), [
    { value: '-1', label: 'Auto · 480p' },
    { value: '1', label: 'Source 720p' },
    { value: '0', label: '480p' },
  ]);
  assert.equal(menu(levels, -1, text)[0].label, 'Auto');
});

test('text: every language has the same keys and the same blanks', () => {
  const blanks = (value) => String(value).match(/\{\w+\}/g) ?? [];
  for (const table of Object.values(tables)) {
    assert.deepEqual(Object.keys(table).sort(), Object.keys(text).sort());
    for (const key of Object.keys(text)) assert.deepEqual(blanks(table[key]), blanks(text[key]), key);
  }
  assert.equal(tableFor(['xx-YY', 'en-GB']).language, 'en');
  assert.equal(tableFor([]).language, 'en');
  assert.equal(fill('{a} s', { a: 2.1 }), '2.1 s');
});

test('now playing: the newest title that has begun and is not over', () => {
  const range = (startMs, title, endMs = null) => ({ class: 'org.footlight.now-playing', startMs, endMs, title, artist: 'B' });
  const ranges = [range(2000, 'second'), range(1000, 'first'), range(3000, 'short', 4000), { ...range(1500, 'other'), class: 'ad' }];
  const at = (dateMs) => titleLine(nowPlaying(ranges, dateMs));
  assert.deepEqual([999, 1000, 1999, 2500, 3999, 4000, null].map(at), ['', 'first – B', 'first – B', 'second – B', 'short – B', '', '']);
  assert.equal(nowPlaying([range(0, '')], 1), null);
});

test('a show is held from just before its media end until they go on', () => {
  const range = (startMs, endMs = null) => ({ class: 'org.footlight.hold', startMs, endMs });
  const at = (dateMs) => isHeld([range(10_000), { ...range(0), class: 'org.footlight.now-playing' }, range(20_000, 20_000)], dateMs);
  assert.deepEqual([8_900, 9_000, 15_000, 18_900, 19_000, 30_000, null].map(at), [false, true, true, true, false, false, false]);
  assert.equal(isHeld([range(10_000)], 1e9), true, 'as long as nobody knows of an end');
});
