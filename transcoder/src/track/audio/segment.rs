//! [pure] One segment of the sound: frames in their places, and silence between them.

use bytes::Bytes;
use live::{MediaTime, sound_grid::SoundGrid};

use crate::{
    boundary::Boundary,
    codec::AacTrack,
    fmp4::MediaKind,
    part::{CutPart, Lengths, SegmentCutter},
    sample::Sample,
    window::Window,
};

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    boundary: Boundary,
    rate: u32,
    silence: Option<&'static [u8]>,
    /// Once PART-TARGET is known.
    lengths: Option<Lengths>,
    /// No frame begins before.
    floor: u64,
    /// Where it begins, should its first frame be missing.
    latest: u64,
    state: State,
}

#[derive(Debug, Clone)]
enum State {
    /// Where it begins is not known yet.
    Waiting,
    /// The next frame's place is known.
    Begun {
        cutter: SegmentCutter,
        first: u64,
        next: u64,
    },
    /// Nothing will be published.
    Gap,
}

impl Segment {
    /// Longest hole that is filled, seconds: no segment is longer than a mux may make it (10 s).
    const MAX_FILL: u64 = 12;

    /// One that is empty: no frame of it begins before the first of the two places, and it begins at the second at the
    /// latest.
    pub(super) fn new(
        boundary: Boundary,
        codec: &AacTrack,
        lengths: Option<Lengths>,
        (floor, latest): (u64, u64),
    ) -> Self {
        let silence = codec.silent_frame();
        let mut segment = Self {
            boundary,
            rate: codec.sample_rate(),
            silence,
            lengths,
            floor,
            latest,
            state: State::Waiting,
        };
        if boundary.gap && !(boundary.held && silence.is_some()) {
            segment.state = State::Gap;
        } else if boundary.held {
            segment.begin_without_frame();
        }
        segment
    }

    /// What it is a segment of.
    pub(super) const fn boundary(&self) -> &Boundary {
        &self.boundary
    }

    /// How long parts are to be, in a session that did not know.
    pub(super) fn decide_parts(&mut self, lengths: Lengths, window: &mut Window) {
        self.lengths = Some(lengths);
        if let State::Begun { cutter, first, .. } = &mut self.state {
            let mut waiting = Vec::new();
            cutter.decide(lengths, &mut waiting);
            publish(waiting, MediaTime::from_samples(*first, self.rate), window);
        }
    }

    /// Whether nothing of it is published.
    pub(super) const fn is_gap(&self) -> bool {
        matches!(self.state, State::Gap)
    }

    /// It begins at `place` if it has not begun. What its first frame is not there for is silence, or where there is none
    /// it begins with that frame.
    pub(super) fn begin_at(&mut self, place: u64) {
        if self.silence.is_some() {
            self.begin(place);
        }
    }

    /// Its first frame is late, or missing.
    pub(super) fn begin_without_frame(&mut self) {
        self.begin_at(self.latest);
    }

    fn begin(&mut self, place: u64) {
        if matches!(self.state, State::Waiting) {
            let first = place.max(self.floor);
            self.state = State::Begun {
                cutter: SegmentCutter::new(
                    MediaKind::Audio,
                    self.lengths,
                    self.boundary.msn,
                    first,
                ),
                first,
                next: first,
            };
        }
    }

    /// A frame. `false` when it is too late, or there is to be silence.
    pub(super) fn push(&mut self, place: u64, sample: &Sample, window: &mut Window) -> bool {
        if self.boundary.held || place < self.floor {
            return false;
        }
        self.begin_at(place.min(self.latest));
        self.begin(place);
        self.fill_until(place, window);
        let State::Begun { next, .. } = &mut self.state else {
            return false;
        };
        if place < *next {
            return false;
        }
        *next = place;
        self.append(sample.bytes().clone(), window);
        true
    }

    /// There is no sound up to `time`, and none will come.
    pub(super) fn silence_until(&mut self, time: MediaTime, window: &mut Window) {
        if self.boundary.start < time {
            self.begin_without_frame();
            self.fill_until(time.samples(self.rate), window);
        }
    }

    /// Silence as far as whole frames of it fit before `place`, when it is not too much.
    fn fill_until(&mut self, place: u64, window: &mut Window) {
        let State::Begun { next, .. } = &self.state else {
            return;
        };
        let missing = place.saturating_sub(*next);
        if let Some(silence) = self.silence
            && missing <= Self::MAX_FILL * u64::from(self.rate)
        {
            for _ in 0..missing / SoundGrid::FRAME {
                self.append(Bytes::from_static(silence), window);
            }
        }
    }

    /// A frame at the next place.
    fn append(&mut self, frame: Bytes, window: &mut Window) {
        let State::Begun {
            cutter,
            first,
            next,
        } = &mut self.state
        else {
            return;
        };
        let mut parts = Vec::new();
        cutter.push(*next, 0, true, frame, &mut parts);
        *next += SoundGrid::FRAME;
        cutter.edge(*next, &mut parts);
        publish(parts, MediaTime::from_samples(*first, self.rate), window);
    }

    /// It lasts until `place`; until `end` if there is nothing of it. Gives where its last frame ends.
    pub(super) fn close(mut self, place: u64, end: MediaTime, window: &mut Window) -> u64 {
        self.begin_without_frame();
        self.fill_until(place, window);
        match self.state {
            State::Begun {
                cutter,
                first,
                next,
            } if next > first => {
                let mut parts = Vec::new();
                cutter.finish(next, &mut parts);
                publish(parts, MediaTime::from_samples(first, self.rate), window);
                window.close(first, next);
                next
            }
            State::Begun { .. } | State::Waiting | State::Gap => {
                window.give_up(end);
                0
            }
        }
    }
}

/// Parts of the segment whose first frame is heard at `start`.
fn publish(parts: Vec<CutPart>, start: MediaTime, window: &mut Window) {
    for part in parts {
        window.part(start, part);
    }
}
