use proptest::prelude::*;

use super::{AacConfig, AvcConfig, Class, Codec, Tag, TagError, Track, TrackSet, audio, video};

const AV1: Codec = Codec::FourCc(*b"av01");
const OPUS: Codec = Codec::FourCc(*b"Opus");

#[test]
fn legacy_video() {
    check_video(
        b"\x17\x00\x00\x00\x00conf",
        tag(Class::SequenceHeader, Codec::Avc, b"conf"),
    );
    check_video(
        b"\x17\x01\x00\x00\x00nal",
        tag(Class::Key, Codec::Avc, b"nal"),
    );
    check_video(
        b"\x27\x01\x00\x00\x43nal",
        Tag {
            composition_time: 67,
            ..tag(Class::Inter, Codec::Avc, b"nal")
        },
    );
    check_video(
        b"\x27\x01\xFF\xFF\xFEn",
        Tag {
            composition_time: -2,
            ..tag(Class::Inter, Codec::Avc, b"n")
        },
    );
    check_video(
        b"\x37\x01\x00\x00\x00n",
        tag(Class::Disposable, Codec::Avc, b"n"),
    );
    check_video(
        b"\x17\x02\x00\x00\x00",
        tag(Class::SequenceEnd, Codec::Avc, b""),
    );
    check_video(b"\x57\x00", tag(Class::Command, Codec::Avc, b"\x00"));
    check_video(
        b"\x1C\x00\x00\x00\x00conf",
        tag(Class::SequenceHeader, Codec::Hevc, b"conf"),
    );
    check_video(b"\x12x", tag(Class::Key, Codec::Legacy(2), b"x"));
}

#[test]
fn enhanced_video_as_ffmpeg_and_obs_send_it() {
    check_video(
        b"\x90hvc1conf",
        tag(Class::SequenceHeader, Codec::Hevc, b"conf"),
    );
    check_video(
        b"\x91hvc1\x00\x00\x21n",
        Tag {
            composition_time: 33,
            ..tag(Class::Key, Codec::Hevc, b"n")
        },
    );
    check_video(b"\xA3hvc1n", tag(Class::Inter, Codec::Hevc, b"n"));
    check_video(b"\x91av01obu", tag(Class::Key, AV1, b"obu"));
    check_video(
        b"\xD4hvc1colour",
        tag(Class::Configuration, Codec::Hevc, b"colour"),
    );
    check_video(
        b"\xD6\x04hvc1\x01colour",
        Tag {
            track: Track::One(1),
            ..tag(Class::Configuration, Codec::Hevc, b"colour")
        },
    );
    check_video(b"\xD6\x04", tag(Class::Command, Codec::Legacy(0), b"\x04"));
    check_video(b"\x92avc1", tag(Class::SequenceEnd, Codec::Avc, b""));
    check_video(b"\xD1\x00", tag(Class::Command, Codec::Legacy(0), b"\x00"));
    check_video(
        b"\x96\x00avc1\x02conf",
        Tag {
            track: Track::One(2),
            ..tag(Class::SequenceHeader, Codec::Avc, b"conf")
        },
    );
    check_video(
        b"\xA6\x01avc1\x01\x00\x00\x05n",
        Tag {
            track: Track::One(1),
            composition_time: 5,
            ..tag(Class::Inter, Codec::Avc, b"n")
        },
    );
    check_video(
        b"\x96\x11avc1\x00\x00\x00\x01n",
        Tag {
            track: Track::Many(TrackSet::one(0)),
            ..tag(Class::Key, Codec::Avc, b"\x00\x00\x00\x01n")
        },
    );
    check_video(
        b"\x97\x02\x01\x02\x03\x03hvc1n",
        tag(Class::Key, Codec::Hevc, b"n"),
    );
    let long = [&b"\x97\xFF\x01\x00"[..], &[0; 257], b"\x03hvc1n"].concat();
    check_video(&long, tag(Class::Key, Codec::Hevc, b"n"));
}

#[test]
fn audio_legacy_and_enhanced() {
    check_audio(
        b"\xAF\x00\x12\x10",
        tag(Class::SequenceHeader, Codec::Aac, b"\x12\x10"),
    );
    check_audio(b"\xAF\x01raw", tag(Class::Audio, Codec::Aac, b"raw"));
    check_audio(b"\x2Fmp3", tag(Class::Audio, Codec::Legacy(2), b"mp3"));
    check_audio(b"\x90OpusHead", tag(Class::SequenceHeader, OPUS, b"Head"));
    check_audio(b"\x91Opusx", tag(Class::Audio, OPUS, b"x"));
    check_audio(b"\x94Opus\x01", tag(Class::Configuration, OPUS, b"\x01"));
    check_audio(
        b"\x95\x00mp4a\x01cc",
        Tag {
            track: Track::One(1),
            ..tag(Class::SequenceHeader, Codec::Aac, b"cc")
        },
    );
    check_audio(b"\x97\x00\x00\x01Opusx", tag(Class::Audio, OPUS, b"x"));
}

#[test]
fn what_is_no_tag() {
    for short in [
        &b""[..],
        b"\x17",
        b"\x17\x01\x00",
        b"\x91hvc1\x00",
        b"\x90hv",
        b"\x96",
        b"\x96\x00avc1",
        b"\x97\x09\x01",
    ] {
        assert_eq!(video(short), Err(TagError::Truncated), "{short:x?}");
    }
    for undefined in [
        &b"\x07\x01\x00\x00\x00"[..],
        b"\x17\x03\x00\x00\x00",
        b"\x9Fhvc1",
        b"\x96\x30avc1\x00",
    ] {
        assert_eq!(video(undefined), Err(TagError::Undefined), "{undefined:x?}");
    }
    assert_eq!(audio(b"\xAF"), Err(TagError::Truncated));
    assert_eq!(audio(b"\xAF\x02"), Err(TagError::Undefined));
    assert_eq!(audio(b"\x93Opus"), Err(TagError::Undefined));
}

#[test]
fn avc_configuration() {
    let record = b"\x01\x64\x00\x1F\xFF\xE2\x00\x02\x67\x64\x00\x01\x67\x01\x00\x02\x68\xEE\xFD";
    let expected = AvcConfig {
        profile: 0x64,
        compatibility: 0,
        level: 0x1F,
        nal_length_size: 4,
        sps: b"\x67\x64",
        pps: b"\x68\xEE",
    };
    assert_eq!(AvcConfig::parse(record), Ok(expected));
    assert_eq!(AvcConfig::parse(&record[..17]), Err(TagError::Truncated));
    assert_eq!(
        AvcConfig::parse(b"\x01\x64\x00\x1F\xFF\xE0\x00"),
        Err(TagError::Truncated)
    );
    assert_eq!(
        AvcConfig::parse(b"\x00\x64\x00\x1F\xFF\xE1\x00"),
        Err(TagError::Undefined)
    );
}

#[test]
fn aac_configuration() {
    let check = |bytes: &[u8], object_type, sample_rate, channel_configuration| {
        let expected = AacConfig {
            object_type,
            extension: bytes.first().filter(|byte| *byte >> 3 == 5).map(|_| 5),
            sample_rate,
            channel_configuration,
            frame_length: if bytes == [0x11, 0x94] { 960 } else { 1024 },
        };
        assert_eq!(AacConfig::parse(bytes), Ok(expected), "{bytes:x?}");
    };
    check(&[0x12, 0x10], 2, 44100, 2);
    check(&[0x11, 0x90], 2, 48000, 2);
    check(&[0x11, 0x94], 2, 48000, 2); // 960 samples a frame
    check(&[0x11, 0x90, 0x56, 0xE5, 0x00], 2, 48000, 2); // as ffmpeg writes it, with a sync extension
    check(&[0x2B, 0x92, 0x08, 0x00], 2, 22050, 2); // SBR, signalled explicitly
    check(&[0x17, 0x80, 0x5D, 0xC0, 0x10], 2, 48000, 2); // the rate in full
    assert_eq!(AacConfig::parse(&[0x12]), Err(TagError::Truncated));
    assert_eq!(AacConfig::parse(&[0x16, 0x90]), Err(TagError::Undefined));
    assert_eq!(AacConfig::parse(&[0x00, 0x00]), Err(TagError::Undefined));
}

proptest! {
    #[test]
    fn noise_does_no_harm(noise in prop::collection::vec(any::<u8>(), 0..40)) {
        for tag in [video(&noise), audio(&noise)].into_iter().flatten() {
            prop_assert!(noise.ends_with(tag.body));
            prop_assert!((-(1 << 23)..1 << 23).contains(&tag.composition_time));
        }
        prop_assert!(!AvcConfig::parse(&noise).is_ok_and(|config| config.sps.is_empty()));
        prop_assert!(!AacConfig::parse(&noise).is_ok_and(|config| config.sample_rate == 0));
    }
}

fn tag(class: Class, codec: Codec, body: &[u8]) -> Tag<'_> {
    Tag {
        class,
        codec,
        track: Track::One(0),
        composition_time: 0,
        body,
    }
}

#[track_caller]
fn check_video(payload: &[u8], expected: Tag<'_>) {
    assert_eq!(video(payload), Ok(expected));
}

#[track_caller]
fn check_audio(payload: &[u8], expected: Tag<'_>) {
    assert_eq!(audio(payload), Ok(expected));
}
