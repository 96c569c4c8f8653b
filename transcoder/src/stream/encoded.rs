//! [pure] An encoded rung as its stream sees it.

use crate::{
    codec::VideoTrack,
    track::RungTrack,
    worker::{Pace, RungPlan},
};

/// An encoded rung, and what its encoder said of it.
#[derive(Debug, Clone)]
pub(super) struct Encoded {
    pub(super) track: RungTrack,
    pub(super) codec: Option<VideoTrack>,
    pub(super) plan: RungPlan,
    /// What the box can do of it.
    pub(super) pace: Pace,
}

impl Encoded {
    /// Its encoder does so much of it from now on.
    pub(super) fn set(&mut self, pace: Pace) {
        self.pace = pace;
        self.track.suspend(pace == Pace::Suspended);
    }

    /// Frames after the last one given that may be left out.
    pub(super) const fn left_out(&self) -> u64 {
        match (self.plan.halved, self.pace) {
            (true, Pace::Half) => 3,
            (true, _) | (false, Pace::Half) => 1,
            (false, _) => 0,
        }
    }
}
