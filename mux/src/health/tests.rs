//! Encoders that do one thing wrong, and the findings that this must give: those, and no other.

use bytes::Bytes;
use live::cutter::SegmentTarget;
use proptest::prelude::*;
use rtmp::MessageKind;

use super::*;
use crate::media;

/// Some Saturday in 2026.
const NOW: u64 = 1_795_000_000_000;
/// x264, 640x360 at 30 frames per second, main profile.
const AVC: &str = "17000000000\
    14d401effe10018674d401eeca05017fcb80880000003008000001e078b16cb01000468ce0fc8";
/// High 4:4:4 Predictive, 1278x718.
const AVC_444: &str = "17000000000\
    1f4001fffe1001b67f4001f919b280a00b7dde022000003000200000300641e30632c01000668ebe3c44844fff8f800";
const AAC: &str = "af001190";

fn bytes(hex: &str) -> Bytes {
    let digits: Vec<u8> = hex
        .chars()
        .filter_map(|c| u8::try_from(c.to_digit(16)?).ok())
        .collect();
    let pairs = digits.as_chunks::<2>().0;
    pairs.iter().map(|[high, low]| high << 4 | low).collect()
}

fn health() -> Health {
    Health::new(SegmentTarget::from_millis(2_000).unwrap().into())
}

/// An encoder, its faults, and the way to mux.
#[derive(Clone)]
struct Encoder {
    avc: &'static str,
    /// Frames per second as a fraction.
    rate: (u64, u64),
    /// Frames between two keyframes.
    gop: u64,
    /// Bytes of a picture; of one sound.
    picture: usize,
    sound: Option<usize>,
    /// First stamp.
    first: u64,
    /// Stamps keep so many bits.
    bits: u32,
    /// Sound minus picture, milliseconds.
    skew: u64,
    /// Parts in a million that the clock is fast.
    ppm: i64,
    /// Every so manyth frame is left out.
    leaves_out: Option<u64>,
    /// Arrivals wait for the next multiple of this many milliseconds.
    burst: u64,
    /// Milliseconds that each second of media comes later than the one before.
    slower: u64,
    /// Milliseconds that frames' stamps are off by, in turn.
    wobble: &'static [u64],
}

const OBS: Encoder = Encoder {
    avc: AVC,
    rate: (30, 1),
    gop: 60,
    picture: 20_000,
    sound: Some(400),
    first: 0,
    bits: 32,
    skew: 0,
    ppm: 0,
    leaves_out: None,
    burst: 1,
    slower: 0,
    wobble: &[0],
};

/// What a show told: code, whether it began, seconds since the show's start.
type Told = Vec<(Code, bool, u64)>;

struct Show {
    health: Health,
    told: Told,
    now: u64,
    /// Media time that has been sent, milliseconds.
    sent: u64,
}

impl Show {
    fn new() -> Self {
        Self {
            health: health(),
            told: Vec::new(),
            now: NOW,
            sent: 0,
        }
    }

    fn of(encoder: &Encoder, seconds: u64) -> Self {
        let mut show = Self::new();
        show.go_on(encoder, seconds);
        show
    }

    fn send(&mut self, kind: MessageKind, timestamp: u64, payload: Bytes, now: u64) {
        self.now = self.now.max(now);
        let message = Message {
            timestamp: u32::try_from(timestamp & 0xffff_ffff).unwrap(),
            kind,
            stream_id: 1,
            payload,
        };
        let sorted = media::sort(&message).unwrap();
        for change in self.health.message(&sorted, &message, self.now) {
            let at = (self.now - NOW) / 1_000;
            self.told.push((change.finding.code, change.begins, at));
        }
    }

    /// So many seconds of media, each frame when it is due.
    fn go_on(&mut self, encoder: &Encoder, seconds: u64) {
        let begin = self.sent;
        let end = begin + seconds * 1_000;
        self.send(MessageKind::Video, 0, bytes(encoder.avc), self.now);
        if encoder.sound.is_some() {
            self.send(MessageKind::Audio, 0, bytes(AAC), self.now);
        }
        let frame = |n: u64| begin + n * 1_000 * encoder.rate.1 / encoder.rate.0;
        let sound = |n: u64| begin + n * 1_024 / 48;
        let (mut pictures, mut sounds) = (0, 0);
        loop {
            let (next_picture, next_sound) = (frame(pictures), sound(sounds));
            if next_picture.min(next_sound) >= end {
                break;
            }
            if next_sound < next_picture {
                sounds += 1;
                if let Some(length) = encoder.sound {
                    let mut payload = vec![0; length];
                    payload[..2].copy_from_slice(b"\xaf\x01");
                    self.frame(
                        encoder,
                        MessageKind::Audio,
                        next_sound,
                        encoder.skew,
                        payload,
                    );
                }
            } else {
                let number = pictures;
                pictures += 1;
                let left_out = encoder
                    .leaves_out
                    .is_some_and(|nth| number % nth == nth - 1);
                if left_out {
                    continue;
                }
                let mut payload = vec![0; encoder.picture];
                let key = number % encoder.gop == 0;
                payload[..2].copy_from_slice(if key { b"\x17\x01" } else { b"\x27\x01" });
                let turn = usize::try_from(number).unwrap() % encoder.wobble.len();
                let wobble = encoder.wobble[turn];
                self.frame(encoder, MessageKind::Video, next_picture, wobble, payload);
            }
        }
        self.sent = end;
    }

    fn frame(
        &mut self,
        encoder: &Encoder,
        kind: MessageKind,
        at: u64,
        later: u64,
        payload: Vec<u8>,
    ) {
        // The encoder's clock gains ppm; the frame leaves when it was due by the true one.
        let gained = i64::try_from(at).unwrap() * encoder.ppm / 1_000_000;
        let stamp = encoder.first + at.saturating_add_signed(gained) + later;
        let stamp = stamp & ((1 << encoder.bits) - 1);
        let arrival = (NOW + at + at * encoder.slower / 1_000).next_multiple_of(encoder.burst);
        self.send(kind, stamp, payload.into(), arrival);
    }

    /// What began, none of it ending.
    #[track_caller]
    fn assert_found(&self, codes: &[Code]) {
        let began: Vec<Code> = self.told.iter().map(|(code, ..)| *code).collect();
        assert_eq!(began, codes, "{:?}", self.told);
        assert!(self.told.iter().all(|(_, begins, _)| *begins));
    }

    fn sentence(&self) -> String {
        let texts: Vec<&str> = self.health.findings().map(|f| f.text.as_str()).collect();
        texts.join("\n")
    }

    fn figures(&self) -> Figures {
        self.health.figures(self.now)
    }
}

#[test]
fn a_good_show_has_nothing_to_find() {
    let encoders = [
        OBS,
        Encoder {
            rate: (30_000, 1_001),
            ..OBS
        },
        Encoder {
            rate: (60, 1),
            gop: 120,
            ..OBS
        },
        Encoder {
            rate: (24_000, 1_001),
            gop: 48,
            ..OBS
        },
        Encoder {
            rate: (25, 1),
            gop: 25,
            ..OBS
        },
        // A DTS that wraps within the show: 32 bits, and the 24 of some hardware.
        Encoder {
            first: (1 << 32) - 60_000,
            ..OBS
        },
        Encoder {
            first: (1 << 24) - 60_000,
            bits: 24,
            ..OBS
        },
        Encoder { ppm: 40, ..OBS },
        Encoder { burst: 200, ..OBS },
        Encoder { skew: 300, ..OBS },
    ];
    for encoder in encoders {
        let show = Show::of(&encoder, 900);
        show.assert_found(&[]);
        let figures = show.figures();
        assert_eq!(figures.clock_jumps, 0);
        assert_eq!(figures.frames_dropped, 0);
    }
}

#[test]
fn the_figures_are_those_of_the_encoder() {
    let show = Show::of(
        &Encoder {
            rate: (30_000, 1_001),
            ..OBS
        },
        60,
    );
    let figures = show.figures();
    let rate = figures.frame_rate.unwrap();
    assert!((29.9..30.05).contains(&rate), "{rate}");
    let video = figures.video_bits_per_second_30s;
    assert!((4_700_000..4_900_000).contains(&video), "{video}");
    assert!((140_000..160_000).contains(&figures.audio_bits_per_second_30s));
    assert_eq!(figures.keyframe_interval_ms, Some(2_002));
    assert!(figures.audio_present && figures.video_present);
    assert!(figures.jitter_ms.unwrap() <= 60);
    let format = show.health.format();
    let video = format.video.as_ref().unwrap();
    assert_eq!((video.width, video.height), (Some(640), Some(360)));
    assert_eq!(
        (video.profile.as_deref(), video.level.as_deref()),
        (Some("Main"), Some("3.0"))
    );
    let audio = format.audio.as_ref().unwrap();
    assert_eq!((audio.sample_rate, audio.channels), (Some(48_000), Some(2)));
    let later = show.health.figures(show.now + 10_000);
    assert_eq!(later.bits_per_second, 0);
    assert!(!later.audio_present && !later.video_present);
}

#[test]
fn obs_on_auto_is_told_of_its_keyframes() {
    let show = Show::of(&Encoder { gop: 250, ..OBS }, 120);
    show.assert_found(&[Code::KeyframeInterval]);
    assert_eq!(
        show.sentence(),
        "Keyframes come every 8.3 s; set 'Keyframe Interval' to 2 s (in OBS: Settings, Output, Output Mode \
         'Advanced', Streaming)"
    );
}

#[test]
fn keyframes_that_do_not_divide_the_segment() {
    let show = Show::of(&Encoder { gop: 45, ..OBS }, 120);
    show.assert_found(&[Code::KeyframeInterval]);
    assert!(
        show.sentence()
            .starts_with("Keyframes come every 1.5 s, which does not divide segments of 2 s")
    );
    let show = Show::of(
        &Encoder {
            gop: 1_000_000,
            ..OBS
        },
        120,
    );
    show.assert_found(&[Code::KeyframeInterval]);
    assert!(show.sentence().starts_with("No second keyframe has come"));
}

#[test]
fn a_picture_without_sound() {
    let show = Show::of(&Encoder { sound: None, ..OBS }, 120);
    show.assert_found(&[Code::NoAudio]);
    assert!(show.told[0].2 >= 10);
}

#[test]
fn sound_that_is_muted_and_comes_back() {
    let mut show = Show::of(&OBS, 60);
    let muted = Encoder {
        sound: Some(8),
        ..OBS
    };
    show.go_on(&muted, 120);
    show.assert_found(&[Code::AudioSilent]);
    show.go_on(&OBS, 120);
    let begins: Vec<bool> = show.told.iter().map(|(_, begins, _)| *begins).collect();
    assert_eq!(begins, [true, false], "{:?}", show.told);
}

#[test]
fn every_third_frame_is_missing() {
    let show = Show::of(
        &Encoder {
            leaves_out: Some(3),
            gop: 48,
            rate: (24, 1),
            ..OBS
        },
        120,
    );
    show.assert_found(&[Code::DroppedFrames]);
    // Those of the first seconds are not counted: what the interval is has to be learnt.
    let share = show.figures().frames_dropped_share;
    assert!((0.33..0.34).contains(&share), "{share}");
    assert!(show.sentence().contains(" % of the frames are missing"));
}

#[test]
fn a_variable_frame_rate_misses_nothing() {
    let show = Show::of(
        &Encoder {
            wobble: &[0, 13, 5, 22, 9, 17, 2],
            gop: 66,
            ..OBS
        },
        120,
    );
    show.assert_found(&[Code::FrameRateUneven]);
    assert_eq!(show.figures().frames_dropped_share, 0.0);
}

#[test]
fn a_clock_that_drifts() {
    for ppm in [200, -200] {
        let show = Show::of(&Encoder { ppm, ..OBS }, 1_200);
        show.assert_found(&[Code::ClockDrift]);
        assert!(
            show.sentence().contains("200 parts in a million"),
            "{}",
            show.sentence()
        );
        let drift = show.figures().drift_ms_per_minute.unwrap();
        assert_eq!(drift.abs().round(), 12.0);
    }
}

#[test]
fn an_encoder_that_cannot_keep_up() {
    let show = Show::of(&Encoder { slower: 87, ..OBS }, 240);
    show.assert_found(&[Code::NotRealTime]);
    assert!(
        show.sentence()
            .starts_with("Media comes at 0.92 of real time"),
        "{}",
        show.sentence()
    );
}

#[test]
fn bursts_over_a_bad_uplink() {
    let show = Show::of(
        &Encoder {
            burst: 1_500,
            ..OBS
        },
        240,
    );
    show.assert_found(&[Code::UplinkUnsteady]);
    let short = Show::of(&Encoder { burst: 900, ..OBS }, 240);
    short.assert_found(&[Code::UplinkUnsteady]);
}

#[test]
fn a_bitrate_that_collapses_and_recovers() {
    let mut show = Show::of(&OBS, 120);
    show.go_on(
        &Encoder {
            picture: 5_000,
            ..OBS
        },
        60,
    );
    show.assert_found(&[Code::BitrateCollapse]);
    assert!(
        show.sentence()
            .starts_with("The bitrate fell from 4.9 to 1.4 Mb/s"),
        "{}",
        show.sentence()
    );
    show.go_on(&OBS, 60);
    assert_eq!(show.told.len(), 2, "{:?}", show.told);
    assert!(!show.told[1].1);
}

#[test]
fn too_much_and_unusual() {
    let show = Show::of(
        &Encoder {
            picture: 100_000,
            avc: AVC_444,
            ..OBS
        },
        120,
    );
    show.assert_found(&[Code::ResolutionOdd, Code::VideoProfile, Code::BitrateHigh]);
    assert!(show.sentence().contains("High 4:4:4 Predictive"));
    assert!(show.sentence().contains("1278x718"));
}

#[test]
fn sound_far_from_the_picture() {
    let show = Show::of(&Encoder { skew: 1_400, ..OBS }, 120);
    show.assert_found(&[Code::AvSkew]);
    assert!(
        show.sentence()
            .starts_with("The sound is 1.4 s ahead of the picture"),
        "{}",
        show.sentence()
    );
}

#[test]
fn a_picture_that_stops() {
    let mut show = Show::of(&OBS, 60);
    let frozen = Encoder {
        rate: (1, 1_000),
        ..OBS
    };
    show.go_on(&frozen, 60);
    show.assert_found(&[Code::NoVideo]);
}

#[test]
fn a_clock_that_is_set_anew_again_and_again() {
    let mut show = Show::of(&OBS, 30);
    for n in 1..9 {
        show.go_on(
            &Encoder {
                first: n % 2 * 100_000_000,
                ..OBS
            },
            10,
        );
    }
    show.assert_found(&[Code::ClockJumps]);
}

#[test]
fn findings_survive_a_hand_over() {
    let mut show = Show::of(&Encoder { gop: 250, ..OBS }, 60);
    let saved = postcard::to_allocvec(&show.health).unwrap();
    assert!(saved.len() < 16 * 1024, "{}", saved.len());
    show.health = postcard::from_bytes(&saved).unwrap();
    show.go_on(&Encoder { gop: 250, ..OBS }, 60);
    show.assert_found(&[Code::KeyframeInterval]);
}

proptest! {
    #[test]
    fn nothing_panics_and_nothing_grows(
        messages in proptest::collection::vec(
            (any::<bool>(), any::<u32>(), 0_u64..100_000, any::<[u8; 3]>(), 0_usize..64, 0_u64..40),
            0..400,
        ),
    ) {
        let mut health = health();
        let mut now = NOW;
        for (video, timestamp, wait, head, length, again) in messages {
            let mut payload = head.to_vec();
            payload.resize(3 + length, 0);
            let kind = if video { MessageKind::Video } else { MessageKind::Audio };
            now += wait;
            for n in 0..again {
                let timestamp = timestamp.wrapping_add(u32::try_from(n * wait).unwrap_or_default());
                let message = Message { timestamp, kind, stream_id: 1, payload: payload.clone().into() };
                if let Ok(sorted) = media::sort(&message) {
                    health.message(&sorted, &message, now);
                }
            }
        }
        health.figures(now);
        prop_assert!(postcard::to_allocvec(&health).unwrap().len() < 32 * 1024);
    }
}
