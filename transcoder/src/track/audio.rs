//! [pure] The sound: AAC frames on an absolute grid of 1024 samples, in a timescale that is the sample rate.
//!
//! Which segment a frame belongs to is decided by its presentation time, and only once no earlier boundary can come:
//! when decoding of the video has passed it, or sound is half a second ahead of it. The first frame at or after a
//! boundary opens the segment.
//!
//! Wire times are whole milliseconds, so a frame's place on the grid is found anew in each segment from its first few
//! frames, and from there frames count on. Across a boundary nothing is remembered but where the last frame ended, and
//! that matters only after the sound has jumped: a transcoder that joins late finds the same places. A frame that is more than one frame away from its place starts the count anew; where frames are
//! missing there is silence, since players stop at a hole in the sound. So there is while the stream is held.

use std::collections::VecDeque;

use bytes::Bytes;
use live::MediaTime;

use crate::{
    boundary::Boundary,
    codec::AacTrack,
    fmp4::{MediaKind, audio_init},
    part::{Lengths, PartCutter, PartTarget},
    sample::Sample,
    window::Window,
};

/// The `audio` rendition.
#[derive(Debug, Clone)]
pub struct AudioTrack {
    window: Window,
    parts: PartTarget,
    codec: AacTrack,
    /// Takes effect at the next boundary; until then what comes cannot be published.
    next_codec: Option<AacTrack>,
    /// Frames that a boundary may still come before.
    pending: VecDeque<Sample>,
    /// Boundaries that the sound has not reached. At most two.
    ahead: VecDeque<Boundary>,
    open: Option<Open>,
    /// Where the newest published frame ends, in samples of the present rate: no frame begins before.
    floor: u64,
    /// Presentation time of the newest frame taken.
    newest: Option<MediaTime>,
    dropped: u64,
}

#[derive(Debug, Clone)]
struct Open {
    boundary: Boundary,
    codec: AacTrack,
    lengths: Lengths,
    floor: u64,
    state: State,
}

#[derive(Debug, Clone)]
enum State {
    /// Not enough frames yet to find their place.
    Seeking(Vec<Sample>),
    /// The next frame's place is known.
    Placed {
        cutter: PartCutter,
        first: u64,
        next: u64,
    },
    /// Nothing will be published.
    Gap,
}

impl AudioTrack {
    /// Sound this far ahead of the video does not wait for it: there may be none. Ticks.
    const ALONE_AFTER: u64 = MediaTime::HZ / 2;
    /// Sound this far behind the video will not come: there is silence, so that players are not kept waiting. More than
    /// any publisher lets the two drift apart, and than an encoder takes to start. Ticks.
    const GONE_AFTER: u64 = 2 * MediaTime::HZ;
    /// Frames that wait for the video: three seconds at 96 kHz.
    const MAX_PENDING: usize = 300;
    /// Frames that find the place on the grid. The pattern of rounding to milliseconds repeats every 3 frames at 48 kHz;
    /// at 44.1 kHz six come within a quarter of a millisecond of its least.
    const SEEK: usize = 6;
    /// Whole segments that the sound may be behind the stamps; then what is missing will not come.
    const BEHIND: u64 = 2;

    /// A track without segments.
    pub fn new(mut window: Window, parts: PartTarget, codec: AacTrack) -> Self {
        window.configure(audio_init(&codec), codec.sample_rate());
        Self {
            window,
            parts,
            codec,
            next_codec: None,
            pending: VecDeque::new(),
            ahead: VecDeque::new(),
            open: None,
            floor: 0,
            newest: None,
            dropped: 0,
        }
    }

    /// A decoder configuration; one that is new takes effect at the next boundary.
    pub fn configure(&mut self, codec: AacTrack) {
        if *self.next_codec.as_ref().unwrap_or(&self.codec) != codec {
            self.commit_until(None);
            self.next_codec = Some(codec);
        }
    }

    /// A stamp.
    pub fn boundary(&mut self, boundary: Boundary) {
        while let Some(open) = &self.open
            && boundary.msn.0 >= open.boundary.msn.0.saturating_add(Self::BEHIND)
        {
            self.advance();
        }
        if boundary.gap || self.next_codec.is_some() {
            // All sound before a hold, or of the old configuration, is here already.
            self.commit_until(None);
            self.ahead.push_back(boundary);
            while !self.ahead.is_empty() {
                self.advance();
            }
        } else if self.open.is_none() && self.ahead.is_empty() {
            self.begin(boundary);
        } else {
            self.ahead.push_back(boundary);
        }
    }

    /// A frame. Those that go back in time are dropped.
    pub fn push(&mut self, sample: Sample) {
        if self.newest.is_some_and(|newest| sample.pts <= newest) {
            self.dropped += 1;
            return;
        }
        self.newest = Some(sample.pts);
        self.pending.push_back(sample);
        let alone = self.newest.map_or(0, |newest| newest.ticks());
        self.commit_until(Some(MediaTime::from_ticks(
            alone.saturating_sub(Self::ALONE_AFTER),
        )));
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
        while self.ahead.front().is_some_and(|next| next.start <= time) {
            self.advance();
        }
        if let Some(open) = &mut self.open
            && open.boundary.start < time
            && open.codec.silent_frame().is_some()
        {
            open.place(&mut self.window);
            let position = position_of(time, open.codec.sample_rate());
            open.fill_until(position, &mut self.window);
        }
    }

    /// Places the pending frames up to `limit`; all of them without.
    fn commit_until(&mut self, limit: Option<MediaTime>) {
        while let Some(sample) = self.pending.front()
            && limit.is_none_or(|limit| sample.pts <= limit)
        {
            if let Some(sample) = self.pending.pop_front() {
                self.commit(sample);
            }
        }
    }

    fn commit(&mut self, sample: Sample) {
        while self
            .ahead
            .front()
            .is_some_and(|next| next.start <= sample.pts)
        {
            self.advance();
        }
        let Some(open) = &mut self.open else {
            self.dropped += 1;
            return;
        };
        if sample.pts < open.boundary.start || open.boundary.held || self.next_codec.is_some() {
            self.dropped += 1;
            return;
        }
        if let State::Seeking(head) = &mut open.state {
            head.push(sample);
            if head.len() >= Self::SEEK {
                open.place(&mut self.window);
            }
        } else {
            open.push(&sample, &mut self.window);
        }
    }

    /// Goes on to the next boundary.
    fn advance(&mut self) {
        let next = self.ahead.pop_front();
        let end = match (&next, &self.open) {
            (Some(next), _) => next.start,
            (None, Some(open)) => open.boundary.start,
            (None, None) => return,
        };
        self.close(end, next.is_some_and(|next| next.held));
        if let Some(next) = next {
            self.begin(next);
        }
    }

    fn begin(&mut self, boundary: Boundary) {
        if let Some(codec) = self.next_codec.take() {
            self.window
                .configure(audio_init(&codec), codec.sample_rate());
            self.codec = codec;
            self.floor = 0;
        }
        let silent = boundary.held && self.codec.silent_frame().is_some();
        let gap = boundary.gap && !silent;
        self.window.begin(Boundary { gap, ..boundary });
        self.open = Some(Open {
            boundary,
            codec: self.codec.clone(),
            lengths: Lengths::new(self.parts, self.codec.sample_rate()),
            floor: self.floor,
            state: if gap {
                State::Gap
            } else {
                State::Seeking(Vec::new())
            },
        });
    }

    /// Silence follows in a segment of its own, or the open one is silent: it is joined without a hole.
    fn close(&mut self, end: MediaTime, silence: bool) {
        let Some(mut open) = self.open.take() else {
            return;
        };
        open.place(&mut self.window);
        let end_position = position_of(end, open.codec.sample_rate());
        if silence || open.boundary.held {
            open.silence(end_position.next_multiple_of(Open::FRAME), &mut self.window);
        } else {
            open.fill_until(end_position, &mut self.window);
        }
        match open.state {
            State::Placed {
                cutter,
                first,
                next,
            } if next > first => {
                let mut parts = Vec::new();
                cutter.finish(next, &mut parts);
                let start = time_of(first, open.codec.sample_rate());
                for part in parts {
                    self.window.part(start, part);
                }
                self.window.close(next - first);
                self.floor = next;
            }
            State::Placed { .. } | State::Seeking(_) | State::Gap => self.window.give_up(end),
        }
    }

    /// The session ends here.
    pub fn finish(&mut self, end: MediaTime) {
        self.commit_until(None);
        while !self.ahead.is_empty() {
            self.advance();
        }
        self.close(end, false);
    }

    /// The decoder configuration in use.
    pub const fn codec(&self) -> &AacTrack {
        &self.codec
    }

    /// Frames that were not published: too late, out of order, or between two configurations.
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

impl Open {
    /// One frame, in samples.
    const FRAME: u64 = AacTrack::FRAME as u64;
    /// Longest hole that is filled: no segment is longer than a mux may make it (10 s).
    const MAX_FILL_SECONDS: u64 = 12;

    /// Finds the place of the frames so far: that of the least late, counted back to the first. Without any the
    /// boundary itself is the place.
    fn place(&mut self, window: &mut Window) {
        let rate = self.codec.sample_rate();
        let State::Seeking(head) = &mut self.state else {
            return;
        };
        let head = std::mem::take(head);
        let start = position_of(self.boundary.start, rate).next_multiple_of(Self::FRAME);
        let least = (0_u64..)
            .zip(&head)
            .map(|(n, sample)| position_of(sample.pts, rate).saturating_sub(n * Self::FRAME))
            .min();
        let place = least.map_or(start, on_grid);
        let late = place > start + Self::FRAME && self.codec.silent_frame().is_some();
        let first = if late { start } else { place }.max(self.floor);
        self.state = State::Placed {
            cutter: PartCutter::new(MediaKind::Audio, self.lengths, self.boundary.msn, first),
            first,
            next: first,
        };
        for sample in head {
            self.push(&sample, window);
        }
    }

    fn push(&mut self, sample: &Sample, window: &mut Window) {
        let position = position_of(sample.pts, self.codec.sample_rate());
        let State::Placed { next, .. } = &self.state else {
            return;
        };
        if position + Self::FRAME < *next {
            // More frames than fit the time: this one is too many.
            return;
        }
        if position > *next + Self::FRAME {
            self.fill_until(position, window);
            if let State::Placed { next, .. } = &mut self.state {
                *next = on_grid(position).max(*next);
            }
        }
        self.append(sample.bytes().clone(), window);
    }

    /// Silence up to the place nearest to `position`, when more than a frame is missing.
    fn fill_until(&mut self, position: u64, window: &mut Window) {
        let State::Placed { next, .. } = &self.state else {
            return;
        };
        if position > *next + Self::FRAME {
            self.silence(on_grid(position), window);
        }
    }

    /// Silence up to `place`, when it is not too much.
    fn silence(&mut self, place: u64, window: &mut Window) {
        let State::Placed { next, .. } = &self.state else {
            return;
        };
        let missing = place.saturating_sub(*next) / Self::FRAME;
        let most = Self::MAX_FILL_SECONDS * u64::from(self.codec.sample_rate()) / Self::FRAME;
        let Some(silence) = self.codec.silent_frame() else {
            return;
        };
        if missing <= most {
            for _ in 0..missing {
                self.append(Bytes::from_static(silence), window);
            }
        }
    }

    /// A frame at the next place.
    fn append(&mut self, frame: Bytes, window: &mut Window) {
        let State::Placed {
            cutter,
            first,
            next,
        } = &mut self.state
        else {
            return;
        };
        let mut parts = Vec::new();
        cutter.push(*next, 0, true, frame, &mut parts);
        *next += Self::FRAME;
        cutter.edge(*next, &mut parts);
        let start = time_of(*first, self.codec.sample_rate());
        for part in parts {
            window.part(start, part);
        }
    }
}

/// The place on the grid nearest to `position`.
const fn on_grid(position: u64) -> u64 {
    (position + Open::FRAME / 2) / Open::FRAME * Open::FRAME
}

/// The moment as a count of samples since the epoch.
fn position_of(pts: MediaTime, rate: u32) -> u64 {
    let samples = u128::from(pts.ticks()) * u128::from(rate) / u128::from(MediaTime::HZ);
    u64::try_from(samples).unwrap_or(u64::MAX)
}

/// The inverse of [`position_of`], to a tick.
fn time_of(position: u64, rate: u32) -> MediaTime {
    let ticks = u128::from(position) * u128::from(MediaTime::HZ) / u128::from(rate.max(1));
    MediaTime::from_ticks(u64::try_from(ticks).unwrap_or(u64::MAX))
}
