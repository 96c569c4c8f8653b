//! [pure] Reads a media playlist. Tags and attributes it does not know are passed over (§6.3.1).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::str::FromStr;

use super::{
    MediaPlaylist, OpenSegment, ParseError, Part, RenditionReport, Seconds, Segment, SegmentHead,
    ServerControl, Skipped, Uri,
    attributes::{Attributes, needed},
    parse::{Mistake, Statement, once, start, statements},
};
use crate::{Dsn, Msn, PartIndex, segment::decimal};

impl MediaPlaylist {
    /// Reads a playlist as a server sent it.
    pub fn parse(playlist: &[u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::default();
        let mut last = 0;
        for (line, statement) in statements(playlist)? {
            last = line;
            match statement {
                Statement::Uri(uri) => reader.uri(uri).map_err(|m| m.at(line, "URI"))?,
                Statement::Tag(name, value) => {
                    // Found among the known ones, so that an error's tag is ours and not the server's text.
                    if let Some(tag) = TAGS.iter().find(|known| **known == name) {
                        reader.tag(tag, value).map_err(|m| m.at(line, tag))?;
                    }
                }
            }
        }
        reader.finish(last)
    }
}

const TAGS: [&str; 23] = [
    "EXT-X-INDEPENDENT-SEGMENTS",
    "EXT-X-START",
    "EXT-X-TARGETDURATION",
    "EXT-X-SERVER-CONTROL",
    "EXT-X-PART-INF",
    "EXT-X-MEDIA-SEQUENCE",
    "EXT-X-DISCONTINUITY-SEQUENCE",
    "EXT-X-SKIP",
    "EXT-X-DATERANGE",
    "EXT-X-DISCONTINUITY",
    "EXT-X-MAP",
    "EXT-X-PROGRAM-DATE-TIME",
    "EXT-X-PART",
    "EXT-X-GAP",
    "EXTINF",
    "EXT-X-PRELOAD-HINT",
    "EXT-X-RENDITION-REPORT",
    "EXT-X-ENDLIST",
    // Of the other kind: a media playlist must not contain them (§4.4.6).
    "EXT-X-STREAM-INF",
    "EXT-X-MEDIA",
    "EXT-X-I-FRAME-STREAM-INF",
    "EXT-X-CONTENT-STEERING",
    "EXT-X-SESSION-DATA",
];

/// What has been read so far.
#[derive(Default)]
struct Reader {
    playlist: MediaPlaylist,
    target_duration: Option<u64>,
    media_sequence: Option<Msn>,
    discontinuity_sequence: Option<Dsn>,
    /// The initialization section in force.
    map: Option<Uri>,
    /// What was said of the segment whose URI has not come yet.
    next: OpenSegment,
    gap: bool,
    duration: Option<Seconds>,
}

impl Reader {
    fn tag(&mut self, tag: &str, value: &str) -> Result<(), Mistake> {
        let list = &mut self.playlist;
        match tag {
            "EXT-X-INDEPENDENT-SEGMENTS" => list.independent_segments = true,
            "EXT-X-ENDLIST" => list.end_list = true,
            "EXT-X-START" => once(&mut list.start, start(value)?)?,
            "EXT-X-TARGETDURATION" => once(&mut self.target_duration, number(value)?)?,
            "EXT-X-SERVER-CONTROL" => once(&mut list.server_control, server_control(value)?)?,
            "EXT-X-PART-INF" => once(&mut list.part_target, part_target(value)?)?,
            "EXT-X-MEDIA-SEQUENCE" => once(&mut self.media_sequence, Msn(number(value)?))?,
            "EXT-X-DISCONTINUITY-SEQUENCE" => {
                once(&mut self.discontinuity_sequence, Dsn(number(value)?))?;
            }
            "EXT-X-SKIP" => once(&mut list.skipped, skipped(value)?)?,
            "EXT-X-DATERANGE" => list.date_ranges.push(whole(value.trim())?),
            "EXT-X-RENDITION-REPORT" => list.rendition_reports.push(rendition_report(value)?),
            "EXT-X-PRELOAD-HINT" => {
                if let Some(uri) = preload_hint(value)? {
                    once(&mut list.preload_hint, uri)?;
                }
            }
            _ => return self.segment_tag(tag, value),
        }
        Ok(())
    }

    fn segment_tag(&mut self, tag: &str, value: &str) -> Result<(), Mistake> {
        match tag {
            "EXT-X-DISCONTINUITY" => self.next.head.discontinuity = true,
            "EXT-X-MAP" => {
                let attributes = Attributes::parse(value)?;
                self.map = Some(needed("URI", attributes.quoted("URI")?)?);
            }
            "EXT-X-PROGRAM-DATE-TIME" => self.next.head.program_date_time = Some(whole(value)?),
            "EXT-X-PART" => self.next.parts.push(part(value)?),
            "EXT-X-GAP" => self.gap = true,
            "EXTINF" => {
                let (duration, _title) = value.split_once(',').unwrap_or((value, ""));
                once(&mut self.duration, whole(duration)?)?;
            }
            _ => return Err(Mistake::OtherKind),
        }
        Ok(())
    }

    fn uri(&mut self, uri: &str) -> Result<(), Mistake> {
        let duration = self.duration.take().ok_or(Mistake::StrayUri)?;
        let OpenSegment { mut head, parts } = std::mem::take(&mut self.next);
        head.map.clone_from(&self.map);
        self.playlist.segments.push_back(Segment {
            head,
            parts,
            gap: std::mem::take(&mut self.gap),
            duration,
            uri: whole(uri)?,
        });
        Ok(())
    }

    fn finish(mut self, last: usize) -> Result<MediaPlaylist, ParseError> {
        if self.duration.is_some() {
            return Err(Mistake::NoUri.at(last, "EXTINF"));
        }
        let target = self
            .target_duration
            .ok_or(Mistake::MissingTag.at(0, "EXT-X-TARGETDURATION"))?;
        let SegmentHead {
            discontinuity,
            program_date_time,
            ..
        } = self.next.head;
        if discontinuity || program_date_time.is_some() || !self.next.parts.is_empty() {
            self.next.head.map = self.map;
            self.playlist.open = Some(self.next);
        }
        self.playlist.target_duration = target;
        self.playlist.media_sequence = self.media_sequence.unwrap_or_default();
        self.playlist.discontinuity_sequence = self.discontinuity_sequence.unwrap_or_default();
        Ok(self.playlist)
    }
}

fn number(value: &str) -> Result<u64, Mistake> {
    decimal(value).ok_or(Mistake::Value)
}

fn whole<T: FromStr>(value: &str) -> Result<T, Mistake> {
    value.parse().map_err(|_| Mistake::Value)
}

fn server_control(value: &str) -> Result<ServerControl, Mistake> {
    let attributes = Attributes::parse(value)?;
    Ok(ServerControl {
        can_block_reload: attributes.yes("CAN-BLOCK-RELOAD"),
        can_skip_until: attributes.bare("CAN-SKIP-UNTIL")?,
        can_skip_date_ranges: attributes.yes("CAN-SKIP-DATERANGES"),
        hold_back: attributes.bare("HOLD-BACK")?,
        part_hold_back: attributes.bare("PART-HOLD-BACK")?,
    })
}

fn part_target(value: &str) -> Result<Seconds, Mistake> {
    needed(
        "PART-TARGET",
        Attributes::parse(value)?.bare("PART-TARGET")?,
    )
}

fn skipped(value: &str) -> Result<Skipped, Mistake> {
    let attributes = Attributes::parse(value)?;
    Ok(Skipped {
        segments: needed("SKIPPED-SEGMENTS", attributes.bare("SKIPPED-SEGMENTS")?)?,
        removed_date_ranges: attributes.quoted("RECENTLY-REMOVED-DATERANGES")?,
    })
}

fn part(value: &str) -> Result<Part, Mistake> {
    let attributes = Attributes::parse(value)?;
    Ok(Part {
        uri: needed("URI", attributes.quoted("URI")?)?,
        duration: needed("DURATION", attributes.bare("DURATION")?)?,
        independent: attributes.yes("INDEPENDENT"),
        gap: attributes.yes("GAP"),
    })
}

/// None for hints of another type: a client ignores them (§4.4.5.3).
fn preload_hint(value: &str) -> Result<Option<Uri>, Mistake> {
    let attributes = Attributes::parse(value)?;
    match attributes.word("TYPE")? {
        "PART" => needed("URI", attributes.quoted("URI")?).map(Some),
        _ => Ok(None),
    }
}

fn rendition_report(value: &str) -> Result<RenditionReport, Mistake> {
    let attributes = Attributes::parse(value)?;
    Ok(RenditionReport {
        uri: needed("URI", attributes.quoted("URI")?)?,
        last_msn: Msn(needed("LAST-MSN", attributes.bare("LAST-MSN")?)?),
        last_part: attributes.bare("LAST-PART")?.map(PartIndex),
    })
}
