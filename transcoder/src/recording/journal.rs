//! [pure] The media playlist of one recorded rendition while its show runs: text that only grows.
//!
//! Each segment is one group of lines, its URI last, so that whatever a crash leaves is a whole playlist and at most a
//! torn group at the end ([`intact`]). Numbers have no holes: what was not kept, or never came, is an EXT-X-GAP. A segment
//! of a hold says so in a comment, so that a hold in which the show ended can be cut off ([`held`]). Once the show is over
//! the playlist is written anew (see `vod`).

use std::{collections::BTreeSet, fmt::Write};

use live::{
    Dsn, MediaTime, Msn, Object, Rendition,
    playlist::{MediaPlaylist, ParseError, ProgramDateTime, Seconds, Segment, SegmentHead, Uri},
};

use crate::archive::Closed;

/// Most segments of one recording: 33 hours at two seconds, and what a playlist may have lines for
/// ([`live::playlist::MAX_LINES`]). Beyond it nothing more is recorded of the session.
pub(super) const MAX_SEGMENTS: u64 = 60_000;
/// Most date ranges of one recording: what a playlist may have lines for beside its segments'. Later ones are left out.
const MAX_RANGES: usize = 5_000;
/// Digit of EXT-X-VERSION: 8 as soon as there is an EXT-X-GAP, 6 before (RFC 8216bis §8). It has its place in every
/// playlist of ours, so that one byte is overwritten and the rest stays.
pub(super) const VERSION_AT: u64 = 23;
const HEAD: &str = "#EXTM3U\n#EXT-X-VERSION:";
const END: &[u8] = b"#EXT-X-ENDLIST\n";
/// Stands before the URI of a held segment. Players pass over it (RFC 8216bis §4.1).
const HELD: &str = "# held\n";

/// EXT-X-PLAYLIST-TYPE (RFC 8216bis §4.4.3.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Segments are added at the end, and none goes.
    Event,
    /// Nothing changes any more.
    Vod,
}

/// Why nothing is added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum JournalError {
    /// The playlist has it already.
    #[error("the segment is in the playlist already")]
    Known,
    /// See [`MAX_SEGMENTS`].
    #[error("a recording has {MAX_SEGMENTS} segments at most; end the show and start another")]
    Full,
}

/// What is to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Addition {
    /// Whole groups of lines.
    pub(super) text: String,
    /// There is an EXT-X-GAP among them, or was before.
    pub(super) gaps: bool,
}

/// How far one playlist has come.
#[derive(Debug, Clone)]
pub(super) struct Journal {
    rendition: Rendition,
    first: Msn,
    next: Msn,
    /// Where the next segment would start.
    end: MediaTime,
    dsn: Dsn,
    map: Option<Uri>,
    gaps: bool,
    /// Date ranges told.
    ranges: usize,
}

impl Journal {
    /// A playlist that begins with `first`, and its head.
    pub(super) fn begin(first: &Closed, target_duration: u32) -> (Self, String) {
        let journal = Self {
            rendition: first.rendition,
            first: first.msn,
            next: first.msn,
            end: first.start,
            dsn: first.dsn,
            map: None,
            gaps: false,
            ranges: 0,
        };
        let head = MediaPlaylist {
            independent_segments: true,
            target_duration: target_duration.into(),
            media_sequence: first.msn,
            discontinuity_sequence: first.dsn,
            ..MediaPlaylist::default()
        };
        (journal, write(&head, 6, Kind::Event))
    }

    /// Goes on with a playlist that a crash or a finished recording has left, and its text as it shall be.
    pub(super) fn reopen(rendition: Rendition, text: &[u8]) -> Result<(Self, String), ParseError> {
        let mut playlist = MediaPlaylist::parse(intact(text))?;
        playlist.end_list = false;
        let crossed = playlist.segments.iter().filter(|s| s.head.discontinuity);
        let crossed = u64::try_from(crossed.count()).unwrap_or(u64::MAX);
        let last = playlist.segments.back();
        let end = last.and_then(|last| {
            let start = last.head.program_date_time?;
            let length = last.duration.units().saturating_mul(MediaTime::HZ) / Seconds::PER_SECOND;
            Some(MediaTime::from_millis(start.unix_millis()).plus_ticks(length))
        });
        let gaps = playlist.segments.iter().any(|segment| segment.gap);
        let journal = Self {
            rendition,
            first: playlist.media_sequence,
            next: playlist.open_msn(),
            end: end.unwrap_or_default(),
            dsn: Dsn(playlist.discontinuity_sequence.0.saturating_add(crossed)),
            map: last.and_then(|last| last.head.map.clone()),
            gaps,
            ranges: playlist.date_ranges.len(),
        };
        let written = write(&playlist, if gaps { 8 } else { 6 }, Kind::Event);
        let held: BTreeSet<&str> = held_lines(text).collect();
        let text = written
            .split_inclusive('\n')
            .fold(String::new(), |all, line| {
                let mark = if held.contains(line.trim_end()) {
                    HELD
                } else {
                    ""
                };
                all + mark + line
            });
        Ok((journal, text))
    }

    /// The next segment; `kept` when its media are on disk. Nothing has changed until [`Journal::added`].
    pub(super) fn add(
        &self,
        closed: &Closed,
        kept: bool,
    ) -> Result<(Self, Addition), JournalError> {
        let missing = closed
            .msn
            .0
            .checked_sub(self.next.0)
            .ok_or(JournalError::Known)?;
        if closed.msn.0.saturating_sub(self.first.0) >= MAX_SEGMENTS {
            return Err(JournalError::Full);
        }
        let mut next = self.clone();
        let mut text = String::new();
        let each = closed.start.since(self.end.min(closed.start)) / missing.max(1);
        for n in 0..missing {
            let start = self.end.plus_ticks(each.saturating_mul(n));
            let segment = Segment {
                head: SegmentHead {
                    discontinuity: false,
                    map: self.map.clone(),
                    program_date_time: Some(ProgramDateTime::from_unix_millis(start.millis())),
                },
                parts: Vec::new(),
                gap: true,
                duration: Seconds::from_ticks(each),
                uri: Uri::beside(Object::Segment(self.rendition, Msn(self.next.0 + n))),
            };
            group(&mut text, &segment, false, &mut next.map);
        }
        for range in &closed.date_ranges {
            if next.ranges < MAX_RANGES {
                next.ranges += 1;
                let _infallible = writeln!(text, "#EXT-X-DATERANGE:{range}");
            }
        }
        let map = closed.init.as_ref().map(|(hash, _)| *hash);
        let segment = Segment {
            head: SegmentHead {
                discontinuity: closed.dsn != self.dsn,
                map: map
                    .map(|hash| Uri::beside(Object::Init(self.rendition, hash)))
                    .filter(|_| kept)
                    .or_else(|| self.map.clone()),
                program_date_time: Some(ProgramDateTime::from_unix_millis(closed.start.millis())),
            },
            parts: Vec::new(),
            gap: closed.gap || !kept,
            duration: closed.duration,
            uri: Uri::beside(Object::Segment(self.rendition, closed.msn)),
        };
        group(&mut text, &segment, closed.held, &mut next.map);
        next.gaps |= segment.gap || missing > 0;
        next.next = closed.msn.next();
        next.dsn = closed.dsn;
        let length = closed.duration.units().saturating_mul(MediaTime::HZ) / Seconds::PER_SECOND;
        next.end = closed.start.plus_ticks(length);
        let gaps = next.gaps;
        Ok((next, Addition { text, gaps }))
    }

    /// Whether EXT-X-VERSION is 8.
    pub(super) const fn has_gaps(&self) -> bool {
        self.gaps
    }
}

/// One segment's lines, as [`MediaPlaylist::write`] has them. A String takes every write.
fn group(out: &mut String, segment: &Segment, held: bool, map: &mut Option<Uri>) {
    let SegmentHead {
        discontinuity,
        map: needed,
        program_date_time,
    } = &segment.head;
    if *discontinuity {
        out.push_str("#EXT-X-DISCONTINUITY\n");
    }
    if let Some(uri) = needed
        && map.as_ref() != Some(uri)
    {
        let _infallible = writeln!(out, "#EXT-X-MAP:URI=\"{uri}\"");
        *map = Some(uri.clone());
    }
    if let Some(date) = program_date_time {
        let _infallible = writeln!(out, "#EXT-X-PROGRAM-DATE-TIME:{date}");
    }
    if segment.gap {
        out.push_str("#EXT-X-GAP\n");
    }
    let mark = if held { HELD } else { "" };
    let (duration, uri) = (segment.duration, &segment.uri);
    let _infallible = writeln!(out, "#EXTINF:{duration},\n{mark}{uri}");
}

/// The playlist as text, of that version and kind.
pub(super) fn write(playlist: &MediaPlaylist, version: u32, kind: Kind) -> String {
    let text = playlist.write();
    let rest = text
        .split_once("#EXT-X-TARGETDURATION")
        .map(|(_, rest)| rest);
    let kind = match kind {
        Kind::Event => "EVENT",
        Kind::Vod => "VOD",
    };
    format!(
        "{HEAD}{version}\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-PLAYLIST-TYPE:{kind}\n#EXT-X-TARGETDURATION{}",
        rest.unwrap_or_default()
    )
}

/// The segments of a playlist in which nobody published.
pub(super) fn held(rendition: Rendition, text: &[u8]) -> impl Iterator<Item = Msn> {
    held_lines(text).filter_map(move |line| {
        let object = format!("{rendition}/{line}").parse();
        match object {
            Ok(Object::Segment(_, msn)) => Some(msn),
            _ => None,
        }
    })
}

fn held_lines(text: &[u8]) -> impl Iterator<Item = &str> {
    let text = std::str::from_utf8(intact(text)).unwrap_or_default();
    let lines = text.split_inclusive('\n');
    let after = lines.clone().skip(1);
    let marked = lines.zip(after).filter(|(line, _)| *line == HELD);
    marked.map(|(_, uri)| uri.trim_end())
}

/// Whether nothing will be added.
pub(super) fn is_finished(text: &[u8]) -> bool {
    text.ends_with(END)
}

/// What of a playlist is whole: up to its last URI line, or its head; the end too if it has come.
pub(super) fn intact(text: &[u8]) -> &[u8] {
    // Where the power failed a file may end in zeros.
    let written = text.split(|byte| *byte == 0).next().unwrap_or_default();
    let mut whole = 0;
    let mut at = 0;
    for line in written.split_inclusive(|byte| *byte == b'\n') {
        at += line.len();
        let complete = line.ends_with(b"\n");
        let uri = !line.starts_with(b"#");
        let head = line.starts_with(b"#EXT-X-DISCONTINUITY-SEQUENCE:");
        let end = line == END && whole + END.len() == at;
        if complete && (uri || head || end) {
            whole = at;
        }
    }
    text.get(..whole).unwrap_or_default()
}

#[cfg(test)]
mod tests;
