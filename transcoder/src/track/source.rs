//! [pure] The publisher's own video, untouched.
//!
//! Boundaries take effect in the order of messages: a stamp comes just before the first frame of its segment. When
//! that frame is no keyframe at the stamped time the boundary was overdue, and the segment is a GAP until the next
//! stamped keyframe. A keyframe that is no IDR picture makes it a GAP too. Enters the multivariant playlist only when its keyframes proved regular (DESIGN §4).

use live::MediaTime;

use super::picture::Picture;
use crate::{
    boundary::Boundary, codec::VideoTrack, fmp4::video_init, part::PartTarget, sample::Sample,
    window::Window,
};

/// The `source` rendition.
#[derive(Debug, Clone)]
pub struct SourceTrack {
    picture: Picture,
    admission: Admission,
    codec: Option<VideoTrack>,
    /// The newest segment whose keyframe was stamped in time began without an IDR picture.
    lacks_idr: bool,
    /// A boundary was overdue.
    overdue: bool,
}

/// Whether players may be offered the source: once two keyframes have opened segments one after the other, each when it
/// was due. Once admitted, always: an overdue keyframe later is a GAP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Admission {
    /// The newest closed segment began with a keyframe.
    whole: bool,
    admitted: bool,
}

impl Admission {
    /// A segment closed.
    const fn closed(&mut self, whole: bool) {
        self.whole = whole;
    }

    /// The next one begins with a keyframe that was due.
    const fn opened(&mut self) {
        self.admitted |= self.whole;
    }

    /// Whether the proof is given.
    pub const fn is_admitted(self) -> bool {
        self.admitted
    }
}

impl SourceTrack {
    /// A track without segments.
    pub fn new(window: Window, parts: Option<PartTarget>) -> Self {
        Self {
            picture: Picture::new(window, parts),
            admission: Admission::default(),
            codec: None,
            lacks_idr: false,
            overdue: false,
        }
    }

    /// How long parts are to be, in a session that did not know.
    pub fn decide_parts(&mut self, parts: PartTarget) {
        self.picture.decide_parts(parts);
    }

    /// The next segment has this configuration.
    pub fn configure(&mut self, codec: VideoTrack) {
        self.picture.configure(video_init(&codec));
        self.codec = Some(codec);
    }

    /// A stamp.
    pub fn boundary(&mut self, boundary: Boundary) {
        self.finish(boundary.start);
        self.picture.begin(boundary);
    }

    /// A frame. `true` when it shows that the open segment's boundary was overdue.
    pub fn push(&mut self, sample: &Sample) -> bool {
        let starting = self.picture.is_starting();
        let overdue = starting
            && self
                .picture
                .open()
                .is_some_and(|open| !sample.key || sample.pts != open.start);
        if overdue {
            self.overdue = true;
            self.picture.spoil();
        } else {
            let mut sample = sample.clone();
            if sample.key {
                let codec = self.codec.as_ref();
                sample.key = !codec.is_some_and(|codec| codec.lacks_idr(sample.bytes()));
                if starting {
                    self.lacks_idr = !sample.key;
                    if sample.key {
                        self.admission.opened();
                    }
                }
            }
            self.picture.push(&sample);
        }
        overdue
    }

    /// Why players are not offered it, once that is known.
    pub const fn fault(&self) -> Option<&'static str> {
        if self.admission.is_admitted() {
            None
        } else if self.lacks_idr {
            Some(
                "its keyframes are no IDR pictures: turn off intra refresh and open GOPs in the encoder",
            )
        } else if self.overdue {
            Some("its keyframes are too far apart: set the encoder's keyframe interval to 2 s")
        } else {
            None
        }
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

    /// Thousandths of a picture per second, in the newest segment that is complete.
    pub const fn frame_rate(&self) -> Option<u64> {
        self.picture.frame_rate()
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
