// What the media playlist tells beside the media (EXT-X-DATERANGE): what is playing, and that the show is held. Pure.

/** The class of those that say it; mux gives it to what is told without another. */
const CLASS = 'org.footlight.now-playing';

/** The class of those that cover a hold; the next one ends it, which has no length. */
const HOLD = 'org.footlight.hold';
/** Who is on `source` stands at the end of its media, just before the hold. */
const BEFORE_HOLD_MS = 1_000;

/** Whether the show is held at `dateMs`, or is about to be. */
export function isHeld(ranges, dateMs) {
  return dateMs !== null && newest(ranges, HOLD, dateMs + BEFORE_HOLD_MS) !== null;
}

/** The title on air at `dateMs` as `{ title, artist }`, or null: the range that started last, if it is not over. */
export function nowPlaying(ranges, dateMs) {
  if (dateMs === null) return null;
  const last = newest(ranges, CLASS, dateMs);
  return last?.title ? { title: last.title, artist: last.artist } : null;
}

/** The range of that class that started last, if it is not over. */
function newest(ranges, kind, dateMs) {
  const begun = ranges.filter((range) => range.class === kind && range.startMs <= dateMs);
  const last = begun.reduce((before, range) => (before && before.startMs >= range.startMs ? before : range), null);
  return last && (last.endMs === null || last.endMs > dateMs) ? last : null;
}

/** `{ title, artist }` in one line; nothing for null. */
export function titleLine(now) {
  return [now?.title, now?.artist].filter(Boolean).join(' – ');
}
