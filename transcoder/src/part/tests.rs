use proptest::prelude::*;

use super::*;

/// Cuts samples that last `durations` ticks of 90 kHz.
fn cut(nominal: u32, durations: &[u64]) -> Vec<CutPart> {
    let lengths = Lengths::new(PartTarget::from_millis(nominal).unwrap(), 90_000);
    let mut cutter = PartCutter::new(MediaKind::Video, lengths, Msn(7), 1_000_000);
    let mut parts = Vec::new();
    let mut at = 1_000_000;
    for (n, duration) in durations.iter().enumerate() {
        cutter.push(at, 0, n == 0, Bytes::from_static(b"sample"), &mut parts);
        at += duration;
    }
    cutter.finish(at, &mut parts);
    parts
}

fn durations(nominal: u32, samples: &[u64]) -> Vec<u64> {
    let parts = cut(nominal, samples);
    parts.iter().map(|part| part.duration / 90).collect()
}

#[test]
fn parts_close_at_the_frame_nearest_to_their_nominal_duration() {
    assert_eq!(durations(500, &[3000; 60]), [500; 4]);
    // 25 frames per second: twelve and a half frames.
    assert_eq!(durations(500, &[3600; 50]), [480, 520, 480, 520]);
    // 24 frames per second and short parts: four frames would be too short, five are not too long.
    assert_eq!(durations(200, &[3750; 24]), [208, 208, 208, 208, 166]);
    // The last part is as short as the segment leaves it.
    assert_eq!(durations(500, &[3000; 61]), [500, 500, 500, 500, 33]);
}

#[test]
fn a_standing_picture_makes_one_long_part() {
    let mut samples = vec![3000; 20];
    samples[3] = 90_000;
    assert_eq!(durations(500, &samples), [1100, 466, 66]);
    assert_eq!(durations(500, &[90_000, 90_000]), [1000, 1000]);
}

#[test]
fn only_the_part_with_the_keyframe_is_independent() {
    let independent: Vec<bool> = cut(500, &[3000; 60])
        .iter()
        .map(|p| p.independent)
        .collect();
    assert_eq!(independent, [true, false, false, false]);
}

#[test]
fn a_flood_of_samples_is_cut_however_short_it_is() {
    let parts = cut(1000, &vec![1; 5000]);
    assert!(parts.len() >= 5);
    assert!(parts.iter().all(|part| part.duration <= 1000));
}

proptest! {
    #[test]
    fn parts_are_numbered_joined_and_neither_too_long_nor_too_short(
        nominal in 200_u32..=1000,
        frame in 1500_u64..=4500,
        jitter in prop::collection::vec(0_u64..180, 30..200),
    ) {
        let samples: Vec<u64> = jitter.iter().map(|jitter| frame + jitter).collect();
        let parts = cut(nominal, &samples);
        let target = u64::from(PartTarget::from_millis(nominal).unwrap().millis()) * 90;
        let mut at = 1_000_000;
        for (n, part) in (0..).zip(&parts) {
            prop_assert_eq!((part.index, part.start), (PartIndex(n), at));
            let shortest = target * 85;
            // Where one frame more is too much and one less is too little, too much it is.
            let less = part.duration.saturating_sub(frame + 180) * 100;
            prop_assert!(part.duration <= target || less < shortest);
            let last = usize::try_from(n).unwrap() + 1 == parts.len();
            let room = part.duration + frame + 180 <= target;
            prop_assert!(last || !room || part.duration * 100 >= shortest);
            at += part.duration;
        }
        prop_assert_eq!(at, 1_000_000 + samples.iter().sum::<u64>());
    }
}
