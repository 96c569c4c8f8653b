//! [pure] How long to wait before the next try: twice as long each time, spread so that many do not try together.

use std::time::Duration;

/// A connection that lasted this long was good: the next failure starts anew.
pub(crate) const GOOD_AFTER: Duration = Duration::from_secs(30);

/// Failures in a row, and the waits that follow from them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backoff {
    /// The first wait, at most.
    least: Duration,
    /// The longest wait.
    most: Duration,
    failures: u32,
}

impl Backoff {
    /// Waits of `least` at first and `most` in the end.
    pub(crate) const fn new(least: Duration, most: Duration) -> Self {
        Self {
            least,
            most,
            failures: 0,
        }
    }

    /// How many tries failed in a row.
    pub(crate) const fn failures(self) -> u32 {
        self.failures
    }

    /// What has failed is forgotten.
    pub(crate) const fn reset(&mut self) {
        self.failures = 0;
    }

    /// A try ended after it had been connected for `lasted`; `random` is any number. Answers with the wait: from half
    /// of what it would be to all of it.
    pub(crate) fn failed(&mut self, lasted: Duration, random: u64) -> Duration {
        self.failures = if lasted >= GOOD_AFTER {
            1
        } else {
            self.failures.saturating_add(1)
        };
        let doublings = self.failures.saturating_sub(1).min(16);
        let whole = self.least.saturating_mul(1 << doublings).min(self.most);
        let half = whole / 2;
        let spread = u64::try_from(half.as_micros()).unwrap_or(u64::MAX).max(1);
        half + Duration::from_micros(random % spread)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_their_bound_and_start_anew_after_a_good_connection() {
        let least = Duration::from_millis(500);
        let mut backoff = Backoff::new(least, Duration::from_secs(10));
        for most in [500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000] {
            let most = Duration::from_millis(most);
            let mut twin = backoff;
            let (short, long) = (
                twin.failed(Duration::ZERO, 0),
                backoff.failed(Duration::ZERO, u64::MAX),
            );
            assert_eq!(short, most / 2);
            assert!(long > short && long <= most, "{long:?}");
        }
        assert!(backoff.failed(GOOD_AFTER, u64::MAX) <= least);
    }
}
