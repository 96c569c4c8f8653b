//! [pure] How much a viewer may say by HTTP/2.
//!
//! Nothing that is asked here has a body: beside its requests a viewer says how much it has taken, and that it is still
//! there. Frames that cost it nothing (PING, SETTINGS, WINDOW_UPDATE, empty DATA, those of no known kind) each cost us
//! some work; so their bytes are bounded, whichever they are.

use std::time::{Duration, Instant};

use crate::http1::HEAD_MAX;

/// What is allowed is allowed anew after this.
const PERIOD: Duration = Duration::from_secs(10);
/// Bytes in a [`PERIOD`] that nothing accounts for: as many requests as may be open at once, of 4 KiB each, come at once
/// before any of them counts. Of frames of nine bytes it is some 1,500 a second.
const BESIDES: u64 = 128 << 10;
/// Of the bytes that it has taken a viewer may say this part again, to tell that it has: two WINDOW_UPDATE for each 416.
const OF_TAKEN: u64 = 16;

/// What one viewer has said in the present period.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Allowance {
    since: Option<Instant>,
    said: u64,
    /// When the period began.
    before: Told,
}

/// What was asked and taken so far: it accounts for what is said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// Requests.
    pub(crate) requests: u64,
    /// Bytes of answers.
    pub(crate) taken: u64,
}

impl Allowance {
    /// The viewer says so many `bytes` more at `now`. Whether it may.
    pub(crate) fn says(&mut self, bytes: u64, told: Told, now: Instant) -> bool {
        let since = *self.since.get_or_insert(now);
        if now.saturating_duration_since(since) >= PERIOD {
            *self = Self {
                since: Some(now),
                said: 0,
                before: told,
            };
        }
        self.said = self.said.saturating_add(bytes);
        let requests = told.requests.saturating_sub(self.before.requests);
        let taken = told.taken.saturating_sub(self.before.taken);
        let asking = requests.saturating_mul(HEAD_MAX as u64);
        let may = BESIDES
            .saturating_add(asking)
            .saturating_add(taken / OF_TAKEN);
        self.said <= may
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[expect(
        clippy::disallowed_methods,
        reason = "any instant will do as a beginning"
    )]
    fn start() -> Instant {
        Instant::now()
    }

    #[test]
    fn what_nothing_accounts_for_is_bounded_in_each_period() {
        let (start, told) = (start(), Told::default());
        let mut allowance = Allowance::default();
        assert!(allowance.says(BESIDES, told, start));
        assert!(!allowance.says(1, told, start + PERIOD / 2));
        assert!(allowance.says(BESIDES, told, start + PERIOD));
        assert!(!allowance.says(1, told, start + PERIOD));
    }

    proptest! {
        #[test]
        fn who_asks_and_takes_may_go_on_for_ever(
            turns in prop::collection::vec((0..4u64, 0..1u64 << 22, 0..12_000u64), 1..200),
        ) {
            let (mut now, mut told) = (start(), Told::default());
            let mut allowance = Allowance::default();
            for (requests, taken, millis) in turns {
                now += Duration::from_millis(millis);
                told.requests += requests;
                told.taken += taken;
                // A large head each, two WINDOW_UPDATE for each KiB, and a PING with its answer.
                let says = requests * 8000 + taken / 1024 * 26 + 34;
                prop_assert!(allowance.says(says, told, now));
            }
        }

        #[test]
        fn who_only_talks_is_stopped_within_a_period(bytes in 1..20_000u64, millis in 0..10u64) {
            let (mut now, mut said) = (start(), 0);
            let mut allowance = Allowance::default();
            while allowance.says(bytes, Told::default(), now) {
                now += Duration::from_millis(millis);
                said += bytes;
                prop_assert!(said <= BESIDES || millis * BESIDES / bytes >= 10_000);
                if millis * BESIDES / bytes >= 10_000 {
                    break;
                }
            }
        }
    }
}
