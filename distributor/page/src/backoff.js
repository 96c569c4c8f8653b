// How long to wait before asking again. Pure: the dice are an argument.
// Bounds matter more than speed here: everyone who waits for a show waits with the same code.

const POLL_FIRST_MS = 2_000;
const POLL_MOST_MS = 10_000;
const FULL_LEAST_MS = 5_000;
const FULL_MOST_MS = 120_000;
const RETRY_FIRST_MS = 500;
const RETRY_MOST_MS = 8_000;

/** Wait before poll number `attempt` (0, 1, ...) for a show that is not on: 2 s growing to 10 s, +-25 %. */
export function pollDelay(attempt, random) {
  const steady = Math.min(POLL_MOST_MS / 1.25, POLL_FIRST_MS * 1.2 ** Math.min(attempt, 32));
  return steady * (0.75 + 0.5 * random);
}

/**
 * Wait before asking a full house again, which said how many seconds: that at least and half as much again at most, so
 * that those who were sent away together do not come back together.
 */
export function fullDelay(seconds, random) {
  const asked = Number.isFinite(seconds) ? seconds * 1000 : 0;
  return Math.min(FULL_MOST_MS, Math.max(FULL_LEAST_MS, asked)) * (1 + 0.5 * random);
}

/** Wait before retry number `attempt` (0, 1, ...) of a show that was on: 0.5 s growing to 8 s, halved at random. */
export function retryDelay(attempt, random) {
  const steady = Math.min(RETRY_MOST_MS, RETRY_FIRST_MS * 2 ** Math.min(attempt, 16));
  return steady * (0.5 + 0.5 * random);
}
