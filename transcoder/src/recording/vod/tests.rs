use live::playlist::check;

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
