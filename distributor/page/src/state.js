// What the page shows, as a function of what has happened. Pure: events in, state out.
//
// phase:
//   connecting    nothing is known yet
//   before        the distributor does not know the stream: the show has not started
//   unreached     no answer, or one that does not help; there has been no picture yet
//   starting      there is a playlist, but no picture yet
//   playing       the picture moves (or the viewer has paused it)
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
});

const LOST = { starting: 'unreached', playing: 'reconnecting' };

const transitions = {
  absent: (state) => {
    const absences = state.absences + 1;
    if (state.phase === 'reconnecting' && absences < ABSENT_MEANS_OVER) return { absences };
    const seen = ['reconnecting', 'playing', 'over'].includes(state.phase);
    return { absences, phase: seen ? 'over' : 'before' };
  },
  finished: () => ({ phase: 'over' }),
  unreachable: (state) => (state.phase === 'connecting' ? { phase: 'unreached' } : {}),
  found: (state) => ({ absences: 0, phase: state.phase === 'reconnecting' ? 'reconnecting' : 'starting' }),
  moving: () => ({ phase: 'playing', blocked: false, absences: 0 }),
  stuck: (state) => (state.phase === 'playing' ? { phase: 'reconnecting' } : {}),
  lost: (state) => ({ phase: LOST[state.phase] ?? state.phase }),
  ended: () => ({ phase: 'over' }),
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
 * only when `painted`; the rest says which controls there are.
 */
export function view(state) {
  const playing = state.phase === 'playing';
  const picture = playing || state.phase === 'reconnecting';
  const atLive = playing && !state.paused && !state.behind;
  return {
    phase: state.phase,
    message: playing ? playingMessage(state) : state.phase,
    painted: !playing && !state.blocked,
    controls: picture,
    loading: state.phase === 'starting' && !state.blocked,
    badge: playing,
    live: atLive,
    goLive: playing && !atLive,
    play: state.blocked,
    unmute: playing && state.muted && !state.paused && !state.blocked,
  };
}

function playingMessage(state) {
  if (state.paused) return 'paused';
  return state.behind ? 'behind' : 'live';
}
