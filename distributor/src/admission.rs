//! [pure] How full the box's line is, and who gets less for it.
//!
//! Full is what goes out now, measured over [`WINDOW`], and what sessions that have just begun are expected to need until
//! it is measured. As it rises, newcomers are given less, before anything is taken from those who watch; of these only
//! the best quality ever is, never the picture. A level is reached at once, so that a crowd does not slip in between two
//! looks, and left one at a time and late, so that it does not come and go.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use crate::{ladder::on_the_line, presentation::Ceiling};

/// How often what was sent is to be looked at.
pub(crate) const TICK: Duration = Duration::from_millis(250);
/// What is sent is averaged over this: everybody takes a new segment at the same moment, and two are smooth enough.
const WINDOW: Duration = Duration::from_secs(4);
/// At the beginning, less than this tells nothing.
const WINDOW_LEAST: Duration = Duration::from_secs(1);
/// How long a new session is reckoned with before its share is measured, less and less.
const PROMISE: Duration = Duration::from_secs(6);
/// Looks and promises that are kept: above a window's and a promise's worth of ticks. When full, the oldest goes.
const KEPT_MAX: usize = 32;
/// A level is left only when the line is so much less full than where it began, per mille.
const MARGIN: u64 = 80;
/// And has been for so long: longer than players take to change what they take.
const DWELL: Duration = Duration::from_secs(5);
/// Newcomers must have been given less for so long before anything is taken from those who watch.
const NEWCOMERS_FIRST: Duration = Duration::from_secs(5);

/// How full the line is, in the order in which less is given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Level {
    /// Everybody has everything.
    #[default]
    All,
    /// Newcomers are better off at another distributor.
    Steer,
    /// Newcomers are not offered the best quality.
    TopForNew,
    /// Nor may those who watch keep it.
    TopForAll,
    /// Newcomers have sound alone.
    SoundOnly,
    /// Newcomers are asked to come again later.
    Full,
}

impl Level {
    const EACH: [Self; 6] = [
        Self::All,
        Self::Steer,
        Self::TopForNew,
        Self::TopForAll,
        Self::SoundOnly,
        Self::Full,
    ];

    /// How full the line is when it begins, per mille.
    pub(crate) const fn begins(self) -> u64 {
        match self {
            Self::All => 0,
            Self::Steer => 750,
            Self::TopForNew => 800,
            Self::TopForAll => 880,
            Self::SoundOnly => 930,
            Self::Full => 970,
        }
    }

    /// For logs, labels and `/status`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Steer => "steer",
            Self::TopForNew => "top-for-new",
            Self::TopForAll => "top-for-all",
            Self::SoundOnly => "sound-only",
            Self::Full => "full",
        }
    }

    /// What somebody may have who does not watch yet; none if he is to come again later.
    pub(crate) const fn for_newcomers(self) -> Option<Ceiling> {
        match self {
            Self::All | Self::Steer => Some(Ceiling::None),
            Self::TopForNew | Self::TopForAll => Some(Ceiling::BelowTop),
            Self::SoundOnly => Some(Ceiling::Least),
            Self::Full => None,
        }
    }

    fn reached(load: u64) -> Self {
        let begun = Self::EACH
            .into_iter()
            .rev()
            .find(|level| level.begins() <= load);
        begun.unwrap_or(Self::All)
    }

    fn lower(self) -> Self {
        let below = Self::EACH.into_iter().rev().find(|level| *level < self);
        below.unwrap_or(self)
    }
}

/// The line.
#[derive(Debug)]
pub(crate) struct Admission {
    /// Bits per second.
    budget: u64,
    /// Bytes of media sent so far, by when they were looked at.
    sent: VecDeque<(Instant, u64)>,
    /// Bits per second that new sessions will need, by when they began.
    promised: VecDeque<(Instant, u64)>,
    level: Level,
    /// Since when the line is full enough no more for the level.
    below: Option<Instant>,
    /// Since when newcomers are given less.
    capped: Option<Instant>,
    cuts: bool,
}

impl Admission {
    /// A line of `budget` bits per second that nothing is on.
    pub(crate) fn new(budget: u64) -> Self {
        Self {
            budget: budget.max(1),
            sent: VecDeque::new(),
            promised: VecDeque::new(),
            level: Level::All,
            below: None,
            capped: None,
            cuts: false,
        }
    }

    /// So many bytes of media were sent until `now`, since the beginning.
    pub(crate) fn measure(&mut self, sent: u64, now: Instant) {
        let left = |at: &(Instant, u64)| now.saturating_duration_since(at.0) >= WINDOW;
        while self.sent.get(1).is_some_and(left) || self.sent.len() >= KEPT_MAX {
            self.sent.pop_front();
        }
        self.sent.push_back((now, sent));
        self.judge(now);
    }

    /// What somebody may have who asks for a stream's qualities; none if he is to come again later. `known`: he watches
    /// already.
    pub(crate) fn admit(&mut self, known: bool, now: Instant) -> Option<Ceiling> {
        self.judge(now);
        if known {
            return Some(if self.cuts {
                Ceiling::BelowTop
            } else {
                Ceiling::None
            });
        }
        self.level.for_newcomers()
    }

    /// A session begins that will need so many bits per second of the line.
    pub(crate) fn promise(&mut self, bits: u64, now: Instant) {
        match self.promised.back_mut() {
            Some((at, sum)) if now.saturating_duration_since(*at) < TICK => {
                *sum = sum.saturating_add(bits);
            }
            Some(_) | None => {
                if self.promised.len() >= KEPT_MAX {
                    self.promised.pop_front();
                }
                self.promised.push_back((now, bits));
            }
        }
        self.judge(now);
    }

    /// How full the line is.
    pub(crate) const fn level(&self) -> Level {
        self.level
    }

    /// Whether the best quality is taken from those who watch.
    pub(crate) const fn cuts(&self) -> bool {
        self.cuts
    }

    /// Bits per second that it carries.
    pub(crate) const fn budget(&self) -> u64 {
        self.budget
    }

    /// Bits per second that go out, as measured last.
    pub(crate) fn egress(&self) -> u64 {
        let (Some((begin, before)), Some((end, after))) = (self.sent.front(), self.sent.back())
        else {
            return 0;
        };
        let bits = on_the_line(after.saturating_sub(*before).saturating_mul(8));
        let elapsed = end.saturating_duration_since(*begin).max(WINDOW_LEAST);
        scaled(bits, 1_000, elapsed.as_millis())
    }

    /// Bits per second that new sessions are expected to need besides.
    pub(crate) fn promised(&self, now: Instant) -> u64 {
        let left = |(at, bits): &(Instant, u64)| {
            let left = PROMISE.saturating_sub(now.saturating_duration_since(*at));
            scaled(*bits, left.as_millis(), PROMISE.as_millis())
        };
        self.promised.iter().map(left).fold(0, u64::saturating_add)
    }

    fn judge(&mut self, now: Instant) {
        let egress = self.egress();
        let load = self.per_mille(egress.saturating_add(self.promised(now)));
        let reached = Level::reached(load);
        if reached > self.level {
            (self.level, self.below) = (reached, None);
        } else if load.saturating_add(MARGIN) < self.level.begins() {
            let since = *self.below.get_or_insert(now);
            if now.saturating_duration_since(since) >= DWELL {
                (self.level, self.below) = (self.level.lower(), Some(now));
            }
        } else {
            self.below = None;
        }
        self.capped = match self.level {
            Level::All | Level::Steer => None,
            Level::TopForNew | Level::TopForAll | Level::SoundOnly | Level::Full => {
                self.capped.or(Some(now))
            }
        };
        let long = |since: Instant| now.saturating_duration_since(since) >= NEWCOMERS_FIRST;
        // Nobody loses anything for what is only expected.
        let must =
            self.capped.is_some_and(long) && self.per_mille(egress) >= Level::TopForAll.begins();
        self.cuts = self.level >= Level::TopForAll && (self.cuts || must);
    }

    fn per_mille(&self, bits: u64) -> u64 {
        scaled(bits, 1_000, self.budget.into())
    }
}

/// `value` times `by` over `of`.
fn scaled(value: u64, by: u128, of: u128) -> u64 {
    u64::try_from(u128::from(value) * by / of.max(1)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
