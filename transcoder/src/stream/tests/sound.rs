//! Where sound lies: without a hole whatever its phase and its clock, and the same for whoever joined when.

use super::*;
use crate::codec::AacTrack;

/// A stage that was fed the headers and `messages`.
fn fed(show: &Show, messages: &[Message]) -> Stage {
    let mut stage = Stage::new(settings());
    stage.feed(&show.headers());
    stage.feed(messages);
    stage
}

/// How many frames of silence there are in what is published.
fn silent_frames(stage: &mut Stage) -> usize {
    let silence = AacTrack::encoded().silent_frame().unwrap();
    let sound = segments(&mut stage.stream, Rendition::Audio);
    let count = |(_, bytes): &(Msn, Bytes)| {
        let mut windows = bytes.windows(silence.len());
        windows.by_ref().filter(|bytes| *bytes == silence).count()
    };
    sound.iter().map(count).sum()
}

/// What is published from the stamp at `from` on is the same for who joins there.
fn assert_joins(show: &Show, messages: &[Message], veteran: &[(Msn, Bytes)], from: usize) {
    let Message::Stamp(joined) = &messages[from] else {
        panic!("no stamp");
    };
    let mut joiner = fed(show, &messages[from..]);
    let since = |all: &[(Msn, Bytes)]| -> Vec<(Msn, Vec<Told>, Bytes)> {
        all.iter()
            .filter(|(msn, _)| *msn >= joined.msn)
            .map(|(msn, bytes)| (*msn, told(bytes), bytes.clone()))
            .collect()
    };
    let joined_late = segments(&mut joiner.stream, Rendition::Audio);
    assert_eq!(since(veteran), since(&joined_late), "from {}", joined.msn);
}

#[test]
fn sound_half_a_frame_off_the_grid_is_not_found_elsewhere_in_each_segment() {
    let show = Show {
        rate: (24_000, 1001),
        gops: vec![72],
        audio_rate: Some(44_100),
        audio_phase_us: 15_470,
        seconds: 20,
        ..Show::default()
    };
    let parts = PartTarget::from_millis(200).unwrap();
    let mut stage = Stage::new(Settings {
        parts,
        ..settings()
    });
    stage.feed(&show.headers());
    stage.feed(&show.session(START_MS, None));
    assert_continuous(&mut stage.stream, Rendition::Audio);
    let broken = crate::lint::tests::broken_by(&mut stage.stream);
    assert_eq!(broken, [""; 0]);
}

#[test]
fn a_clock_that_drifts_jumps_at_the_same_frames_for_whoever_joined_when() {
    for audio_drift_ppm in [-5_000, 5_000] {
        let show = Show {
            audio_rate: Some(44_100),
            audio_drift_ppm,
            ..Show::default()
        };
        let messages = show.session(START_MS, None);
        let mut stage = fed(&show, &messages);
        assert_continuous(&mut stage.stream, Rendition::Audio);
        // 65 ms in thirteen seconds: frames of 23 ms are missing, or too many.
        let silent = silent_frames(&mut stage);
        assert_eq!(silent, if audio_drift_ppm < 0 { 2 } else { 0 });
        let veteran = segments(&mut stage.stream, Rendition::Audio);
        for (from, _) in stamps(&messages) {
            assert_joins(&show, &messages, &veteran, from);
        }
    }
}

#[test]
fn a_mux_that_says_nothing_of_the_sound_leaves_no_hole_either() {
    for audio_phase_us in (0..23_000).step_by(400) {
        let show = Show {
            audio_rate: Some(44_100),
            audio_phase_us,
            seconds: 9,
            ..Show::default()
        };
        let mut messages = show.session(START_MS, None);
        for message in &mut messages {
            if let Message::Stamp(stamp) = message {
                stamp.sound = None;
            }
        }
        let mut stage = fed(&show, &messages);
        assert_continuous(&mut stage.stream, Rendition::Audio);
    }
}

#[test]
fn sound_is_published_as_it_comes_from_its_first_frame_on() {
    let show = Show::default();
    let messages = show.session(START_MS, None);
    // Parts of half a second: the picture has passed the first one's end two frames later.
    let until = |ms: u64| {
        let end = u32::try_from((START_MS + ms) & 0xffff_ffff).unwrap();
        let late =
            |message: &Message| matches!(message, Message::Video { wire_ms, .. } if *wire_ms > end);
        messages.iter().position(late).unwrap()
    };
    let mut stage = fed(&show, &messages[..=until(2_640)]);
    // The first segment waits for the second stamp, which tells how long parts are.
    let second = stamps(&messages)[1].1.msn;
    assert_eq!(parts(&stage.stream, Rendition::Audio, second).len(), 1);
    stage.feed(&messages[until(2_640) + 1..=until(3_140)]);
    assert_eq!(parts(&stage.stream, Rendition::Audio, second).len(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn at_any_phase_a_frame_follows_the_other_and_all_joiners_agree(
        phase in 0_u64..1024,
        rate in prop::sample::select(vec![44_100_u64, 48_000, 32_000]),
        audio_drift_ppm in -200_i64..=200,
        audio_late_ms in -40_i64..60,
        b_frames in any::<bool>(),
    ) {
        let show = Show {
            b_frames,
            audio_rate: Some(rate),
            audio_phase_us: phase * 1_000_000 / rate,
            audio_drift_ppm,
            audio_late_ms,
            seconds: 9,
            ..Show::default()
        };
        let messages = show.session(START_MS, None);
        let mut stage = fed(&show, &messages);
        assert_continuous(&mut stage.stream, Rendition::Audio);
        let silent = silent_frames(&mut stage);
        // Before the first frame, and for what the clock has drifted by.
        prop_assert!(silent <= 3, "{} frames of silence", silent);
        let veteran = segments(&mut stage.stream, Rendition::Audio);
        for (from, _) in stamps(&messages) {
            assert_joins(&show, &messages, &veteran, from);
        }
    }
}
