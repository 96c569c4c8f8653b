#![expect(clippy::indexing_slicing, reason = "a panic is a failed test")]

use live::MediaTime;
use proptest::{collection::vec, prelude::*};

use super::*;
use crate::{
    codec::{SoundCodec, VideoCodec},
    pictures::{Size, Snapshot},
    worker::{RungPlan, graph::MAX_RUNGS, sound::MAX_CONFIG},
};

fn wire(frame: Frame) -> BytesMut {
    let mut bytes = BytesMut::from(&frame.head[..]);
    bytes.extend_from_slice(&frame.payload);
    bytes
}

fn renditions() -> impl Strategy<Value = Rendition> {
    prop_oneof![
        Just(Rendition::Source),
        Just(Rendition::Audio),
        Rendition::HEIGHTS.prop_map(Rendition::Encoded),
    ]
}

fn times() -> impl Strategy<Value = MediaTime> {
    (0..=MAX_TICKS).prop_map(MediaTime::from_ticks)
}

fn payloads() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 1..300).prop_map(Bytes::from)
}

fn plans() -> impl Strategy<Value = Plan> {
    let rung = (renditions(), any::<[u16; 2]>(), any::<u32>(), any::<bool>());
    let rung = rung.prop_map(
        |(rendition, [width, height], bitrate_bps, halved)| RungPlan {
            rendition,
            width,
            height,
            bitrate_bps,
            halved,
        },
    );
    let rungs = vec(rung, 0..=MAX_RUNGS);
    let codec = proptest::sample::select(vec![VideoCodec::Avc, VideoCodec::Hevc, VideoCodec::Av1]);
    (codec, payloads(), any::<[u16; 2]>(), rungs, any::<bool>()).prop_map(
        |(codec, codec_config, [width, height], rungs, pictures)| Plan {
            codec,
            codec_config,
            width,
            height,
            rungs,
            pictures,
        },
    )
}

fn sounds() -> impl Strategy<Value = ForeignSound> {
    let codec = proptest::sample::select(SoundCodec::ALL.to_vec());
    let config = vec(any::<u8>(), 0..=MAX_CONFIG);
    (codec, config).prop_map(|(codec, config)| ForeignSound {
        codec,
        config: config.into(),
    })
}

fn recipes() -> impl Strategy<Value = Recipe> {
    (any::<[String; 5]>(), any::<bool>()).prop_map(|(texts, maps_device)| {
        let [decoder, scaler, pictures, encoder, coded] = texts;
        Recipe {
            decoder,
            scaler,
            pictures,
            encoder,
            coded,
            maps_device,
        }
    })
}

fn inputs() -> impl Strategy<Value = Input> {
    prop_oneof![
        times().prop_map(|pts| Input::ForceKey { pts }),
        Just(Input::Drain),
        (times(), times(), any::<bool>(), payloads()).prop_map(|(pts, dts, key, bytes)| {
            Input::Frame {
                pts,
                dts,
                key,
                bytes,
            }
        }),
    ]
}

fn snapshots() -> impl Strategy<Value = Event> {
    let files = [payloads(), payloads()];
    let none = ".{0,50}".prop_map(|reason| Event::NoPictures { reason });
    let some = (times(), times(), any::<[u16; 2]>(), files).prop_map(
        |(at, first, [width, height], [poster, sheet])| {
            Event::Picture(Snapshot {
                at,
                first,
                poster,
                tile: Size { width, height },
                sheet,
            })
        },
    );
    prop_oneof![none, some]
}

fn from_worker() -> impl Strategy<Value = FromWorker> {
    let config = (
        renditions(),
        payloads(),
        any::<u16>(),
        any::<u16>(),
        any::<String>(),
    );
    let config =
        config.prop_map(
            |(rendition, codec_config, width, height, pictures)| Event::Config {
                rendition,
                codec_config,
                width,
                height,
                pictures,
            },
        );
    let sample = (renditions(), times(), any::<bool>(), payloads());
    let sample = sample.prop_map(|(rendition, pts, key, bytes)| Event::Sample {
        rendition,
        pts,
        key,
        bytes,
    });
    let failed = ".{0,50}".prop_map(|reason| Event::Failed { reason });
    prop_oneof![
        any::<bool>().prop_map(|isolated| FromWorker::Hello { isolated }),
        prop_oneof![config, sample, failed, snapshots()].prop_map(FromWorker::Event),
    ]
}

fn paces() -> impl Strategy<Value = Pace> {
    proptest::sample::select(vec![Pace::Full, Pace::Half, Pace::Suspended])
}

proptest! {
    #[test]
    fn a_pace_survives_the_way(rendition in renditions(), pace in paces()) {
        let mut read = wire(ToWorker::pace(rendition, pace).unwrap());
        let frame = take(&mut read).unwrap().unwrap();
        prop_assert_eq!(ToWorker::parse(frame), Ok(ToWorker::Pace(rendition, pace)));
    }

    #[test]
    fn a_slate_survives_the_way(
        recipe in recipes(),
        plan in plans(),
        pictures in any::<String>(),
        length_ms in any::<u32>(),
        rate in any::<(u32, u32)>(),
        picture in payloads(),
    ) {
        let Some(rung) = plan.rungs.into_iter().next() else {
            return Ok(());
        };
        let still = Still { rung, pictures, length_ms, rate, picture };
        let mut read = wire(ToWorker::still(&recipe, &still).unwrap());
        let frame = take(&mut read).unwrap().unwrap();
        prop_assert_eq!(ToWorker::parse(frame), Ok(ToWorker::Still(recipe, still)));
    }

    #[test]
    fn parsing_inverts_writing(
        recipe in recipes(),
        plan in plans(),
        sound in sounds(),
        input in inputs(),
        event in from_worker(),
    ) {
        let sound_first = wire(ToWorker::sound(&sound).unwrap()).split_off(4).freeze();
        prop_assert_eq!(ToWorker::parse(sound_first), Ok(ToWorker::Sound(sound)));
        let mut read = wire(ToWorker::plan(&recipe, &plan).unwrap());
        read.unsplit(wire(ToWorker::input(input.clone()).unwrap()));
        let first = take(&mut read).unwrap().unwrap();
        prop_assert_eq!(ToWorker::parse(first), Ok(ToWorker::Plan(recipe, plan)));
        let second = take(&mut read).unwrap().unwrap();
        prop_assert_eq!(ToWorker::parse(second), Ok(ToWorker::Input(input)));
        prop_assert_eq!(take(&mut read), Ok(None));

        let mut read = wire(event.clone().frame().unwrap());
        let frame = take(&mut read).unwrap().unwrap();
        prop_assert_eq!(FromWorker::parse(frame), Ok(event));
    }

    #[test]
    fn reads_of_any_size_give_the_same_frames(input in inputs(), cut in any::<prop::sample::Index>()) {
        let whole = wire(ToWorker::input(input.clone()).unwrap());
        let cut = cut.index(whole.len());
        let mut read = BytesMut::from(&whole[..cut]);
        prop_assert_eq!(take(&mut read), Ok(None));
        read.extend_from_slice(&whole[cut..]);
        let frame = take(&mut read).unwrap().unwrap();
        prop_assert_eq!(ToWorker::parse(frame), Ok(ToWorker::Input(input)));
    }

    #[test]
    fn any_bytes_are_a_message_or_refused_and_a_message_is_written_as_it_was_read(
        bytes in prop_oneof![
            vec(any::<u8>(), 0..100),
            (prop::sample::select(vec![PLAN, FRAME, FORCE_KEY, PACE, HELLO, CONFIG, SAMPLE, FAILED]),
             vec(0..3u8, 0..60)).prop_map(|(kind, mut rest)| { rest.insert(0, kind); rest }),
        ]
    ) {
        let bytes = Bytes::from(bytes);
        let written = match ToWorker::parse(bytes.clone()) {
            Ok(ToWorker::Plan(recipe, plan)) => ToWorker::plan(&recipe, &plan),
            Ok(ToWorker::Sound(sound)) => ToWorker::sound(&sound),
            Ok(ToWorker::Still(recipe, still)) => ToWorker::still(&recipe, &still),
            Ok(ToWorker::Input(input)) => ToWorker::input(input),
            Ok(ToWorker::Pace(rendition, pace)) => ToWorker::pace(rendition, pace),
            Err(_) => None,
        };
        let spoken = FromWorker::parse(bytes.clone()).ok().and_then(FromWorker::frame);
        prop_assert!(written.is_none() || spoken.is_none(), "one kind, one direction");
        if let Some(frame) = written.or(spoken) {
            prop_assert_eq!(&wire(frame)[LENGTH..], &bytes[..]);
        }
    }
}

#[test]
fn a_hostile_length_is_refused_before_its_bytes_come() {
    for length in [0, 1 + MAX_FRAME, u32::MAX as usize] {
        let head = u32::try_from(length).unwrap().to_be_bytes();
        let refused = take(&mut BytesMut::from(&head[..]));
        assert_eq!(refused, Err(ProtocolError::Length(length)));
    }
}

#[test]
fn another_version_is_named() {
    let hello = Bytes::from_static(&[HELLO, VERSION + 1, 0]);
    let refused = FromWorker::parse(hello);
    assert_eq!(refused, Err(ProtocolError::Version(VERSION + 1)));
}

#[test]
fn the_largest_frame_passes_and_no_larger_one() {
    let input = |size| {
        ToWorker::input(Input::Frame {
            pts: MediaTime::from_ticks(MAX_TICKS),
            dts: MediaTime::from_ticks(0),
            key: true,
            bytes: vec![0; size].into(),
        })
    };
    let mut read = wire(input(MAX_PAYLOAD).unwrap());
    let frame = take(&mut read).unwrap().unwrap();
    assert!(ToWorker::parse(frame).is_ok());
    assert_eq!(input(MAX_FRAME), None);
}

#[test]
fn a_long_reason_is_cut_between_characters() {
    let reason = "ä".repeat(MAX_REASON);
    let frame = FromWorker::Event(Event::Failed { reason }).frame().unwrap();
    assert_eq!(frame.payload.len(), MAX_REASON);
    let frame = take(&mut wire(frame)).unwrap().unwrap();
    assert!(FromWorker::parse(frame).is_ok());
}
