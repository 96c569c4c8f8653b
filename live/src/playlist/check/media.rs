//! [pure] Rules that one media playlist can be held against.

use super::{FRAME_MS, Finding, Findings, Rule, date_ranges::date_ranges};
use crate::{
    Msn, PartIndex,
    playlist::{MediaPlaylist, Part, Seconds},
};

/// Holds EXT-X-VERSION as it was written ([`crate::playlist::version_of`]) against what the content needs.
pub fn version(written: Option<u32>, playlist: &MediaPlaylist) -> Vec<Finding> {
    let mut findings = Findings::default();
    let needed = playlist.needed_version();
    findings.need(written == Some(needed), Rule::Version, || match written {
        Some(written) => format!("written {written}, needed {needed}"),
        None => format!("no number, needed {needed}"),
    });
    findings.0
}

/// Holds one media playlist against the rules.
pub fn media(playlist: &MediaPlaylist) -> Vec<Finding> {
    let mut findings = Findings::default();
    segments(playlist, &mut findings);
    dates(playlist, &mut findings);
    date_ranges(playlist, &mut findings);
    if !playlist.end_list {
        live(playlist, &mut findings);
    }
    control(playlist, &mut findings);
    parts(playlist, &mut findings);
    parts_near_edge(playlist, &mut findings);
    end(playlist, &mut findings);
    findings.0
}

fn segments(playlist: &MediaPlaylist, findings: &mut Findings) {
    for (msn, segment) in playlist.numbered() {
        let fits = segment.duration.rounded() <= playlist.target_duration;
        findings.need(fits, Rule::SegmentOverTarget, || {
            let (is, most) = (segment.duration, playlist.target_duration);
            format!("{msn}: {is} s, target {most} s")
        });
        let uri = segment.uri.as_str();
        let fragmented = uri.contains(".m4s") || uri.contains(".mp4");
        let mapped = segment.head.map.is_some() || segment.gap || playlist.skipped.is_some();
        findings.need(mapped || !fragmented, Rule::MapMissing, || {
            format!("{msn}: {uri}")
        });
        let real_parts = segment.parts.iter().filter(|part| !part.gap).count();
        findings.need(!segment.gap || real_parts == 0, Rule::PartOfGap, || {
            format!("{msn}: {real_parts} parts without GAP")
        });
        if !segment.parts.is_empty() && !segment.gap {
            parts_add_up(msn, segment.duration, &segment.parts, findings);
        }
    }
}

fn parts_add_up(msn: Msn, duration: Seconds, parts: &[Part], findings: &mut Findings) {
    let sum: Seconds = parts.iter().map(|part| part.duration).sum();
    let apart = sum.units().abs_diff(duration.units());
    let same = apart <= Seconds::from_millis(FRAME_MS).units();
    findings.need(same, Rule::PartsAddUp, || {
        format!("{msn}: the parts last {sum} s, the segment {duration} s")
    });
}

/// Every head with what lies before the next, for playlists that date every segment or only some.
fn dates(playlist: &MediaPlaylist, findings: &mut Findings) {
    let complete = playlist
        .segments
        .iter()
        .map(|segment| (&segment.head, segment.duration));
    let open = playlist
        .open
        .iter()
        .map(|open| (&open.head, Seconds::default()));
    let mut expected: Option<u64> = None;
    for (head, duration) in complete.chain(open) {
        // In units of 10 µs, so that rounding does not add up over undated segments.
        let date = head.program_date_time;
        let date = date.map(|date| date.unix_millis().saturating_mul(100));
        if let (Some(date), Some(expected), false) = (date, expected, head.discontinuity) {
            let apart = date.abs_diff(expected) / 100;
            findings.need(apart <= FRAME_MS, Rule::ProgramDateTimeDrift, || {
                format!("{:?}: {apart} ms off", head.program_date_time)
            });
        }
        if let (Some(date), Some(expected), true) = (date, expected, head.discontinuity) {
            let back = expected.saturating_sub(date) / 100;
            findings.need(back < 1000, Rule::ProgramDateTimeBack, || {
                format!("{:?}: {back} ms back", head.program_date_time)
            });
        }
        expected = date
            .or_else(|| expected.filter(|_| !head.discontinuity))
            .map(|date| date.saturating_add(duration.units()));
    }
}

fn live(playlist: &MediaPlaylist, findings: &mut Findings) {
    let dated = playlist
        .segments
        .iter()
        .any(|segment| segment.head.program_date_time.is_some());
    findings.need(dated, Rule::ProgramDateTimeMissing, || "playlist".into());
    if playlist.skipped.is_none() {
        let length: Seconds = playlist.segments.iter().map(|s| s.duration).sum();
        let least = Seconds::from_secs(playlist.target_duration).times(3);
        findings.need(length >= least, Rule::ShortPlaylist, || {
            format!("{length} s, least {least} s")
        });
        let listed = playlist.segments.len();
        findings.need(listed >= 6, Rule::FewSegments, || format!("{listed}"));
    }
    if playlist.part_target.is_some() {
        let hinted = playlist.preload_hint.is_some();
        findings.need(hinted, Rule::PreloadHintMissing, || "playlist".into());
    }
}

fn control(playlist: &MediaPlaylist, findings: &mut Findings) {
    let control = playlist.server_control.unwrap_or_default();
    if let Some(target) = playlist.part_target {
        let hold_back = control.part_hold_back;
        findings.need(hold_back.is_some(), Rule::ServerControlMissing, || {
            "PART-HOLD-BACK".into()
        });
        let blocks = control.can_block_reload || playlist.end_list;
        findings.need(blocks, Rule::BlockingReloadMissing, || "playlist".into());
        for (least, rule) in [(2, Rule::PartHoldBackTwice), (3, Rule::PartHoldBackThrice)] {
            let enough = hold_back.is_none_or(|back| back >= target.times(least));
            findings.need(enough, rule, || format!("{hold_back:?}, target {target} s"));
        }
    }
    let target = Seconds::from_secs(playlist.target_duration);
    for (value, least, rule) in [
        (control.hold_back, 3, Rule::HoldBack),
        (control.can_skip_until, 6, Rule::CanSkipUntil),
    ] {
        let enough = value.is_none_or(|value| value >= target.times(least));
        findings.need(enough, rule, || format!("{value:?}, target {target} s"));
    }
}

fn parts(playlist: &MediaPlaylist, findings: &mut Findings) {
    let complete = playlist
        .numbered()
        .map(|(msn, segment)| (msn, segment.parts.as_slice(), true));
    let open = playlist
        .open
        .iter()
        .map(|open| (playlist.open_msn(), open.parts.as_slice(), false));
    for (msn, parts, complete) in complete.chain(open) {
        let Some(first) = parts.first() else {
            continue;
        };
        let starts = first.independent || first.gap || !playlist.independent_segments;
        findings.need(starts, Rule::FirstPartIndependent, || format!("{msn}"));
        match playlist.part_target {
            Some(target) => part_durations(msn, parts, complete, target, findings),
            None => findings.need(false, Rule::PartInfMissing, || format!("{msn}")),
        }
    }
}

fn part_durations(
    msn: Msn,
    parts: &[Part],
    complete: bool,
    target: Seconds,
    findings: &mut Findings,
) {
    let mut rest = parts.iter().peekable();
    for index in 0u32.. {
        let Some(part) = rest.next() else {
            return;
        };
        let place = || {
            format!(
                "{msn}.{}: {} s of {target} s",
                PartIndex(index),
                part.duration
            )
        };
        findings.need(part.duration <= target, Rule::PartOverTarget, place);
        let may_be_short = part.independent
            || part.gap
            || rest.peek().is_some_and(|next| next.gap)
            || (complete && rest.peek().is_none());
        let long_enough =
            part.duration.units().saturating_mul(100) >= target.units().saturating_mul(85);
        findings.need(long_enough || may_be_short, Rule::PartUnderTarget, place);
    }
}

fn parts_near_edge(playlist: &MediaPlaylist, findings: &mut Findings) {
    if playlist.part_target.is_none() || playlist.end_list {
        return;
    }
    let zone = Seconds::from_secs(playlist.target_duration).times(3);
    // Distance from the playlist's end to the end of the segment.
    let mut behind: Seconds = playlist
        .open
        .iter()
        .flat_map(|open| &open.parts)
        .map(|part| part.duration)
        .sum();
    for (msn, segment) in playlist.numbered().rev() {
        let place = || format!("{msn}: ends {behind} s before the playlist does");
        if behind > zone {
            // One segment of grace: a server may clear a segment's parts when the next one ends.
            let grace = behind <= zone.plus(Seconds::from_secs(playlist.target_duration));
            let clear = segment.parts.is_empty() || grace;
            findings.need(clear, Rule::PartsFarFromEdge, place);
        } else if behind.plus(segment.duration) <= zone {
            let listed = !segment.parts.is_empty() || segment.gap;
            findings.need(listed, Rule::PartsLeftEarly, place);
        }
        behind = behind.plus(segment.duration);
    }
}

fn end(playlist: &MediaPlaylist, findings: &mut Findings) {
    let Some(hint) = &playlist.preload_hint else {
        let over = playlist.end_list && playlist.open.is_some();
        findings.need(!over, Rule::HintAfterEnd, || "open segment".into());
        return;
    };
    findings.need(!playlist.end_list, Rule::HintAfterEnd, || hint.to_string());
    let complete = playlist.segments.iter().flat_map(|s| &s.parts);
    let open = playlist.open.iter().flat_map(|open| &open.parts);
    let listed = complete.chain(open).any(|part| part.uri == *hint);
    findings.need(!listed, Rule::PreloadHintListed, || hint.to_string());
}
