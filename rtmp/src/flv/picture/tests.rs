//! Configurations as real encoders write them.

use proptest::prelude::*;

use super::*;

/// x264, 1278x718, High 4:4:4 Predictive.
const X264: &str = "01f4001fffe1001b67f4001f919b280a00b7dde022000003000200000300641e30632c01000668ebe3c44844fff8f800";
/// x265, 1366x768, Main 10; its video and sequence parameter sets alone.
const X265: &str = "01022000000090000000000078f000fcfdfafa00000f02200001001840010c01ffff022000000300900000030000030078959809\
    210001002b420101022000000300900000030000030078a002ac80301d6d96566924caf0168080000003008000000c8422";
/// libaom, 1280x720, Main.
const AOM: &str = "81050c000a0b0000002d4cffb3ccaf9004";
/// x265, 640x360 at 30000/1001 frames per second, Main 10.
const X265_NTSC: &str = "0102200000009000000000003ff000fcfdfafa00000f03200001001840010c01ffff02200000030090000003000003003f95\
    9409210001002a42010102200000030090000003000003003fa005020171f2b6595952930bc05a02000007d20000ea601022\
    000100064401c073c189";
/// The same at 50.
const X265_50: &str = "0102200000009000000000005af000fcfdfafa00000f03200001001840010c01ffff02200000030090000003000003005a95\
    9409210001002c42010102200000030090000003000003005aa005020171f2b6595952930bc05a0200000300020000030064\
    1022000100064401c073c189";
/// [`AOM`] with timing_info.
const AOM_TIMED: &str = "81050c000a140400000fa40003a9828000016a67fd9e657c8020";
const AV1: Codec = Codec::FourCc(*b"av01");

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex
        .chars()
        .filter_map(|c| u8::try_from(c.to_digit(16)?).ok())
        .collect();
    let pairs = digits.as_chunks::<2>().0;
    pairs.iter().map(|[high, low]| high << 4 | low).collect()
}

fn facts(codec: Codec, record: &[u8]) -> Option<(u32, u32, u8, u32, u32)> {
    Picture::parse(codec, record)
        .map(|p| (p.width, p.height, p.profile, p.chroma_format, p.bit_depth))
}

#[test]
fn the_pictures_of_real_encoders() {
    let avc = facts(Codec::Avc, &bytes(X264));
    assert_eq!(avc, Some((1278, 718, 244, 3, 8)));
    let hevc = facts(Codec::Hevc, &bytes(X265));
    assert_eq!(hevc, Some((1366, 768, 2, 1, 10)));
    let av1 = facts(AV1, &bytes(AOM));
    assert_eq!(av1, Some((1280, 720, 0, 1, 8)));
}

#[test]
fn frame_rates_are_as_the_encoder_was_told() {
    let rate = |codec, hex| Picture::parse(codec, &bytes(hex)).unwrap().frame_rate;
    assert_eq!(rate(Codec::Hevc, X265_NTSC), Some((30_000, 1001)));
    assert_eq!(rate(Codec::Hevc, X265_50), Some((50, 1)));
    assert_eq!(rate(Codec::Hevc, X265), Some((25, 1)));
    assert_eq!(rate(AV1, AOM), None);
    // The same with timing_info: 1001 units of 60,000 a second, two to a picture.
    assert_eq!(rate(AV1, AOM_TIMED), Some((30_000, 1001)));
}

#[test]
fn a_record_that_is_cut_short_has_no_picture() {
    for (codec, hex) in [(Codec::Avc, X264), (Codec::Hevc, X265), (AV1, AOM)] {
        let whole = bytes(hex);
        for end in 0..whole.len().min(16) {
            let cut = whole.get(..end).unwrap();
            assert_eq!(facts(codec, cut), None, "{codec:?} {end}");
        }
    }
    let huge = vec![1; Picture::MAX_BYTES + 1];
    assert_eq!(Picture::parse(Codec::Avc, &huge), None);
}

proptest! {
    #[test]
    fn damage_never_panics(
        (codec, hex) in proptest::sample::select(&[(Codec::Avc, X264), (Codec::Hevc, X265), (AV1, AOM)][..]),
        flips in proptest::collection::vec((0_usize..200, any::<u8>()), 0..20),
    ) {
        let mut record = bytes(hex);
        for (at, byte) in flips {
            if let Some(place) = record.get_mut(at) {
                *place = byte;
            }
        }
        if let Some(picture) = Picture::parse(codec, &record) {
            prop_assert!(picture.width <= Picture::MAX_SIZE);
            prop_assert!(picture.height > 0);
        }
    }
}
