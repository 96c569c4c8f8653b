// What the page shows, as a function of what has happened. Pure: events in, state out.
//
// phase:
//   connecting    nothing is known yet
//   before        the distributor does not know the stream: the show has not started
//   unreached     no answer, or one that does not help; there has been no picture yet
//   full          the distributor has no room for one more viewer now
//   starting      there is a playlist, but no picture yet
//   playing       the picture moves (or the viewer has paused it); `held` while nobody publishes and a slate is shown
//   reconnecting  it moved once and has stopped through no wish of the viewer's
//   over          the show has ended
//   unsupported   this browser has no way to play
//   misaddressed  the page's address names no stream

/** A stream that was playing and is unknown this often in a row is over; fewer may be a restart. */
export const ABSENT_MEANS_OVER = 3;

export const initial = Object.freeze({
  phase: 'connecting',
  absences: 0,
  paused: false,
  muted: true,
  behind: false,
  blocked: false,
  held: false,
  seconds: 0,
});

const LOST = { starting: 'unreached', playing: 'reconnecting' };

const transitions = {
  absent: (state) => {
    const absences = state.absences + 1;
    if (state.phase === 'reconnecting' && absences < ABSENT_MEANS_OVER) return { absences };
    const seen = ['reconnecting', 'playing', 'over'].includes(state.phase);
    return { absences, phase: seen ? 'over' : 'before' };
  },
  finished: () => ({ phase: 'over', held: false }),
  full: (_, { seconds }) => ({ phase: 'full', seconds }),
  unreachable: (state) => (state.phase === 'connecting' ? { phase: 'unreached' } : {}),
  found: (state) => ({ absences: 0, blocked: false, phase: state.phase === 'reconnecting' ? 'reconnecting' : 'starting' }),
  moving: () => ({ phase: 'playing', blocked: false, absences: 0 }),
  stuck: (state) => (state.phase === 'playing' ? { phase: 'reconnecting' } : {}),
  lost: (state) => ({ phase: LOST[state.phase] ?? state.phase }),
  ended: () => ({ phase: 'over', held: false }),
  held: (_, { value }) => ({ held: value }),
  blocked: () => ({ blocked: true }),
  paused: (_, { value }) => ({ paused: value }),
  muted: (_, { value }) => ({ muted: value }),
  behind: (_, { value }) => ({ behind: value }),
  unsupported: () => ({ phase: 'unsupported' }),
  misaddressed: () => ({ phase: 'misaddressed' }),
};

/** The state after `event` (`{ type, value? }`); the same object when nothing changed. */
export function next(state, event) {
  const change = transitions[event.type](state, event);
  const changed = Object.keys(change).some((key) => change[key] !== state[key]);
  return changed ? Object.freeze({ ...state, ...change }) : state;
}

/** Whether to look again soon, as for a picture that is missed, or gently, as for a show that is not on. */
export function isUrgent(state) {
  return state.phase === 'reconnecting' || state.phase === 'unreached';
}

/**
 * What to draw: `message` is a key of the text table, spoken to screen readers always and painted
 * only when `painted`; `note` paints it small, over a picture that moves; the rest says which controls there are.
 */
export function view(state) {
  const playing = state.phase === 'playing';
  const picture = playing || state.phase === 'reconnecting';
  const asks = state.blocked && (picture || state.phase === 'starting');
  const atLive = playing && !state.paused && !state.behind;
  return {
    phase: state.phase,
    message: message(state),
    seconds: state.seconds,
    painted: (!playing && !asks) || isNote(state),
    note: isNote(state),
    controls: picture,
    loading: state.phase === 'starting' && !asks,
    badge: playing,
    live: atLive,
    goLive: playing && !atLive,
    play: asks,
    unmute: playing && state.muted && !state.paused && !asks,
  };
}

function isNote(state) {
  return state.phase === 'playing' && state.held && !state.paused;
}

function message(state) {
  const picture = state.phase === 'playing' || state.phase === 'reconnecting';
  if (picture && state.held && !state.paused) return 'held';
  if (state.phase !== 'playing') return state.phase;
  if (state.paused) return 'paused';
  return state.behind ? 'behind' : 'live';
}
