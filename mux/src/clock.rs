//! The two clocks that mux reads: monotonic time for sessions, and wall time that never falls for timelines.

#![expect(
    clippy::disallowed_methods,
    reason = "the shell that reads the clocks for everybody else"
)]

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use nix::time::{ClockId, clock_gettime};

/// Time since the system's monotonic epoch: the `now` of [`rtmp`]'s sessions.
pub(crate) fn monotonic() -> Duration {
    clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(Duration::ZERO, Duration::from)
}

/// Wall time in Unix milliseconds. It follows the system's clock forward at once, and runs on by itself while that has
/// been set back.
#[derive(Debug, Default)]
pub(crate) struct WallClock {
    /// Most that wall time was ever ahead of monotonic time, milliseconds.
    ahead: AtomicU64,
}

impl WallClock {
    /// From now on it says `now` at least, Unix milliseconds: what another process was told.
    pub(crate) fn not_before(&self, now: u64) {
        let ahead = now.saturating_sub(millis(monotonic()));
        self.ahead.fetch_max(ahead, Ordering::Relaxed);
    }

    /// Unix milliseconds; never less than before.
    pub(crate) fn now(&self) -> u64 {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH);
        let monotonic = millis(monotonic());
        let ahead = wall.map_or(0, millis).saturating_sub(monotonic);
        let before = self.ahead.fetch_max(ahead, Ordering::Relaxed);
        monotonic.saturating_add(ahead.max(before))
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
