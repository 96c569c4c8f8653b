//! Configurations as real encoders write them.

use bytes::Bytes;

use super::*;

fn avc(hex: &str) -> Result<AvcTrack, AvcTrackError> {
    AvcTrack::parse(&bytes(hex))
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

#[test]
fn the_picture_of_x264() {
    let track = avc(X264).unwrap();
    assert_eq!((track.width(), track.height()), (640, 360));
    assert_eq!(track.frame_rate(), Some((30, 1)));
    assert_eq!(track.codecs(), "avc1.4d401e");
}

#[test]
fn damage_is_refused_wherever_it_is() {
    let whole = bytes(X264);
    for end in 0..whole.len() {
        assert!(AvcTrack::parse(&whole.slice(..end)).is_err(), "{end}");
    }
    assert_eq!(
        AvcTrack::parse(&vec![1; AvcTrack::MAX_BYTES + 1].into()),
        Err(AvcTrackError::Record)
    );
}

#[test]
fn sound_configurations() {
    let lc = AacTrack::parse(&bytes("1190")).unwrap();
    assert_eq!((lc.sample_rate(), lc.channels()), (48_000, 2));
    assert_eq!(lc.codecs(), "mp4a.40.2");
    let lc = AacTrack::parse(&bytes("1210")).unwrap();
    assert_eq!((lc.sample_rate(), lc.channels()), (44_100, 2));
    assert_eq!(AacTrack::parse(&Bytes::new()), Err(AacTrackError::Record));
}
