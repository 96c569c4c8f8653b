//! [pure] An encoded rung: the source's boundaries, filled as the encoder delivers.
//!
//! Samples find their segment by presentation time. A segment is complete when the encoder has delivered the last frame
//! that it was fed before the boundary, or has delivered a frame beyond it. The rule for one that is late, which depends
//! on the order of messages only: when the source opens segment n + 2 or a later one, most of a second or more after the
//! end of segment n, and the rung is still in that, then n is closed as it is; without its keyframe, or with its end
//! missing by more than PART-TARGET, it is a GAP. So a rung is never more than one whole segment late, or a second where
//! segments are short, and the grid never slips.
//!
//! While the stream is held each segment is the [`Slate`] once more, published when the next boundary tells where the
//! segment ends: what depends on messages alone is the same from every transcoder.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
use live::MediaTime;

use super::picture::Picture;
use crate::{boundary::Boundary, part::PartTarget, sample::Sample, slate::Slate, window::Window};

/// What the encoder was fed of the segment before a boundary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fed {
    /// Presentation time of its last frame, or of one from which on it is complete; unknown when frames of it may still follow (an overdue boundary among
    /// B-frames).
    pub last: Option<MediaTime>,
}

impl Fed {
    /// As long as the last `frames`, of `distance` ticks each, may have been left out.
    pub fn but(self, frames: u64, distance: u64) -> Self {
        // A quarter more: times are whole milliseconds.
        let ticks = frames * (distance + distance / 4);
        let earlier = |last: MediaTime| MediaTime::from_ticks(last.ticks().saturating_sub(ticks));
        Self {
            last: self.last.map(earlier),
        }
    }
}

/// One encoded rendition.
#[derive(Debug, Clone)]
pub struct RungTrack {
    picture: Picture,
    /// Boundaries that the encoder has not reached. At most [`Self::MOST`].
    ahead: VecDeque<(Boundary, Fed)>,
    newest: Option<MediaTime>,
    late: u64,
    suspended: bool,
    /// What a held segment shows; without one it is a GAP.
    slate: Option<Arc<Slate>>,
    without_idr: u64,
}

impl RungTrack {
    /// Whole segments that a rung may be behind the source.
    const BEHIND: u64 = 2;
    /// It may be behind by this, however short segments are: less than the shortest that are made on purpose, of a
    /// second and with a keyframe that came early. Ticks.
    const LATE: u64 = MediaTime::HZ * 4 / 5;
    /// Boundaries that are waited for at most, however short segments are.
    const MOST: usize = 8;

    /// A track without segments.
    pub fn new(window: Window, parts: Option<PartTarget>) -> Self {
        Self {
            picture: Picture::new(window, parts),
            ahead: VecDeque::new(),
            newest: None,
            late: 0,
            suspended: false,
            slate: None,
            without_idr: 0,
        }
    }

    /// How long parts are to be, in a session that did not know.
    pub fn decide_parts(&mut self, parts: PartTarget) {
        self.picture.decide_parts(parts);
    }

    /// The next segment has this initialization section.
    pub fn configure(&mut self, init: Bytes) {
        self.picture.configure(init);
    }

    /// The source opens a segment.
    pub fn boundary(&mut self, boundary: Boundary, fed: Fed) {
        while self.is_late(&boundary) {
            self.late += 1;
            self.advance();
        }
        if self.picture.open().is_none() && self.ahead.is_empty() {
            self.begin(boundary);
        } else {
            self.ahead.push_back((boundary, fed));
            self.advance_if_complete();
        }
        if self.suspended && !boundary.gap {
            self.give_up();
        }
    }

    /// The rule for one that is late.
    fn is_late(&self, newest: &Boundary) -> bool {
        let behind = |open: &Boundary| newest.msn.0 >= open.msn.0.saturating_add(Self::BEHIND);
        let over = |(next, _): &(Boundary, Fed)| newest.start.since(next.start) >= Self::LATE;
        self.picture.open().is_some_and(behind)
            && (self.ahead.len() >= Self::MOST || self.ahead.front().is_none_or(over))
    }

    /// A frame from the encoder.
    pub fn push(&mut self, sample: &Sample) {
        if self.suspended {
            return;
        }
        while self
            .ahead
            .front()
            .is_some_and(|(next, _)| next.start <= sample.pts)
        {
            self.advance();
        }
        let before = self
            .picture
            .open()
            .is_none_or(|open| sample.pts < open.start || open.held);
        if before || self.newest.is_some_and(|newest| sample.pts <= newest) {
            return;
        }
        self.newest = Some(sample.pts);
        self.without_idr += u64::from(self.picture.is_starting() && !sample.key);
        self.picture.push(sample);
        self.advance_if_complete();
    }

    /// The encoder is gone, and another one starts with a keyframe: what is begun cannot be continued.
    pub fn interrupted(&mut self) {
        if !self.picture.is_starting() {
            self.picture.spoil();
        }
    }

    /// Nothing is encoded for now, or something is again: from the next boundary on there are media again.
    pub fn suspend(&mut self, suspended: bool) {
        self.suspended = suspended;
        if suspended {
            self.give_up();
        }
    }

    fn give_up(&mut self) {
        while !self.ahead.is_empty() {
            self.advance();
        }
        self.picture.spoil();
    }

    fn advance_if_complete(&mut self) {
        while let Some((_, fed)) = self.ahead.front()
            && (self.is_complete(*fed)
                || self
                    .picture
                    .open()
                    .is_some_and(|open| open.gap || open.held))
        {
            self.advance();
        }
    }

    /// The encoder has delivered all that it was fed of the open segment.
    fn is_complete(&self, fed: Fed) -> bool {
        fed.last
            .is_some_and(|last| self.newest.is_some_and(|newest| newest >= last))
    }

    /// Goes on to the next boundary, whatever the open segment lacks.
    fn advance(&mut self) {
        match self.ahead.pop_front() {
            Some((next, fed)) => {
                if next.held {
                    self.bridge(next.start);
                }
                let complete = self.is_complete(fed);
                self.close(next.start, complete);
                self.begin(next);
            }
            None => {
                let end = self.picture.open().map(|open| open.start);
                self.close(end.unwrap_or_default(), false);
            }
        }
    }

    fn begin(&mut self, boundary: Boundary) {
        let shown = boundary.held && self.slate.is_some();
        self.picture.begin(Boundary {
            gap: boundary.gap && !shown,
            ..boundary
        });
    }

    /// What the publisher's last picture would stand still for, before a hold, is the slate's already.
    fn bridge(&mut self, end: MediaTime) {
        if let (Some(slate), Some(last)) = (&self.slate, self.picture.last())
            && end.since(last) > self.picture.longest_part()
        {
            self.show_slate(last.plus_ticks(slate.distance()), end);
        }
    }

    fn show_slate(&mut self, from: MediaTime, end: MediaTime) {
        let slate = self.slate.clone();
        for sample in slate.iter().flat_map(|slate| slate.between(from, end)) {
            self.picture.push(&sample);
        }
    }

    fn close(&mut self, end: MediaTime, complete: bool) {
        let held = self.picture.open().filter(|open| open.held && !open.gap);
        if let Some(start) = held.map(|open| open.start) {
            self.show_slate(start, end);
        }
        let frozen = self.picture.frozen(end);
        if frozen.is_none_or(|ticks| !complete && ticks > self.picture.longest_part()) {
            self.picture.spoil();
        }
        self.picture.finish(end);
    }

    /// The session ends here.
    pub fn finish(&mut self, end: MediaTime) {
        while !self.ahead.is_empty() {
            self.advance();
        }
        self.close(end, false);
    }

    /// What to show while the stream is held: coded as the initialization section in use says.
    pub fn set_slate(&mut self, slate: Option<Arc<Slate>>) {
        self.slate = slate;
    }

    /// What is shown while the stream is held.
    pub fn slate(&self) -> Option<&Slate> {
        self.slate.as_deref()
    }

    /// How far it is behind `edge`, the newest source frame, in ticks of 90 kHz.
    pub fn lag(&self, edge: MediaTime) -> Option<u64> {
        self.newest.map(|newest| edge.since(newest))
    }

    /// How many segments the encoder began without the key that was asked for: its fault, each is a GAP.
    pub const fn without_idr(&self) -> u64 {
        self.without_idr
    }

    /// How many segments were closed because the rung was late.
    pub const fn late(&self) -> u64 {
        self.late
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
