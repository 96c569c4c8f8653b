// What to do when the picture stops. Pure: one decision from what has been tried so far.

/** Two media errors closer than this are the same trouble: rebuild instead of recovering again. */
const MEDIA_ERROR_APART_MS = 10_000;
/** A failing player is resumed this often before it is thrown away and built anew. */
const RESUMES_BEFORE_REBUILD = 3;

export const STUCK_TELL_MS = 3_000;
export const STUCK_JUMP_MS = 4_000;
export const STUCK_REBUILD_MS = 15_000;
/** As close to the end of a show that is over, a picture that stands still is its last: what is missing will not come. */
export const LAST_S = 1;

/** For a fatal player error: 'recover' (at once), 'resume' or 'rebuild' (after a probe has found the show). */
export function afterFatal({ kind, nowMs, lastRecoverMs, failures }) {
  if (kind === 'media' && (lastRecoverMs === null || nowMs - lastRecoverMs > MEDIA_ERROR_APART_MS)) return 'recover';
  if (kind === 'network' && failures < RESUMES_BEFORE_REBUILD) return 'resume';
  return 'rebuild';
}

/**
 * For a picture that should move and has not for `stuckMs`, `leftS` seconds before the end of the show (Infinity while it
 * goes on), given what was done about it already (null, 'tell' or 'jump'): the next thing to do, or null.
 */
export function afterStuck(stuckMs, leftS, done) {
  if (stuckMs >= STUCK_TELL_MS && leftS < LAST_S) return 'end';
  if (stuckMs >= STUCK_REBUILD_MS) return 'rebuild';
  if (stuckMs >= STUCK_JUMP_MS && done !== 'jump') return 'jump';
  if (stuckMs >= STUCK_TELL_MS && done === null) return 'tell';
  return null;
}
