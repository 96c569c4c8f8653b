use live::playlist::check;
use proptest::prelude::*;

use super::*;

const FIRST: u64 = 100;

/// A playlist from `from`: `#` is media, `.` a GAP, `|` a discontinuity before the next.
fn playlist(rendition: Rendition, from: u64, plan: &str) -> (Rendition, (MediaPlaylist, Sizes)) {
    let mut sizes = Sizes::new();
    let mut segments = Vec::new();
    let mut discontinuity = false;
    for sign in plan.chars() {
        if sign == '|' {
            discontinuity = true;
            continue;
        }
        let msn = Msn(from + u64::try_from(segments.len()).unwrap());
        if sign == '#' {
            sizes.insert(msn, 50_000);
        }
        segments.push(Segment {
            head: SegmentHead {
                discontinuity: std::mem::take(&mut discontinuity),
                map: (sign == '#').then(|| "init-0123456789abcdef.mp4".parse().unwrap()),
                program_date_time: Some(ProgramDateTime::from_unix_millis(msn.0 * 2000)),
            },
            parts: Vec::new(),
            gap: sign == '.',
            duration: Seconds::from_secs(2),
            uri: Uri::beside(Object::Segment(rendition, msn)),
        });
    }
    let playlist = MediaPlaylist {
        independent_segments: true,
        target_duration: 3,
        media_sequence: Msn(from),
        discontinuity_sequence: Dsn(4),
        segments: segments.into(),
        ..MediaPlaylist::default()
    };
    (rendition, (playlist, sizes))
}

fn plan(recorded: &Recorded) -> String {
    let signs = recorded.playlist.segments.iter().map(|segment| {
        let break_ = if segment.head.discontinuity { "|" } else { "" };
        format!("{break_}{}", if segment.gap { "." } else { "#" })
    });
    signs.collect()
}

#[test]
fn all_renditions_start_and_end_together() {
    const RUNG: Rendition = Rendition::Encoded(480);
    let mut show = BTreeMap::from([
        playlist(Rendition::Source, FIRST, ".##|##.#.."),
        playlist(RUNG, FIRST + 3, "#.#"),
        playlist(Rendition::Audio, FIRST + 1, "##|###"),
        playlist(Rendition::Encoded(360), FIRST, "...|....."),
    ]);
    // The power failed before it was on the disk.
    let (_, sizes) = show.get_mut(&Rendition::Source).unwrap();
    sizes.insert(Msn(FIRST + 4), 0);
    let recorded = align(show, &BTreeSet::new());
    let plans: Vec<(Rendition, String)> = recorded.iter().map(|r| (r.rendition, plan(r))).collect();
    let expected = [
        (Rendition::Source, "##|#..#"),
        (RUNG, "..|#.#."),
        (Rendition::Audio, "##|###."),
    ];
    assert_eq!(plans.len(), expected.len());
    for (rendition, plan) in expected {
        assert!(plans.contains(&(rendition, plan.to_owned())), "{plans:?}");
    }
    for one in &recorded {
        let text = one.write();
        let read = MediaPlaylist::parse(text.as_bytes()).unwrap();
        assert_eq!(check::media(&read), [], "{text}");
        assert_eq!(read.media_sequence, Msn(FIRST + 1));
        assert_eq!(read.discontinuity_sequence, Dsn(4));
        assert!(read.end_list);
        assert_eq!(one.rates.average, 200_000);
    }
}

#[test]
fn what_was_told_beside_one_rendition_is_told_beside_all() {
    let mut show = BTreeMap::from([
        playlist(Rendition::Source, FIRST, "##"),
        playlist(Rendition::Audio, FIRST, "##"),
    ]);
    let range = |id: &str, second: u8| -> Line {
        let line = format!("ID=\"{id}\",START-DATE=\"2026-11-21T13:00:0{second}.000Z\"");
        line.parse().unwrap()
    };
    let ranges = [range("b", 1), range("a", 2)];
    for (told, (_, (playlist, _))) in ranges.iter().rev().zip(&mut show) {
        playlist.date_ranges = vec![told.clone(), ranges[0].clone()];
    }
    for recorded in align(show, &BTreeSet::new()) {
        assert_eq!(recorded.playlist.date_ranges, ranges);
        let text = recorded.write();
        let read = MediaPlaylist::parse(text.as_bytes()).unwrap();
        assert_eq!(check::media(&read), []);
    }
}

#[test]
fn a_hold_that_nobody_came_back_from_is_cut_off_and_one_that_was_survived_is_not() {
    let show = || {
        BTreeMap::from([
            playlist(Rendition::Source, FIRST, "##..##..."),
            playlist(Rendition::Encoded(480), FIRST, "#########"),
            playlist(Rendition::Audio, FIRST, "#########"),
        ])
    };
    let held = |all: &[u64]| all.iter().map(|n| Msn(FIRST + n)).collect();
    for recorded in align(show(), &held(&[2, 3, 6, 7, 8])) {
        let expected = match recorded.rendition {
            Rendition::Source => "##..##",
            Rendition::Encoded(_) | Rendition::Audio => "######",
        };
        assert_eq!(plan(&recorded), expected, "{}", recorded.rendition);
        let text = recorded.write();
        let read = MediaPlaylist::parse(text.as_bytes()).unwrap();
        assert_eq!(check::media(&read), [], "{text}");
    }
    // An overdue keyframe is no hold.
    for recorded in align(show(), &held(&[2, 3])) {
        assert_eq!(plan(&recorded).len(), 9, "{}", recorded.rendition);
    }
}

#[test]
fn a_show_without_media_is_none() {
    let show = BTreeMap::from([playlist(Rendition::Source, FIRST, "...")]);
    assert_eq!(align(show, &BTreeSet::new()), []);
}

#[test]
fn the_index_says_what_was_measured() {
    let recorded = align(
        BTreeMap::from([
            playlist(Rendition::Source, FIRST, "###"),
            playlist(Rendition::Audio, FIRST, "###"),
        ]),
        &BTreeSet::new(),
    );
    let text = final_index(None, &recorded, &BTreeMap::new()).unwrap();
    let index = Multivariant::parse(text.as_bytes()).unwrap();
    assert_eq!(index.renditions.len(), 1);
    let rates: Vec<_> = index
        .variants
        .iter()
        .map(|v| (v.uri.as_str(), v.bandwidth, v.average_bandwidth))
        .collect();
    assert!(
        rates.contains(&("source/media.m3u8", 400_000, Some(400_000))),
        "{rates:?}"
    );
    assert!(
        rates.contains(&("audio/media.m3u8", 200_000, Some(200_000))),
        "{rates:?}"
    );
}

/// What Shaka 5.2.12 makes of renditions that it loads together: where each ends, and the show. Seconds.
fn as_shaka_places(renditions: &[&Recorded]) -> (Vec<f64>, f64) {
    let seconds = |duration: Seconds| duration.to_string().parse::<f64>().unwrap();
    let date = |segment: &Segment| {
        let date = segment.head.program_date_time.unwrap();
        date.unix_millis() as f64 / 1000.0
    };
    let first = |one: &&Recorded| date(&one.playlist.segments[0]);
    let sum = |one: &&Recorded| -> f64 {
        let all = one.playlist.segments.iter();
        all.map(|segment| seconds(segment.duration)).sum()
    };
    let earliest = renditions.iter().map(first).fold(f64::MAX, f64::min);
    let least = renditions.iter().map(sum).fold(f64::MAX, f64::min);
    let moved = |offset: f64| if offset.abs() < 0.001 { 0.0 } else { offset };
    let ends = renditions.iter().map(|one| {
        let last = one.playlist.segments.back().unwrap();
        let before = sum(one) - seconds(last.duration);
        least + moved(date(last) - earliest - before)
    });
    let lengths = renditions
        .iter()
        .map(|one| sum(one) + moved(first(one) - earliest));
    (ends.collect(), lengths.fold(f64::MAX, f64::min))
}

proptest! {
    #[test]
    fn sound_and_pictures_say_that_they_last_equally_long(
        plans in ["[#.]{0,3}#[#.]{0,6}", "[#.]{0,3}#[#.]{0,6}", "[#.]{0,3}#[#.]{0,6}"],
        late in prop::collection::vec(0_u64..40, 12),
        after in 0_u64..45,
    ) {
        let renditions = [Rendition::Source, Rendition::Encoded(480), Rendition::Audio];
        let mut show: BTreeMap<_, _> = renditions
            .into_iter()
            .zip(&plans)
            .map(|(rendition, plan)| playlist(rendition, FIRST, plan))
            .collect();
        // The sound's segments begin with the first frame after a boundary, and its last ends where it does.
        let count = show.values().map(|(list, _)| list.segments.len()).max().unwrap();
        let (sound, _) = show.get_mut(&Rendition::Audio).unwrap();
        let whole = sound.segments.len() == count;
        for (n, segment) in sound.segments.iter_mut().enumerate() {
            let end = match late.get(n + 1).filter(|_| n + 1 < count) {
                Some(late) => 2000 + late,
                None => 2000 + after - 20,
            };
            let date = segment.head.program_date_time.unwrap().unix_millis() + late[n];
            segment.head.program_date_time = Some(ProgramDateTime::from_unix_millis(date));
            segment.duration = Seconds::from_millis(end - late[n]);
        }
        let recorded = align(show, &BTreeSet::new());
        prop_assume!(recorded.len() == 3 && whole);
        let lengths: Vec<Seconds> = recorded
            .iter()
            .map(|one| one.playlist.segments.iter().map(|segment| segment.duration).sum())
            .collect();
        prop_assert!(lengths.iter().all(|length| *length == lengths[0]), "{lengths:?}");
        for one in &recorded {
            let last = one.playlist.segments.back().unwrap();
            prop_assert!(last.duration.units().abs_diff(200_000) < 10_000, "{last:?}");
        }
        let sound = &recorded[2];
        for pictures in &recorded[..2] {
            let (ends, length) = as_shaka_places(&[pictures, sound]);
            prop_assert!(ends.iter().all(|end| length - end < 1e-6), "{ends:?} of {length}");
        }
    }
}
