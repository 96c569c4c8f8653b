// The names in the quality menu. Pure.

import { fill } from './text.js';

/** The rendition a level's URL names: `.../live/stage/480p/media.m3u8` is `480p`. */
export function renditionOf(url) {
  const match = /\/([^/]+)\/[^/]*$/.exec(new URL(url, 'https://x').pathname);
  return match ? match[1] : '';
}

/** What to call a level `{ url, height }`: the publisher's own picture is "Source 720p". */
export function levelName(level, text) {
  const rendition = renditionOf(level.url);
  if (rendition !== 'source') return rendition;
  return level.height ? `${text.source} ${level.height}p` : text.source;
}

/**
 * The menu's entries, highest first under Auto: `{ value, label }`, value '-1' for Auto, which
 * also says what it is playing at the moment.
 */
export function menu(levels, playing, text) {
  const named = levels.map((level, index) => ({ value: String(index), label: levelName(level, text), bitrate: level.bitrate }));
  const now = named[playing];
  const auto = now ? fill(text.autoNow, { name: now.label }) : text.auto;
  const sorted = [...named].sort((a, b) => b.bitrate - a.bitrate);
  return [{ value: '-1', label: auto }, ...sorted.map(({ value, label }) => ({ value, label }))];
}

/** The smallest level that shows the slate in a hold, or -1: `source` has nothing but gaps then. Pure. */
export function slateOf(levels) {
  return levels.findIndex(({ url }) => renditionOf(url) !== 'source');
}
