//! [pure] Writes the I-frame playlist beside a media playlist: the first picture of each complete segment.

use std::fmt::{self, Write};

use super::{MediaPlaylist, Seconds, Skipped, Text, write_media::write_skip};
use crate::{Msn, Skip};

impl MediaPlaylist {
    /// The playlist of the first pictures (EXT-X-I-FRAMES-ONLY, §4.4.3.6). Each is shown until the next segment. `length`
    /// says of a segment how many bytes at its start decode its first picture; one without is a GAP. With `skip` it is
    /// the delta update, where there is something to leave out. Date ranges are in the other playlists.
    pub fn write_i_frames(
        &self,
        length: impl Fn(Msn) -> Option<u64>,
        skip: Option<Skip>,
    ) -> String {
        let mut out = String::new();
        let count = if skip.is_some() {
            self.skippable_pictures()
        } else {
            0
        };
        let ranges = skip == Some(Skip::V2);
        // A String takes every write.
        let _infallible = self.write_pictures(&mut out, length, count, ranges);
        out
    }

    /// As [`skippable`](Self::skippable), but the playlist ends with the last complete segment.
    fn skippable_pictures(&self) -> usize {
        let Some(boundary) = self.server_control.and_then(|c| c.can_skip_until) else {
            return 0;
        };
        let mut behind = Seconds::default();
        let kept = self.segments.iter().rev().take_while(|segment| {
            let inside = behind <= boundary;
            behind = behind.plus(segment.duration);
            inside
        });
        let count = self.segments.len().saturating_sub(kept.count());
        let mut skipped = self.segments.iter().take(count);
        if self.end_list || skipped.any(|segment| segment.head.discontinuity) {
            0
        } else {
            count
        }
    }

    fn write_pictures(
        &self,
        out: &mut String,
        length: impl Fn(Msn) -> Option<u64>,
        count: usize,
        ranges: bool,
    ) -> fmt::Result {
        let is_gap = |msn| length(msn).is_none();
        let mut listed = self.numbered().skip(count);
        // §8: ranges of bytes need 4, EXT-X-MAP beside EXT-X-I-FRAMES-ONLY 5, GAP 8, SKIP 9 and with
        // date ranges 10.
        let version = match count {
            0 if listed.any(|(msn, _)| is_gap(msn)) => 8,
            0 if self
                .segments
                .iter()
                .any(|segment| segment.head.map.is_some()) =>
            {
                5
            }
            0 => 4,
            _ if ranges => 10,
            _ => 9,
        };
        let head = Self {
            part_target: None,
            independent_segments: self.independent_segments,
            target_duration: self.target_duration,
            server_control: self.server_control,
            media_sequence: self.media_sequence,
            discontinuity_sequence: self.discontinuity_sequence,
            ..Self::default()
        };
        head.write_header(out, version)?;
        out.write_str("#EXT-X-I-FRAMES-ONLY\n")?;
        if let Ok(segments @ 1..) = u64::try_from(count) {
            let removed_date_ranges = ranges.then(|| Text::shown("", 0));
            write_skip(
                out,
                &Skipped {
                    segments,
                    removed_date_ranges,
                },
            )?;
        }
        let before = count.checked_sub(1).and_then(|n| self.segments.get(n));
        let mut map = before.and_then(|segment| segment.head.map.as_ref());
        for (msn, segment) in self.numbered().skip(count) {
            if segment.head.discontinuity {
                out.write_str("#EXT-X-DISCONTINUITY\n")?;
            }
            if let Some(uri) = segment.head.map.as_ref().filter(|uri| map != Some(*uri)) {
                writeln!(out, "#EXT-X-MAP:URI=\"{uri}\"")?;
                map = Some(uri);
            }
            if let Some(date) = segment.head.program_date_time {
                writeln!(out, "#EXT-X-PROGRAM-DATE-TIME:{date}")?;
            }
            match length(msn) {
                Some(bytes) => writeln!(out, "#EXT-X-BYTERANGE:{bytes}@0")?,
                None => out.write_str("#EXT-X-GAP\n")?,
            }
            writeln!(out, "#EXTINF:{},\n{}", segment.duration, segment.uri)?;
        }
        if self.end_list {
            out.write_str("#EXT-X-ENDLIST\n")?;
        }
        Ok(())
    }
}
