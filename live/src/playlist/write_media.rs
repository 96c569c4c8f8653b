//! [pure] Writes a media playlist, whole or as a delta update. The bytes depend on the model alone.

use std::fmt::{self, Write};

use super::{
    MediaPlaylist, OpenSegment, Part, Segment, SegmentHead, ServerControl, Skipped, Start, Text,
    Uri,
};

/// Room for one segment with a few parts, so that a playlist is written without growing its buffer.
const BYTES_PER_SEGMENT: usize = 400;

impl MediaPlaylist {
    /// The whole playlist as text.
    pub fn write(&self) -> String {
        self.write_skipping(0, None)
    }

    /// The delta update for `_HLS_skip=YES` (§6.2.5.1): the oldest segments become EXT-X-SKIP. The whole playlist when
    /// there is nothing to leave out.
    pub fn write_delta(&self) -> String {
        self.write_skipping(self.skippable(), None)
    }

    /// The delta update for `_HLS_skip=v2`: it leaves out the first `known` date ranges too, and says which ones
    /// have left the playlist of late.
    pub fn write_delta_v2(&self, known: usize, removed: &Text) -> String {
        self.write_skipping(self.skippable(), Some((known, removed)))
    }

    /// EXT-X-VERSION as high as the content needs and no higher (§8).
    pub fn needed_version(&self) -> u32 {
        let gap = self.segments.iter().any(|segment| segment.gap);
        let map = self
            .segments
            .iter()
            .any(|segment| segment.head.map.is_some());
        self.version_with(gap, map)
    }

    /// As [`needed_version`](Self::needed_version), when it is known what the complete segments hold.
    pub(super) fn version_with(&self, gap: bool, map: bool) -> u32 {
        let open = self
            .open
            .as_ref()
            .is_some_and(|open| open.head.map.is_some());
        match &self.skipped {
            Some(skipped) if skipped.removed_date_ranges.is_some() => 10,
            Some(_) => 9,
            None if gap => 8,
            None if map || open => 6,
            None => 3,
        }
    }

    fn write_skipping(&self, count: usize, ranges: Option<(usize, &Text)>) -> String {
        let entries = self.segments.len().saturating_sub(count).saturating_add(2);
        let mut out = String::with_capacity(entries.saturating_mul(BYTES_PER_SEGMENT));
        // A String takes every write.
        let _infallible = self.write_to(&mut out, count, ranges);
        out
    }

    fn write_to(
        &self,
        out: &mut String,
        count: usize,
        ranges: Option<(usize, &Text)>,
    ) -> fmt::Result {
        let ranges = ranges.filter(|_| count > 0);
        let skipped = match (&self.skipped, u64::try_from(count)) {
            (None, Ok(segments)) if segments > 0 => Some(&Skipped {
                segments,
                removed_date_ranges: ranges.map(|(_, removed)| removed.clone()),
            }),
            (skipped, _) => skipped.as_ref(),
        };
        let version = match (&self.skipped, ranges) {
            (None, Some(_)) => 10,
            (None, None) if count > 0 => 9,
            _ => self.needed_version(),
        };
        self.write_header(out, version)?;
        if let Some(skipped) = skipped {
            write_skip(out, skipped)?;
        }
        self.write_date_ranges(out, ranges.map_or(0, |(known, _)| known))?;
        self.write_from(out, count)
    }

    /// Those after the first `known`.
    pub(super) fn write_date_ranges(&self, out: &mut String, known: usize) -> fmt::Result {
        self.date_ranges
            .iter()
            .skip(known)
            .try_for_each(|line| writeln!(out, "#EXT-X-DATERANGE:{line}"))
    }

    /// What follows the first `count` complete segments, which the player knows.
    pub(super) fn write_from(&self, out: &mut String, count: usize) -> fmt::Result {
        let before = count
            .checked_sub(1)
            .and_then(|last| self.segments.get(last));
        let mut map = before.and_then(|segment| segment.head.map.as_ref());
        for segment in self.segments.range(count.min(self.segments.len())..) {
            write_segment(out, segment, map)?;
            map = segment.head.map.as_ref();
        }
        if let Some(OpenSegment { head, parts }) = &self.open {
            write_head(out, head, map)?;
            write_parts(out, parts)?;
        }
        self.write_footer(out)
    }

    pub(super) fn write_header(&self, out: &mut String, version: u32) -> fmt::Result {
        writeln!(out, "#EXTM3U\n#EXT-X-VERSION:{version}")?;
        if self.independent_segments {
            out.write_str("#EXT-X-INDEPENDENT-SEGMENTS\n")?;
        }
        if let Some(start) = &self.start {
            write_start(out, start)?;
        }
        writeln!(out, "#EXT-X-TARGETDURATION:{}", self.target_duration)?;
        if let Some(control) = &self.server_control {
            write_server_control(out, control)?;
        }
        if let Some(target) = self.part_target {
            writeln!(out, "#EXT-X-PART-INF:PART-TARGET={target}")?;
        }
        writeln!(out, "#EXT-X-MEDIA-SEQUENCE:{}", self.media_sequence)?;
        // Always there: once a discontinuity has left the playlist its absence would be read as 0 (§6.2.2).
        writeln!(
            out,
            "#EXT-X-DISCONTINUITY-SEQUENCE:{}",
            self.discontinuity_sequence
        )
    }

    fn write_footer(&self, out: &mut String) -> fmt::Result {
        if let Some(uri) = &self.preload_hint {
            writeln!(out, "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"{uri}\"")?;
        }
        for report in &self.rendition_reports {
            write!(
                out,
                "#EXT-X-RENDITION-REPORT:URI=\"{}\",LAST-MSN={}",
                report.uri, report.last_msn
            )?;
            if let Some(part) = report.last_part {
                write!(out, ",LAST-PART={part}")?;
            }
            out.write_char('\n')?;
        }
        if self.end_list {
            out.write_str("#EXT-X-ENDLIST\n")?;
        }
        Ok(())
    }
}

fn write_server_control(out: &mut String, control: &ServerControl) -> fmt::Result {
    out.write_str("#EXT-X-SERVER-CONTROL:")?;
    let mut comma = "";
    let mut add = |attribute: fmt::Arguments<'_>| {
        write!(out, "{comma}{attribute}")?;
        comma = ",";
        Ok(())
    };
    if control.can_block_reload {
        add(format_args!("CAN-BLOCK-RELOAD=YES"))?;
    }
    if let Some(until) = control.can_skip_until {
        add(format_args!("CAN-SKIP-UNTIL={until}"))?;
    }
    if control.can_skip_date_ranges {
        add(format_args!("CAN-SKIP-DATERANGES=YES"))?;
    }
    if let Some(hold_back) = control.hold_back {
        add(format_args!("HOLD-BACK={hold_back}"))?;
    }
    if let Some(hold_back) = control.part_hold_back {
        add(format_args!("PART-HOLD-BACK={hold_back}"))?;
    }
    out.write_char('\n')
}

/// Also of the multivariant playlist.
pub(super) fn write_start(out: &mut String, start: &Start) -> fmt::Result {
    let sign = if start.from_end { "-" } else { "" };
    let precise = if start.precise { ",PRECISE=YES" } else { "" };
    writeln!(
        out,
        "#EXT-X-START:TIME-OFFSET={sign}{}{precise}",
        start.offset
    )
}

pub(super) fn write_skip(out: &mut String, skipped: &Skipped) -> fmt::Result {
    write!(out, "#EXT-X-SKIP:SKIPPED-SEGMENTS={}", skipped.segments)?;
    if let Some(removed) = &skipped.removed_date_ranges {
        write!(out, ",RECENTLY-REMOVED-DATERANGES=\"{removed}\"")?;
    }
    out.write_char('\n')
}

/// `map` is the initialization section of the segment before.
pub(super) fn write_segment(out: &mut String, segment: &Segment, map: Option<&Uri>) -> fmt::Result {
    write_head(out, &segment.head, map)?;
    write_parts(out, &segment.parts)?;
    if segment.gap {
        out.write_str("#EXT-X-GAP\n")?;
    }
    writeln!(out, "#EXTINF:{},\n{}", segment.duration, segment.uri)
}

fn write_head(out: &mut String, head: &SegmentHead, map: Option<&Uri>) -> fmt::Result {
    if head.discontinuity {
        out.write_str("#EXT-X-DISCONTINUITY\n")?;
    }
    if let Some(uri) = &head.map
        && map != Some(uri)
    {
        writeln!(out, "#EXT-X-MAP:URI=\"{uri}\"")?;
    }
    if let Some(date) = head.program_date_time {
        writeln!(out, "#EXT-X-PROGRAM-DATE-TIME:{date}")?;
    }
    Ok(())
}

fn write_parts(out: &mut String, parts: &[Part]) -> fmt::Result {
    for part in parts {
        write!(
            out,
            "#EXT-X-PART:DURATION={},URI=\"{}\"",
            part.duration, part.uri
        )?;
        if part.independent {
            out.write_str(",INDEPENDENT=YES")?;
        }
        if part.gap {
            out.write_str(",GAP=YES")?;
        }
        out.write_char('\n')?;
    }
    Ok(())
}
