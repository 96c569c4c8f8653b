use proptest::prelude::*;

use super::*;

/// Some Saturday in 2026.
const NOW: u64 = 1_795_000_000_000;

fn on_air(stamp: u32) -> Timeline {
    let mut timeline = Timeline::default();
    timeline.anchor(stamp, NOW, 0);
    assert_eq!(timeline.map(MediaKind::Video, stamp, NOW), Ok(NOW));
    timeline
}

#[test]
fn sound_and_picture_share_one_offset() {
    let mut timeline = on_air(500);
    assert_eq!(timeline.map(MediaKind::Audio, 480, NOW), Ok(NOW - 20));
    assert_eq!(timeline.map(MediaKind::Video, 533, NOW + 33), Ok(NOW + 33));
    assert_eq!(timeline.map(MediaKind::Audio, 501, NOW + 34), Ok(NOW + 1));
}

#[test]
fn time_goes_on_over_both_wraps_interleaved_as_they_may_be() {
    for wrap in [1_u64 << 24, 1 << 32] {
        let stamp = |at: u64| u32::try_from(at % wrap).unwrap();
        let mut timeline = on_air(stamp(wrap - 100));
        for step in 0..50 {
            let at = NOW + step * 10;
            let video = timeline.map(MediaKind::Video, stamp(wrap - 100 + step * 10), at);
            assert_eq!(video, Ok(at), "wrap {wrap} step {step}");
            let audio = timeline.map(MediaKind::Audio, stamp(wrap - 100 + step * 10 - 7), at);
            assert_eq!(audio, Ok(at - 7), "wrap {wrap} step {step}");
        }
    }
}

#[test]
fn a_clock_that_restarts_goes_on_at_the_wall_clock_for_both_kinds() {
    let mut timeline = on_air(3_600_000);
    timeline.map(MediaKind::Audio, 3_600_000, NOW).unwrap();
    assert_eq!(
        timeline.map(MediaKind::Video, 0, NOW + 8_000),
        Ok(NOW + 8_000)
    );
    assert_eq!(
        timeline.map(MediaKind::Audio, 5, NOW + 8_000),
        Ok(NOW + 8_005)
    );
    assert_eq!(
        timeline.map(MediaKind::Video, 33, NOW + 8_033),
        Ok(NOW + 8_033)
    );
}

#[test]
fn a_reconnecting_publisher_is_set_at_the_wall_clock_and_never_back() {
    let mut timeline = on_air(0);
    // It ran ahead of the wall clock by a burst.
    timeline.map(MediaKind::Video, 900, NOW).unwrap();
    timeline.anchor(0, NOW + 100, 0);
    assert_eq!(
        timeline.map(MediaKind::Video, 0, NOW + 100),
        Ok(NOW + 900 + SEAM)
    );
    timeline.anchor(0, NOW + 5_000, NOW + 6_000);
    assert_eq!(
        timeline.map(MediaKind::Video, 0, NOW + 5_000),
        Ok(NOW + 6_000)
    );
}

#[test]
fn a_stalled_uplink_keeps_its_distances_and_a_wild_leap_does_not_count() {
    let mut timeline = on_air(0);
    assert_eq!(
        timeline.map(MediaKind::Video, 8_000, NOW + 8_050),
        Ok(NOW + 8_000)
    );
    // A leap of an hour while the wall clock moved by a frame.
    assert_eq!(
        timeline.map(MediaKind::Video, 3_608_000, NOW + 8_090),
        Ok(NOW + 8_090)
    );
}

#[test]
fn careless_data_moves_no_clock() {
    let mut timeline = on_air(60_000);
    assert_eq!(timeline.map(MediaKind::Data, 0, NOW), Ok(NOW));
    assert_eq!(
        timeline.map(MediaKind::Video, 60_033, NOW + 33),
        Ok(NOW + 33)
    );
}

#[test]
fn a_file_sent_at_full_speed_is_refused_and_a_drifting_clock_is_not() {
    let mut fast = on_air(0);
    let refused = (1..4_000_u32).find(|n| fast.map(MediaKind::Video, n * 33, NOW + 10).is_err());
    assert_eq!(refused, Some(60_010 / 33 + 1));

    let mut drifting = on_air(0);
    // A clock that is 1 % fast, for a day.
    for second in 1..86_400 {
        let stamp = u32::try_from(second * 1_010).unwrap();
        drifting
            .map(MediaKind::Video, stamp, NOW + second * 1_000)
            .unwrap();
    }
}

#[test]
fn at_and_when_are_inverses() {
    let mut timeline = on_air(0);
    timeline.map(MediaKind::Video, 40, NOW + 10).unwrap();
    assert_eq!(timeline.at(NOW + 510), NOW + 540);
    assert_eq!(timeline.when(NOW + 540), NOW + 510);
}

fn kind() -> impl Strategy<Value = MediaKind> {
    prop_oneof![
        Just(MediaKind::Audio),
        Just(MediaKind::Video),
        Just(MediaKind::Data)
    ]
}

proptest! {
    #[test]
    fn times_of_a_kind_never_fall_whatever_comes(
        input in prop::collection::vec((kind(), any::<u32>(), 0_u64..5_000, any::<bool>()), 1..200)
    ) {
        let mut timeline = Timeline::default();
        let mut now = NOW;
        let mut newest = [0; 3];
        for (kind, stamp, elapsed, anchor) in input {
            now += elapsed;
            if anchor {
                timeline.anchor(stamp, now, 0);
            }
            if let Ok(at) = timeline.map(kind, stamp, now) {
                prop_assert!(at >= newest[kind as usize]);
                newest[kind as usize] = at;
            }
        }
    }

    #[test]
    fn time_never_runs_away_from_the_wall_clock(
        input in prop::collection::vec((kind(), any::<u32>(), 0_u64..100), 1..300)
    ) {
        let mut timeline = Timeline::default();
        let mut now = NOW;
        for (kind, stamp, elapsed) in input {
            now += elapsed;
            if let Ok(at) = timeline.map(kind, stamp, now) {
                prop_assert!(at <= now + MAX_SURPLUS);
            }
        }
    }

    #[test]
    fn an_honest_publisher_keeps_its_own_distances(
        start in any::<u32>(),
        steps in prop::collection::vec((0_u32..100, 0_u64..100), 1..200)
    ) {
        let mut timeline = Timeline::default();
        timeline.anchor(start, NOW, 0);
        let (mut source, mut now) = (0_u32, NOW);
        for (step, elapsed) in steps {
            source += step;
            now += elapsed;
            let at = timeline.map(MediaKind::Video, start.wrapping_add(source), now);
            prop_assert_eq!(at, Ok(NOW + u64::from(source)));
        }
    }
}
