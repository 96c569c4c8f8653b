// What is playing, from the date ranges that the media playlist tells (EXT-X-DATERANGE). Pure.

/** The class of those that say it; mux gives it to what is told without another. */
const CLASS = 'org.footlight.now-playing';

/** The title on air at `dateMs` as `{ title, artist }`, or null: the range that started last, if it is not over. */
export function nowPlaying(ranges, dateMs) {
  if (dateMs === null) return null;
  const begun = ranges.filter((range) => range.class === CLASS && range.startMs <= dateMs);
  const last = begun.reduce((newest, range) => (newest && newest.startMs >= range.startMs ? newest : range), null);
  if (!last?.title || (last.endMs !== null && last.endMs <= dateMs)) return null;
  return { title: last.title, artist: last.artist };
}

/** `{ title, artist }` in one line; nothing for null. */
export function titleLine(now) {
  return [now?.title, now?.artist].filter(Boolean).join(' – ');
}
