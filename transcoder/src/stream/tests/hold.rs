//! What viewers see and hear while nobody publishes.

use live::playlist::Segment;

use super::*;
use crate::{
    show::{AVCC, slate},
    slate::Slate,
};

/// A stage on which `messages` were fed, with a slate from the first segment on.
pub(super) fn held(show: &Show, settings: Settings, messages: &[Message]) -> Stage {
    let mut stage = Stage::new(settings);
    stage.feed(&show.headers());
    let mut before = Vec::new();
    let mut shown = false;
    for message in messages {
        stage.feed_one(message.clone());
        if !shown && stage.encoder.is_some() && playlist(&mut stage.stream, RUNG).is_some() {
            shown = stage.slate(slate(show.rate));
        }
        assert_playlists(&mut stage.stream, &mut before);
    }
    stage
}

/// The numbers of the segments that a rendition lacks since the session began.
fn gaps(stage: &mut Stage, rendition: Rendition, messages: &[Message]) -> Vec<Msn> {
    let first = stamps(messages)[0].1.msn;
    let list = playlist(&mut stage.stream, rendition).unwrap();
    list.numbered()
        .filter(|(msn, segment)| segment.gap && *msn >= first)
        .map(|(msn, _)| msn)
        .collect()
}

/// The numbers of the segments that were stamped as held.
fn holds(messages: &[Message]) -> Vec<Msn> {
    let stamps = stamps(messages).into_iter().map(|(_, stamp)| stamp);
    let held = stamps.filter(|stamp| stamp.kind == StampKind::Hold);
    held.map(|stamp| stamp.msn).collect()
}

/// What viewers hear of these segments begins where its picture does, to within a frame.
fn assert_dated_alike(stage: &mut Stage, held: &[Msn]) {
    let mut dates = |rendition| -> Vec<(Msn, u64)> {
        let list = playlist(&mut stage.stream, rendition).unwrap();
        let held = list.numbered().filter(|(msn, _)| held.contains(msn));
        let date = |segment: &Segment| segment.head.program_date_time.unwrap().unix_millis();
        held.map(|(msn, segment)| (msn, date(segment))).collect()
    };
    for ((msn, heard), (same, seen)) in dates(Rendition::Audio).into_iter().zip(dates(RUNG)) {
        assert_eq!(msn, same);
        assert!(
            heard.abs_diff(seen) <= check::FRAME_MS,
            "{msn}: {heard} {seen}"
        );
    }
}

/// Parts of every segment add up to it.
fn assert_parts_add_up(stage: &mut Stage, rendition: Rendition) {
    let list = playlist(&mut stage.stream, rendition).unwrap();
    let rule = check::Rule::PartsAddUp;
    let findings = check::media(&list);
    assert!(findings.iter().all(|f| f.rule != rule), "{findings:?}");
}

#[test]
fn a_held_stream_shows_its_slate_in_silence_and_goes_on_without_a_discontinuity() {
    let show = Show {
        seconds: 9,
        ..Show::default()
    };
    let messages = show.interrupted(9_000, 0, 7_300);
    let mut stage = held(&show, settings(), &messages);
    let holds = holds(&messages);
    assert_eq!(holds.len(), 4);
    assert_eq!(gaps(&mut stage, RUNG, &messages), []);
    assert_eq!(gaps(&mut stage, Rendition::Audio, &messages), []);
    assert_eq!(gaps(&mut stage, Rendition::Source, &messages), holds);
    assert_continuous(&mut stage.stream, RUNG);
    assert_continuous(&mut stage.stream, Rendition::Audio);
    for rendition in ALL {
        let list = playlist(&mut stage.stream, rendition).unwrap();
        assert!(list.segments.iter().all(|s| !s.head.discontinuity));
        assert_parts_add_up(&mut stage, rendition);
    }
    for (msn, segment) in segments(&mut stage.stream, RUNG) {
        let shown = segment.windows(5).any(|bytes| bytes == b"slate");
        assert_eq!(shown, holds.contains(&msn), "{msn}");
    }
    assert_presentation(&mut stage.stream);
}

#[test]
fn a_hold_encodes_nothing_and_the_segment_before_it_is_whole_at_its_first_stamp() {
    let show = Show::default();
    let messages = show.interrupted(9_000, 0, 60_000);
    let (first, stamp) = *stamps(&messages)
        .iter()
        .find(|(_, stamp)| stamp.kind == StampKind::Hold)
        .unwrap();
    let mut stage = held(&show, settings(), &messages[..=first]);
    let list = playlist(&mut stage.stream, RUNG).unwrap();
    assert_eq!(list.numbered().last().unwrap().0.next(), stamp.msn);
    assert_parts_add_up(&mut stage, RUNG);
    let fed = stage.fed;
    let held = 31;
    stage.feed(&messages[first + 1..first + held]);
    assert_eq!(stage.stream.status().unwrap().msn, stamp.msn.0 + 30);
    assert_eq!(stage.fed, fed);
}

#[test]
fn two_transcoders_repeat_the_same_slate() {
    let show = Show::default();
    let messages = show.interrupted(7_000, 0, 9_000);
    let mut early = held(&show, settings(), &messages);
    let mut late = Stage::new(settings());
    late.feed(&show.headers());
    let (before, after) = messages.split_at(stamps(&messages)[2].0);
    late.feed(before);
    assert!(late.slate(slate(show.rate)));
    late.feed(after);
    assert_eq!(
        segments(&mut early.stream, RUNG),
        segments(&mut late.stream, RUNG)
    );
}

#[test]
fn a_session_that_ends_in_a_hold_lists_nothing_without_length() {
    let show = Show::default();
    let messages = show.interrupted(9_000, 0, 60_000);
    let first = stamps(&messages)
        .iter()
        .position(|(_, stamp)| stamp.kind == StampKind::Hold);
    let ended: Vec<Message> = messages[..=stamps(&messages)[first.unwrap() + 3].0]
        .iter()
        .cloned()
        .chain([Message::End])
        .collect();
    for slate in [true, false] {
        let mut stage = Stage::new(settings());
        if slate {
            stage = held(&show, settings(), &ended);
        } else {
            stage.feed(&show.headers());
            stage.feed(&ended);
        }
        let last: Vec<Msn> = ALL
            .iter()
            .map(|rendition| {
                let list = playlist(&mut stage.stream, *rendition).unwrap();
                assert!(list.end_list);
                assert!(list.segments.iter().all(|s| s.duration.units() > 0));
                list.open_msn()
            })
            .collect();
        let held = stamps(&ended).last().unwrap().1.msn;
        assert_eq!(
            last, [held; 3],
            "all end with the last segment that is over"
        );
    }
}

#[test]
fn a_transcoder_that_starts_in_a_hold_shows_the_slate_that_the_other_shows() {
    let show = Show::default();
    let messages = show.interrupted(9_000, 0, 40_000);
    let stamps = stamps(&messages);
    let hold = stamps
        .iter()
        .position(|(_, stamp)| stamp.kind == StampKind::Hold);
    let hold = hold.unwrap();
    let (newest, later) = (stamps[hold + 5].0, stamps[hold + 9].0);
    let mut early = held(&show, settings(), &messages[..=later]);

    // What mux sends who comes then: from the newest stamp on that a keyframe follows.
    let mut late = Stage::new(settings());
    late.no_encoder = true;
    late.feed(&show.headers());
    late.feed(&messages[stamps[hold - 1].0..=newest]);
    assert_eq!(late.stream.multivariant(), None, "silence alone is no show");
    let (generation, plan) = late.wanted.take().unwrap();
    late.start(generation, plan);
    assert_eq!(late.stream.slate_order(1).unwrap().rungs, [RUNG].into());
    assert!(late.slate(slate(show.rate)));
    late.feed(&messages[newest + 1..=later]);
    assert_presentation(&mut late.stream);
    let offered = late.stream.multivariant().unwrap().whole();
    assert!(String::from_utf8_lossy(&offered).contains("240p/media.m3u8"));

    let shown = segments(&mut late.stream, RUNG);
    assert_eq!(shown.len(), 3);
    let known: Vec<_> = segments(&mut early.stream, RUNG)
        .into_iter()
        .filter(|(msn, _)| shown.iter().any(|(own, _)| own == msn))
        .collect();
    assert_eq!(known, shown);
}

#[test]
fn without_a_slate_a_hold_is_a_gap_and_silence() {
    let show = Show {
        seconds: 7,
        ..Show::default()
    };
    let messages = show.interrupted(7_000, 0, 5_000);
    let mut stage = Stage::new(settings());
    stage.feed(&show.headers());
    stage.feed(&messages);
    let holds = holds(&messages);
    assert_eq!(gaps(&mut stage, RUNG, &messages), holds);
    assert_eq!(gaps(&mut stage, Rendition::Audio, &messages), []);
    assert_continuous(&mut stage.stream, RUNG);
}

#[test]
fn a_slate_is_ordered_once_and_only_one_that_is_coded_as_its_rung_is_taken() {
    let show = Show::default();
    let messages = show.session(START_MS, None);
    let mut stage = Stage::new(settings());
    stage.feed(&show.headers());
    assert_eq!(stage.stream.slate_order(1), None);
    stage.feed(&messages[..40]);
    let order = stage.stream.slate_order(1).unwrap();
    assert_eq!((order.length_ms, order.rungs), (2300, [RUNG].into()));
    assert_eq!(stage.stream.slate_order(2), None);

    let picture = |n: u64| (n * 3000, n == 0, Bytes::from_static(b"slate"));
    let mut other = AVCC.to_vec();
    other[3] += 1;
    let other = Slate::new(other.into(), (0..60).map(picture).collect()).unwrap();
    assert!(!stage.slate(other));
    assert!(stage.slate(slate(show.rate)));
    assert_eq!(stage.stream.slate_order(1), None);

    let mut nothing = Stage::new(Settings {
        slate: crate::slate::Card::Nothing,
        ..settings()
    });
    nothing.feed(&show.headers());
    nothing.feed(&messages[..40]);
    assert_eq!(nothing.stream.slate_order(1), None);
}

#[test]
fn a_picture_that_is_lost_before_the_sound_gives_way_to_the_slate() {
    let show = Show::default();
    let messages = show.interrupted(8_500, 900, 5_000);
    let mut stage = held(&show, settings(), &messages);
    assert_eq!(gaps(&mut stage, RUNG, &messages), []);
    assert_continuous(&mut stage.stream, RUNG);
    assert_parts_add_up(&mut stage, RUNG);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn whenever_the_publisher_goes_and_comes_every_playlist_is_valid_and_the_rung_has_no_hole(
        show in shows(),
        nominal in prop::sample::select(vec![200, 333, 500, 1000]),
        cut in 3_000_u64..6_000,
        away in 2_000_u64..7_000,
    ) {
        let parts = PartTarget::from_millis(nominal).unwrap();
        let show = Show { seconds: 6, gops: vec![60], ..show };
        let messages = show.interrupted(cut, 0, away);
        let mut stage = held(&show, Settings { parts, ..settings() }, &messages);
        prop_assert_eq!(gaps(&mut stage, RUNG, &messages), []);
        assert_continuous(&mut stage.stream, RUNG);
        if show.audio_rate.is_some() {
            prop_assert_eq!(gaps(&mut stage, Rendition::Audio, &messages), []);
            assert_dated_alike(&mut stage, &holds(&messages));
            assert_continuous(&mut stage.stream, Rendition::Audio);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn what_is_missing_is_dated_where_the_sound_before_it_ends(
        rate in prop::sample::select(vec![32_000_u64, 44_100, 48_000]),
        audio_phase_us in 0_u64..32_000,
        audio_drift_ppm in prop::sample::select(vec![0, 200, -200, 5_000, -5_000]),
        b_frames in any::<bool>(),
        lost in 1_usize..200,
        until in 3_usize..5,
    ) {
        let show = Show {
            b_frames,
            audio_rate: Some(rate),
            audio_phase_us,
            audio_drift_ppm,
            ..Show::default()
        };
        // The connection is gone for more than a segment.
        let mut messages = show.session(START_MS, None);
        let stamps = stamps(&messages);
        messages.drain(stamps[2].0 - lost..stamps[until].0);
        let mut stage = Stage::new(settings());
        stage.feed(&show.headers());
        let mut before = Vec::new();
        for message in messages {
            stage.feed_one(message);
            assert_playlists(&mut stage.stream, &mut before);
        }
        prop_assert_eq!(crate::lint::tests::broken_by(&mut stage.stream), [""; 0]);
    }
}
