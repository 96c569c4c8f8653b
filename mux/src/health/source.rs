//! [pure] The clock of one kind of a publisher's media, its wraps undone.

use serde::{Deserialize, Serialize};

use crate::timeline;

/// Furthest step back that is interleaving, milliseconds.
const BACK: i64 = 3_000;
/// Furthest step ahead, beyond the time that has passed, milliseconds.
const AHEAD: i64 = 10_000;

/// See the module. Sound and picture have one each: one that is far from the other is no jump.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct SourceClock {
    /// Newest stamp, milliseconds, and when it came.
    newest: Option<(i64, u64)>,
}

/// What a stamp is to the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing is before it.
    First,
    /// So many milliseconds after it.
    Ahead(u32),
    /// Before it: out of order.
    Back,
    /// The source has set its clock anew.
    Jump,
}

impl SourceClock {
    /// A message stamped `stamp` has come.
    pub(super) fn step(&mut self, stamp: u32, now: u64) -> Step {
        let Some((newest, arrived)) = self.newest else {
            self.newest = Some((stamp.into(), now));
            return Step::First;
        };
        let at = timeline::unwrap(newest, stamp);
        let step = at.saturating_sub(newest);
        let passed = i64::try_from(now.saturating_sub(arrived)).unwrap_or(i64::MAX);
        let furthest = passed.saturating_add(AHEAD);
        if step < -BACK || step > furthest {
            self.newest = Some((stamp.into(), now));
            return Step::Jump;
        }
        self.newest = Some((newest.max(at), now));
        match u32::try_from(step) {
            Ok(ahead) => Step::Ahead(ahead),
            Err(_) => Step::Back,
        }
    }

    /// Newest media time, milliseconds.
    pub(super) fn newest(&self) -> Option<i64> {
        self.newest.map(|(at, _)| at)
    }
}
