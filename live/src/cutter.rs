//! [pure] The segment clock (DESIGN §4): where segments begin and which numbers they bear.
//!
//! Fed every frame of one stream on its absolute timeline, it answers with [`Stamp`]s. Always true of them: media
//! sequence numbers rise by exactly one; starts rise strictly; within a session no segment is longer than
//! TARGETDURATION in whole seconds; the discontinuity sequence number never falls. A hole in the media is stamped as holds (GAP), never
//! left inside a segment. The same frames give the same stamps: only `utc_ms` carries the caller's clock.

use crate::{
    Dsn, MediaTime, Msn, SessionId,
    cadence::SessionCadence,
    stamp::{Stamp, StampKind},
};

/// Media time without any video after which sound alone drives the clock.
const AUDIO_ALONE_AFTER: u64 = MediaTime::HZ;
/// An overdue boundary is set this long before TARGETDURATION is reached (DESIGN §4).
const OVERDUE_MARGIN: u64 = MediaTime::HZ / 10;
/// A frame interval beyond this is a hole or a still picture, not a frame rate.
const MAX_FRAME: u64 = MediaTime::HZ / 10;
/// The last frame before a hold lasts no shorter: of sound or of a slow show it is longer than pictures are apart.
const LEAST_FRAME: u64 = MediaTime::HZ / 30;
/// A segment lasts no longer than TARGETDURATION in whole seconds (RFC 8216bis §4.4.4.1); so much more, with room for the
/// frame that sound may be longer.
const OVER: u64 = MediaTime::HZ * 2 / 5;
/// A hold is no shorter, nor is the segment before it, milliseconds: at 8 kHz two frames of sound last a quarter of a
/// second, and what has none is a hole in the sound. So a hold lasts up to K and this.
pub const LEAST_HOLD_MS: u32 = 300;
const LEAST_HOLD: u64 = LEAST_HOLD_MS as u64 * MediaTime::HZ / 1000;
/// Most holds that fill one hole: ten minutes at the shortest segments. What is longer starts a new session.
const MAX_HOLDS: u64 = 600;

/// K: the nominal segment duration, 1 to 10 seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(try_from = "u32", into = "u32")
)]
pub struct SegmentTarget {
    ms: u32,
}

/// The operator's fault: no such segment duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a segment lasts from 1 s to 10 s")]
pub struct SegmentTargetError;

impl TryFrom<u32> for SegmentTarget {
    type Error = SegmentTargetError;

    fn try_from(ms: u32) -> Result<Self, SegmentTargetError> {
        Self::from_millis(ms)
    }
}

impl From<SegmentTarget> for u32 {
    fn from(target: SegmentTarget) -> Self {
        target.ms
    }
}

impl SegmentTarget {
    /// From milliseconds, 1000 to 10,000. Below a second the count of segments could overtake the clock.
    pub fn from_millis(ms: u32) -> Result<Self, SegmentTargetError> {
        if (1000..=10_000).contains(&ms) {
            Ok(Self { ms })
        } else {
            Err(SegmentTargetError)
        }
    }

    /// Milliseconds.
    pub const fn millis(self) -> u32 {
        self.ms
    }

    /// EXT-X-TARGETDURATION in seconds: ceil(K) + 1, fixed for a session (DESIGN §4).
    pub const fn target_duration(self) -> u32 {
        self.ms.div_ceil(1000) + 1
    }

    fn ticks(self) -> u64 {
        u64::from(self.ms) * MediaTime::HZ / 1000
    }

    fn td_ticks(self) -> u64 {
        u64::from(self.target_duration()) * MediaTime::HZ
    }
}

/// The numbers that were used last; kept in mux's state directory so that a restart goes on after them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct LastNumbers {
    /// Number of the newest segment.
    pub msn: Msn,
    /// Its discontinuity sequence number.
    pub dsn: Dsn,
}

/// What the cutter needs to know of a video frame, in decoding order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VideoFrame {
    /// Decoding time.
    pub dts: MediaTime,
    /// Presentation time.
    pub pts: MediaTime,
    /// Whether decoding can start here (IDR).
    pub key: bool,
}

/// The clock of one stream.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Cutter {
    target: SegmentTarget,
    last: Option<LastNumbers>,
    run: Option<Run>,
}

/// One session in progress.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Run {
    session: SessionId,
    dsn: Dsn,
    /// The newest stamp; its segment is open.
    open: Option<Stamp>,
    /// A publisher has (re)started: only a keyframe, or sound alone, opens the next segment.
    starting: bool,
    /// End of the newest media.
    end: MediaTime,
    /// Newest decoding time since the publisher started.
    video: Option<MediaTime>,
    /// First sound since the publisher started.
    first_audio: Option<MediaTime>,
    /// Newest believable distance of two video frames.
    frame: u64,
    cadence: SessionCadence,
}

impl Cutter {
    /// A clock without a session; `last` are the numbers that its stream used last, if that is known.
    pub const fn new(target: SegmentTarget, last: Option<LastNumbers>) -> Self {
        Self {
            target,
            last,
            run: None,
        }
    }

    /// The numbers used last: keep them at every stamp.
    pub const fn last_numbers(&self) -> Option<LastNumbers> {
        self.last
    }

    /// The session in progress.
    pub fn session(&self) -> Option<SessionId> {
        self.run.as_ref().map(|run| run.session)
    }

    /// The newest stamp of the session in progress.
    pub fn open(&self) -> Option<Stamp> {
        self.run.as_ref().and_then(|run| run.open)
    }

    /// A new session begins at `utc_ms`, Unix milliseconds. Its first keyframe opens its first segment.
    pub fn start(&mut self, utc_ms: u64) {
        self.run = Some(Run {
            session: SessionId(utc_ms),
            dsn: self.last.map_or(Dsn(0), |last| last.dsn.next()),
            open: None,
            starting: true,
            end: MediaTime::default(),
            video: None,
            first_audio: None,
            frame: 0,
            cadence: SessionCadence::default(),
        });
    }

    /// The session is over; its numbers are remembered.
    pub fn end(&mut self) -> Option<SessionId> {
        self.run.take().map(|run| run.session)
    }

    /// A publisher takes the running session over: its first keyframe opens a segment. With a `changed` codec
    /// configuration that segment is a discontinuity.
    pub fn resume(&mut self, changed: bool) {
        if let Some(run) = &mut self.run {
            run.starting = true;
            run.video = None;
            run.first_audio = None;
            if changed && run.open.is_some() {
                run.dsn = run.dsn.next();
            }
        }
    }

    /// A video frame, in decoding order. Pushes the stamps that go before it.
    pub fn video(&mut self, frame: VideoFrame, utc_ms: u64, stamps: &mut Vec<Stamp>) {
        let Some(run) = &mut self.run else { return };
        if let Some(previous) = run.video.replace(frame.dts) {
            let distance = frame.dts.since(previous);
            run.cadence.distance(distance);
            if (1..=MAX_FRAME).contains(&distance) {
                run.frame = distance;
            }
        }
        let boundary = match run.open {
            Some(open) if !run.starting => {
                let half_frame = run.frame / 2;
                let on_time = frame.key
                    && frame.pts.plus_ticks(half_frame) >= open.pts.plus_ticks(self.target.ticks());
                on_time || frame.pts >= overdue(open, self.target)
            }
            Some(_) | None => frame.key,
        };
        if boundary {
            self.open_at(frame.pts, utc_ms, stamps);
        }
        self.seen(frame.pts);
    }

    /// A sound frame. It drives the clock only while there is no video.
    pub fn audio(&mut self, pts: MediaTime, utc_ms: u64, stamps: &mut Vec<Stamp>) {
        let Some(run) = &mut self.run else { return };
        let first = *run.first_audio.get_or_insert(pts);
        let boundary = match (run.open, run.video) {
            (Some(open), Some(video)) if !run.starting => {
                pts.since(video) >= AUDIO_ALONE_AFTER && pts >= overdue(open, self.target)
            }
            (Some(open), None) if !run.starting => pts >= open.pts.plus_ticks(self.target.ticks()),
            (_, video) => video.is_none() && pts.since(first) >= AUDIO_ALONE_AFTER,
        };
        if boundary {
            self.open_at(pts, utc_ms, stamps);
        }
        self.seen(pts);
    }

    /// Nobody publishes: holds from the end of the media up to `until`, one every K.
    pub fn hold(&mut self, until: MediaTime, utc_ms: u64, stamps: &mut Vec<Stamp>) {
        let Some(open) = self.open() else { return };
        if open.kind == StampKind::Segment {
            let end = self.run.as_ref().map_or(open.pts, |run| {
                run.end.plus_ticks(run.frame.max(LEAST_FRAME))
            });
            let longest = open.pts.plus_ticks(self.target.td_ticks());
            let start = end.clamp(open.pts.plus_ticks(LEAST_HOLD), longest);
            self.push(StampKind::Hold, start, utc_ms, stamps);
        }
        for _ in 0..MAX_HOLDS {
            match self.next_hold() {
                Some(due) if due <= until => {
                    let start = MediaTime::from_ticks(due.ticks() - LEAST_HOLD);
                    self.push(StampKind::Hold, start, utc_ms, stamps);
                }
                Some(_) | None => return,
            }
        }
    }

    /// When the next hold can be stamped, once the stream is held: it begins a little earlier.
    pub fn next_hold(&self) -> Option<MediaTime> {
        let open = self.open().filter(|open| open.kind == StampKind::Hold)?;
        Some(open.pts.plus_ticks(self.target.ticks() + LEAST_HOLD))
    }

    /// Media of the open segment; what comes before a newcomer's first keyframe is not.
    fn seen(&mut self, pts: MediaTime) {
        if let Some(run) = self.run.as_mut().filter(|run| !run.starting) {
            run.end = run.end.max(pts);
        }
    }

    /// Opens a segment at `pts`, after holds for a hole that one segment cannot span. A start that does not rise is no
    /// boundary.
    fn open_at(&mut self, pts: MediaTime, utc_ms: u64, stamps: &mut Vec<Stamp>) {
        if let Some(open) = self.open() {
            if pts <= open.pts {
                return;
            }
            if pts.since(open.pts) / self.target.ticks() > MAX_HOLDS {
                self.start(utc_ms);
            } else if open.kind == StampKind::Hold
                || pts.since(open.pts) > self.target.td_ticks() + OVER
            {
                let before = MediaTime::from_ticks(pts.ticks().saturating_sub(1));
                self.hold(before, utc_ms, stamps);
            }
        }
        self.push(StampKind::Segment, pts, utc_ms, stamps);
        if let Some(run) = &mut self.run {
            run.starting = false;
        }
    }

    fn push(&mut self, kind: StampKind, pts: MediaTime, utc_ms: u64, stamps: &mut Vec<Stamp>) {
        let Some(run) = &mut self.run else { return };
        let msn = match run.open {
            Some(open) => open.msn.next(),
            None => Msn::first_of_session(self.last.map(|last| last.msn), utc_ms / 1000),
        };
        let td = self.target.target_duration();
        let cadence = run.open.and_then(|_| run.cadence.segment_ends(td));
        let stamp = Stamp {
            kind,
            session: run.session,
            dsn: run.dsn,
            msn,
            pts,
            utc_ms,
            k_ms: self.target.millis(),
            td,
            sound: None,
            cadence,
        };
        run.open = Some(stamp);
        self.last = Some(LastNumbers { msn, dsn: run.dsn });
        stamps.push(stamp);
    }
}

fn overdue(open: Stamp, target: SegmentTarget) -> MediaTime {
    open.pts.plus_ticks(target.td_ticks() - OVERDUE_MARGIN)
}

#[cfg(test)]
mod tests;
