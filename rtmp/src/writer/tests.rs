use proptest::prelude::*;

use super::MediaHeader;
use crate::MessageKind;

fn wire(header: &MediaHeader, payload: &[u8], chunk: u32, offset: usize) -> Vec<u8> {
    header
        .pieces(payload, chunk, offset)
        .flatten()
        .copied()
        .collect()
}

#[test]
fn a_payload_that_fits_one_chunk_is_header_then_payload() {
    let header = MediaHeader::new(0x01_0203, MessageKind::Video, 3, 1);
    assert_eq!(header.as_slice(), [8, 1, 2, 3, 0, 0, 3, 9, 1, 0, 0, 0]);
    assert_eq!(
        header.pieces(&[7, 8, 9], 128, 0).collect::<Vec<_>>(),
        [header.as_slice(), &[7, 8, 9]]
    );
}

#[test]
fn an_extended_timestamp_is_repeated_before_every_chunk() {
    let header = MediaHeader::new(0xFF_FFFF, MessageKind::Audio, 3, 1);
    let expected = [
        8, 0xFF, 0xFF, 0xFF, 0, 0, 3, 8, 1, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 5, 6, // first chunk
        0xC8, 0, 0xFF, 0xFF, 0xFF, 7,
    ];
    assert_eq!(wire(&header, &[5, 6, 7], 2, 0), expected);
}

#[test]
fn an_empty_payload_is_a_header_alone() {
    let header = MediaHeader::new(5, MessageKind::Audio, 0, 1);
    assert_eq!(wire(&header, &[], 128, 0).len(), 12);
    assert_eq!(header.wire_len(0, 128), 12);
}

proptest! {
    /// A consumer may stop anywhere and go on from its offset: the bytes are the same.
    #[test]
    fn writing_resumes_at_any_offset(
        timestamp in prop_oneof![any::<u32>(), 0xFF_FFFD_u32..0x100_0002],
        payload in proptest::collection::vec(any::<u8>(), 0..600),
        chunk in prop_oneof![1_u32..700, Just(16_777_215)],
        cut in any::<prop::sample::Index>(),
    ) {
        let header = MediaHeader::new(timestamp, MessageKind::Video, payload.len(), 1);
        let whole = wire(&header, &payload, chunk, 0);
        prop_assert_eq!(whole.len(), header.wire_len(payload.len(), chunk));
        let offset = cut.index(whole.len() + 2);
        let rest = wire(&header, &payload, chunk, offset);
        prop_assert_eq!(&rest[..], whole.get(offset..).unwrap_or_default());
        prop_assert!(header.pieces(&payload, chunk, offset).all(|piece| !piece.is_empty()));
    }
}
