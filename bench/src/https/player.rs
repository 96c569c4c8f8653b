//! A player's buffer: parts arrive, are played one after the other in real time, and whoever has none left stalls.

use std::time::Duration;

use tokio::time::Instant;

/// What a part plays for.
pub(super) const PART: Duration = Duration::from_millis(500);
/// Parts in hand before it plays: a hold-back of three parts.
pub(super) const AHEAD: u32 = 3;

/// One player's.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    parts: u32,
    /// When what is in hand will have been played; none before it plays.
    lasts: Option<Instant>,
    pub(super) stalls: u32,
    pub(super) stalled: Duration,
    /// The least that was in hand when a part came.
    pub(super) least: Option<Duration>,
}

impl Buffer {
    /// One more part is there, at `now`.
    pub(super) fn arrived(&mut self, now: Instant) {
        self.parts += 1;
        let Some(lasts) = self.lasts else {
            if self.parts == AHEAD {
                self.lasts = Some(now + PART * AHEAD);
            }
            return;
        };
        self.wait(now);
        let left = lasts.saturating_duration_since(now);
        self.least = Some(self.least.map_or(left, |least| least.min(left)));
        self.lasts = Some(lasts.max(now) + PART);
    }

    /// Nothing more will come after `now`.
    pub(super) fn end(&mut self, now: Instant) {
        self.wait(now);
    }

    fn wait(&mut self, now: Instant) {
        let late = self
            .lasts
            .map_or(Duration::ZERO, |lasts| now.saturating_duration_since(lasts));
        if !late.is_zero() {
            self.stalls += 1;
            self.stalled += late;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_comes_when_nothing_is_left_is_a_stall_and_the_next_is_none() {
        let begun = Instant::now();
        let mut buffer = Buffer::default();
        for _ in 0..AHEAD {
            buffer.arrived(begun);
        }
        let at = |ms| begun + Duration::from_millis(ms);
        buffer.arrived(at(1000));
        assert_eq!((buffer.stalls, buffer.least), (0, Some(PART)));
        buffer.arrived(at(2100));
        assert_eq!(buffer.stalled, Duration::from_millis(100));
        buffer.arrived(at(2600));
        buffer.end(at(3100));
        assert_eq!((buffer.stalls, buffer.least), (1, Some(Duration::ZERO)));
    }
}
