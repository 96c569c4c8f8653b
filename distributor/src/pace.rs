//! [pure] Whether a viewer takes what it asked for.
//!
//! Two rules, for two ways to stall. On the wire ([`Pace`]): while a write is blocked, the viewer must take
//! [`LEAST`] bytes in every [`PERIOD`]. Above it ([`Flow`]): an HTTP/2 viewer can leave the wire free and still take
//! nothing of its streams; and a connection can be left open and never used.

use std::time::{Duration, Instant};

/// What a viewer must take in a [`PERIOD`]: 26 kb/s, a tenth of the poorest video.
pub(crate) const LEAST: u64 = 32 << 10;
/// How long a viewer has for it: longer than a phone takes from one cell to the next.
pub(crate) const PERIOD: Duration = Duration::from_secs(10);
/// How often a connection's [`Flow`] is judged.
pub(crate) const TICK: Duration = Duration::from_secs(10);
/// Ticks without a byte taken of an unfinished answer. One answer's piece of 256 KiB may be under way in that time.
const STALLED: u32 = 3;
/// Ticks without a request: above the longest wait of a player between two playlists.
const IDLE: u32 = 7;
/// Ticks without a first request: whoever connects has something to ask.
const SILENT: u32 = 3;

/// How a viewer takes bytes from the wire.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Pace {
    /// Since when a write is blocked, and what was taken since.
    blocked: Option<(Instant, u64)>,
}

impl Pace {
    /// A write is blocked at `now`; until when it may be.
    pub(crate) fn blocked(&mut self, now: Instant) -> Instant {
        let (since, _) = *self.blocked.get_or_insert((now, 0));
        since + PERIOD
    }

    /// Bytes were taken.
    pub(crate) fn took(&mut self, bytes: u64) {
        self.blocked = self
            .blocked
            .map(|(since, taken)| (since, taken.saturating_add(bytes)));
        if self.blocked.is_some_and(|(_, taken)| taken >= LEAST) {
            self.blocked = None;
        }
    }

    /// Everything was taken.
    pub(crate) fn drained(&mut self) {
        self.blocked = None;
    }
}

/// What to do with a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is in use.
    Keep,
    /// Nobody has asked for anything for long: close it in good order.
    Idle,
    /// The viewer takes nothing: cut it off.
    Stalled,
}

/// A connection's use from one tick to the next.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Flow {
    requests: u64,
    moved: u64,
    idle: u32,
    stalled: u32,
}

impl Flow {
    /// Judges the last tick: `requests` begun so far, of which `open` are being answered and `bodies` are being sent,
    /// and `moved` bytes taken so far.
    pub(crate) fn tick(&mut self, requests: u64, open: u64, bodies: u64, moved: u64) -> Verdict {
        let still = |same: bool, ticks: u32| if same { ticks.saturating_add(1) } else { 0 };
        self.idle = still(open == 0 && requests == self.requests, self.idle);
        self.stalled = still(bodies > 0 && moved == self.moved, self.stalled);
        (self.requests, self.moved) = (requests, moved);
        if self.stalled >= STALLED {
            Verdict::Stalled
        } else if self.idle >= if requests == 0 { SILENT } else { IDLE } {
            Verdict::Idle
        } else {
            Verdict::Keep
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "any instant will do as a beginning"
    )]
    fn a_blocked_write_has_a_period_for_the_least_and_each_least_earns_another() {
        let start = Instant::now();
        let later = |s| start + Duration::from_secs(s);
        let mut pace = Pace::default();
        assert_eq!(pace.blocked(start), later(10));
        pace.took(LEAST - 1);
        assert_eq!(pace.blocked(later(9)), later(10), "not enough yet");
        pace.took(1);
        assert_eq!(pace.blocked(later(9)), later(19));
        pace.drained();
        assert_eq!(pace.blocked(later(30)), later(40));
    }

    #[test]
    fn taking_nothing_of_an_answer_is_a_stall_and_taking_little_is_not() {
        let mut flow = Flow::default();
        for moved in 1..100 {
            assert_eq!(flow.tick(1, 1, 1, moved), Verdict::Keep);
        }
        assert_eq!(flow.tick(1, 1, 1, 99), Verdict::Keep);
        assert_eq!(flow.tick(1, 1, 1, 99), Verdict::Keep);
        assert_eq!(flow.tick(1, 1, 1, 99), Verdict::Stalled);
    }

    #[test]
    fn waiting_for_a_playlist_is_neither_idle_nor_stalled_and_asking_for_nothing_is_idle() {
        let mut flow = Flow::default();
        for _ in 0..100 {
            assert_eq!(flow.tick(1, 1, 0, 0), Verdict::Keep);
        }
        for _ in 1..IDLE {
            assert_eq!(flow.tick(1, 0, 0, 0), Verdict::Keep);
        }
        assert_eq!(flow.tick(1, 0, 0, 0), Verdict::Idle);
        assert_eq!(flow.tick(2, 0, 0, 0), Verdict::Keep);
        let mut silent = Flow::default();
        let verdicts = [0; SILENT as usize].map(|_| silent.tick(0, 0, 0, 0));
        assert_eq!(
            verdicts,
            [Verdict::Keep, Verdict::Keep, Verdict::Idle],
            "it never asked for anything"
        );
    }
}
