use proptest::prelude::*;

use super::*;

const T0: u64 = 1_795_000_000_000;

struct Show {
    cutter: Cutter,
    stamps: Vec<Stamp>,
}

impl Show {
    fn start() -> Self {
        let mut cutter = Cutter::new(SegmentTarget::from_millis(2000).unwrap(), None);
        cutter.start(T0);
        Self {
            cutter,
            stamps: Vec::new(),
        }
    }

    fn video(&mut self, ms: u64, key: bool) {
        let at = MediaTime::from_millis(T0 + ms);
        // 30 fps with two B-frames: pictures show 67 ms after they are decoded.
        let frame = VideoFrame {
            dts: at,
            pts: at.plus_millis(67),
            key,
        };
        self.cutter.video(frame, T0 + ms, &mut self.stamps);
    }

    /// 30 fps from `from` to `to` ms, a keyframe every `gop` ms.
    fn film(&mut self, from: u64, to: u64, gop: u64) {
        for frame in 0.. {
            let ms = from + frame * 100 / 3;
            if ms >= to {
                return;
            }
            self.video(ms, (frame * 100 / 3) % gop < 33);
        }
    }

    /// (kind, msn - first, pts ms since T0) of each stamp.
    fn seen(&self) -> Vec<(char, u64, u64)> {
        let first = self.stamps[0].msn.0;
        let kind = |s: &Stamp| {
            if s.kind == StampKind::Segment {
                'S'
            } else {
                'H'
            }
        };
        self.stamps
            .iter()
            .map(|s| (kind(s), s.msn.0 - first, s.pts.millis() - T0))
            .collect()
    }
}

#[test]
fn a_two_second_gop_is_a_segment() {
    let mut show = Show::start();
    show.film(0, 7000, 2000);
    assert_eq!(
        show.seen(),
        [('S', 0, 67), ('S', 1, 2067), ('S', 2, 4067), ('S', 3, 6067)]
    );
    let first = show.stamps[0];
    assert_eq!(
        (first.msn, first.dsn, first.k_ms, first.td),
        (Msn(T0 / 1000), Dsn(0), 2000, 3)
    );
}

#[test]
fn one_second_gops_are_paired_and_jitter_of_half_a_frame_forgiven() {
    let mut show = Show::start();
    show.film(0, 4500, 1000);
    assert_eq!(show.seen(), [('S', 0, 67), ('S', 1, 2067), ('S', 2, 4067)]);
    let mut show = Show::start();
    for (ms, key) in [
        (0, true),
        (1951, false),
        (1985, true),
        (3950, false),
        (3984, true),
    ] {
        show.video(ms, key);
    }
    assert_eq!(show.seen().len(), 3);
}

#[test]
fn an_overdue_keyframe_does_not_stop_the_clock() {
    let mut show = Show::start();
    show.film(0, 9000, 8333);
    assert_eq!(
        show.seen(),
        [('S', 0, 67), ('S', 1, 2967), ('S', 2, 5867), ('S', 3, 8400)]
    );
}

#[test]
fn nothing_starts_before_a_keyframe() {
    let mut show = Show::start();
    show.video(0, false);
    show.video(33, false);
    assert!(show.stamps.is_empty());
    show.video(66, true);
    assert_eq!(show.seen(), [('S', 0, 133)]);
}

#[test]
fn a_held_stream_keeps_counting_and_resumes_at_a_keyframe() {
    let mut show = Show::start();
    show.film(0, 3000, 2000);
    let last = MediaTime::from_millis(T0 + 6000);
    show.cutter.hold(last, T0 + 6000, &mut show.stamps);
    assert_eq!(show.seen()[2..], [('H', 2, 3066), ('H', 3, 5066)]);
    assert_eq!(show.cutter.next_hold().unwrap().millis(), T0 + 7366);
    show.cutter.resume(false);
    show.video(9000, false);
    show.video(9033, true);
    assert_eq!(
        show.seen()[4..],
        // No hold of 34 ms.
        [('H', 4, 7066), ('S', 5, 9100)]
    );
    assert!(show.stamps.iter().all(|s| s.dsn == Dsn(0)));
}

#[test]
fn a_changed_encoder_is_a_discontinuity() {
    let mut show = Show::start();
    show.film(0, 1000, 2000);
    show.cutter.resume(true);
    show.film(1100, 1200, 2000);
    assert_eq!(show.seen(), [('S', 0, 67), ('S', 1, 1167)]);
    assert_eq!(show.stamps[1].dsn, Dsn(1));
}

#[test]
fn a_hole_in_the_media_is_held_not_hidden() {
    let mut show = Show::start();
    show.film(0, 1000, 2000);
    show.video(8000, true);
    assert_eq!(
        show.seen()[1..],
        [
            ('H', 1, 1066),
            ('H', 2, 3066),
            ('H', 3, 5066),
            ('H', 4, 7066),
            ('S', 5, 8067)
        ]
    );
}

#[test]
fn sound_alone_drives_the_clock() {
    let mut show = Show::start();
    for frame in 0..250u64 {
        let at = MediaTime::from_ticks(T0 * 90 + frame * 1920);
        show.cutter.audio(at, T0, &mut show.stamps);
    }
    let starts: Vec<u64> = show.seen().iter().map(|s| s.2).collect();
    assert_eq!(starts, [1002, 3008, 5013]);
}

#[test]
fn sound_beside_video_does_not() {
    let mut show = Show::start();
    for ms in (0..7000).step_by(20) {
        show.cutter
            .audio(MediaTime::from_millis(T0 + ms), T0, &mut show.stamps);
        show.video(ms, ms == 0);
    }
    assert_eq!(show.seen(), [('S', 0, 67), ('S', 1, 2967), ('S', 2, 5867)]);
}

#[test]
fn numbers_go_on_after_the_last_ones() {
    let last = LastNumbers {
        msn: Msn(T0 / 1000 + 50),
        dsn: Dsn(4),
    };
    let mut cutter = Cutter::new(SegmentTarget::from_millis(2000).unwrap(), Some(last));
    cutter.start(T0);
    let mut stamps = Vec::new();
    let at = MediaTime::from_millis(T0);
    cutter.video(
        VideoFrame {
            dts: at,
            pts: at,
            key: true,
        },
        T0,
        &mut stamps,
    );
    assert_eq!(
        (stamps[0].msn, stamps[0].dsn),
        (Msn(T0 / 1000 + 51), Dsn(5))
    );
}

#[derive(Debug, Clone)]
enum Step {
    Video { ahead: u64, reorder: u64, key: bool },
    Audio { ahead: u64 },
    Hold { ahead: u64 },
    Resume { changed: bool },
}

fn step() -> impl Strategy<Value = Step> {
    let ahead = prop_oneof![9 => 0u64..100, 1 => 0u64..20_000];
    prop_oneof![
        8 => (ahead.clone(), 0u64..200, prop::bool::weighted(0.1))
            .prop_map(|(ahead, reorder, key)| Step::Video { ahead, reorder, key }),
        4 => ahead.clone().prop_map(|ahead| Step::Audio { ahead }),
        1 => ahead.prop_map(|ahead| Step::Hold { ahead }),
        1 => any::<bool>().prop_map(|changed| Step::Resume { changed }),
    ]
}

proptest! {
    #[test]
    fn nothing_before_or_after_a_hold_is_so_short_that_no_sound_fits_in(
        cut in 500_u64..9_000,
        silent in 1_000_u64..4_000,
        away in 0_u64..9_000,
        sound in any::<bool>(),
    ) {
        let mut show = Show::start();
        show.film(0, cut, 2000);
        if sound {
            let at = MediaTime::from_millis(T0 + cut);
            show.cutter.audio(at, T0 + cut, &mut show.stamps);
        }
        let back = cut + silent + away;
        let mut due = Some(MediaTime::from_millis(T0 + cut + silent));
        while let Some(now) = due.filter(|due| due.millis() <= T0 + back) {
            show.cutter.hold(now, now.millis(), &mut show.stamps);
            due = show.cutter.next_hold();
        }
        show.cutter.resume(false);
        show.film(back, back + 5_000, 2000);
        for pair in show.stamps.windows(2) {
            let lasts = pair[1].pts.since(pair[0].pts);
            prop_assert!(lasts >= LEAST_HOLD, "{:?}", pair);
        }
    }

    #[test]
    fn the_clock_never_slips(k in 1000u32..=10_000, steps in prop::collection::vec(step(), 1..400)) {
        let mut cutter = Cutter::new(SegmentTarget::from_millis(k).unwrap(), None);
        let mut stamps = Vec::new();
        let mut now = T0;
        cutter.start(now);
        for step in steps {
            match step {
                Step::Video { ahead, reorder, key } => {
                    now += ahead;
                    let dts = MediaTime::from_millis(now);
                    cutter.video(VideoFrame { dts, pts: dts.plus_millis(reorder), key }, now, &mut stamps);
                }
                Step::Audio { ahead } => {
                    now += ahead;
                    cutter.audio(MediaTime::from_millis(now), now, &mut stamps);
                }
                Step::Hold { ahead } => {
                    now += ahead;
                    cutter.hold(MediaTime::from_millis(now), now, &mut stamps);
                }
                Step::Resume { changed } => cutter.resume(changed),
            }
        }
        for pair in stamps.windows(2) {
            let (a, b) = (pair[0], pair[1]);
            prop_assert_eq!(b.msn, a.msn.next());
            prop_assert!(b.pts > a.pts);
            prop_assert!(b.dsn >= a.dsn);
            let seconds = (b.pts.since(a.pts) + MediaTime::HZ / 2) / MediaTime::HZ;
            prop_assert!(seconds <= u64::from(a.td), "{:?} {:?}", a, b);
        }
        prop_assert_eq!(cutter.last_numbers().map(|last| last.msn), stamps.last().map(|s| s.msn));
    }
}
