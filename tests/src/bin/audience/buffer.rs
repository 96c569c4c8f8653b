//! [pure] What a player has in hand: media arrive, are played one after the other in real time, and whoever has none left
//! stalls.

use std::time::{Duration, Instant};

/// One player's.
#[derive(Debug)]
pub(crate) struct Buffer {
    /// What must be in hand before it plays.
    ahead: Duration,
    in_hand: Duration,
    /// When what is in hand will have been played; none before it plays.
    lasts: Option<Instant>,
    /// When media came last.
    came: Option<Instant>,
    seen: Seen,
}

/// What its viewer went through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Seen {
    pub(crate) stalls: u32,
    pub(crate) stalled: Duration,
    /// The least that was in hand when media came.
    pub(crate) least: Option<Duration>,
    /// The longest time without any media.
    pub(crate) longest: Duration,
}

impl Seen {
    /// And what another has seen.
    pub(crate) fn add(&mut self, other: Self) {
        self.stalls += other.stalls;
        self.stalled += other.stalled;
        self.least = self.least.into_iter().chain(other.least).min();
        self.longest = self.longest.max(other.longest);
    }
}

impl Buffer {
    /// Of a player that stays `ahead` behind the live edge.
    pub(crate) fn new(ahead: Duration) -> Self {
        Self {
            ahead,
            in_hand: Duration::ZERO,
            lasts: None,
            came: None,
            seen: Seen::default(),
        }
    }

    /// Whether there has been a picture.
    pub(crate) const fn plays(&self) -> bool {
        self.lasts.is_some()
    }

    /// Media that play for `duration` are there, at `now`.
    pub(crate) fn arrived(&mut self, duration: Duration, now: Instant) {
        self.wait(now);
        self.came = Some(now);
        match self.lasts {
            Some(lasts) => {
                let left = lasts.saturating_duration_since(now);
                let least = self.seen.least.map_or(left, |least| least.min(left));
                self.seen.least = Some(least);
                self.lasts = Some(lasts.max(now) + duration);
            }
            None => {
                self.in_hand += duration;
                if self.in_hand >= self.ahead {
                    self.lasts = Some(now + self.in_hand);
                }
            }
        }
    }

    /// What was seen since this was asked last. A stall that lasts is one of both times.
    pub(crate) fn seen(&mut self, now: Instant) -> Seen {
        self.wait(now);
        // What has been waited for already is told.
        self.lasts = self.lasts.map(|lasts| lasts.max(now));
        self.came = self.came.map(|came| came.max(now));
        std::mem::take(&mut self.seen)
    }

    fn wait(&mut self, now: Instant) {
        let since = |then: Option<Instant>| {
            then.map_or(Duration::ZERO, |then| now.saturating_duration_since(then))
        };
        self.seen.longest = self.seen.longest.max(since(self.came));
        let late = since(self.lasts);
        if !late.is_zero() {
            self.seen.stalls += 1;
            self.seen.stalled += late;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PART: Duration = Duration::from_millis(500);

    #[test]
    fn media_that_come_when_nothing_is_left_are_a_stall_and_the_next_are_none() {
        let begun = Instant::now();
        let at = |ms| begun + Duration::from_millis(ms);
        let mut buffer = Buffer::new(PART * 3);
        for _ in 0..3 {
            assert!(!buffer.plays());
            buffer.arrived(PART, begun);
        }
        buffer.arrived(PART, at(1000));
        let seen = buffer.seen(at(1100));
        assert_eq!((seen.stalls, seen.least), (0, Some(PART)));
        assert_eq!(seen.longest, Duration::from_secs(1));
        buffer.arrived(PART, at(2100));
        buffer.arrived(PART, at(2600));
        let seen = buffer.seen(at(2700));
        assert_eq!((seen.stalls, seen.stalled.as_millis()), (1, 100));
        assert_eq!(seen.longest, Duration::from_secs(1));
    }

    #[test]
    fn a_stall_that_goes_on_is_told_as_it_grows() {
        let begun = Instant::now();
        let at = |ms| begun + Duration::from_millis(ms);
        let mut buffer = Buffer::new(PART);
        buffer.arrived(PART, begun);
        assert_eq!(buffer.seen(at(600)).stalled.as_millis(), 100);
        assert_eq!(buffer.seen(at(900)).stalled.as_millis(), 300);
        buffer.arrived(PART, at(1000));
        assert_eq!(buffer.seen(at(1100)).stalled.as_millis(), 100);
    }
}
