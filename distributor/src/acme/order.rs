//! [pure] When a certificate is ordered: well before the one in use ends, after a failure later and later, and never
//! oftener than the authority would take it, whatever clocks, disks and servers do.
//!
//! Two clocks. The calendar says when a certificate ends, and may jump. The time that the daemon has run spaces the
//! tries, and cannot; only tries from before the start are dated by the calendar, and one that seems to lie in the
//! future counts as made just now.

use std::collections::VecDeque;

use live::daemon::tls::Validity;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// So many tries at most in so many seconds. Let's Encrypt takes five failed proofs of a name in an hour, and an order
/// that ends well counts for less: a box that is started over and over stays below that too.
pub(crate) const BUDGET: [(i64, usize); 2] = [(HOUR, 5), (DAY, 20)];
/// Tries that are remembered: as many as the longest budget.
const REMEMBERED: usize = 20;
/// Longest wait after a failure: a certificate that is due has a third of its time left.
const WAIT_MOST: i64 = 6 * HOUR;
/// The schedule is asked anew at least so often, for the calendar may have been set meanwhile.
pub(crate) const LOOK_MOST: i64 = HOUR;

/// The two clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Now {
    /// The calendar, in unix seconds.
    pub(crate) unix: i64,
    /// Seconds that the daemon has run.
    pub(crate) running: i64,
}

/// When the authority would have a certificate renewed (RFC 9773), in unix seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) start: i64,
    pub(crate) end: i64,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Order now.
    Order,
    /// Ask again after so many seconds, 1 to [`LOOK_MOST`].
    Wait(u64),
}

/// Why there is no new certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The state directory cannot be written: nothing was ordered.
    Disk,
    /// The authority cannot be reached, or answers with nonsense.
    Away,
    /// It could not prove the names, or will not have them.
    Refused,
    /// It says that it was asked too often.
    Limited,
    /// It is due as soon as it is issued: the calendar is wrong.
    Clock,
}

impl Failure {
    /// The wait after the first of them, in seconds.
    const fn least(self) -> i64 {
        match self {
            Self::Disk => 60,
            Self::Away | Self::Refused => 120,
            Self::Limited | Self::Clock => HOUR,
        }
    }
}

/// What was tried, and what follows from it.
#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    /// Tries by the time that the daemon has run, before the start below 0; oldest first, at most [`REMEMBERED`].
    tries: VecDeque<i64>,
    /// In a row.
    failures: u32,
    /// No try before this, by the time that the daemon has run.
    not_before: i64,
    /// Any number, the same for as long as the daemon runs: it spreads the renewals of many.
    random: u64,
}

impl Schedule {
    /// After `tried` (unix seconds, as [`Schedule::tried`] gave them before the start).
    pub(crate) fn new(tried: &[i64], now: Now, random: u64) -> Self {
        let age = |at: &i64| now.unix.saturating_sub(*at).max(0);
        let mut tries: Vec<i64> = tried
            .iter()
            .map(|at| now.running.saturating_sub(age(at)))
            .collect();
        tries.sort_unstable();
        let excess = tries.len().saturating_sub(REMEMBERED);
        Self {
            tries: tries.into_iter().skip(excess).collect(),
            failures: 0,
            not_before: i64::MIN,
            random,
        }
    }

    /// From when on the certificate in use is to be replaced, in unix seconds. A third of its time before its end, or
    /// when the authority wishes: but never on its first day (or in its first quarter), and always a sixth of its time
    /// before its end.
    pub(crate) fn due(&self, held: Validity, window: Option<Window>) -> i64 {
        let life = held.until.saturating_sub(held.from).max(0);
        let own = held.until.saturating_sub(life / 3);
        let due = match window {
            Some(window) => {
                let spread = window.end.saturating_sub(window.start);
                window.start.saturating_add(self.up_to(spread))
            }
            None => own.saturating_sub(self.up_to(life / 30)),
        };
        let first = held.from.saturating_add(DAY.min(life / 4));
        due.max(first).min(held.until.saturating_sub(life / 6))
    }

    /// What to do now, when a certificate is due at `due`: none in use is due at once.
    pub(crate) fn next(&self, now: Now, due: Option<i64>) -> Next {
        let until_due = due.map_or(0, |due| due.saturating_sub(now.unix));
        let until_free = self.free_at().saturating_sub(now.running);
        match u64::try_from(until_due.max(until_free).min(LOOK_MOST)) {
            Ok(0) | Err(_) => Next::Order,
            Ok(wait) => Next::Wait(wait),
        }
    }

    /// From when on a try is within all budgets, and the last failure is long enough ago.
    fn free_at(&self) -> i64 {
        let budgets = BUDGET.iter().filter_map(|(span, most)| {
            let oldest = self.tries.len().checked_sub(*most)?;
            Some(self.tries.get(oldest)?.saturating_add(*span))
        });
        budgets.fold(self.not_before, i64::max)
    }

    /// A try begins: to be said, and [`Schedule::tried`] to be kept, before anything is asked of the authority.
    pub(crate) fn begins(&mut self, now: Now) {
        if self.tries.len() >= REMEMBERED {
            self.tries.pop_front();
        }
        self.tries.push_back(now.running);
    }

    /// It came to nothing. Answers with the seconds until the next, at least: `random` is any number.
    pub(crate) fn failed(&mut self, now: Now, failure: Failure, random: u64) -> i64 {
        let doublings = self.failures.min(16);
        self.failures = self.failures.saturating_add(1);
        let whole = failure.least().saturating_mul(1 << doublings);
        let half = whole.min(WAIT_MOST) / 2;
        let spread = u64::try_from(half).unwrap_or_default().saturating_add(1);
        let extra = i64::try_from(random.checked_rem(spread).unwrap_or_default());
        // What the authority or the clock asks for is waited for in full.
        let least = match failure {
            Failure::Limited | Failure::Clock => half.max(failure.least()),
            Failure::Disk | Failure::Away | Failure::Refused => half,
        };
        let wait = least.saturating_add(extra.unwrap_or_default());
        self.not_before = now.running.saturating_add(wait);
        self.free_at().saturating_sub(now.running).max(wait)
    }

    /// A certificate was issued.
    pub(crate) fn issued(&mut self) {
        self.failures = 0;
        self.not_before = i64::MIN;
    }

    /// Failures in a row.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    /// When tries were made, in unix seconds, for the next start to know.
    pub(crate) fn tried(&self, now: Now) -> Vec<i64> {
        let at = |tried: &i64| now.unix.saturating_sub(now.running.saturating_sub(*tried));
        self.tries.iter().map(at).collect()
    }

    /// 0 to `most`, always the same for this daemon.
    fn up_to(&self, most: i64) -> i64 {
        let most = u64::try_from(most).unwrap_or_default();
        let part = self.random.checked_rem(most.saturating_add(1));
        i64::try_from(part.unwrap_or_default()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
