//! [pure] The sound: AAC frames on an absolute grid of 1024 samples, in a timescale that is the sample rate.
//!
//! Which segment a frame belongs to is decided by its presentation time, and only once no earlier boundary can come:
//! when decoding of the video has passed it, or sound is half a second ahead of it. The first frame at or after a
//! boundary opens the segment.
//!
//! Where a frame lies is counted by mux's own rule ([`SoundGrid`]), from what each stamp says of it: a transcoder that
//! joins late finds the same places. A mux that says nothing has the count started anew with each stamp. Where frames
//! are missing there is silence, a segment's last moments included, since players stop at a hole in the sound: `tfdt` has
//! none, whatever came. So a sound card whose clock has fallen a whole frame behind costs one frame of silence, and one
//! that is a whole frame ahead loses one frame. While the stream is held there is silence as well. Only of a codec
//! without a silent frame ([`AacTrack::silent_frame`]) are the holes left as they are.

use std::collections::VecDeque;

use live::{
    MediaTime,
    sound_grid::{SoundGrid, SoundPlace},
};

use crate::{
    boundary::Boundary,
    codec::AacTrack,
    fmp4::audio_init,
    part::{Lengths, PartTarget},
    sample::Sample,
    window::Window,
};
use segment::Segment;

mod segment;

/// The `audio` rendition.
#[derive(Debug, Clone)]
pub struct AudioTrack {
    window: Window,
    /// Once PART-TARGET is known.
    parts: Option<PartTarget>,
    codec: AacTrack,
    /// Takes effect at the next boundary; until then what comes cannot be published.
    next_codec: Option<AacTrack>,
    grid: SoundGrid,
    /// Frames that a boundary may still come before, and their places.
    pending: VecDeque<(u64, Sample)>,
    /// Boundaries that the sound has not reached. At most two.
    ahead: VecDeque<Boundary>,
    open: Option<Segment>,
    /// Where the newest published frame ends, in samples of the present rate: no frame begins before.
    floor: u64,
    /// Presentation time of the newest frame that mux had.
    newest: Option<MediaTime>,
    dropped: u64,
}

impl AudioTrack {
    /// Sound this far ahead of the video does not wait for it: there may be none. Ticks.
    const ALONE_AFTER: u64 = MediaTime::HZ / 2;
    /// Sound this far behind the video will not come: there is silence, so that players are not kept waiting. More than
    /// any publisher lets the two drift apart, and than an encoder takes to start. Ticks.
    const GONE_AFTER: u64 = 2 * MediaTime::HZ;
    /// Frames that wait for the video: three seconds at 96 kHz.
    const MAX_PENDING: usize = 300;
    /// Whole segments that the sound may be behind the stamps; then what is missing will not come.
    const BEHIND: u64 = 2;
    /// Sound that comes before its stamp belongs to the segment before, up to so far behind the boundary: two frames at
    /// 44.1 kHz, where publishers that sort sound and picture by time have one at most. Ticks.
    const EARLY: u64 = MediaTime::HZ / 20;

    /// A track without segments.
    pub fn new(mut window: Window, parts: Option<PartTarget>, codec: AacTrack) -> Self {
        window.configure(audio_init(&codec), codec.sample_rate());
        let mut grid = SoundGrid::default();
        grid.configure(Some(codec.sample_rate()));
        Self {
            window,
            parts,
            codec,
            next_codec: None,
            grid,
            pending: VecDeque::new(),
            ahead: VecDeque::new(),
            open: None,
            floor: 0,
            newest: None,
            dropped: 0,
        }
    }

    /// How long parts are to be, in a session that did not know.
    pub fn decide_parts(&mut self, parts: PartTarget) {
        self.parts = Some(parts);
        self.window.decide_parts(parts);
        let lengths = Lengths::new(parts, self.codec.sample_rate());
        if let Some(open) = &mut self.open {
            open.decide_parts(lengths, &mut self.window);
        }
    }

    /// A decoder configuration; one that is new takes effect at the next boundary.
    pub fn configure(&mut self, codec: AacTrack) {
        if *self.next_codec.as_ref().unwrap_or(&self.codec) != codec {
            self.commit_until(None);
            self.grid.configure(Some(codec.sample_rate()));
            self.next_codec = Some(codec);
        }
    }

    /// A stamp.
    pub fn boundary(&mut self, boundary: Boundary) {
        self.grid.set(boundary.sound);
        self.newest = self
            .newest
            .max(boundary.sound.as_ref().map(SoundPlace::pts));
        self.ahead.push_back(boundary);
        // Boundaries that are still to come lie behind this one.
        self.commit_until(Some(boundary.start));
        while let Some(open) = &self.open
            && boundary.msn.0 >= open.boundary().msn.0.saturating_add(Self::BEHIND)
        {
            self.advance(None);
        }
        if let Some(open) = &mut self.open {
            // So it is in a transcoder whose sound was behind already; both do the same.
            open.begin_without_frame();
        }
        if boundary.gap || self.next_codec.is_some() {
            // All sound before a hold, or of the old configuration, is here already.
            self.commit_until(None);
            self.advance_all();
        } else if self.open.is_none() {
            self.advance(None);
        }
    }

    /// A frame of the publisher's. Those that go back in time are dropped, and those that are too many.
    pub fn push(&mut self, sample: Sample) {
        let rises = self.newest.is_none_or(|newest| sample.pts > newest);
        match rises.then(|| self.grid.frame(sample.pts)).flatten() {
            Some(place) => self.take(place, sample),
            None => self.dropped += 1,
        }
    }

    /// A frame that was encoded here, its time exact.
    pub fn push_encoded(&mut self, sample: Sample) {
        if self.newest.is_none_or(|newest| sample.pts > newest) {
            let position = sample.pts.samples(self.codec.sample_rate());
            self.take(SoundGrid::nearest(position), sample);
        } else {
            self.dropped += 1;
        }
    }

    fn take(&mut self, place: u64, sample: Sample) {
        self.newest = Some(sample.pts);
        let alone = sample.pts.ticks().saturating_sub(Self::ALONE_AFTER);
        self.pending.push_back((place, sample));
        self.commit_until(Some(MediaTime::from_ticks(alone)));
        if self.pending.len() > Self::MAX_PENDING {
            self.pending.pop_front();
            self.dropped += 1;
        }
    }

    /// Decoding of the video has come to `dts`: no boundary will come at or before it.
    pub fn video_at(&mut self, dts: MediaTime) {
        self.commit_until(Some(dts));
        let given_up = MediaTime::from_ticks(dts.ticks().saturating_sub(Self::GONE_AFTER));
        if self.newest.is_none_or(|newest| newest < given_up) {
            self.silence_until(given_up);
        }
    }

    /// There is no sound up to here, and none will come.
    fn silence_until(&mut self, time: MediaTime) {
        while self.ahead.front().is_some_and(|next| next.start < time) {
            self.advance(None);
        }
        if let Some(open) = &mut self.open {
            open.silence_until(time, &mut self.window);
        }
    }

    /// Places the pending frames up to `limit`; all of them without.
    fn commit_until(&mut self, limit: Option<MediaTime>) {
        while let Some((_, sample)) = self.pending.front()
            && limit.is_none_or(|limit| sample.pts <= limit)
        {
            if let Some((place, sample)) = self.pending.pop_front() {
                let taken = self.commit(place, &sample);
                self.dropped += u64::from(!taken);
            }
        }
    }

    /// `false` when it is of no use.
    fn commit(&mut self, place: u64, sample: &Sample) -> bool {
        while let Some(next) = self.ahead.front()
            && Self::first_of(next) <= sample.pts
        {
            self.advance(Some(place));
        }
        let Some(open) = &mut self.open else {
            return false;
        };
        sample.pts >= Self::first_of(open.boundary())
            && self.next_codec.is_none()
            && open.push(place, sample, &mut self.window)
    }

    /// From when on sound belongs to the segment. Whoever joins with its stamp does not have what came before it.
    fn first_of(boundary: &Boundary) -> MediaTime {
        let early = boundary.sound.as_ref().map(SoundPlace::pts);
        let early = early.filter(|pts| pts.since(boundary.start) <= Self::EARLY);
        early.map_or(boundary.start, |pts| boundary.start.max(pts.plus_ticks(1)))
    }

    fn advance_all(&mut self) {
        while !self.ahead.is_empty() {
            self.advance(None);
        }
    }

    /// Goes on to the next boundary, whose first frame lies at `place`, as far as that is known. The open segment lasts
    /// until the next begins.
    fn advance(&mut self, place: Option<u64>) {
        let Some(next) = self.ahead.pop_front() else {
            return;
        };
        let latest = self.latest(&next);
        if let Some(codec) = self.next_codec.take() {
            self.close(self.end_before(&next), next.start);
            self.window
                .configure(audio_init(&codec), codec.sample_rate());
            self.codec = codec;
            self.floor = 0;
            return self.begin(next, None);
        }
        let place = match place {
            Some(place) if !next.gap => place.min(latest),
            _ if next.gap && !self.is_silence(&next) => self.end_before(&next),
            _ => latest,
        };
        let follows = self.open.is_some();
        self.close(place, next.start);
        self.begin(next, follows.then_some(place));
    }

    /// Where a segment begins at the latest: its first frame may lie up to a frame behind its own time. A hold begins
    /// behind the newest frame there was, wherever mux says that it lies.
    fn latest(&self, boundary: &Boundary) -> u64 {
        let rate = self.codec.sample_rate();
        let newest = boundary
            .sound
            .as_ref()
            .filter(|sound| boundary.held && sound.pts().since(boundary.start) <= Self::EARLY);
        if let Some(end) = newest.and_then(|sound| sound.end(rate)) {
            return self.end_before(boundary).max(end);
        }
        let first = Self::first_of(boundary).samples(rate);
        first.next_multiple_of(SoundGrid::FRAME) + SoundGrid::FRAME
    }

    /// Where the segment before ends when no frame of this one comes: as near as can be to the date of what is missing.
    fn end_before(&self, boundary: &Boundary) -> u64 {
        SoundGrid::nearest(boundary.start.samples(self.codec.sample_rate()))
    }

    /// Whether a segment without frames is published as silence, and not as a GAP.
    fn is_silence(&self, boundary: &Boundary) -> bool {
        boundary.held && self.codec.silent_frame().is_some()
    }

    /// The segment begins at `place`, or with its first frame.
    fn begin(&mut self, boundary: Boundary, place: Option<u64>) {
        let latest = self.latest(&boundary);
        let rate = self.codec.sample_rate();
        self.parts = boundary.parts.or(self.parts);
        let lengths = self.parts.map(|parts| Lengths::new(parts, rate));
        let mut segment = Segment::new(boundary, &self.codec, lengths, (self.floor, latest));
        let gap = segment.is_gap();
        self.window.begin(Boundary { gap, ..boundary });
        if let Some(place) = place {
            segment.begin_at(place);
        }
        self.open = Some(segment);
    }

    /// The open segment lasts until `place`; `end` if there is none of it.
    fn close(&mut self, place: u64, end: MediaTime) {
        if let Some(open) = self.open.take() {
            let end = open.close(place, end, &mut self.window);
            self.floor = self.floor.max(end);
        }
    }

    /// The session ends here. Gives where its last frame ends: at or after `end`, where there is sound so far.
    pub fn finish(&mut self, end: MediaTime) -> MediaTime {
        self.commit_until(None);
        while let Some(next) = self.ahead.front() {
            let place = self.end_before(next);
            self.advance(Some(place));
        }
        let rate = self.codec.sample_rate();
        let place = end.samples(rate).next_multiple_of(SoundGrid::FRAME);
        self.close(place, end);
        MediaTime::from_samples(self.floor, rate)
    }

    /// The decoder configuration in use.
    pub const fn codec(&self) -> &AacTrack {
        &self.codec
    }

    /// Frames that were not published: too late, too many, out of order, or between two configurations.
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Its window.
    pub const fn window(&self) -> &Window {
        &self.window
    }

    /// Its window.
    pub const fn window_mut(&mut self) -> &mut Window {
        &mut self.window
    }
}
