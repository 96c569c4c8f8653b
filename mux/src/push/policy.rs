//! [pure] When a push target is tried: never against the operator's word, never without a show, never too often.
//!
//! Failures wait longer each time ([`Backoff`]); however they come, no more than [`TRIES`] fall into one [`WINDOW`].
//! A target that refuses the key is *parked* after a few refusals and then left alone until the operator says start,
//! changes the target, or a new session begins: a platform that is hammered with a wrong key bans the sender.

use std::{collections::VecDeque, time::Duration};

use live::SessionId;

use crate::backoff::Backoff;

/// Tries in one [`WINDOW`], at most: a target that comes and goes is not tried more often than that.
pub(crate) const TRIES: usize = 30;
/// See [`TRIES`].
pub(crate) const WINDOW: Duration = Duration::from_secs(600);
/// First and longest wait after a target that cannot be reached.
const UNREACHABLE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// First and longest wait after a refusal: nobody corrects a key within a second.
const REFUSED: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(30));
/// Refusals in a row after which a target is parked whose answer was plain and who never took the key.
pub(crate) const DENIALS: u32 = 3;
/// The same where the refusal may mean that our own last connection is still held for alive. Servers do that for four
/// minutes after a cable was pulled; these take longer however chance has it.
pub(crate) const DOUBTS: u32 = 20;

/// What the operator wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wish {
    /// Whether it is to be pushed.
    pub(crate) on: bool,
    /// Goes up with each order to start.
    pub(crate) orders: u64,
}

/// What there is to push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Show {
    /// The session; none before the first.
    pub(crate) session: Option<SessionId>,
    /// Media comes.
    pub(crate) live: bool,
    /// The target takes all its codecs.
    pub(crate) fits: bool,
}

/// How a try ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// No connection, or one that broke.
    Failed {
        /// How long it had been taken, zero if never.
        lasted: Duration,
    },
    /// The target said no to the key or the application.
    Denied,
    /// It said that the name is taken, or closed the connection as soon as it had heard the key.
    Doubted,
}

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing: the operator does not want it.
    Stopped,
    /// Nothing: there is no show.
    Idle,
    /// Nothing: the target does not take the show's codecs.
    Unfit,
    /// Nothing: it refused too often.
    Parked,
    /// Nothing before this time.
    Wait(Duration),
    /// Connect. To be followed by [`Policy::ended`].
    Connect,
}

/// See the module. Times are since any fixed moment.
#[derive(Debug, Clone)]
pub(crate) struct Policy {
    failures: Backoff,
    refusals: Backoff,
    /// The target has taken this key before.
    proven: bool,
    parked: bool,
    not_before: Duration,
    /// When it was tried last, oldest first, at most [`TRIES`].
    tries: VecDeque<Duration>,
    orders: u64,
    session: Option<SessionId>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            failures: Backoff::new(UNREACHABLE.0, UNREACHABLE.1),
            refusals: Backoff::new(REFUSED.0, REFUSED.1),
            proven: false,
            parked: false,
            not_before: Duration::ZERO,
            tries: VecDeque::new(),
            orders: 0,
            session: None,
        }
    }
}

impl Policy {
    /// What to do at `now`. An order to start forgives everything; a new session lifts the parking.
    pub(crate) fn next(&mut self, wish: Wish, show: Show, now: Duration) -> Next {
        if wish.orders != self.orders {
            self.orders = wish.orders;
            self.tries.clear();
            self.forgive();
        }
        if show.session.is_some() && show.session != self.session {
            self.session = show.session;
            self.forgive();
        }
        if !wish.on {
            return Next::Stopped;
        }
        if !show.live {
            return Next::Idle;
        }
        if !show.fits {
            return Next::Unfit;
        }
        if self.parked {
            return Next::Parked;
        }
        let due = self.due();
        if now < due {
            return Next::Wait(due);
        }
        if self.tries.len() >= TRIES {
            self.tries.pop_front();
        }
        self.tries.push_back(now);
        Next::Connect
    }

    /// The target took the key: it is right.
    pub(crate) const fn accepted(&mut self) {
        self.proven = true;
        self.refusals.reset();
    }

    /// The try ended at `now`; `random` is any number. To be followed by [`Self::next`].
    pub(crate) fn ended(&mut self, outcome: Outcome, now: Duration, random: u64) {
        let wait = match outcome {
            Outcome::Failed { lasted } => self.failures.failed(lasted, random),
            Outcome::Denied | Outcome::Doubted => {
                let wait = self.refusals.failed(Duration::ZERO, random);
                let most = if outcome == Outcome::Denied && !self.proven {
                    DENIALS
                } else {
                    DOUBTS
                };
                self.parked = self.refusals.failures() >= most;
                wait
            }
        };
        self.not_before = now.saturating_add(wait);
    }

    /// Whether the next try waits for the budget and not for the target.
    pub(crate) fn is_spent(&self) -> bool {
        self.due() > self.not_before
    }

    /// Failures and refusals in a row.
    pub(crate) const fn failures(&self) -> u32 {
        self.failures
            .failures()
            .saturating_add(self.refusals.failures())
    }

    fn due(&self) -> Duration {
        match self.tries.front() {
            Some(oldest) if self.tries.len() >= TRIES => {
                self.not_before.max(oldest.saturating_add(WINDOW))
            }
            _ => self.not_before,
        }
    }

    const fn forgive(&mut self) {
        self.parked = false;
        self.not_before = Duration::ZERO;
        self.failures.reset();
        self.refusals.reset();
    }
}

#[cfg(test)]
mod tests;
