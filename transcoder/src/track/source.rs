//! [pure] The publisher's own video, untouched.
//!
//! Boundaries take effect in the order of messages: a stamp comes just before the first frame of its segment. When
//! that frame is no keyframe at the stamped time the boundary was overdue, and the segment is a GAP until the next
//! stamped keyframe. Enters the multivariant playlist only when its keyframes proved regular (DESIGN §4).

use bytes::Bytes;
use live::MediaTime;

use super::picture::Picture;
use crate::{
    boundary::Boundary, fmp4::VIDEO_TIMESCALE, part::PartTarget, sample::Sample, window::Window,
};

/// The `source` rendition.
#[derive(Debug, Clone)]
pub struct SourceTrack {
    picture: Picture,
    admission: Admission,
}

/// Whether players may be offered the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Admission {
    whole: u8,
}

impl Admission {
    /// Segments in a row, each from keyframe to keyframe within TARGETDURATION, that prove the keyframes regular.
    const PROOF: u8 = 2;

    /// A segment closed. Once admitted, always: an overdue keyframe later is a GAP.
    const fn closed(&mut self, whole: bool) {
        if !self.is_admitted() {
            self.whole = if whole { self.whole + 1 } else { 0 };
        }
    }

    /// Whether the proof is given.
    pub const fn is_admitted(self) -> bool {
        self.whole >= Self::PROOF
    }
}

impl SourceTrack {
    /// A track without segments.
    pub fn new(window: Window, parts: PartTarget) -> Self {
        Self {
            picture: Picture::new(window, parts),
            admission: Admission::default(),
        }
    }

    /// The next segment has this initialization section.
    pub fn configure(&mut self, init: Bytes) {
        self.picture.window_mut().configure(init, VIDEO_TIMESCALE);
    }

    /// A stamp.
    pub fn boundary(&mut self, boundary: Boundary) {
        self.finish(boundary.start);
        self.picture.begin(boundary);
    }

    /// A frame. `true` when it shows that the open segment's boundary was overdue.
    pub fn push(&mut self, sample: &Sample) -> bool {
        let overdue = self.picture.is_starting()
            && self
                .picture
                .open()
                .is_some_and(|open| !sample.key || sample.pts != open.start);
        if overdue {
            self.picture.spoil();
        } else {
            self.picture.push(sample);
        }
        overdue
    }

    /// Whether players may be offered it.
    pub const fn admission(&self) -> Admission {
        self.admission
    }

    /// The session ends here.
    pub fn finish(&mut self, end: MediaTime) {
        if self.picture.open().is_some() {
            let whole = self.picture.finish(end);
            self.admission.closed(whole);
        }
    }

    /// Its window.
    pub const fn window(&self) -> &Window {
        self.picture.window()
    }

    /// Its window.
    pub const fn window_mut(&mut self) -> &mut Window {
        self.picture.window_mut()
    }
}
