//! A backup encoder: warm, on the air when the primary is silent, off it when the primary is back.

use super::*;

const PRIMARY: PublisherId = A;
const BACKUP: PublisherId = B;

/// Two encoders with clocks of their own, keyframes every 2 s, not at the same moment.
fn pair() -> Stage {
    let mut stage = Stage::new();
    stage.join_as(PRIMARY, PublishRole::Primary, AVC);
    stage.join_as(BACKUP, PublishRole::Backup, AVC);
    stage
}

/// What is on the air of the two for `ms` milliseconds from the publishers' own time `from`.
fn both(stage: &mut Stage, from: u32, ms: u32, sending: &[PublisherId]) {
    for at in (from..from + ms).step_by(40) {
        for id in sending {
            // The backup began ten minutes before, and its keyframes are 0.8 s off.
            let at = if *id == BACKUP { at + 600_800 } else { at };
            let frame = if at.is_multiple_of(2_000) { KEY } else { INTER };
            stage.send(*id, MessageKind::Video, at, frame);
            stage.send(*id, MessageKind::Audio, at + 5, SOUND);
        }
        stage.wait(40);
    }
}

fn on_air(stage: &Stage) -> Vec<(PublisherId, Cause)> {
    let on_air = stage.events.iter().filter_map(|event| {
        let Event::OnAir(id, _, cause) = event else {
            return None;
        };
        Some((*id, *cause))
    });
    on_air.collect()
}

fn times(items: &[Item], wanted: MediaKind) -> Vec<u32> {
    let time = |(item, name): (&Item, &str)| {
        let Item::Message {
            kind, timestamp, ..
        } = item
        else {
            return None;
        };
        (*kind == wanted && name != "avc").then_some(*timestamp)
    };
    items.iter().zip(names(items)).filter_map(time).collect()
}

#[test]
fn a_backup_is_on_the_air_within_a_second_of_the_primarys_silence_from_its_newest_keyframe() {
    let mut stage = pair();
    let mut player = Cursor::new(Audience::Player);
    let mut transcoder = Cursor::new(Audience::Transcoder);
    both(&mut stage, 0, 6_000, &[PRIMARY, BACKUP]);
    let mut items = stage.take(&mut transcoder);
    stage.take(&mut player);
    both(&mut stage, 6_000, 720, &[BACKUP]);
    assert_eq!(
        on_air(&stage),
        [(PRIMARY, Cause::Free), (BACKUP, Cause::StandsIn)]
    );
    let seam = stage.take(&mut player);
    // 0.8 s off: its newest keyframe came 0.8 s before the silence, and nothing of it is missing.
    assert_eq!(names(&seam)[..3], ["key", "sound", "inter"]);
    both(&mut stage, 6_720, 5_000, &[BACKUP]);
    items.extend(stage.take(&mut transcoder));
    let video = times(&items, MediaKind::Video);
    assert!(
        video
            .windows(2)
            .all(|pair| (1..=41).contains(&(pair[1] - pair[0]))),
        "{video:?}"
    );
    assert!(
        stamps(&items)
            .iter()
            .all(|stamp| stamp.kind == StampKind::Segment && stamp.dsn == Dsn(0))
    );
    assert!(
        !stage
            .events
            .iter()
            .any(|event| matches!(event, Event::Close(..) | Event::Held))
    );
}

#[test]
fn the_air_goes_back_to_the_primary_after_ten_clean_seconds_at_its_keyframe() {
    let mut stage = pair();
    let mut player = Cursor::new(Audience::Player);
    both(&mut stage, 0, 6_000, &[PRIMARY, BACKUP]);
    both(&mut stage, 6_000, 4_000, &[BACKUP]);
    both(&mut stage, 10_000, 10_000, &[PRIMARY, BACKUP]);
    assert_eq!(on_air(&stage).len(), 2);
    stage.take(&mut player);
    both(&mut stage, 20_000, 40, &[PRIMARY, BACKUP]);
    assert_eq!(on_air(&stage)[2], (PRIMARY, Cause::HandedBack));
    assert!(names(&stage.take(&mut player)).contains(&"key"));
    // The backup stays, warm and connected.
    both(&mut stage, 20_040, 4_000, &[PRIMARY, BACKUP]);
    assert!(stage.stream.warm_bytes() > 0);
    both(&mut stage, 24_040, 720, &[BACKUP]);
    assert_eq!(on_air(&stage)[3], (BACKUP, Cause::StandsIn));
    assert_eq!(stage.stream.publishers(), 2);
}

#[test]
fn a_primary_that_is_cut_is_followed_by_its_backup_at_once() {
    let mut stage = pair();
    both(&mut stage, 0, 6_000, &[PRIMARY, BACKUP]);
    stage.leave(PRIMARY);
    stage.wait(0);
    assert_eq!(stage.stream.on_air(), Some(BACKUP));
}

/// What is kept of it does not outlive a restart: the cost is one interval of keyframes, and then it is as before.
#[test]
fn right_after_a_restart_a_backup_goes_on_the_air_at_its_next_keyframe() {
    let stands_in = [(PRIMARY, Cause::Free), (BACKUP, Cause::StandsIn)];
    let mut stage = pair();
    both(&mut stage, 0, 6_000, &[PRIMARY, BACKUP]);
    stage.restart();
    assert_eq!(stage.stream.warm_bytes(), 0);
    both(&mut stage, 6_000, 1_200, &[BACKUP]);
    assert_eq!(on_air(&stage), stands_in[..1]);
    both(&mut stage, 7_200, 40, &[BACKUP]);
    assert_eq!(on_air(&stage), stands_in);

    let mut stage = pair();
    both(&mut stage, 0, 6_000, &[PRIMARY, BACKUP]);
    stage.restart();
    both(&mut stage, 6_000, 2_000, &[PRIMARY, BACKUP]);
    both(&mut stage, 8_000, 720, &[BACKUP]);
    assert_eq!(on_air(&stage), stands_in);
}

#[test]
fn a_backup_with_another_configuration_is_a_discontinuity_with_its_own_headers() {
    let mut stage = Stage::new();
    let mut transcoder = Cursor::new(Audience::Transcoder);
    stage.join_as(PRIMARY, PublishRole::Primary, AVC);
    stage.join_as(BACKUP, PublishRole::Backup, OTHER_AVC);
    both(&mut stage, 0, 6_000, &[PRIMARY, BACKUP]);
    stage.take(&mut transcoder);
    both(&mut stage, 6_000, 720, &[BACKUP]);
    let items = stage.take(&mut transcoder);
    assert_eq!(names(&items)[..3], ["other avc", "segment", "key"]);
    assert_eq!(stamps(&items)[0].dsn, Dsn(1));
}

#[test]
fn a_slide_show_is_not_silence() {
    for (gap, sound) in [(2_000_u32, true), (5_000, false)] {
        let mut stage = pair();
        for at in (0..60_000).step_by(40) {
            both(&mut stage, at, 40, &[BACKUP]);
            if at.is_multiple_of(gap) {
                stage.send(PRIMARY, MessageKind::Video, at, KEY);
            }
            if sound {
                stage.send(PRIMARY, MessageKind::Audio, at, SOUND);
            }
        }
        assert_eq!(
            on_air(&stage),
            [(PRIMARY, Cause::Free)],
            "a picture every {gap} ms"
        );
    }
}

#[test]
fn a_slide_show_without_sound_and_without_keyframes_stays_on_the_air() {
    let mut stage = Stage::new();
    stage.join(A, AVC);
    for at in (0..60).step_by(4) {
        let frame = if at == 0 { KEY } else { INTER };
        stage.send(A, MessageKind::Video, at * 1_000, frame);
        stage.wait(4_000);
    }
    assert!(!stage.events.contains(&Event::Held));
    assert_eq!(stage.stream.state(), State::Live);
    stage.wait(2_001);
    assert_eq!(stage.stream.state(), State::Held);
}

#[test]
fn the_uplink_of_both_stutters_and_nobody_changes() {
    let mut stage = pair();
    both(&mut stage, 0, 6_000, &[PRIMARY, BACKUP]);
    stage.wait(1_500);
    both(&mut stage, 6_000, 1_000, &[BACKUP, PRIMARY]);
    assert_eq!(on_air(&stage), [(PRIMARY, Cause::Free)]);
}

#[test]
fn changes_of_encoder_never_bring_the_timeline_far_ahead_of_the_wall_clock() {
    let mut stage = pair();
    let mut at = 0;
    let mut go = |stage: &mut Stage, ms, sending: &[PublisherId]| {
        both(stage, at, ms, sending);
        at += ms;
    };
    for _ in 0..40 {
        go(&mut stage, 200_000, &[PRIMARY, BACKUP]);
        go(&mut stage, 1_200, &[BACKUP]);
        let ahead = stage.stream.newest_stamp().unwrap().pts.millis();
        assert!(ahead <= stage.now + 10_000);
    }
    assert!(on_air(&stage).len() > 40);
}

#[test]
fn a_picture_that_is_lost_while_the_sound_goes_on_is_stood_in_for_within_a_second() {
    let mut stage = pair();
    let mut transcoder = Cursor::new(Audience::Transcoder);
    both(&mut stage, 0, 6_000, &[PRIMARY, BACKUP]);
    let mut items = stage.take(&mut transcoder);
    let without_picture = |stage: &mut Stage, from: u32, ms: u32| {
        for at in (from..from + ms).step_by(40) {
            stage.send(PRIMARY, MessageKind::Audio, at + 5, SOUND);
            both(stage, at, 40, &[BACKUP]);
        }
    };
    without_picture(&mut stage, 6_000, 720);
    let stood_in = [(PRIMARY, Cause::Free), (BACKUP, Cause::StandsIn)];
    assert_eq!(on_air(&stage), stood_in);
    without_picture(&mut stage, 6_720, 20_000);
    assert_eq!(on_air(&stage), stood_in);
    both(&mut stage, 26_720, 15_280, &[PRIMARY, BACKUP]);
    assert_eq!(on_air(&stage)[2..], [(PRIMARY, Cause::HandedBack)]);
    items.extend(stage.take(&mut transcoder));
    let dsn = |stamp: Stamp| (stamp.kind, stamp.dsn);
    let stamps: Vec<_> = stamps(&items).into_iter().map(dsn).collect();
    assert!(
        stamps
            .iter()
            .all(|stamp| *stamp == (StampKind::Segment, Dsn(0)))
    );
}
