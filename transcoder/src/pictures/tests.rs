use proptest::prelude::*;

use super::*;

const SIZE: Size = Size {
    width: 160,
    height: 90,
};
const LENGTH_MS: u64 = 900_000;

/// The moment in slot `n`, of which 0 is the first on a sheet.
fn at(n: u64) -> MediaTime {
    MediaTime::from_ticks((7_180_000 * 25 + n) * Slot::TICKS + 3_000)
}

/// A worker that started in slot `first` takes a picture in slot `n`.
fn snapshot(first: u64, n: u64) -> Snapshot {
    let file = |kind: u8| {
        let mut file = vec![0xff, 0xd8, 0xff, kind];
        file.extend(n.to_be_bytes());
        file.extend(first.to_be_bytes());
        Bytes::from(file)
    };
    Snapshot {
        at: at(n),
        first: at(first.max(n / 25 * 25)),
        poster: file(0),
        tile: SIZE,
        sheet: file(1),
    }
}

/// The tiles that the index names: when they begin and end, milliseconds, and on which sheet.
fn tiles(pictures: &mut Pictures, start: MediaTime) -> Vec<(u64, u64, u64)> {
    let index = pictures.storyboard(start).unwrap().whole();
    let index = std::str::from_utf8(&index).unwrap();
    let ms = |clock: &str| -> u64 {
        let (clock, ms) = clock.split_once('.').unwrap();
        let parts = clock.split(':').map(|part| part.parse::<u64>().unwrap());
        parts.fold(0, |sum, part| sum * 60 + part) * 1000 + ms.parse::<u64>().unwrap()
    };
    let cues = index.split("\n\n").filter_map(|block| {
        let (times, tile) = block.split_once('\n')?;
        let (from, until) = times.split_once(" --> ")?;
        let sheet = tile.split_once("#xywh=").unwrap().0;
        let Ok(live::Object::Sheet(sheet)) = sheet.parse() else {
            panic!("{sheet} is no sheet");
        };
        Some((ms(from), ms(until), sheet))
    });
    cues.collect()
}

#[test]
fn the_newest_picture_is_the_poster_and_all_are_in_the_index() {
    let mut pictures = Pictures::new(LENGTH_MS);
    assert_eq!(pictures.storyboard(at(0)), None);
    for n in [3, 4, 7] {
        pictures.take(snapshot(3, n));
        assert_eq!(
            pictures.poster().unwrap().whole(),
            snapshot(3, n).poster,
            "{n}"
        );
    }
    let newest = Text::from(snapshot(3, 7).sheet).tag.number();
    let shown = tiles(&mut pictures, at(3));
    assert_eq!(
        shown,
        [
            (0, 10_000, newest),
            (10_000, 20_000, newest),
            (40_000, 50_000, newest)
        ],
        "in a hold no pictures are taken"
    );
    assert_eq!((pictures.taken(), pictures.newest()), (3, Some(at(7))));
    // Whoever read the index before still finds what it names.
    let before = Text::from(snapshot(3, 4).sheet);
    assert_eq!(pictures.sheet(before.tag.number()), Some(&before));
}

#[test]
fn a_worker_that_starts_anew_takes_nothing_away() {
    let mut pictures = Pictures::new(LENGTH_MS);
    (0..4).for_each(|n| pictures.take(snapshot(0, n)));
    (4..6).for_each(|n| pictures.take(snapshot(4, n)));
    let (old, new) = (snapshot(0, 3), snapshot(4, 5));
    let [old, new] = [old, new].map(|it| Text::from(it.sheet).tag.number());
    let sheets: Vec<u64> = tiles(&mut pictures, at(0))
        .iter()
        .map(|tile| tile.2)
        .collect();
    assert_eq!(sheets, [old, old, old, old, new, new]);
}

#[test]
fn what_has_left_the_window_is_not_shown_and_goes_after_a_while() {
    let mut pictures = Pictures::new(60_000);
    (0..25).for_each(|n| pictures.take(snapshot(0, n)));
    let shown = tiles(&mut pictures, at(20).plus_millis(4_000));
    assert_eq!(shown.first().map(|tile| (tile.0, tile.1)), Some((0, 6_000)));
    assert_eq!(shown.len(), 5);
    let full = Text::from(snapshot(0, 24).sheet).tag.number();
    let seen = |pictures: &mut Pictures| {
        let shown = tiles(pictures, at(0)).iter().any(|tile| tile.2 == full);
        (shown, pictures.sheet(full).is_some())
    };
    assert_eq!(seen(&mut pictures), (true, true));
    (25..40).for_each(|n| pictures.take(snapshot(0, n)));
    assert_eq!(seen(&mut pictures), (false, true));
    (40..70).for_each(|n| pictures.take(snapshot(0, n)));
    assert_eq!(seen(&mut pictures), (false, false));
    assert!(pictures.sheets.len() <= 32, "{}", pictures.sheets.len());
}

#[test]
fn a_picture_like_the_one_before_is_no_trouble() {
    let mut pictures = Pictures::new(LENGTH_MS);
    let black = |n| Snapshot {
        sheet: snapshot(0, 0).sheet,
        ..snapshot(0, n)
    };
    (0..60).for_each(|n| pictures.take(black(n)));
    assert_eq!(tiles(&mut pictures, at(0)).len(), 60);
}

#[test]
fn the_largest_sheets_there_are_stay_within_bounds() {
    let mut pictures = Pictures::new(12 * 3_600_000);
    for n in 0..450 {
        let small = snapshot(0, n);
        let mut sheet = small.sheet.to_vec();
        sheet.resize(Snapshot::MAX_FILE, 0);
        pictures.take(Snapshot {
            sheet: sheet.into(),
            ..small
        });
        assert!(pictures.bytes() <= Pictures::MAX_BYTES);
        assert!(pictures.tiles.contains_key(&Slot::of(at(n))));
    }
}

#[test]
fn what_cannot_be_is_known() {
    let good = snapshot(3, 7);
    assert!(good.is_sound());
    let broken = [
        Snapshot {
            first: at(8),
            ..good.clone()
        },
        Snapshot {
            first: MediaTime::from_ticks(at(0).ticks() - Slot::TICKS),
            ..good.clone()
        },
        Snapshot {
            poster: Bytes::from_static(b"<html>"),
            ..good.clone()
        },
        Snapshot {
            sheet: Bytes::new(),
            ..good.clone()
        },
        Snapshot {
            tile: Size {
                width: 162,
                height: 90,
            },
            ..good
        },
    ];
    for snapshot in broken {
        assert!(!snapshot.is_sound(), "{snapshot:?}");
    }
}

proptest! {
    #[test]
    fn every_tile_of_the_index_can_be_fetched(
        steps in proptest::collection::vec((1..40u64, any::<bool>()), 1..200),
        window in 30_000..2_000_000u64,
    ) {
        let mut pictures = Pictures::new(window);
        let (mut n, mut first) = (0, 0);
        for (step, anew) in steps {
            n += if step > 35 { step } else { 1 };
            first = if anew { n } else { first };
            pictures.take(snapshot(first, n));
            let start = MediaTime::from_ticks(at(n).ticks().saturating_sub(window * 90));
            let shown = tiles(&mut pictures, start);
            prop_assert!(shown.is_sorted_by(|a, b| a.1 <= b.0));
            prop_assert!(shown.len() as u64 <= window / 10_000 + 2);
            for (from, until, sheet) in shown {
                prop_assert!(from < until && until <= window + 10_000);
                prop_assert!(pictures.sheet(sheet).is_some());
            }
        }
    }
}
