// Is the show on? Asked before a player is built, and again and again while it is not.

import { clockOffset } from './latency.js';

/** A distributor that has not answered by then is treated as unreachable. */
const TIMEOUT_MS = 10_000;

/** The first rendition a multivariant playlist names, as an absolute URL, or null. Pure. */
export function firstRendition(playlist, base) {
  const lines = playlist.split('\n').map((line) => line.trim());
  const info = lines.findIndex((line) => line.startsWith('#EXT-X-STREAM-INF'));
  const uri = info < 0 ? undefined : lines.slice(info + 1).find((line) => line && !line.startsWith('#'));
  return uri === undefined ? null : new URL(uri, base).href;
}

/** Whether a media playlist says that nothing more will come. Pure. */
export function isFinished(playlist) {
  return /^#EXT-X-ENDLIST\s*$/m.test(playlist);
}

/** `{ result, offsetMs }`; result is 'found', 'absent', 'finished' or 'unreachable'. Never throws. */
export async function probe(source) {
  try {
    const multivariant = await get(source);
    if (multivariant.status === 404) return { result: 'absent', offsetMs: null };
    if (!multivariant.ok) return { result: 'unreachable', offsetMs: null };
    const { offsetMs } = multivariant;
    const rendition = firstRendition(multivariant.body, source);
    if (rendition === null) return { result: 'absent', offsetMs };
    const media = await get(rendition);
    if (media.status === 404) return { result: 'absent', offsetMs };
    if (!media.ok) return { result: 'unreachable', offsetMs };
    return { result: isFinished(media.body) ? 'finished' : 'found', offsetMs };
  } catch {
    return { result: 'unreachable', offsetMs: null };
  }
}

async function get(url) {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), TIMEOUT_MS);
  try {
    const sent = Date.now();
    const response = await fetch(url, { cache: 'no-store', credentials: 'omit', signal: abort.signal });
    const offsetMs = clockOffset(response.headers.get('date'), sent, Date.now());
    return { status: response.status, ok: response.ok, body: await response.text(), offsetMs };
  } finally {
    clearTimeout(timer);
  }
}
