//! [pure] An encoder's output as `avc1` samples want it (ISO/IEC 14496-15 §5.4.2.1): parameter sets are in the sample
//! entry, never among the pictures. What else is of no use to a player is left out too.

use bytes::{Bytes, BytesMut};

/// Bytes before each NAL unit that say how long it is.
const LENGTH: usize = 4;
/// NAL unit types (H.264 table 7-1).
const IDR: u8 = 5;
/// Parameter sets, which belong elsewhere; delimiters, which a sample is by itself; filler, by which an encoder keeps up
/// its bit rate.
const LEFT_OUT: [u8; 5] = [7, 8, 9, 12, 13];

/// One access unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Coded {
    /// NAL units behind 4-byte lengths.
    pub(super) bytes: Bytes,
    /// Whether it is an IDR, whatever the encoder says of it.
    pub(super) key: bool,
}

/// Reads what an encoder gave. `None` when it is no whole NAL units, or has no picture.
pub(super) fn read(access_unit: &[u8]) -> Option<Coded> {
    let mut bytes = BytesMut::with_capacity(access_unit.len());
    let mut key = false;
    let mut rest = access_unit;
    while !rest.is_empty() {
        let length = u32::from_be_bytes(*rest.first_chunk::<LENGTH>()?);
        let end = usize::try_from(length).ok()?.checked_add(LENGTH)?;
        let (unit, after) = rest.split_at_checked(end)?;
        let kind = unit.get(LENGTH)? & 0x1f;
        key |= kind == IDR;
        if !LEFT_OUT.contains(&kind) {
            bytes.extend_from_slice(unit);
        }
        rest = after;
    }
    let bytes = bytes.freeze();
    (!bytes.is_empty()).then_some(Coded { bytes, key })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPS: &[u8] = b"\0\0\0\x03\x67\x64\0";
    const PPS: &[u8] = b"\0\0\0\x02\x68\xee";
    const SEI: &[u8] = b"\0\0\0\x02\x06\x05";
    const KEY: &[u8] = b"\0\0\0\x03\x65\x88\x84";
    const OTHER: &[u8] = b"\0\0\0\x03\x41\x9a\x24";

    #[test]
    fn parameter_sets_are_left_out_and_an_idr_is_told_by_its_type() {
        let read_all = |units: &[&[u8]]| read(&units.concat()).unwrap();
        let key = read_all(&[SPS, PPS, SEI, KEY]);
        assert_eq!(key.bytes, [SEI, KEY].concat());
        assert!(key.key);
        let other = read_all(&[b"\0\0\0\x02\x09\xf0", OTHER, b"\0\0\0\x02\x0c\xff"]);
        assert_eq!(other.bytes, OTHER);
        assert!(!other.key);
    }

    #[test]
    fn what_is_no_picture_is_nothing() {
        for broken in [&b""[..], b"\0\0", b"\0\0\0\x04\x65", b"\0\0\0\0", SPS] {
            assert_eq!(read(broken), None, "{broken:?}");
        }
    }
}
