//! [pure] Rules that hold between two fetches of one media playlist.

use super::{Finding, Findings, Rule};
use crate::{
    Msn,
    playlist::{MediaPlaylist, Part, Seconds, Segment},
};

/// How far back a live playlist should reach (Apple 8.12); the oldest segment may be half out of it.
const WINDOW: Seconds = Seconds::from_secs(15 * 60 - 10);

/// Holds a later fetch against an earlier one of the same playlist. Delta updates are compared in what they list.
pub fn successive(earlier: &MediaPlaylist, later: &MediaPlaylist) -> Vec<Finding> {
    let mut findings = Findings::default();
    header(earlier, later, &mut findings);
    common_segments(earlier, later, &mut findings);
    discontinuities(earlier, later, &mut findings);
    hint(earlier, later, &mut findings);
    window(earlier, later, &mut findings);
    if earlier.end_list {
        let same = later.end_list && earlier.open_msn() == later.open_msn();
        findings.need(same, Rule::ChangedAfterEnd, || "playlist".into());
    }
    findings.0
}

fn header(earlier: &MediaPlaylist, later: &MediaPlaylist, findings: &mut Findings) {
    let (before, now) = (earlier.target_duration, later.target_duration);
    findings.need(before == now, Rule::TargetDurationChanged, || {
        format!("{before} s, then {now} s")
    });
    let (before, now) = (earlier.part_target, later.part_target);
    findings.need(before == now, Rule::PartTargetChanged, || {
        format!("{before:?}, then {now:?}")
    });
    let (before, now) = (earlier.media_sequence, later.media_sequence);
    findings.need(before <= now, Rule::MediaSequenceFell, || {
        format!("{before}, then {now}")
    });
    let (before, now) = (earlier.open_msn(), later.open_msn());
    findings.need(before <= now, Rule::SegmentVanished, || {
        format!("the last complete segment was the one before {before}, then before {now}")
    });
}

/// Only what has begun to drop segments shows how long its window is.
fn window(earlier: &MediaPlaylist, later: &MediaPlaylist, findings: &mut Findings) {
    if later.media_sequence > earlier.media_sequence && later.skipped.is_none() {
        let length: Seconds = later.segments.iter().map(|s| s.duration).sum();
        findings.need(length >= WINDOW, Rule::ShortWindow, || {
            format!("{length} s")
        });
    }
}

fn common_segments(earlier: &MediaPlaylist, later: &MediaPlaylist, findings: &mut Findings) {
    for (msn, before) in earlier.numbered() {
        if let Some(now) = segment_at(later, msn) {
            // A delta update does not repeat the EXT-X-MAP that its skipped segments had.
            let map_known = before.head.map == now.head.map || later.skipped.is_some();
            let same = before.uri == now.uri
                && before.duration == now.duration
                && before.gap == now.gap
                && before.head.discontinuity == now.head.discontinuity
                && before.head.program_date_time == now.head.program_date_time
                && map_known;
            findings.need(same, Rule::SegmentChanged, || format!("{msn}"));
            // Its parts may have left, all together.
            let same = now.parts.is_empty() || before.parts == now.parts;
            findings.need(same, Rule::PartChanged, || format!("{msn}"));
        }
    }
    if let Some(open) = &earlier.open {
        let msn = earlier.open_msn();
        let now = parts_at(later, msn).unwrap_or_default();
        let same = now.is_empty() || now.starts_with(&open.parts);
        findings.need(same, Rule::PartChanged, || format!("{msn}"));
    }
}

fn discontinuities(earlier: &MediaPlaylist, later: &MediaPlaylist, findings: &mut Findings) {
    let removed_all_that_was_seen =
        later.media_sequence > earlier.open_msn() || earlier.skipped.is_some();
    if removed_all_that_was_seen {
        return;
    }
    let left = earlier
        .numbered()
        .filter(|(msn, segment)| *msn < later.media_sequence && segment.head.discontinuity)
        .count();
    let expected = u64::try_from(left)
        .unwrap_or(u64::MAX)
        .saturating_add(earlier.discontinuity_sequence.0);
    let now = later.discontinuity_sequence.0;
    findings.need(now == expected, Rule::DiscontinuitySequence, || {
        format!("{now}, expected {expected}")
    });
}

/// The hint names the part after the last one. When the segment ended without it the hint was void (§4.4.5.3).
fn hint(earlier: &MediaPlaylist, later: &MediaPlaylist, findings: &mut Findings) {
    let known = earlier.open.as_ref().map_or(0, |open| open.parts.len());
    let came = parts_at(later, earlier.open_msn()).and_then(|parts| parts.get(known));
    if let (Some(hint), Some(came)) = (&earlier.preload_hint, came) {
        findings.need(came.uri == *hint, Rule::PreloadHintBroken, || {
            format!("hinted {hint}, came {}", came.uri)
        });
    }
}

fn segment_at(playlist: &MediaPlaylist, msn: Msn) -> Option<&Segment> {
    let (first, _) = playlist.numbered().next()?;
    let index = usize::try_from(msn.0.checked_sub(first.0)?).ok()?;
    playlist.segments.get(index)
}

fn parts_at(playlist: &MediaPlaylist, msn: Msn) -> Option<&[Part]> {
    if msn == playlist.open_msn() {
        playlist.open.as_ref().map(|open| open.parts.as_slice())
    } else {
        segment_at(playlist, msn).map(|segment| segment.parts.as_slice())
    }
}
