use super::*;

fn measured(distances: &[u64]) -> Option<(u64, u64)> {
    let mut meter = CadenceMeter::default();
    for ticks in distances {
        meter.distance(*ticks);
    }
    let cadence = meter.cadence()?;
    Some((cadence.shortest(), cadence.longest()))
}

#[test]
fn few_pictures_count_each_and_of_many_the_odd_ones_do_not() {
    assert_eq!(measured(&[]), None);
    assert_eq!(measured(&[90_000]), Some((90_000, 90_000)));
    assert_eq!(measured(&[3000, 9000, 3000]), Some((3000, 9000)));
    let mut usual = vec![2970, 3060, 2970];
    usual.extend([3060; 20]);
    usual.extend([45_000, 100]);
    assert_eq!(measured(&usual), Some((2970, 3060)));
}

#[test]
fn a_hole_is_no_distance_and_what_is_measured_is_bounded() {
    assert_eq!(measured(&[0, Cadence::MOST + 1]), None);
    let mut long = vec![3000; 64];
    long.extend([90_000; 1000]);
    assert_eq!(measured(&long), Some((3000, 3000)));
}

/// A show at these rates, so many segments of two seconds each: where another cadence is told, and what.
fn told(show: &[(u64, u64)]) -> Vec<(u64, Option<u64>)> {
    let mut session = SessionCadence::default();
    let mut changes = Vec::new();
    let mut before = None;
    let mut number = 0;
    for (rate, segments) in show {
        for _ in 0..*segments {
            for _ in 0..rate * 2 {
                session.distance(90_000 / rate);
            }
            number += 1;
            let told = session.segment_ends(3).map(Cadence::longest);
            if told != before {
                changes.push((number, told));
            }
            before = told;
        }
    }
    changes
}

#[test]
fn a_rate_that_falls_for_long_is_told_and_a_hiccup_is_not() {
    let at = |rate: u64| Some(90_000 / rate);
    assert_eq!(told(&[(30, 9), (5, 9)]), [(1, at(30)), (14, at(5))]);
    assert_eq!(told(&[(30, 9), (1, 9)]), [(1, at(30)), (14, at(1))]);
    assert_eq!(told(&[(30, 9), (5, 4), (30, 9)]), [(1, at(30))]);
    // All that fit in the same parts.
    assert_eq!(told(&[(30, 9), (15, 9), (10, 9), (60, 9)]), [(1, at(30))]);
    assert_eq!(told(&[(5, 9), (30, 90)]), [(1, at(5))]);
    // Back to half the latency, but not at once.
    assert_eq!(told(&[(1, 9), (30, 29)]), [(1, at(1))]);
    assert_eq!(told(&[(1, 9), (30, 30)]), [(1, at(1)), (39, at(30))]);
}

#[test]
fn a_still_picture_says_nothing() {
    let at = |rate: u64| Some(90_000 / rate);
    let mut session = SessionCadence::default();
    for _ in 0..60 {
        session.distance(3000);
    }
    assert_eq!(session.segment_ends(3).map(Cadence::longest), at(30));
    for _ in 0..9 {
        assert_eq!(session.segment_ends(3).map(Cadence::longest), at(30));
    }
}

proptest::proptest! {
    /// Whatever comes, what is told changes no more often than every five segments, and lasts then: the pictures
    /// of the same kind fit.
    #[test]
    fn it_never_flaps(segments in proptest::collection::vec(
        proptest::collection::vec(1u64..300_000, 0..70), 1..80,
    )) {
        let mut session = SessionCadence::default();
        let (mut before, mut changed) = (None, 0);
        for (number, distances) in (0..).zip(&segments) {
            for ticks in distances {
                session.distance(*ticks);
            }
            let told = session.segment_ends(3);
            if told != before && before.is_some() {
                proptest::prop_assert!(number >= changed + 5, "{changed}, then {number}");
                changed = number;
            }
            before = told;
        }
    }
}
