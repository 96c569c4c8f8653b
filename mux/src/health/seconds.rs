//! [pure] The last minute of one publisher, second by second of the wall clock.
//!
//! Everything that is said of a window is folded from here: memory is the same whatever comes.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// Seconds that are kept.
pub(super) const KEPT: usize = 60;

/// What came within one second.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Second {
    pub(super) video_bytes: u64,
    pub(super) audio_bytes: u64,
    pub(super) video_frames: u32,
    pub(super) audio_messages: u32,
    /// Frames that the stamps leave room for and that did not come.
    pub(super) missing: u32,
    /// Longest and shortest distance of two keyframes, milliseconds of media.
    pub(super) longest_interval: Option<u32>,
    pub(super) shortest_interval: Option<u32>,
    /// Keyframes that came too late for their segment.
    pub(super) late_boundaries: u32,
    pub(super) audio_gaps: u32,
    /// Arrivals after a long silence.
    pub(super) stalls: u32,
    /// Times that the source's clock was set anew.
    pub(super) jumps: u32,
    /// Sound minus picture, milliseconds: the value nearest to 0.
    pub(super) skew: Option<i64>,
    /// Least of arrival minus media time, milliseconds.
    pub(super) offset: Option<i64>,
}

/// The minute.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Seconds {
    /// The one that fills: its number since the Unix epoch.
    number: u64,
    pub(super) open: Second,
    /// Whole ones, newest first.
    closed: VecDeque<Second>,
}

impl Seconds {
    /// Comes to `now`, Unix milliseconds. Answers whether a second has closed.
    pub(super) fn advance(&mut self, now: u64) -> bool {
        let number = now / 1_000;
        if self.number == 0 {
            self.number = number;
        }
        let passed = number.saturating_sub(self.number);
        for _ in 0..passed.min(KEPT as u64) {
            self.closed.push_front(std::mem::take(&mut self.open));
        }
        self.closed.truncate(KEPT);
        self.number = self.number.max(number);
        passed > 0
    }

    /// The last `count` whole seconds, newest first.
    pub(super) fn last(&self, count: usize) -> impl Iterator<Item = &Second> {
        self.closed.iter().take(count)
    }

    /// Whole seconds that are known, up to [`KEPT`].
    pub(super) fn len(&self) -> usize {
        self.closed.len()
    }

    /// Sum over the last `count` whole seconds.
    pub(super) fn sum(&self, count: usize, value: impl Fn(&Second) -> u64) -> u64 {
        self.last(count)
            .map(value)
            .fold(0, |sum, value| sum.saturating_add(value))
    }

    /// Bits per second over the last `count` whole seconds, or as many as there are.
    pub(super) fn rate(&self, count: usize, bytes: impl Fn(&Second) -> u64) -> u64 {
        let seconds = self.len().min(count).max(1) as u64;
        self.sum(count, bytes).saturating_mul(8) / seconds
    }

    /// In how many of the last `count` whole seconds `there` was true.
    pub(super) fn count(&self, count: usize, there: impl Fn(&Second) -> bool) -> usize {
        self.last(count).filter(|second| there(second)).count()
    }

    /// Least offset among the whole seconds from `newest` on, counted backwards.
    pub(super) fn least_offset(&self, newest: usize, count: usize) -> Option<i64> {
        let window = self.closed.iter().skip(newest).take(count);
        window.filter_map(|second| second.offset).min()
    }

    /// How many of the last `count` whole seconds there are from the oldest one on whose offset is known.
    pub(super) fn with_offsets(&self, count: usize) -> usize {
        let oldest = self
            .closed
            .iter()
            .take(count)
            .rposition(|second| second.offset.is_some());
        oldest.map_or(0, |oldest| oldest + 1)
    }

    /// The source's clock was set anew: offsets from before say nothing.
    pub(super) fn forget_offsets(&mut self) {
        let all = self.closed.iter_mut().chain([&mut self.open]);
        all.for_each(|second| second.offset = None);
    }
}
