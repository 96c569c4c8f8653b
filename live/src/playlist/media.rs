//! [pure] The model of a media playlist (RFC 8216bis §4.4.2 to §4.4.5).
//!
//! A packager may keep one as its state: push parts, close segments, drop old ones, and write it out whenever it
//! changed. Every segment carries the initialization section it needs, not the tag: the writer puts EXT-X-MAP where it
//! changes, so dropping the first segment never loses it.

use std::collections::VecDeque;

use super::{Line, ProgramDateTime, Seconds, Text, Uri};
use crate::{Dsn, Msn, PartIndex};

/// A media playlist.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MediaPlaylist {
    /// EXT-X-INDEPENDENT-SEGMENTS: every segment starts with a keyframe.
    pub independent_segments: bool,
    /// EXT-X-TARGETDURATION, whole seconds.
    pub target_duration: u64,
    /// EXT-X-SERVER-CONTROL; on a live playlist with parts always there.
    pub server_control: Option<ServerControl>,
    /// PART-TARGET of EXT-X-PART-INF; there if and only if parts may be.
    pub part_target: Option<Seconds>,
    /// EXT-X-MEDIA-SEQUENCE: number of the first segment, one that is skipped included.
    pub media_sequence: Msn,
    /// EXT-X-DISCONTINUITY-SEQUENCE: discontinuities before the first segment.
    pub discontinuity_sequence: Dsn,
    /// EXT-X-START.
    pub start: Option<Start>,
    /// EXT-X-SKIP: what is read is a delta update, and this many segments are left out before `segments`.
    pub skipped: Option<Skipped>,
    /// Attribute lists of EXT-X-DATERANGE.
    pub date_ranges: Vec<Line>,
    /// The complete segments, oldest first.
    pub segments: VecDeque<Segment>,
    /// The segment at the live edge that has parts but no end yet.
    pub open: Option<OpenSegment>,
    /// EXT-X-PRELOAD-HINT of TYPE=PART: the part that comes next.
    pub preload_hint: Option<Uri>,
    /// EXT-X-RENDITION-REPORT, one for each other rendition.
    pub rendition_reports: Vec<RenditionReport>,
    /// EXT-X-ENDLIST: nothing will be added.
    pub end_list: bool,
}

/// EXT-X-SERVER-CONTROL (§4.4.3.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ServerControl {
    /// CAN-BLOCK-RELOAD: `_HLS_msn` and `_HLS_part` are honoured.
    pub can_block_reload: bool,
    /// CAN-SKIP-UNTIL: segments further than this from the end may be left out of a delta update.
    pub can_skip_until: Option<Seconds>,
    /// CAN-SKIP-DATERANGES.
    pub can_skip_date_ranges: bool,
    /// HOLD-BACK: how far from the end a player without low latency stays.
    pub hold_back: Option<Seconds>,
    /// PART-HOLD-BACK: how far from the end a low-latency player stays.
    pub part_hold_back: Option<Seconds>,
}

/// EXT-X-START (§4.4.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    /// Whether `offset` counts back from the end; else on from the start.
    pub from_end: bool,
    /// Absolute value of TIME-OFFSET.
    pub offset: Seconds,
    /// PRECISE: show nothing before that point.
    pub precise: bool,
}

/// EXT-X-SKIP (§4.4.5.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// SKIPPED-SEGMENTS.
    pub segments: u64,
    /// RECENTLY-REMOVED-DATERANGES, identifiers separated by tabs; there when date ranges may be left out too.
    pub removed_date_ranges: Option<Text>,
}

/// What is said of a segment before its first part (Appendix B.1 wants it there).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SegmentHead {
    /// EXT-X-DISCONTINUITY stands before it.
    pub discontinuity: bool,
    /// Its media initialization section (URI of EXT-X-MAP).
    pub map: Option<Uri>,
    /// EXT-X-PROGRAM-DATE-TIME of its first sample.
    pub program_date_time: Option<ProgramDateTime>,
}

/// A complete segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// What is said before its parts.
    pub head: SegmentHead,
    /// Its parts, as long as the playlist lists them.
    pub parts: Vec<Part>,
    /// EXT-X-GAP: there is no media; do not ask for it.
    pub gap: bool,
    /// EXTINF.
    pub duration: Seconds,
    /// Where it is.
    pub uri: Uri,
}

/// The segment at the live edge while it is being made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OpenSegment {
    /// What is said before its parts.
    pub head: SegmentHead,
    /// Its complete parts.
    pub parts: Vec<Part>,
}

/// EXT-X-PART (§4.4.4.9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Where it is.
    pub uri: Uri,
    /// DURATION.
    pub duration: Seconds,
    /// INDEPENDENT: it holds a keyframe.
    pub independent: bool,
    /// GAP: there is no media; do not ask for it.
    pub gap: bool,
}

/// EXT-X-RENDITION-REPORT (§4.4.5.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenditionReport {
    /// The other media playlist, relative to this one.
    pub uri: Uri,
    /// Its last media sequence number, that of an open segment included.
    pub last_msn: Msn,
    /// Its last part of that segment.
    pub last_part: Option<PartIndex>,
}

impl OpenSegment {
    /// The segment it becomes when its end is known. Its duration is given, not summed: each part's is rounded.
    #[must_use]
    pub fn close(self, uri: Uri, duration: Seconds) -> Segment {
        Segment {
            head: self.head,
            parts: self.parts,
            gap: false,
            duration,
            uri,
        }
    }
}

impl MediaPlaylist {
    /// The number of the segment that follows the complete ones: the open one's, or else the next to come.
    pub fn open_msn(&self) -> Msn {
        let skipped = self.skipped.as_ref().map_or(0, |skipped| skipped.segments);
        let listed = u64::try_from(self.segments.len()).unwrap_or(u64::MAX);
        Msn(self
            .media_sequence
            .0
            .saturating_add(skipped)
            .saturating_add(listed))
    }

    /// Each complete segment that is listed, with its number.
    pub fn numbered(&self) -> impl DoubleEndedIterator<Item = (Msn, &Segment)> + ExactSizeIterator {
        let skipped = self.skipped.as_ref().map_or(0, |skipped| skipped.segments);
        let first = self.media_sequence.0.saturating_add(skipped);
        self.segments.iter().enumerate().map(move |(n, segment)| {
            let n = u64::try_from(n).unwrap_or(u64::MAX);
            (Msn(first.saturating_add(n)), segment)
        })
    }

    /// The last segment that has anything, and its last part: what another rendition's report says of this one.
    pub fn edge(&self) -> Option<(Msn, Option<PartIndex>)> {
        let last = |parts: &[Part]| {
            let last = parts.len().checked_sub(1)?;
            u32::try_from(last).ok().map(PartIndex)
        };
        match &self.open {
            Some(open) if !open.parts.is_empty() => Some((self.open_msn(), last(&open.parts))),
            _ => self
                .numbered()
                .next_back()
                .map(|(msn, segment)| (msn, last(&segment.parts))),
        }
    }

    /// How many of the oldest segments a delta update leaves out: those that end further from the playlist's end than
    /// CAN-SKIP-UNTIL (§6.2.5.1). None while one of them is a discontinuity that was left out since less than that:
    /// players lose it then. None when the playlist ended.
    pub fn skippable(&self) -> usize {
        let Some(boundary) = self.server_control.and_then(|c| c.can_skip_until) else {
            return 0;
        };
        if self.end_list || self.skipped.is_some() {
            return 0;
        }
        let open = self.open.iter().flat_map(|open| &open.parts);
        let mut behind: Seconds = open.map(|part| part.duration).sum();
        let mut kept = 0;
        for segment in self.segments.iter().rev() {
            if behind <= boundary {
                kept += 1;
            } else if behind > boundary.times(2) {
                break;
            } else if segment.head.discontinuity {
                return 0;
            }
            behind = behind.plus(segment.duration);
        }
        self.segments.len().saturating_sub(kept)
    }
}
