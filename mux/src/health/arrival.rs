//! [pure] Media time against the wall clock: how late messages come, and how the encoder's clock drifts.
//!
//! The message that came earliest by its own stamp shows what the way takes at least; all others are late by what they
//! came after that. Over minutes that least itself moves, by the difference of the two clocks.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// Upper ends of the histogram's bins, milliseconds; one more bin takes the rest.
const BINS: [u32; 21] = [
    1, 2, 3, 5, 8, 12, 18, 27, 40, 60, 90, 135, 200, 300, 450, 700, 1_000, 1_500, 2_300, 3_500,
    5_000,
];
/// How long the earliest message is remembered at least, milliseconds; at most twice that.
const BASE_WINDOW: u64 = 10_000;
/// The histogram is halved this often, milliseconds: what is older than half a minute hardly counts.
const HALF_LIFE: u64 = 10_000;
const MINUTE: u64 = 60_000;
/// Minutes that drift is read from.
const MOST_MINUTES: usize = 30;
/// Fewest: over less, the network's own changes are larger than any drift.
const FEWEST_MINUTES: usize = 5;

/// See the module.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Arrival {
    /// Least offset (arrival minus media time) of this base window and of the one before.
    least: Option<i64>,
    least_before: Option<i64>,
    window_begun: u64,
    /// Messages by how late they were.
    bins: [u32; BINS.len() + 1],
    halved: u64,
    /// Least offset of each whole minute, newest last, and of the minute under way.
    minutes: VecDeque<i64>,
    minute: Option<i64>,
    minute_begun: u64,
}

/// How fast media time runs away from the wall clock.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Drift {
    /// Milliseconds a minute; above 0 the encoder's clock is fast.
    pub(super) per_minute: f64,
    /// Milliseconds in all, over the minutes that are kept.
    pub(super) total: i64,
    /// Both halves of those minutes drifted the same way.
    pub(super) is_steady: bool,
}

impl Arrival {
    /// A message has come: `offset` is its arrival minus its media time, milliseconds.
    pub(super) fn message(&mut self, offset: i64, now: u64) {
        if now.saturating_sub(self.window_begun) >= BASE_WINDOW {
            self.least_before = self.least.take();
            self.window_begun = now;
        }
        self.least = Some(self.least.map_or(offset, |least| least.min(offset)));
        let base = self.least_before.into_iter().chain(self.least).min();
        let late = offset.saturating_sub(base.unwrap_or(offset));
        let late = u32::try_from(late).unwrap_or(u32::MAX);
        if now.saturating_sub(self.halved) >= HALF_LIFE {
            self.bins.iter_mut().for_each(|bin| *bin /= 2);
            self.halved = now;
        }
        let bin = BINS.iter().filter(|end| late > **end).count();
        if let Some(bin) = self.bins.get_mut(bin) {
            *bin = bin.saturating_add(1);
        }
        self.count_minute(offset, now);
    }

    fn count_minute(&mut self, offset: i64, now: u64) {
        if self.minute.is_none() {
            self.minute_begun = now;
        }
        if now.saturating_sub(self.minute_begun) >= MINUTE {
            while self.minutes.len() >= MOST_MINUTES {
                self.minutes.pop_front();
            }
            self.minutes.extend(self.minute.take());
            self.minute_begun = now;
        }
        self.minute = Some(self.minute.map_or(offset, |least| least.min(offset)));
    }

    /// How late 99 of 100 messages are at most, milliseconds, rounded up to the histogram's next step.
    pub(super) fn jitter(&self) -> Option<u32> {
        let all: u64 = self.bins.iter().map(|bin| u64::from(*bin)).sum();
        let mut left = all.saturating_sub(all / 100);
        for (bin, end) in self.bins.iter().zip(BINS) {
            left = left.saturating_sub(u64::from(*bin));
            if left == 0 {
                return (all > 0).then_some(end);
            }
        }
        BINS.last().map(|end| end * 2)
    }

    /// The drift, as soon as it can be told from the network's own changes.
    pub(super) fn drift(&self) -> Option<Drift> {
        let count = self.minutes.len();
        let (first, last) = (*self.minutes.front()?, *self.minutes.back()?);
        let middle = *self.minutes.get(count / 2)?;
        if count < FEWEST_MINUTES {
            return None;
        }
        // A fast clock makes offsets fall.
        let total = first.saturating_sub(last);
        let halves = [first.saturating_sub(middle), middle.saturating_sub(last)];
        #[expect(clippy::cast_precision_loss, reason = "figures for people")]
        let per_minute = total as f64 / (count - 1) as f64;
        Some(Drift {
            per_minute,
            total,
            is_steady: halves.iter().all(|half| half.signum() == total.signum()),
        })
    }
}
