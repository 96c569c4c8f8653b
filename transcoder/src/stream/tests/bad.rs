//! What no publisher should send: the other renditions go on, and nothing that was published changes.

use std::collections::BTreeMap;

use super::*;

/// Every segment that is listed, and nothing of it ever other than it was.
#[derive(Default)]
struct Published(BTreeMap<(Rendition, Msn), Bytes>);

impl Published {
    fn look(&mut self, stream: &mut Stream) {
        for rendition in ALL {
            for (msn, bytes) in segments(stream, rendition) {
                let known = self
                    .0
                    .entry((rendition, msn))
                    .or_insert_with(|| bytes.clone());
                assert_eq!(*known, bytes, "{rendition} {msn} has changed");
            }
        }
    }
}

/// Feeds a show with something done to its messages from the third segment on.
fn spoilt(mut spoil: impl FnMut(&mut Vec<Message>, Message)) -> Stage {
    let show = Show {
        seconds: 17,
        ..Show::default()
    };
    let mut stage = Stage::new(settings());
    stage.feed(&show.headers());
    let messages = show.session(START_MS, None);
    let (from, _) = stamps(&messages)[2];
    let mut published = Published::default();
    for (index, message) in messages.into_iter().enumerate() {
        let mut out = Vec::new();
        if index < from {
            out.push(message);
        } else {
            spoil(&mut out, message);
        }
        for message in out {
            let stamp = matches!(message, Message::Stamp(_));
            // What is refused is told, and is no reason to stop.
            let _refused = stage.try_feed_one(message);
            if stamp {
                published.look(&mut stage.stream);
            }
        }
    }
    published.look(&mut stage.stream);
    stage
}

/// How many of the newest five segments of a rendition there are.
fn newest(stage: &mut Stage, rendition: Rendition) -> usize {
    let list = playlist(&mut stage.stream, rendition).unwrap();
    list.segments
        .iter()
        .rev()
        .take(5)
        .filter(|segment| !segment.gap)
        .count()
}

#[test]
fn pictures_that_cannot_be_packaged_leave_the_sound_alone() {
    let lies: [&'static [u8]; 4] = [
        b"",
        b"\x01\x4d\x40\x1e\xff\xe0\x00",
        // A picture of one macroblock's height less than none: cropped away.
        b"\x01\x42\xc0\x0a\xff\xe1\x00\x08\x67\x42\xc0\x0a\xf8\x00\x00\x00\x01\x00\x04\x68\xce\x0f\xc8",
        &[0xff; 5000],
    ];
    for lie in lies {
        let mut told = false;
        let mut stage = spoilt(|out, message| {
            if !std::mem::replace(&mut told, true) {
                out.push(Message::VideoConfig(
                    VideoCodec::Avc,
                    Bytes::from_static(lie),
                ));
            }
            out.push(message);
        });
        assert_eq!(newest(&mut stage, Rendition::Audio), 5);
        assert_eq!(newest(&mut stage, Rendition::Source), 0);
    }
}

#[test]
fn frames_of_another_codec_than_was_configured_are_left_out() {
    let mut stage = spoilt(|out, mut message| {
        if let Message::Video { codec, .. } = &mut message {
            *codec = VideoCodec::Hevc;
        }
        out.push(message);
    });
    assert_eq!(newest(&mut stage, Rendition::Audio), 5);
    let mut stage = spoilt(|out, mut message| {
        if let Message::Audio { codec, .. } = &mut message {
            *codec = SoundCodec::Opus;
        }
        out.push(message);
    });
    assert_eq!(newest(&mut stage, Rendition::Source), 5);
    assert_eq!(newest(&mut stage, RUNG), 5);
}

#[test]
fn frames_of_no_size_or_a_huge_one_are_left_out() {
    let huge = Bytes::from(vec![0; 16 << 20 | 1]);
    for bad in [Bytes::new(), huge] {
        let mut count = 0;
        let mut stage = spoilt(|out, mut message| {
            if let Message::Video {
                bytes, key: false, ..
            }
            | Message::Audio { bytes, .. } = &mut message
            {
                count += 1;
                if count % 3 == 0 {
                    *bytes = bad.clone();
                }
            }
            out.push(message);
        });
        for rendition in ALL {
            assert_eq!(newest(&mut stage, rendition), 5, "{rendition}");
        }
    }
}

#[test]
fn times_that_stall_or_go_back_cost_their_own_frames_alone() {
    for video in [true, false] {
        for step in [0_u32, 5000, 3_600_000] {
            let mut count = 0_u32;
            let mut stage = spoilt(|out, mut message| {
                let time = match &mut message {
                    Message::Video {
                        wire_ms,
                        key: false,
                        ..
                    } if video => Some(wire_ms),
                    Message::Audio { wire_ms, .. } if !video => Some(wire_ms),
                    Message::VideoConfig(..)
                    | Message::AudioConfig(..)
                    | Message::Video { .. }
                    | Message::Audio { .. }
                    | Message::Metadata(_)
                    | Message::DateRange(_)
                    | Message::Cue(..)
                    | Message::Stamp(_)
                    | Message::End => None,
                };
                if let Some(wire_ms) = time {
                    count += 1;
                    if count % 4 > 1 {
                        *wire_ms = wire_ms.wrapping_sub(step);
                    }
                }
                out.push(message);
            });
            let rest = if video {
                Rendition::Audio
            } else {
                Rendition::Source
            };
            assert_eq!(newest(&mut stage, rest), 5, "{video} {step}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn whatever_comes_nothing_that_was_published_changes(
        what in prop::collection::vec((0_u8..7, any::<u32>(), any::<u8>()), 1..60),
    ) {
        let mut what = what.into_iter().cycle();
        spoilt(|out, mut message| {
            let (kind, number, byte) = what.next().unwrap();
            match (&mut message, kind) {
                (Message::Video { wire_ms, .. } | Message::Audio { wire_ms, .. }, 0) => {
                    *wire_ms = wire_ms.wrapping_add(number % 20_000).wrapping_sub(10_000);
                }
                (Message::Video { wire_ms, .. } | Message::Audio { wire_ms, .. }, 1) => {
                    *wire_ms = number;
                }
                (Message::Video { composition_ms, .. }, 2) => {
                    *composition_ms = i32::from_be_bytes(number.to_be_bytes()) >> 8;
                }
                (Message::Video { key, .. }, 3) => *key = byte % 2 == 0,
                (Message::Video { bytes, .. } | Message::Audio { bytes, .. }, 4) => {
                    *bytes = Bytes::from(vec![byte; usize::from(byte)]);
                }
                (_, 5) if byte % 16 == 0 => out.push(Message::VideoConfig(
                    VideoCodec::Hevc,
                    Bytes::from(vec![byte; 30]),
                )),
                _ => {}
            }
            if kind != 6 {
                out.push(message);
            }
        });
    }
}
