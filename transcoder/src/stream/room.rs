//! [pure] A stream whose ladder was cut gets more of it once the box has had room for a while.
//!
//! Then its encoder is started anew, with what fits, at a boundary: a rung that it had shows one GAP.

use super::run::Run;
use crate::{
    admission::{self, Allowance, Cut},
    boundary::Boundary,
    codec::VideoTrack,
    ladder,
    worker::RungPlan,
};

/// Segments for which there must have been room without a break: a stream that is configured anew has its place again.
const ROOMY: u32 = 5;

impl Run {
    /// What of the ladder there is room for.
    pub(super) fn admit(
        &self,
        video: &VideoTrack,
        (frame_rate, allowance): (Option<u64>, Allowance),
    ) -> (Vec<RungPlan>, Cut, u64) {
        let source = admission::Source {
            size: (video.width(), video.height()),
            frame_rate: ladder::frame_rate(video).or(frame_rate),
        };
        let wanted = ladder::plan(video, source.frame_rate, &self.settings.ladder);
        let (rungs, cut) = source.admit(wanted, allowance);
        let cost = source.cost(&rungs);
        (rungs, cut, cost)
    }

    /// A segment begins. Has the encoder start with it if there is room for more than it has.
    pub(super) fn use_room(&mut self, boundary: &Boundary, room: (Option<u64>, Allowance)) {
        let due = !boundary.gap && self.next_video.is_none();
        let Some(video) = self.video.as_ref().filter(|_| due) else {
            return;
        };
        if self.cut == Cut::Nothing || self.admit(video, room).1 >= self.cut {
            self.roomy = 0;
            return;
        }
        self.roomy += 1;
        if self.roomy >= ROOMY {
            self.roomy = 0;
            self.next_video = self.video.clone();
        }
    }
}
