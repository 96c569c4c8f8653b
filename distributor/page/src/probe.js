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

/** What refused `{ status, full, retryAfter }` means to who looks for the show. Pure. */
export function refusal({ status, full, retryAfter }) {
  if (status === 404) return { result: 'absent' };
  return full ? { result: 'full', seconds: retryAfter } : { result: 'unreachable' };
}

/** `{ result, offsetMs, seconds? }`; result is 'found', 'absent', 'finished', 'full' or 'unreachable'. Never throws. */
export async function probe(source) {
  try {
    const multivariant = await get(source);
    if (!multivariant.ok) return { ...refusal(multivariant), offsetMs: null };
    const { offsetMs } = multivariant;
    const rendition = firstRendition(multivariant.body, source);
    if (rendition === null) return { result: 'absent', offsetMs };
    const media = await get(rendition);
    if (!media.ok) return { ...refusal(media), offsetMs };
    return { result: isFinished(media.body) ? 'finished' : 'found', offsetMs };
  } catch {
    return { result: 'unreachable', offsetMs: null };
  }
}

/** `{ status, ok, full, retryAfter, body, offsetMs }` of a fresh answer, within a deadline. */
export async function get(url) {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), TIMEOUT_MS);
  try {
    const sent = Date.now();
    const response = await fetch(url, { cache: 'no-store', credentials: 'omit', signal: abort.signal });
    const offsetMs = clockOffset(response.headers.get('date'), sent, Date.now());
    const { status, ok, headers } = response;
    const full = headers.get('footlight-refusal') === 'full';
    return { status, ok, full, retryAfter: Number(headers.get('retry-after')), body: await response.text(), offsetMs };
  } finally {
    clearTimeout(timer);
  }
}
