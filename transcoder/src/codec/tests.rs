//! Configurations as real encoders write them.

use bytes::Bytes;
use proptest::{collection::vec, prelude::*};

use super::*;

fn avc(hex: &str) -> Result<VideoTrack, VideoTrackError> {
    VideoTrack::parse(VideoCodec::Avc, &bytes(hex))
}

fn bytes(text: &str) -> Bytes {
    let digit = |c: u8| char::from(c).to_digit(16).unwrap();
    text.as_bytes()
        .as_chunks::<2>()
        .0
        .iter()
        .map(|[high, low]| u8::try_from(digit(*high) << 4 | digit(*low)).unwrap())
        .collect()
}

/// x264, 640x360 at 30 frames per second, main profile.
const X264: &str = "014d401effe10018674d401eeca05017fcb80880000003008000001e078b16cb01000468ce0fc8";

/// x265, 640x360 at 30000/1001 frames per second, Main 10.
const X265: &str = "0102200000009000000000003ff000fcfdfafa00000f03200001001840010c01ffff02200000030090000003000003003f95\
    9409210001002a42010102200000030090000003000003003fa005020171f2b6595952930bc05a02000007d20000ea601022\
    000100064401c073c189";
/// libaom, 1280x720, Main.
const AOM: &str = "81050c000a0b0000002d4cffb3ccaf9004";

#[test]
fn the_picture_of_x264() {
    let track = avc(X264).unwrap();
    assert_eq!((track.width(), track.height()), (640, 360));
    assert_eq!(track.frame_rate(), Some((30, 1)));
    assert_eq!(track.codecs(), "avc1.4d401e");
}

#[test]
fn the_pictures_of_x265_and_libaom() {
    let hevc = VideoTrack::parse(VideoCodec::Hevc, &bytes(X265)).unwrap();
    assert_eq!((hevc.width(), hevc.height()), (640, 360));
    assert_eq!(hevc.frame_rate(), Some((30_000, 1001)));
    assert_eq!(hevc.codecs(), "hvc1.2.4.L63.90");
    let av1 = VideoTrack::parse(VideoCodec::Av1, &bytes(AOM)).unwrap();
    assert_eq!((av1.width(), av1.height()), (1280, 720));
    assert_eq!(av1.codecs(), "av01.0.05M.08");
}

#[test]
fn profiles_tiers_and_levels_are_named_as_players_read_them() {
    let renamed = |codec, hex: &str, changes: &[(usize, u8)]| {
        let mut record = bytes(hex).to_vec();
        for (at, byte) in changes {
            *record.get_mut(*at).unwrap() = *byte;
        }
        VideoTrack::parse(codec, &record.into()).unwrap().codecs()
    };
    let hevc = |changes: &[(usize, u8)]| renamed(VideoCodec::Hevc, X265, changes);
    assert_eq!(hevc(&[(6, 0xb0), (12, 123)]), "hvc1.2.4.L123.B0");
    // Main, compatible with Main and Main 10; high tier; a constraint behind one that is 0; none.
    let main = [(1, 0x21), (2, 0x60), (6, 0x90), (8, 0x08)];
    assert_eq!(hevc(&main), "hvc1.1.6.H63.90.0.8");
    assert_eq!(hevc(&[(6, 0)]), "hvc1.2.4.L63");
    let av1 = |changes: &[(usize, u8)]| renamed(VideoCodec::Av1, AOM, changes);
    assert_eq!(av1(&[(1, 8)]), "av01.0.08M.08");
    assert_eq!(av1(&[(1, 0x2d), (2, 0xc0)]), "av01.1.13H.10");
}

#[test]
fn hevc_without_a_parameter_set_and_av1_of_another_version_are_refused() {
    let mut without_pps = bytes(X265).to_vec();
    *without_pps.get_mut(22).unwrap() = 2;
    let refused = |codec, record: Vec<u8>| VideoTrack::parse(codec, &record.into()).unwrap_err();
    assert_eq!(
        refused(VideoCodec::Hevc, without_pps),
        VideoTrackError::Record(VideoCodec::Hevc)
    );
    let mut later = bytes(AOM).to_vec();
    *later.first_mut().unwrap() = 0x82;
    assert_eq!(
        refused(VideoCodec::Av1, later),
        VideoTrackError::Record(VideoCodec::Av1)
    );
}

#[test]
fn decoding_starts_at_an_irap_picture_of_hevc_alone() {
    let track = VideoTrack::parse(VideoCodec::Hevc, &bytes(X265)).unwrap();
    // A prefix SEI message, then a slice of the type.
    let lacks = |kind: u8| track.lacks_idr(&[0, 0, 0, 2, 39 << 1, 1, 0, 0, 0, 2, kind << 1, 1]);
    for (kind, expected) in [(19, false), (20, false), (21, false), (16, false)] {
        assert_eq!(lacks(kind), expected, "{kind}");
    }
    assert!(lacks(1) && lacks(9));
    assert!(!track.lacks_idr(b"what is this"), "it is believed");
}

#[test]
fn a_temporal_unit_loses_its_delimiters_and_tells_whether_it_is_a_key() {
    const DELIMITER: &[u8] = &[0x12, 0x00];
    const KEY: &[u8] = &[0x32, 0x02, 0x10, 0x77];
    const INTER: &[u8] = &[0x32, 0x02, 0x30, 0x77];
    const AGAIN: &[u8] = &[0x1a, 0x01, 0xe8];
    // Without a size, so the last one.
    const LAST: &[u8] = &[0x30, 0x10, 0x99];
    let track = VideoTrack::parse(VideoCodec::Av1, &bytes(AOM)).unwrap();
    let unit = |obus: &[&[u8]]| Bytes::from(obus.concat());
    let sample = |obus: &[&[u8]]| track.sample(unit(obus));
    assert_eq!(sample(&[DELIMITER, KEY]), KEY);
    assert_eq!(sample(&[KEY, INTER]), unit(&[KEY, INTER]));
    assert_eq!(
        sample(&[DELIMITER, KEY, DELIMITER, LAST]),
        unit(&[KEY, LAST])
    );
    assert_eq!(sample(&[DELIMITER]), Bytes::new());
    assert!(!track.lacks_idr(&unit(&[KEY])) && !track.lacks_idr(&unit(&[LAST])));
    assert!(track.lacks_idr(&unit(&[INTER])) && track.lacks_idr(&unit(&[AGAIN, KEY])));
    assert!(!track.lacks_idr(b"\x32\xff"), "it is believed");
}

proptest! {
    #[test]
    fn damage_never_panics_and_what_is_no_delimiter_stays(unit in vec(any::<u8>(), 0..40)) {
        let unit = Bytes::from(unit);
        for (codec, hex) in [(VideoCodec::Avc, X264), (VideoCodec::Hevc, X265), (VideoCodec::Av1, AOM)] {
            let track = VideoTrack::parse(codec, &bytes(hex)).unwrap();
            track.lacks_idr(&unit);
            let sample = track.sample(unit.clone());
            prop_assert!(sample.len() <= unit.len());
            prop_assert_eq!(track.sample(sample.clone()), sample);
            let _refused = VideoTrack::parse(codec, &unit);
        }
    }
}

#[test]
fn damage_is_refused_wherever_it_is() {
    let whole = bytes(X264);
    for end in 0..whole.len() {
        assert!(
            VideoTrack::parse(VideoCodec::Avc, &whole.slice(..end)).is_err(),
            "{end}"
        );
    }
    assert_eq!(
        VideoTrack::parse(VideoCodec::Avc, &vec![1; VideoTrack::MAX_BYTES + 1].into()),
        Err(VideoTrackError::Record(VideoCodec::Avc))
    );
}

#[test]
fn sound_configurations() {
    let lc = AacTrack::parse(&bytes("1190")).unwrap();
    assert_eq!((lc.sample_rate(), lc.channels()), (48_000, 2));
    assert_eq!(lc.codecs(), "mp4a.40.2");
    let lc = AacTrack::parse(&bytes("1210")).unwrap();
    assert_eq!((lc.sample_rate(), lc.channels()), (44_100, 2));
    let he = AacTrack::parse(&bytes("2b920800")).unwrap();
    assert_eq!(
        (he.sample_rate(), he.codecs()),
        (22_050, "mp4a.40.5".into())
    );
    assert_eq!(AacTrack::parse(&Bytes::new()), Err(AacTrackError::Record));
    assert_eq!(
        AacTrack::parse(&bytes("1990")),
        Err(AacTrackError::ObjectType(3))
    );
    assert_eq!(
        AacTrack::parse(AacTrack::encoded().config()),
        Ok(AacTrack::encoded())
    );
}

#[test]
fn sound_that_players_do_not_take_is_encoded() {
    let foreign = |codec, config: Bytes| match SoundTrack::parse(codec, &config) {
        Ok(SoundTrack::Foreign(foreign)) => Some(foreign.config),
        Ok(SoundTrack::Aac(_)) => None,
        Err(error) => panic!("{error}"),
    };
    assert_eq!(foreign(SoundCodec::Aac, bytes("1190")), None);
    let main = bytes("0990");
    assert_eq!(foreign(SoundCodec::Aac, main.clone()), Some(main));
    assert_eq!(foreign(SoundCodec::Mp3, Bytes::new()), Some(Bytes::new()));
    let info = Bytes::from(vec![7; 34]);
    assert_eq!(foreign(SoundCodec::Flac, info.clone()), Some(info.clone()));
    let file = [b"fLaC\x80\0\0\x22", &info[..]].concat().into();
    assert_eq!(foreign(SoundCodec::Flac, file), Some(info));
    for (codec, config) in [(SoundCodec::Opus, "OpusHead"), (SoundCodec::Flac, "fLaC")] {
        assert_eq!(
            SoundTrack::parse(codec, &config.into()),
            Err(SoundTrackError::Config(codec))
        );
    }
}
