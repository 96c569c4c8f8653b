//! [pure] The end of a session, in two steps: its media end, then its playlists say so.
//!
//! Players get time between the two. hls.js 1.7.4 never fetches a part of a segment it has begun when it learns of that
//! part together with EXT-X-ENDLIST; it waits at the hole for ever, and no viewer is told that the show is over.

use live::MediaTime;

use super::{Action, run::Run};
use crate::{boundary::Boundary, track::Fed, worker::Input};

/// Milliseconds by which the pictures outlast the sound, more than dates are rounded by. A player waits for ever for pictures
/// beside the last of the sound (hls.js), and for the rest of a rendition that is shorter than the sound and the pictures
/// which it began with (Shaka 5.2.12).
const SOUND_FIRST: u64 = 3;

impl Run {
    /// No more media will come: the newest segments are complete, those of a rung as soon as its encoder has delivered.
    /// The playlists do not say yet that nothing follows. Gives where the media end.
    pub(super) fn close(&mut self, actions: &mut Vec<Action>) -> MediaTime {
        if let Some(end) = self.closed {
            return end;
        }
        self.decide_parts(None);
        let shown = self.shown.plus_ticks(self.distance);
        let newest = self.edge.plus_ticks(1).max(shown);
        let sound = self.audio.as_mut().map(|audio| audio.finish(newest));
        let longest = newest
            .max(sound.unwrap_or_default())
            .plus_millis(SOUND_FIRST);
        let end = if self.open.held { newest } else { longest };
        self.closed = Some(end);
        if let Some(source) = &mut self.source {
            source.finish(end);
        }
        if self.open.held {
            return end;
        }
        let nothing = Boundary {
            msn: self.open.msn.next(),
            start: end,
            gap: true,
            held: true,
            sound: None,
            parts: None,
            ..self.open
        };
        let mut fed = Fed::default();
        if let Some(encoder) = &mut self.encoder {
            actions.extend(encoder.feed(Input::Drain).map(Action::Encode));
            fed = encoder.fed_before(end);
        }
        for rung in self.rungs.values_mut() {
            let fed = fed.but(rung.left_out(), self.distance);
            rung.track.boundary(nothing, fed);
        }
        end
    }

    /// Whether there is something to be had of the newest segments before the session ends.
    pub(super) const fn is_closing(&self) -> bool {
        self.closed.is_some() && !self.ended && !self.open.held
    }

    /// The session is over: the playlists say so.
    pub(super) fn end(&mut self, actions: &mut Vec<Action>) {
        if self.ended {
            return;
        }
        let end = self.close(actions);
        self.ended = true;
        for rung in self.rungs.values_mut() {
            rung.track.finish(end);
        }
        for window in self.windows_mut() {
            window.end();
        }
    }
}
