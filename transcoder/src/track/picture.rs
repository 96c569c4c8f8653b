//! [pure] The segments of a video track, the publisher's or an encoder's.
//!
//! A segment starts with a keyframe or is a GAP. Its decoding timeline is moved so that it begins where the segment
//! does: with B-frames decoding runs ahead of presentation, and composition offsets are signed (facts: signed offsets
//! and no edit list). Its last sample lasts until the next segment starts, so that fragments join without a hole.

use bytes::Bytes;
use live::MediaTime;

use crate::{
    boundary::Boundary,
    fmp4::{MediaKind, VIDEO_TIMESCALE},
    part::{CutPart, Lengths, PartTarget, SegmentCutter},
    sample::Sample,
    window::Window,
};

/// The open segment of a video track, and the window behind it.
#[derive(Debug, Clone)]
pub(super) struct Picture {
    window: Window,
    /// Once PART-TARGET is known.
    lengths: Option<Lengths>,
    open: Option<Open>,
    /// The initialization section of the next segment, when it is another than that of the open one.
    next_init: Option<Bytes>,
    /// Thousandths of a picture per second, in the newest segment that is complete.
    frame_rate: Option<u64>,
}

#[derive(Debug, Clone)]
struct Open {
    boundary: Boundary,
    media: Option<Media>,
}

#[derive(Debug, Clone)]
struct Media {
    cutter: SegmentCutter,
    first_dts: MediaTime,
    last: MediaTime,
    pictures: u64,
}

impl Picture {
    pub(super) fn new(window: Window, parts: Option<PartTarget>) -> Self {
        Self {
            window,
            lengths: parts.map(|parts| Lengths::new(parts, VIDEO_TIMESCALE)),
            open: None,
            next_init: None,
            frame_rate: None,
        }
    }

    /// How long parts are to be, in a session that did not know.
    pub(super) fn decide_parts(&mut self, parts: PartTarget) {
        self.window.decide_parts(parts);
        let lengths = Lengths::new(parts, VIDEO_TIMESCALE);
        self.lengths = Some(lengths);
        if let Some(open) = self.open.as_mut().filter(|open| !open.boundary.gap)
            && let Some(media) = &mut open.media
        {
            let start = open.boundary.start;
            let mut waiting = Vec::new();
            media.cutter.decide(lengths, &mut waiting);
            self.publish(start, waiting);
        }
    }

    /// PART-TARGET in ticks of 90 kHz; zero as long as there is no part.
    pub(super) fn longest_part(&self) -> u64 {
        self.lengths.map_or(0, |lengths| lengths.longest())
    }

    /// From here on the media need this initialization section. What is in the open segment keeps its own, also where
    /// it is not published yet.
    pub(super) fn configure(&mut self, init: Bytes) {
        if self.open.as_ref().is_some_and(|open| open.media.is_some()) {
            self.next_init = Some(init);
        } else {
            self.window.configure(init, VIDEO_TIMESCALE);
        }
    }

    pub(super) const fn window(&self) -> &Window {
        &self.window
    }

    pub(super) const fn window_mut(&mut self) -> &mut Window {
        &mut self.window
    }

    pub(super) const fn frame_rate(&self) -> Option<u64> {
        self.frame_rate
    }

    pub(super) fn open(&self) -> Option<&Boundary> {
        self.open.as_ref().map(|open| &open.boundary)
    }

    /// The open segment waits for its keyframe.
    pub(super) fn is_starting(&self) -> bool {
        self.open
            .as_ref()
            .is_some_and(|open| open.media.is_none() && !open.boundary.gap)
    }

    /// The segment before must have been finished.
    pub(super) fn begin(&mut self, boundary: Boundary) {
        if let Some(init) = self.next_init.take() {
            self.window.configure(init, VIDEO_TIMESCALE);
        }
        if let Some(parts) = boundary.parts {
            self.lengths = Some(Lengths::new(parts, VIDEO_TIMESCALE));
        }
        self.window.begin(boundary);
        self.open = Some(Open {
            boundary,
            media: None,
        });
    }

    /// There will be no (more) media in the open segment: it will be a GAP.
    pub(super) fn spoil(&mut self) {
        if let Some(open) = &mut self.open
            && !open.boundary.gap
        {
            open.boundary.gap = true;
            self.window.no_media();
        }
    }

    /// A sample of the open segment. One that cannot be decoded makes the segment a GAP.
    pub(super) fn push(&mut self, sample: &Sample) {
        let Some(open) = self.open.as_mut().filter(|open| !open.boundary.gap) else {
            return;
        };
        if open.media.is_none() && !sample.key {
            return self.spoil();
        }
        let start = open.boundary.start;
        let media = open.media.get_or_insert_with(|| Media {
            cutter: SegmentCutter::new(
                MediaKind::Video,
                self.lengths,
                open.boundary.msn,
                start.ticks(),
            ),
            first_dts: sample.dts,
            last: start,
            pictures: 0,
        });
        media.pictures += 1;
        let at = start.plus_ticks(sample.dts.since(media.first_dts));
        media.last = at;
        let mut parts = Vec::new();
        media.cutter.push(
            at.ticks(),
            composition(sample.pts, at),
            sample.key,
            sample.bytes().clone(),
            &mut parts,
        );
        self.publish(start, parts);
    }

    /// Where the newest picture of the open segment is.
    pub(super) fn last(&self) -> Option<MediaTime> {
        Some(self.open.as_ref()?.media.as_ref()?.last)
    }

    /// How long the newest picture of the open segment stands still when the segment ends at `end`. `None` without
    /// media.
    pub(super) fn frozen(&self, end: MediaTime) -> Option<u64> {
        Some(end.since(self.last()?))
    }

    /// The open segment ends at `end`. Without media it is a GAP. Says whether it is not.
    pub(super) fn finish(&mut self, end: MediaTime) -> bool {
        let Some(Open { boundary, media }) = self.open.take() else {
            return false;
        };
        match media {
            Some(media) if !boundary.gap => {
                let end = end.max(media.last.plus_ticks(1));
                let mut parts = Vec::new();
                media.cutter.finish(end.ticks(), &mut parts);
                self.publish(boundary.start, parts);
                let lasted = end.since(boundary.start);
                self.frame_rate = Some(media.pictures * 1000 * MediaTime::HZ / lasted.max(1));
                self.window.close(boundary.start.ticks(), end.ticks());
                true
            }
            Some(_) | None => {
                self.window.give_up(end);
                false
            }
        }
    }

    fn publish(&mut self, start: MediaTime, parts: Vec<CutPart>) {
        for part in parts {
            self.window.part(start, part);
        }
    }
}

fn composition(pts: MediaTime, at: MediaTime) -> i32 {
    let clamped = |ticks: u64| i32::try_from(ticks).unwrap_or(i32::MAX);
    if pts >= at {
        clamped(pts.since(at))
    } else {
        -clamped(at.since(pts))
    }
}
