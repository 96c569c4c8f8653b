//! [pure] Date ranges on their way to all playlists and into the media of a session.
//!
//! They take effect at their place among the messages, so that all transcoders tell the same in the same part. One that
//! is known is passed over; a rendition that comes later is told of those there are.

use live::{
    MediaTime, Rendition,
    playlist::{DateRange, Unfit},
    telling::Telling,
};

use super::{Stream, run::Run};
use crate::{cue::Cue, window::Window, wire_time};

/// Most that publishers say in one segment; more than a word a second is no cue.
const MAX_CUES: u32 = 4;

impl Stream {
    /// Mux tells of a date range. `false` when it is of no use.
    pub(super) fn told(&mut self, telling: &Telling) -> bool {
        let run = self.run.as_mut().filter(|run| !run.ended);
        run.is_some_and(|run| run.date_range(&telling.range, telling.again))
    }

    /// The publisher says something. `false` when it is of no use.
    pub(super) fn cue(&mut self, wire_ms: u32, cue: Cue) -> bool {
        let Some(run) = self.run.as_mut().filter(|run| !run.ended) else {
            return false;
        };
        run.cues += 1;
        let range = cue.at(wire_time::absolute(wire_ms, run.edge).max(run.open.start));
        range.is_some_and(|range| run.cues <= MAX_CUES && run.date_range(&range, false))
    }
}

impl Run {
    fn date_range(&mut self, range: &DateRange, again: bool) -> bool {
        match self.ranges.add(range.clone()) {
            Ok(_) => {}
            Err(Unfit::Known(_)) => return true,
            Err(Unfit::Overlaps(_)) => return false,
        }
        let edge = self.edge;
        let mut fits = true;
        for window in self.windows_mut() {
            fits &= window.date_range(range, edge, !again).is_ok();
        }
        fits
    }

    /// A segment begins: forgets what no playlist lists any more.
    pub(super) fn age_ranges(&mut self) {
        self.cues = 0;
        let oldest = self
            .open
            .start
            .millis()
            .saturating_sub(self.limits.length_ms);
        self.ranges.end_by(oldest);
    }

    /// The window of a rendition that comes now.
    pub(super) fn new_window(&self, rendition: Rendition, timescale: u32) -> Window {
        let mut window = Window::new(rendition, self.limits, timescale, &self.recent);
        for range in self.ranges.iter() {
            let start = MediaTime::from_millis(range.start().unix_millis());
            // They fit each other.
            let _listed = window.date_range(range, self.edge, start > self.edge);
        }
        window
    }
}
