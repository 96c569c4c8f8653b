//! Every rule has a playlist that keeps it and one that breaks it.

use std::collections::BTreeSet;

use super::*;
use crate::{
    Dsn, Msn,
    playlist::{
        ByteRange, IFrameVariant, MediaPlaylist, Multivariant, PlaylistType, ProgramDateTime,
        Seconds, Text, Uri, Wording,
        tests::{ladder, live},
    },
};

/// [`successive`], for fixtures whose window is of seconds only.
fn succeeding(earlier: &MediaPlaylist, later: &MediaPlaylist) -> Vec<Finding> {
    let mut findings = successive(earlier, later);
    findings.retain(|finding| finding.rule != Rule::ShortWindow);
    findings
}

/// [`ladder`] as Apple would have it: the middle first, and with I-frames.
fn fine_ladder() -> Multivariant {
    let mut playlist = ladder();
    playlist.variants.reverse();
    playlist.i_frame_variants = vec![IFrameVariant {
        bandwidth: 100_000,
        average_bandwidth: None,
        codecs: None,
        resolution: None,
        pathway: None,
        uri: "480p/iframes.m3u8".parse().unwrap(),
    }];
    playlist
}

fn rules(findings: &[Finding]) -> Vec<Rule> {
    let rules: BTreeSet<Rule> = findings.iter().map(|finding| finding.rule).collect();
    rules.into_iter().collect()
}

type Break<T> = (Rule, fn(&mut T));

/// How each rule of one playlist is broken, alone.
const MEDIA: &[Break<MediaPlaylist>] = &[
    (Rule::SegmentOverTarget, |p| {
        p.segments[0].duration = Seconds::from_millis(3500);
        p.segments[1].head.program_date_time = None;
        p.segments[0].head.program_date_time = None;
    }),
    (Rule::MapMissing, |p| p.segments[0].head.map = None),
    (Rule::ShortPlaylist, |p| {
        for segment in &mut p.segments {
            segment.duration = Seconds::from_millis(700);
            segment.head.program_date_time = None;
            segment.parts.clear();
        }
        p.part_target = None;
        p.open.as_mut().unwrap().parts.clear();
        p.segments[0].head.program_date_time = p.open.as_ref().unwrap().head.program_date_time;
        p.open.as_mut().unwrap().head.program_date_time = None;
    }),
    (Rule::PartInfMissing, |p| p.part_target = None),
    (Rule::ServerControlMissing, |p| {
        control(p).part_hold_back = None;
    }),
    (Rule::BlockingReloadMissing, |p| {
        control(p).can_block_reload = false;
    }),
    (Rule::FewSegments, |p| {
        p.segments.drain(..7);
    }),
    (Rule::ProgramDateTimeBack, |p| {
        p.segments[11].head.discontinuity = true;
        shift(&mut p.segments[10].head, 1000);
        p.segments[10].head.discontinuity = true;
    }),
    (Rule::PartOverTarget, |p| {
        p.segments[8].parts[1].duration = Seconds::from_millis(536);
    }),
    (Rule::PartUnderTarget, |p| {
        p.segments[11].parts[1].duration = Seconds::from_millis(454);
    }),
    (Rule::PartHoldBackThrice, |p| {
        hold_back(p, 1604);
    }),
    (Rule::HoldBack, |p| {
        control(p).hold_back = Some(Seconds::from_millis(8999));
    }),
    (Rule::CanSkipUntil, |p| {
        control(p).can_skip_until = Some(Seconds::from_millis(17_999));
    }),
    (Rule::PartsAddUp, |p| {
        p.segments[8].parts.pop();
    }),
    (Rule::PartsFarFromEdge, |p| {
        p.segments[5].parts = p.segments[8].parts.clone();
    }),
    (Rule::PartsLeftEarly, |p| p.segments[8].parts.clear()),
    (Rule::PartOfGap, |p| p.segments[8].gap = true),
    (Rule::FirstPartIndependent, |p| {
        p.segments[8].parts[0].independent = false;
    }),
    (Rule::ProgramDateTimeMissing, |p| {
        for segment in &mut p.segments {
            segment.head.program_date_time = None;
        }
    }),
    (Rule::ProgramDateTimeDrift, |p| {
        shift(&mut p.segments[11].head, 51);
        shift(&mut p.open.as_mut().unwrap().head, 51);
    }),
    (Rule::DateRange, |p| {
        ranges(p, &["START-DATE=\"2026-11-21T13:00:00Z\""])
    }),
    (Rule::DateRangesContradict, |p| {
        ranges(p, &[SONG, &SONG.replace("13:00", "13:01")]);
    }),
    (Rule::DateRangesOverlap, |p| {
        ranges(p, &[SONG, &SONG.replace("ID=\"a\"", "ID=\"b\"")]);
    }),
    (Rule::DateRangeUndated, |p| {
        ranges(p, &[SONG]);
        for segment in &mut p.segments {
            segment.head.program_date_time = None;
        }
        (p.open, p.preload_hint, p.end_list) = (None, None, true);
    }),
    (Rule::PreloadHintMissing, |p| p.preload_hint = None),
    (Rule::PreloadHintListed, |p| {
        p.preload_hint = Some("112.0.m4s".parse().unwrap());
    }),
    (Rule::HintAfterEnd, |p| p.end_list = true),
];

const SONG: &str = "ID=\"a\",CLASS=\"song\",START-DATE=\"2026-11-21T13:00:00Z\",END-ON-NEXT=YES";

fn ranges(playlist: &mut MediaPlaylist, lines: &[&str]) {
    playlist.date_ranges = lines.iter().map(|line| line.parse().unwrap()).collect();
}

fn control(playlist: &mut MediaPlaylist) -> &mut crate::playlist::ServerControl {
    playlist.server_control.as_mut().unwrap()
}

fn hold_back(playlist: &mut MediaPlaylist, ms: u64) {
    control(playlist).part_hold_back = Some(Seconds::from_millis(ms));
}

fn shift(head: &mut crate::playlist::SegmentHead, ms: u64) {
    let date = head.program_date_time.unwrap().unix_millis();
    head.program_date_time = Some(ProgramDateTime::from_unix_millis(date + ms));
}

/// How the later of two fetches breaks each rule. The earlier one is [`live`], the later one is [`grown`] before.
const SUCCESSIVE: &[Break<MediaPlaylist>] = &[
    (Rule::TargetDurationChanged, |p| p.target_duration = 4),
    (Rule::PartTargetChanged, |p| {
        p.part_target = Some(Seconds::from_millis(500));
    }),
    (Rule::SegmentVanished, |p| {
        p.segments.drain(5..);
        p.open = None;
    }),
    (Rule::SegmentChanged, |p| p.segments[5].gap = true),
    (Rule::PartChanged, |p| {
        p.segments[10].parts[3].independent = true;
    }),
    (Rule::DiscontinuitySequence, |p| {
        p.discontinuity_sequence = Dsn(0);
    }),
    (Rule::PreloadHintBroken, |p| {
        p.segments[11].parts[1].uri = "112.9.m4s".parse().unwrap();
    }),
];

/// [`live`] one segment later: the first has left, the open one is complete.
fn grown() -> MediaPlaylist {
    let mut playlist = live();
    playlist.segments.pop_front();
    playlist.media_sequence = Msn(101);
    playlist.segments[7].parts.clear();
    let open = playlist.open.take().unwrap();
    let mut closed = open.close("112.m4s".parse().unwrap(), Seconds::from_secs(2));
    for index in 1..4 {
        let mut part = closed.parts[0].clone();
        part.uri = format!("112.{index}.m4s").parse().unwrap();
        part.independent = false;
        closed.parts.push(part);
    }
    playlist.segments.push_back(closed);
    playlist.preload_hint = Some("113.0.m4s".parse().unwrap());
    playlist
}

const VARIANTS: &[Break<Multivariant>] = &[
    (Rule::NoVariant, |p| p.variants.clear()),
    (Rule::CodecsMissing, |p| p.variants[0].codecs = None),
    (Rule::AverageBandwidthMissing, |p| {
        p.variants[0].average_bandwidth = None;
    }),
    (Rule::AverageOverPeak, |p| {
        p.variants[0].average_bandwidth = Some(6_000_001);
    }),
    (Rule::ResolutionMissing, |p| p.variants[0].resolution = None),
    (Rule::FrameRateMissing, |p| p.variants[0].frame_rate = None),
    (Rule::AudioGroupUnknown, |p| {
        p.variants[0].audio = Some("other".parse().unwrap());
    }),
    (Rule::LanguageMissing, |p| p.renditions[0].language = None),
    (Rule::ChannelsMissing, |p| p.renditions[0].channels = None),
    (Rule::DefaultNotAutoselect, |p| {
        p.renditions[0].autoselect = false;
    }),
    (Rule::GroupNameTwice, |p| {
        let mut again = p.renditions[0].clone();
        again.default = false;
        p.renditions.push(again);
    }),
    (Rule::GroupDefaults, |p| {
        let mut again = p.renditions[0].clone();
        again.name = "Other".parse().unwrap();
        p.renditions.push(again);
    }),
    (Rule::AudioGroupCodecs, |p| {
        p.variants[0].codecs = Some("avc1.64001f".parse().unwrap());
    }),
    (Rule::FirstVariant, |p| p.variants.reverse()),
    (Rule::AspectRatiosDiffer, |p| {
        p.variants[1].resolution = Some("640x480".parse().unwrap());
    }),
    (Rule::IFramesMissing, |p| p.i_frame_variants.clear()),
    (Rule::IndependentSegmentsMissing, |p| {
        p.independent_segments = false;
    }),
];

/// How the `audio` playlist of two differs.
const PRESENTATION: &[Break<MediaPlaylist>] = &[
    (Rule::TargetDurationsDiffer, |p| p.target_duration = 4),
    (Rule::MediaSequencesDiffer, |p| p.media_sequence = Msn(107)),
    (Rule::ServerControlsDiffer, |p| hold_back(p, 1700)),
    (Rule::DiscontinuitiesDiffer, |p| {
        p.segments[3].head.discontinuity = true;
    }),
    (Rule::ProgramDateTimesDiffer, |p| {
        shift(&mut p.open.as_mut().unwrap().head, 51);
    }),
    (Rule::RenditionReportMissing, |p| {
        p.rendition_reports.clear()
    }),
];

#[test]
fn a_good_playlist_is_found_good() {
    assert_eq!(media(&live()), []);
    assert_eq!(media(&grown()), []);
    assert_eq!(version(Some(8), &live()), []);
    assert_eq!(succeeding(&live(), &live()), []);
    assert_eq!(succeeding(&live(), &grown()), []);
    assert_eq!(multivariant(&fine_ladder()), []);
    let delta = MediaPlaylist::parse(grown().write_delta().as_bytes()).unwrap();
    assert!(delta.skipped.is_some());
    assert_eq!(media(&delta), []);
    assert_eq!(succeeding(&live(), &delta), []);
}

#[test]
fn each_rule_of_one_playlist_is_found_broken_alone() {
    for (rule, break_it) in MEDIA {
        let mut playlist = live();
        break_it(&mut playlist);
        assert_eq!(rules(&media(&playlist)), [*rule]);
    }
    let mut playlist = live();
    hold_back(&mut playlist, 1069);
    assert_eq!(
        rules(&media(&playlist)),
        [Rule::PartHoldBackTwice, Rule::PartHoldBackThrice]
    );
    for written in [None, Some(7), Some(9)] {
        assert_eq!(rules(&version(written, &live())), [Rule::Version]);
    }
}

#[test]
fn a_part_may_be_short_where_the_specification_says_so() {
    let mut playlist = live();
    let short = Seconds::from_millis(40);
    // Independent, before a gap, last of its segment.
    playlist.segments[9].parts[0].duration = short;
    playlist.segments[10].parts[1].duration = short;
    playlist.segments[10].parts[2].gap = true;
    playlist.segments[11].parts[3].duration = short;
    let found = rules(&media(&playlist));
    assert!(!found.contains(&Rule::PartUnderTarget), "{found:?}");
}

#[test]
fn each_rule_of_two_fetches_is_found_broken_alone() {
    for (rule, break_it) in SUCCESSIVE {
        let mut later = grown();
        break_it(&mut later);
        assert_eq!(rules(&succeeding(&live(), &later)), [*rule]);
    }
    let mut later = live();
    later.media_sequence = Msn(99);
    assert!(rules(&succeeding(&live(), &later)).contains(&Rule::MediaSequenceFell));
    let mut ended = live();
    ended.end_list = true;
    assert_eq!(
        rules(&succeeding(&ended, &grown())),
        [Rule::ChangedAfterEnd]
    );
    // A discontinuity that leaves is counted.
    let mut earlier = live();
    earlier.segments[0].head.discontinuity = true;
    assert_eq!(
        rules(&succeeding(&earlier, &grown())),
        [Rule::DiscontinuitySequence]
    );
    let mut later = grown();
    later.discontinuity_sequence = Dsn(2);
    assert_eq!(succeeding(&earlier, &later), []);
}

#[test]
fn each_rule_of_a_multivariant_playlist_is_found_broken_alone() {
    for (rule, break_it) in VARIANTS {
        let mut playlist = fine_ladder();
        break_it(&mut playlist);
        assert_eq!(rules(&multivariant(&playlist)), [*rule]);
    }
    // Sound alone needs neither size nor frame rate.
    let mut playlist = fine_ladder();
    playlist.variants[0].codecs = Some("mp4a.40.2".parse::<Text>().unwrap());
    playlist.variants[0].resolution = None;
    playlist.variants[0].frame_rate = None;
    assert_eq!(multivariant(&playlist), []);
}

#[test]
fn each_rule_of_a_presentation_is_found_broken_alone() {
    let [source, audio]: [Uri; 2] =
        ["source/media.m3u8", "audio/media.m3u8"].map(|uri| uri.parse().unwrap());
    let pair = |break_it: fn(&mut MediaPlaylist)| {
        let mut other = live();
        other.rendition_reports[0].uri = "../source/media.m3u8".parse().unwrap();
        break_it(&mut other);
        rules(&presentation(&[(&source, &live()), (&audio, &other)]))
    };
    assert_eq!(pair(|_| ()), []);
    for (rule, break_it) in PRESENTATION {
        assert_eq!(pair(*break_it), [*rule]);
    }
    // A viewer's own query cannot stand in a playlist that all viewers share.
    let [own_source, own_audio]: [Uri; 2] =
        [&source, &audio].map(|uri| format!("{uri}?v=1").parse().unwrap());
    let mut other = live();
    other.rendition_reports[0].uri = "../source/media.m3u8".parse().unwrap();
    assert_eq!(
        presentation(&[(&own_source, &live()), (&own_audio, &other)]),
        []
    );
}

#[test]
fn each_rule_of_a_text_is_found_broken_alone() {
    let good = Wording {
        version: Some(8),
        discontinuity_sequence: true,
        segments: vec![None::<ByteRange>; 12],
        ..Wording::default()
    };
    let mut playlist = live();
    playlist.segments[3].head.discontinuity = true;
    assert_eq!(wording(&good, &playlist), []);
    for (rule, break_it) in WORDING {
        let mut broken = good.clone();
        break_it(&mut broken);
        assert_eq!(rules(&wording(&broken, &playlist)), [*rule]);
    }
    let [source, audio]: [Uri; 2] = ["a", "b"].map(|uri| uri.parse().unwrap());
    let event = Wording {
        playlist_type: Some(PlaylistType::Event),
        ..good.clone()
    };
    assert_eq!(playlist_types(&[(&source, &event), (&audio, &event)]), []);
    let found = playlist_types(&[(&source, &event), (&audio, &good)]);
    assert_eq!(rules(&found), [Rule::PlaylistTypesDiffer]);
}

const WORDING: &[Break<Wording>] = &[
    (Rule::Version, |w| w.version = Some(9)),
    (Rule::PlaylistType, |w| {
        w.playlist_type = Some(PlaylistType::Vod);
    }),
    (Rule::DiscontinuitySequenceMissing, |w| {
        w.discontinuity_sequence = false;
    }),
    (Rule::HeadAfterPart, |w| w.late_heads = vec![9]),
];

#[test]
fn news_that_comes_late_is_found() {
    let mut pace = Pace::default();
    assert_eq!(pace.saw(&live(), 1000), []);
    // The same again is no news, however long it takes.
    assert_eq!(pace.saw(&live(), 9000), []);
    let mut later = live();
    let next = later.open.as_ref().unwrap().parts[0].clone();
    later.open.as_mut().unwrap().parts.push(next);
    let mut one = pace.clone();
    assert_eq!(one.saw(&later, 2070), []);
    let mut other = pace.clone();
    assert_eq!(rules(&other.saw(&later, 2071)), [Rule::PartLate]);
    assert_eq!(one.saw(&grown(), 3000), []);
    let found = other.saw(&grown(), 5501);
    assert_eq!(rules(&found), [Rule::SegmentLate, Rule::PartLate]);
}

#[test]
fn a_live_window_is_of_minutes() {
    assert_eq!(rules(&successive(&live(), &grown())), [Rule::ShortWindow]);
    let mut later = grown();
    later.segments[0].duration = Seconds::from_secs(900);
    assert!(!rules(&successive(&live(), &later)).contains(&Rule::ShortWindow));
}

/// What others check: they fetch.
const OF_OTHERS: [Group; 6] = [
    Group::IFrames,
    Group::Fragments,
    Group::Description,
    Group::Transport,
    Group::Directives,
    Group::Removal,
];

#[test]
fn no_rule_is_without_its_test() {
    let tested: BTreeSet<Rule> = MEDIA
        .iter()
        .chain(SUCCESSIVE)
        .chain(PRESENTATION)
        .map(|(rule, _)| *rule)
        .chain(VARIANTS.iter().map(|(rule, _)| *rule))
        .chain(WORDING.iter().map(|(rule, _)| *rule))
        .chain([
            Rule::Syntax,
            Rule::PartHoldBackTwice,
            Rule::MediaSequenceFell,
            Rule::ChangedAfterEnd,
            Rule::ShortWindow,
            Rule::SegmentLate,
            Rule::PartLate,
            Rule::PlaylistTypesDiffer,
        ])
        .collect();
    let ours = Rule::ALL.iter().copied();
    let ours = ours.filter(|rule| !OF_OTHERS.contains(&rule.group()));
    assert_eq!(tested, ours.collect());
}
