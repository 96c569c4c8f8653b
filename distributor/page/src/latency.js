// How far behind the stage the picture is. Pure: clocks and positions in, seconds out.

/** A viewer's clock this near the server's is taken as right: the Date header has whole seconds. */
const CLOCK_TRUST_MS = 1_000;
/** More than this is not latency but a clock nobody corrected, or a replay. */
const PLAUSIBLE_S = 120;
/** Further than this past the target counts as behind live, and offers the way back. */
export const BEHIND_S = 4;

/**
 * How many ms the server's clock is ahead of ours, from its Date header and our clock at the
 * request's start and end; 0 when it cannot be told, or is within the header's own error.
 */
export function clockOffset(dateHeader, sentMs, receivedMs) {
  const date = Date.parse(dateHeader ?? '');
  if (Number.isNaN(date)) return 0;
  const offset = date + 500 - (sentMs + receivedMs) / 2;
  return Math.abs(offset) <= CLOCK_TRUST_MS ? 0 : offset;
}

/**
 * Seconds from stage to screen: by the playlist's own wall clock when there is one, else the
 * player's distance from the end of the playlist; null when neither is known.
 */
export function glassLatency({ nowMs, offsetMs, playingDateMs, edgeLatency }) {
  if (playingDateMs !== null) {
    const seconds = (nowMs + offsetMs - playingDateMs) / 1000;
    if (seconds >= 0 && seconds < PLAUSIBLE_S) return seconds;
  }
  return edgeLatency > 0 ? edgeLatency : null;
}

/** True when the player is so far past its target that the viewer should be offered the live moment. */
export function isBehind(edgeLatency, target) {
  return target !== null && edgeLatency - target > BEHIND_S;
}
