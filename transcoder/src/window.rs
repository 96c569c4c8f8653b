//! [pure] What of one rendition can be fetched: its initialization sections, segments, parts, and its media playlist.
//!
//! Segments are numbered without holes; one without media is a GAP. The playlist slides over the newest segments; what
//! has left it stays fetchable as long as RFC 8216bis §6.2.2 asks. Media are in memory until they are on disk, and the
//! newest after that. The playlist is written once per version and shared by all who ask. A path names the same bytes
//! for ever.

use bytes::Bytes;
use live::{
    InitHash, MediaTime, Msn, Object, Rendition,
    playlist::{
        MediaPlaylist, OpenSegment, Part, ProgramDateTime, Seconds, Segment, SegmentHead,
        ServerControl, Settled, Uri,
    },
};

use crate::{
    archive::{Closed, Event},
    boundary::{Boundary, Recent},
    part::{CutPart, PartTarget},
};

mod answers;
mod date_ranges;
mod i_frames;
mod objects;
mod slide;
mod text;

use date_ranges::Ranges;
use i_frames::IFrames;
use objects::Objects;
pub use text::{Text, Written};

/// What a window is told once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long the playlist is, milliseconds.
    pub length_ms: u64,
    /// How long parts are.
    pub parts: PartTarget,
    /// EXT-X-TARGETDURATION, seconds.
    pub target_duration: u32,
    /// Nominal duration of a segment, milliseconds.
    pub segment_ms: u32,
}

/// The window of one rendition.
#[derive(Debug, Clone)]
pub struct Window {
    rendition: Rendition,
    limits: Limits,
    timescale: u32,
    before: Recent,
    playlist: MediaPlaylist,
    /// Old text of it.
    settled: Settled,
    /// Duration of the segments that it lists, and the most that this ever was.
    listed: Seconds,
    longest: Seconds,
    objects: Objects,
    /// The initialization section in use, as the playlist names it.
    map: Option<Uri>,
    /// The newest segments that stay in memory although they are on disk, the open one included.
    in_memory: usize,
    i_frames: IFrames,
    ranges: Ranges,
    open: Option<Boundary>,
    /// Presentation time of the newest segment's first sample.
    start: MediaTime,
    version: u64,
    written: Option<Written>,
    /// How many times the playlist was written.
    renders: u64,
    gaps: u64,
    peak_bps: u64,
    newest_bps: u64,
    /// Segments that were closed since somebody asked.
    closed: Vec<Closed>,
}

/// What there is under a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// These bytes, one after the other, and what tells them from others.
    Bytes(Vec<Bytes>, InitHash),
    /// A segment that is on disk alone: its length in bytes, and what tells it from others.
    Saved(u64, InitHash),
    /// The part that comes next: wait for it.
    Soon,
    /// Nothing, or nothing any more.
    Nothing,
}

impl Window {
    /// A delta update keeps this many target durations (§4.4.3.8 allows no fewer than six).
    const SKIP_UNTIL: u64 = 6;
    /// An empty window; `timescale` is the track's, and `before` are the boundaries that other renditions have had.
    pub fn new(rendition: Rendition, limits: Limits, timescale: u32, before: &Recent) -> Self {
        let target = Seconds::from_secs(limits.target_duration.into());
        let playlist = MediaPlaylist {
            independent_segments: true,
            target_duration: limits.target_duration.into(),
            server_control: Some(ServerControl {
                can_block_reload: true,
                can_skip_until: Some(target.times(Self::SKIP_UNTIL)),
                can_skip_date_ranges: true,
                hold_back: Some(target.times(3)),
                part_hold_back: None,
            }),
            ..MediaPlaylist::default()
        };
        let mut window = Self {
            rendition,
            limits,
            timescale,
            before: before.clone(),
            playlist,
            settled: Settled::default(),
            listed: Seconds::default(),
            longest: Seconds::default(),
            objects: Objects::default(),
            map: None,
            in_memory: usize::MAX,
            i_frames: IFrames::default(),
            ranges: Ranges::default(),
            open: None,
            start: MediaTime::default(),
            version: 0,
            written: None,
            renders: 0,
            gaps: 0,
            peak_bps: 0,
            newest_bps: 0,
            closed: Vec::new(),
        };
        window.decide_parts(limits.parts);
        window
    }

    /// How long parts are from now on.
    pub fn decide_parts(&mut self, parts: PartTarget) {
        self.limits.parts = parts;
        self.playlist.part_target = Some(parts.seconds());
        if let Some(control) = &mut self.playlist.server_control {
            control.part_hold_back = Some(parts.seconds().times(3));
        }
        self.touch();
    }

    /// From the next segment on the media need this initialization section, and have this timescale.
    pub fn configure(&mut self, init: Bytes, timescale: u32) {
        self.timescale = timescale;
        let hash = InitHash::of(&init);
        self.map = Some(Uri::beside(Object::Init(self.rendition, hash)));
        self.objects.configure(hash, init);
    }

    /// The segment before is complete or given up; this one begins.
    pub fn begin(&mut self, boundary: Boundary) {
        if self.objects.is_empty() {
            self.before.push(boundary);
        }
        if let Some(parts) = boundary.parts {
            self.decide_parts(parts);
        }
        self.open = Some(boundary);
        self.touch();
    }

    /// There will be no more media in the open segment than there is.
    pub fn no_media(&mut self) {
        if let Some(open) = &mut self.open {
            open.gap = true;
            self.touch();
        }
    }

    /// A part of the open segment. `start` is the presentation time of the segment's first sample.
    pub fn part(&mut self, start: MediaTime, mut part: CutPart) {
        let Some(open) = self.open else { return };
        self.put_events(&mut part);
        if self.playlist.open.is_none() {
            let head = self.head(&open, start);
            self.playlist.open = Some(OpenSegment {
                head,
                parts: Vec::new(),
            });
            self.store(&open, start);
        }
        let uri = Uri::beside(Object::Part(self.rendition, open.msn, part.index));
        if let Some(listed) = &mut self.playlist.open {
            listed.parts.push(Part {
                uri,
                duration: Seconds::from_timescale(part.duration, self.timescale)
                    .min(self.limits.parts.seconds()),
                independent: part.independent,
                gap: false,
            });
        }
        self.i_frames.part(part.index, part.picture);
        self.objects.push(part.bytes);
        self.touch();
    }

    /// The open segment is complete: from `first` to `end`, in the track's timescale. Both are rounded, not what lies
    /// between: so the sum of EXTINF never drifts away from the media, however long a show is.
    pub fn close(&mut self, first: u64, end: u64) {
        let Some(open) = self.open.take() else { return };
        let Some(listed) = self.playlist.open.take() else {
            return self.close_as_gap(open, end.saturating_sub(first));
        };
        let uri = Uri::beside(Object::Segment(self.rendition, open.msn));
        let at = |place| Seconds::from_timescale(place, self.timescale);
        let duration = at(end).minus(at(first));
        let (parts, length) = self.objects.complete();
        let bps =
            length.saturating_mul(8).saturating_mul(Seconds::PER_SECOND) / duration.units().max(1);
        self.peak_bps = self.peak_bps.max(bps);
        self.newest_bps = bps;
        self.list(&open, listed.close(uri, duration), parts);
    }

    /// The open segment is over at `end` and is a GAP, whatever parts of it there are. One that ends where it starts was
    /// none: the session is over, in a hold.
    pub fn give_up(&mut self, end: MediaTime) {
        let Some(open) = self.open.take() else { return };
        if end <= open.start && self.playlist.open.is_none() {
            return self.touch();
        }
        let duration = end.since(open.start);
        self.close_as_gap(open, duration * u64::from(self.timescale) / MediaTime::HZ);
    }

    fn close_as_gap(&mut self, open: Boundary, duration: u64) {
        // Before the first media there is nothing that a gap could be in.
        if self.objects.is_empty() {
            return self.touch();
        }
        self.gaps += 1;
        let head = match self.playlist.open.take() {
            Some(listed) => listed.head,
            None => {
                let head = self.head(&open, open.start);
                self.store(&open, open.start);
                head
            }
        };
        let segment = Segment {
            head,
            parts: Vec::new(),
            gap: true,
            duration: Seconds::from_timescale(duration, self.timescale),
            uri: Uri::beside(Object::Segment(self.rendition, open.msn)),
        };
        self.list(&open, segment, Vec::new());
    }

    /// A segment is over.
    fn list(&mut self, open: &Boundary, segment: Segment, parts: Vec<Bytes>) {
        let first = self.playlist.media_sequence;
        self.i_frames.close(open.msn, &segment, first);
        self.closed.push(Closed {
            rendition: self.rendition,
            msn: open.msn,
            dsn: open.dsn,
            start: self.start,
            duration: segment.duration,
            discontinuity: segment.head.discontinuity,
            gap: segment.gap,
            held: open.held,
            init: self.objects.init().cloned(),
            parts,
            date_ranges: self.ranges.fresh(),
        });
        self.listed = self.listed.plus(segment.duration);
        self.playlist.segments.push_back(segment);
        self.slide();
    }

    /// What happened to the segments, each told once.
    pub fn news(&mut self) -> impl Iterator<Item = Event> + use<> {
        let rendition = self.rendition;
        let gone = self.objects.gone().into_iter();
        let closed = std::mem::take(&mut self.closed).into_iter();
        closed
            .map(Event::Closed)
            .chain(gone.map(move |msn| Event::Gone(rendition, msn)))
    }

    /// Nothing will be added.
    pub fn end(&mut self) {
        self.open = None;
        self.playlist.open = None;
        self.playlist.end_list = true;
        self.touch();
    }

    fn head(&self, open: &Boundary, start: MediaTime) -> SegmentHead {
        let before = self.objects.newest_dsn();
        let before = before.or_else(|| self.before.before(open).map(|boundary| boundary.dsn));
        SegmentHead {
            discontinuity: before.is_some_and(|dsn| dsn != open.dsn),
            map: self.map.clone(),
            program_date_time: Some(ProgramDateTime::from_unix_millis(start.millis())),
        }
    }

    fn store(&mut self, open: &Boundary, start: MediaTime) {
        self.start = start;
        if self.objects.is_empty() {
            self.playlist.media_sequence = open.msn;
            self.playlist.discontinuity_sequence = open.dsn;
            self.pad(open, start);
        }
        self.objects.begin(open.msn, open.dsn);
    }

    /// Gaps before the first segment, so that the very first playlist is as long as it must be and players need not
    /// wait until the stream is. The last of them ends at `start`, where the first segment's media begin: sound of 8 kHz may
    /// do so 64 ms after the pictures.
    fn pad(&mut self, first: &Boundary, start: MediaTime) {
        let segment = u64::from(self.limits.segment_ms.max(1));
        let mut next = (start.millis(), first.dsn);
        let count = self
            .shortest()
            .units()
            .div_ceil(segment * 100)
            .max(u64::try_from(Self::FEWEST).unwrap_or(0))
            .min(first.msn.0);
        for back in 1..=count {
            let msn = Msn(first.msn.0 - back);
            let known = self.before.iter().find(|boundary| boundary.msn == msn);
            let (start, dsn) = known.map_or_else(
                || (next.0.saturating_sub(segment), next.1),
                |boundary| (boundary.start.millis(), boundary.dsn),
            );
            if let Some(after) = self.playlist.segments.front_mut() {
                after.head.discontinuity = dsn != next.1;
            }
            self.playlist.media_sequence = msn;
            self.playlist.discontinuity_sequence = dsn;
            let duration = Seconds::from_millis(next.0.saturating_sub(start));
            self.listed = self.listed.plus(duration);
            self.playlist.segments.push_front(Segment {
                head: SegmentHead {
                    program_date_time: Some(ProgramDateTime::from_unix_millis(start)),
                    ..SegmentHead::default()
                },
                parts: Vec::new(),
                gap: true,
                duration,
                uri: Uri::beside(Object::Segment(self.rendition, msn)),
            });
            next = (start, dsn);
        }
    }

    fn touch(&mut self) {
        self.version += 1;
        self.written = None;
        self.i_frames.touch();
    }

    /// Rises whenever the playlist changes.
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// How many times the playlist was written: at most once for each change, and never when nobody asks.
    pub const fn renders(&self) -> u64 {
        self.renders
    }

    /// Bytes of media held.
    pub const fn bytes(&self) -> usize {
        self.objects.bytes()
    }

    /// How many segments were published as GAP.
    pub const fn gaps(&self) -> u64 {
        self.gaps
    }

    /// Bits per second of the fattest segment so far.
    pub const fn peak_bps(&self) -> u64 {
        self.peak_bps
    }

    /// Bits per second of the newest segment that is complete.
    pub const fn newest_bps(&self) -> u64 {
        self.newest_bps
    }

    /// Whether there is a playlist worth asking for.
    pub fn has_media(&self) -> bool {
        !self.objects.is_empty()
    }

    /// The model of the playlist.
    pub const fn playlist(&self) -> &MediaPlaylist {
        &self.playlist
    }
}

#[cfg(test)]
mod tests;
