//! Parts of a show at any frame rate: PART-TARGET fits its pictures, and is the same for whoever comes.

use super::*;

/// Frames per second as a fraction, and how uneven they come.
fn paces() -> impl Strategy<Value = ((u64, u64), u64)> {
    let even = [
        1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 15, 20, 24, 25, 30, 48, 50, 60, 120,
    ];
    let even = even.map(|rate| ((rate, 1), 0));
    let broadcast = [24_000, 30_000, 60_000].map(|rate| ((rate, 1001), 0));
    // A phone in the dark, a shared screen, slides.
    let uneven = [((30, 1), 32), ((15, 1), 40), ((5, 1), 100), ((3, 1), 150)];
    prop::sample::select([&even[..], &broadcast, &uneven].concat())
}

/// GOPs that last two seconds, or nearly.
fn slow_shows() -> impl Strategy<Value = Show> {
    let sound = prop::sample::select(vec![None, Some(48_000), Some(44_100), Some(32_000)]);
    (paces(), 1800_u64..2200, sound).prop_map(|((rate, uneven_ms), gop_ms, audio_rate)| Show {
        rate,
        uneven_ms,
        gops: vec![(gop_ms * rate.0 / (rate.1 * 1000)).max(1)],
        b_frames: false,
        audio_rate,
        seconds: 20,
        ..Show::default()
    })
}

fn part_targets(stream: &mut Stream) -> Vec<(Rendition, Option<Seconds>)> {
    let renditions: Vec<Rendition> = stream.versions().map(|(rendition, _)| rendition).collect();
    let target = |rendition| Some((rendition, playlist(stream, rendition)?.part_target));
    renditions.into_iter().filter_map(target).collect()
}

/// Thirty pictures a second, and from some moment on far fewer.
fn thinning_shows() -> impl Strategy<Value = Show> {
    let every = prop::sample::select(vec![2, 3, 4, 5, 6, 10, 15, 30]);
    let sound = prop::sample::select(vec![None, Some(48_000), Some(44_100)]);
    (5_000_u64..9_000, every, sound).prop_map(|(from, every, audio_rate)| Show {
        thinned: Some((from, every)),
        b_frames: false,
        audio_rate,
        seconds: 36,
        ..Show::default()
    })
}

/// PART-TARGET of the source, each time it is another.
fn targets_of(stage: &mut Stage, messages: &[Message]) -> Vec<Seconds> {
    let mut targets = Vec::new();
    for message in messages {
        stage.feed_one(message.clone());
        if matches!(message, Message::Stamp(_)) {
            let list = playlist(&mut stage.stream, Rendition::Source);
            targets.extend(list.and_then(|list| list.part_target));
        }
    }
    targets.dedup();
    targets
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn when_pictures_become_few_parts_come_to_fit_them(
        show in thinning_shows(),
        // Below that mux, which judges by the usual parts, does not see all that does not fit.
        nominal in prop::sample::select(vec![500, 1000]),
    ) {
        let parts = PartTarget::from_millis(nominal).unwrap();
        let mut stage = Stage::new(Settings { parts, ..settings() });
        stage.feed(&show.headers());
        let (from, _) = show.thinned.unwrap();
        // Five segments, and as many in which what was before leaves the playlist.
        let settled = from + 22_000;
        let messages = show.session(START_MS, None);
        let (settling, rest) = messages.split_at(
            messages
                .iter()
                .position(|message| matches!(message, Message::Stamp(s) if s.pts.millis() > START_MS + settled))
                .unwrap(),
        );
        let targets = targets_of(&mut stage, settling);
        prop_assert!(targets.len() <= 2, "{targets:?}");
        let mut before = Vec::new();
        for message in rest {
            stage.feed_one(message.clone());
            assert_playlists_but(&mut stage.stream, &mut before, &[]);
        }
        for rendition in [Rendition::Source, RUNG] {
            assert_continuous(&mut stage.stream, rendition);
        }
        prop_assert_eq!(crate::lint::tests::broken_by(&mut stage.stream), [""; 0]);
    }

    #[test]
    fn who_comes_after_pictures_became_few_makes_the_same_parts(
        show in thinning_shows(),
        late in 0_usize..14,
    ) {
        let messages = show.session(START_MS, None);
        let (from, joined) = stamps(&messages)[late];
        let mut first = Stage::new(settings());
        first.feed(&show.headers());
        first.feed(&messages);
        let mut joiner = Stage::new(settings());
        joiner.feed(&show.headers());
        joiner.feed(&messages[from..]);
        prop_assert_eq!(part_targets(&mut first.stream), part_targets(&mut joiner.stream));
        for rendition in [Rendition::Source, Rendition::Audio] {
            for (msn, _) in segments(&mut joiner.stream, rendition) {
                if msn >= joined.msn {
                    prop_assert_eq!(
                        parts(&first.stream, rendition, msn),
                        parts(&joiner.stream, rendition, msn)
                    );
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn parts_fit_the_pictures_of_any_rate(
        show in slow_shows(),
        nominal in prop::sample::select(vec![200, 333, 500, 1000]),
    ) {
        let parts = PartTarget::from_millis(nominal).unwrap();
        let mut stage = Stage::new(Settings { parts, ..settings() });
        stage.feed(&show.headers());
        let mut before = Vec::new();
        for message in show.session(START_MS, None) {
            stage.feed_one(message);
            assert_playlists_but(&mut stage.stream, &mut before, &[]);
        }
        assert_continuous(&mut stage.stream, Rendition::Source);
        prop_assert_eq!(crate::lint::tests::broken_by(&mut stage.stream), [""; 0]);
        stage.feed_one(Message::End);
        assert_playlists_but(&mut stage.stream, &mut before, &[]);
    }

    #[test]
    fn a_publisher_who_goes_and_comes_leaves_parts_that_fit(
        show in slow_shows(),
        cut in 3_000_u64..6_000,
        away in 2_000_u64..7_000,
    ) {
        let messages = Show { seconds: 6, ..show.clone() }.interrupted(cut, 0, away);
        let mut stage = hold::held(&show, settings(), &messages);
        assert_continuous(&mut stage.stream, Rendition::Source);
        prop_assert_eq!(crate::lint::tests::broken_by(&mut stage.stream), [""; 0]);
    }

    #[test]
    fn who_comes_later_makes_the_same_parts(show in slow_shows(), late in 0_usize..6) {
        let messages = show.session(START_MS, None);
        let stamps = stamps(&messages);
        prop_assume!(late + 1 < stamps.len());
        let (from, joined) = stamps[late];
        let staged = |messages: &[Message]| {
            let mut stage = Stage::new(settings());
            stage.feed(&show.headers());
            stage.feed(messages);
            stage
        };
        let mut first = staged(&messages);
        let mut joiner = staged(&messages[from..]);
        let targets = part_targets(&mut joiner.stream);
        prop_assert!(targets.len() >= 2);
        prop_assert_eq!(&part_targets(&mut first.stream), &targets);
        for (rendition, _) in targets {
            for (msn, _) in segments(&mut joiner.stream, rendition) {
                let of = |stage: &Stage| parts(&stage.stream, rendition, msn);
                let (of_first, of_joiner) = (of(&first), of(&joiner));
                if rendition == RUNG {
                    prop_assert_eq!(of_first.len(), of_joiner.len());
                } else if msn >= joined.msn {
                    prop_assert_eq!(of_first, of_joiner);
                }
            }
        }
    }
}
