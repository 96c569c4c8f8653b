//! [pure] Answers to delivery directives, held against what was asked (RFC 8216bis §6.2.5).

use live::{
    Msn, PartIndex,
    playlist::{
        MediaPlaylist, RenditionReport, Seconds,
        check::{Finding, Rule},
    },
};

use super::report::Report;

/// What to ask for so that the next news is waited for.
pub(super) fn next_query(playlist: &MediaPlaylist) -> (Msn, Option<PartIndex>, String) {
    let msn = playlist.open_msn();
    if playlist.part_target.is_none() {
        return (msn, None, format!("_HLS_msn={msn}"));
    }
    let parts = playlist.open.as_ref().map_or(0, |open| open.parts.len());
    let part = PartIndex(u32::try_from(parts).unwrap_or(u32::MAX));
    (msn, Some(part), format!("_HLS_msn={msn}&_HLS_part={part}"))
}

/// Whether the playlist holds what was waited for.
pub(super) fn waited(
    uri: &str,
    msn: Msn,
    part: Option<PartIndex>,
    answer: &MediaPlaylist,
    report: &mut Report,
) {
    let complete = answer.open_msn() > msn;
    let there = match part {
        None => complete,
        // Where the segment ended without that part, the first of the next one is meant.
        Some(part) => match answer.edge() {
            Some((last, edge)) => (last, edge) >= (msn, Some(part)) || complete && edge.is_none(),
            None => false,
        },
    };
    report.need(
        there || answer.end_list,
        Rule::BlockingReloadIgnored,
        || {
            let part = part.map_or_else(String::new, |part| format!(".{part}"));
            let edge = answer.open_msn();
            format!("{uri}: asked for {msn}{part}, the answer has come to {edge}")
        },
    );
}

/// Holds a delta update against the playlist it stands for. Both answer a request for the same segment or part, so that
/// neither is much newer.
pub(super) fn delta(uri: &str, full: &MediaPlaylist, delta: &MediaPlaylist, report: &mut Report) {
    report.tested_rules(&[Rule::DeltaIgnored, Rule::DeltaTooDeep, Rule::DeltaDiffers]);
    let Some(skipped) = &delta.skipped else {
        // Nothing has to be left out across a discontinuity, and the edge may have moved in between.
        let due = full.skippable() > 0 && delta.skippable() > 0;
        report.need(!due, Rule::DeltaIgnored, || uri.to_owned());
        return;
    };
    let allowed = skippable(delta);
    report.need(allowed, Rule::DeltaTooDeep, || {
        format!("{uri}: {} segments left out", skipped.segments)
    });
    for (msn, segment) in delta.numbered() {
        if let Some((_, whole)) = full.numbered().find(|(n, _)| *n == msn) {
            let same = whole.uri == segment.uri
                && whole.duration == segment.duration
                && whole.gap == segment.gap
                && whole.head.discontinuity == segment.head.discontinuity;
            report.need(same, Rule::DeltaDiffers, || format!("{uri}: {msn}"));
        }
    }
    let reaches = delta.open_msn() >= full.open_msn();
    report.need(reaches, Rule::DeltaDiffers, || {
        let (ends, whole) = (delta.open_msn(), full.open_msn());
        format!("{uri}: ends before {ends}, the playlist before {whole}")
    });
}

/// Holds a delta update that may leave out date ranges against one that may not.
pub(super) fn delta_v2(
    uri: &str,
    without: &MediaPlaylist,
    delta: &MediaPlaylist,
    report: &mut Report,
) {
    report.tested_rules(&[Rule::DeltaV2]);
    let told = |delta: &MediaPlaylist| {
        let skipped = delta.skipped.as_ref();
        skipped.map(|skipped| skipped.removed_date_ranges.is_some())
    };
    let (before, now) = (told(without), told(delta));
    report.need(before.is_none() || now == Some(true), Rule::DeltaV2, || {
        let said = match now {
            None => "nothing is left out",
            Some(_) => "RECENTLY-REMOVED-DATERANGES is missing",
        };
        format!("{uri}: {said}")
    });
}

/// Whether what the delta update still lists reaches back to CAN-SKIP-UNTIL.
fn skippable(delta: &MediaPlaylist) -> bool {
    let Some(boundary) = delta.server_control.and_then(|c| c.can_skip_until) else {
        return false;
    };
    let complete: Seconds = delta.segments.iter().map(|s| s.duration).sum();
    let open = delta.open.iter().flat_map(|open| &open.parts);
    let open: Seconds = open.map(|part| part.duration).sum();
    complete.plus(open) >= boundary
}

/// Holds what one playlist reports of another against what that one was seen to hold before.
pub(super) fn reported(
    uri: &str,
    told: &RenditionReport,
    seen: &MediaPlaylist,
    report: &mut Report,
) {
    let last = Msn(seen.open_msn().0.saturating_sub(1));
    let near = told.last_msn.next() >= last;
    report.need(near, Rule::ReportBehind, || {
        let (other, told) = (&told.uri, told.last_msn);
        format!("{uri}: of {other}: {told}, while it had {last}")
    });
}

/// Holds a refusal, or what should have been one.
pub(super) fn refused(rule: Rule, status: u16, what: &str) -> Vec<Finding> {
    let place = format!("{what}: {status}");
    let broken = status != 400;
    broken
        .then_some(Finding { rule, place })
        .into_iter()
        .collect()
}

#[cfg(test)]
mod tests {
    use live::playlist::check::Level;

    use super::*;

    fn playlist(first: u64, segments: usize, parts: usize, skip: u64) -> MediaPlaylist {
        let skip = if skip > 0 {
            format!("#EXT-X-SKIP:SKIPPED-SEGMENTS={skip}\n")
        } else {
            String::new()
        };
        let from = first;
        let skipped = if skip.is_empty() { 0 } else { 4 };
        let listed: String = (0..segments)
            .map(|n| format!("#EXTINF:2,\n{}.m4s\n", from + skipped + n as u64))
            .collect();
        let open: String = (0..parts)
            .map(|n| format!("#EXT-X-PART:DURATION=0.5,URI=\"o.{n}.m4s\"\n"))
            .collect();
        let text = format!(
            "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-SERVER-CONTROL:CAN-SKIP-UNTIL=12\n\
             #EXT-X-PART-INF:PART-TARGET=0.5\n#EXT-X-MEDIA-SEQUENCE:{from}\n{skip}{listed}{open}"
        );
        MediaPlaylist::parse(text.as_bytes()).unwrap()
    }

    fn judged(judge: impl FnOnce(&mut Report)) -> Option<Level> {
        let mut report = Report::default();
        judge(&mut report);
        report.worst()
    }

    #[test]
    fn the_next_news_is_asked_for() {
        let (msn, part, query) = next_query(&playlist(100, 10, 3, 0));
        assert_eq!((msn, part), (Msn(110), Some(PartIndex(3))));
        assert_eq!(query, "_HLS_msn=110&_HLS_part=3");
    }

    #[test]
    fn an_answer_that_came_too_early_is_found() {
        let at = |answer: &MediaPlaylist| {
            judged(|r| waited("x", Msn(110), Some(PartIndex(3)), answer, r))
        };
        assert_eq!(at(&playlist(100, 10, 4, 0)), None);
        assert_eq!(at(&playlist(100, 11, 1, 0)), None);
        assert_eq!(at(&playlist(100, 10, 3, 0)), Some(Level::Must));
        let whole = |answer: &MediaPlaylist| judged(|r| waited("x", Msn(110), None, answer, r));
        assert_eq!(whole(&playlist(100, 11, 0, 0)), None);
        assert_eq!(whole(&playlist(100, 10, 3, 0)), Some(Level::Must));
    }

    #[test]
    fn a_delta_update_with_date_ranges_says_which_have_left() {
        let without = playlist(100, 8, 1, 4);
        let at = |delta: &MediaPlaylist| judged(|r| delta_v2("x", &without, delta, r));
        let mut told = without.clone();
        if let Some(skipped) = &mut told.skipped {
            skipped.removed_date_ranges = Some(live::playlist::Text::shown("", 0));
        }
        assert_eq!(at(&told), None);
        assert_eq!(at(&without), Some(Level::Must));
        assert_eq!(at(&playlist(100, 12, 1, 0)), Some(Level::Must));
        let whole = playlist(100, 12, 1, 0);
        assert_eq!(judged(|r| delta_v2("x", &whole, &whole, r)), None);
    }

    #[test]
    fn a_delta_update_is_held_against_the_whole() {
        let full = playlist(100, 12, 1, 0);
        let at = |short: &MediaPlaylist| judged(|r| delta("x", &full, short, r));
        assert_eq!(at(&playlist(100, 8, 1, 4)), None);
        // Too short, another playlist's, and none at all.
        assert_eq!(at(&playlist(100, 3, 1, 4)), Some(Level::Must));
        assert_eq!(at(&playlist(101, 8, 1, 3)), Some(Level::Must));
        assert_eq!(at(&full), Some(Level::Must));
    }

    #[test]
    fn a_report_may_be_a_segment_old() {
        let seen = playlist(100, 10, 1, 0);
        let at = |last| {
            let told = RenditionReport {
                uri: "../x".parse().unwrap(),
                last_msn: Msn(last),
                last_part: None,
            };
            judged(|r| reported("x", &told, &seen, r))
        };
        assert_eq!(at(108), None);
        assert_eq!(at(107), Some(Level::Should));
    }

    #[test]
    fn only_400_is_a_refusal() {
        assert_eq!(refused(Rule::FarFutureAccepted, 400, "x"), []);
        assert_eq!(refused(Rule::FarFutureAccepted, 200, "x").len(), 1);
    }
}
