//! [pure] The distances of a publisher's keyframes, and whether segments can begin on them.

use live::cutter::SegmentTarget;
use serde::{Deserialize, Serialize};

/// The segment clock sets a boundary itself this long before TARGETDURATION is reached, milliseconds (DESIGN §4).
const OVERDUE_MARGIN: u32 = 100;
/// A keyframe may come this much before its segment's time: half a frame of 25 a second, milliseconds.
const EARLY: i64 = 20;

/// What segments want of keyframes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SegmentWants {
    /// K, milliseconds.
    pub(crate) nominal: u32,
    /// Longest segment before the segment clock goes on without a keyframe, milliseconds.
    pub(crate) longest: u32,
}

impl From<SegmentTarget> for SegmentWants {
    fn from(target: SegmentTarget) -> Self {
        Self {
            nominal: target.millis(),
            longest: (target.target_duration() * 1_000).saturating_sub(OVERDUE_MARGIN),
        }
    }
}

/// See the module.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Keyframes {
    /// Media time of the newest, milliseconds.
    newest: Option<i64>,
    /// Media time at which a segment would have begun.
    boundary: i64,
    /// Newest distance, milliseconds.
    interval: Option<u32>,
}

/// What a keyframe brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Interval {
    /// Milliseconds since the one before.
    pub(super) length: u32,
    /// Too late for its segment.
    pub(super) is_late: bool,
}

impl Keyframes {
    /// A keyframe at media time `at` has come.
    pub(super) fn keyframe(&mut self, at: i64, wants: SegmentWants) -> Option<Interval> {
        let Some(before) = self.newest.replace(at) else {
            self.boundary = at;
            return None;
        };
        let length = u32::try_from(at.saturating_sub(before)).ok()?;
        self.interval = Some(length);
        let segment = at.saturating_sub(self.boundary);
        let opens = segment >= i64::from(wants.nominal) - EARLY;
        if opens {
            self.boundary = at;
        }
        Some(Interval {
            length,
            is_late: opens && segment > i64::from(wants.longest),
        })
    }

    /// The source's clock was set anew.
    pub(super) fn forget(&mut self) {
        self.newest = None;
    }

    /// Newest distance, milliseconds.
    pub(super) const fn interval(&self) -> Option<u32> {
        self.interval
    }

    /// How much media has come since the newest, milliseconds, when the newest media is at `at`.
    pub(super) fn age(&self, at: i64) -> Option<u32> {
        u32::try_from(at.saturating_sub(self.newest?)).ok()
    }
}
