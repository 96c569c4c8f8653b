//! [pure] AV1 as MP4 has it: temporal units of OBUs, the last of which may lack its size (AV1 bitstream 5.3, AV1-ISOBMFF 2).

use bytes::{Bytes, BytesMut};

const TEMPORAL_DELIMITER: u8 = 2;
const FRAME_HEADER: u8 = 3;
const FRAME: u8 = 6;

/// One OBU: its type, all of it, and its payload.
struct Obu<'a> {
    kind: u8,
    whole: &'a [u8],
    payload: &'a [u8],
}

/// The OBUs of a temporal unit, up to the first that is damaged.
fn obus(mut rest: &[u8]) -> impl Iterator<Item = Obu<'_>> {
    std::iter::from_fn(move || {
        let (obu, after) = split(rest)?;
        rest = after;
        Some(obu)
    })
}

fn split(unit: &[u8]) -> Option<(Obu<'_>, &[u8])> {
    let header = *unit.first()?;
    let extension = usize::from(header >> 2 & 1);
    let behind_header = unit.get(extension.saturating_add(1)..)?;
    let (size, body) = if header & 2 == 0 {
        (behind_header.len(), behind_header)
    } else {
        leb128(behind_header)?
    };
    let (payload, after) = body.split_at_checked(size)?;
    let whole = unit.get(..unit.len().saturating_sub(after.len()))?;
    let obu = Obu {
        kind: header >> 3 & 0x0f,
        whole,
        payload,
    };
    Some((obu, after))
}

fn leb128(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0_u64;
    for (index, shift) in (0_u32..56).step_by(7).enumerate() {
        let byte = *bytes.get(index)?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            let rest = bytes.get(index.saturating_add(1)..)?;
            return Some((usize::try_from(value).ok()?, rest));
        }
    }
    None
}

/// Whether a temporal unit does not begin with a key frame that is shown: decoding cannot start at any other. One without
/// a frame that can be read is believed.
pub(super) fn lacks_key(temporal_unit: &[u8]) -> bool {
    let mut frames = obus(temporal_unit).filter(|obu| matches!(obu.kind, FRAME | FRAME_HEADER));
    frames
        .next()
        .and_then(|frame| frame.payload.first().copied())
        // show_existing_frame 0, frame_type KEY_FRAME, show_frame 1.
        .is_some_and(|first| first >> 4 != 0b0001)
}

/// The temporal unit as a sample: without temporal delimiters (AV1-ISOBMFF 2.4). Usually there is one, at the start, and
/// nothing is copied.
pub(super) fn sample(temporal_unit: &Bytes) -> Bytes {
    let mut unit = temporal_unit.clone();
    while let Some((obu, after)) = split(&unit)
        && obu.kind == TEMPORAL_DELIMITER
    {
        unit = unit.slice_ref(after);
    }
    if !obus(&unit).any(|obu| obu.kind == TEMPORAL_DELIMITER) {
        return unit;
    }
    let mut rest: &[u8] = &unit;
    let mut kept = BytesMut::with_capacity(unit.len());
    while let Some((obu, after)) = split(rest) {
        if obu.kind != TEMPORAL_DELIMITER {
            kept.extend_from_slice(obu.whole);
        }
        rest = after;
    }
    kept.extend_from_slice(rest);
    kept.freeze()
}

/// RFC 6381 and AV1-ISOBMFF 5: profile, level and tier, bits of a sample.
pub(super) fn codecs(av1c: &[u8]) -> String {
    let byte = |index: usize| av1c.get(index).copied().unwrap_or_default();
    let (profile, level) = (byte(1) >> 5, byte(1) & 0x1f);
    let tier = if byte(2) & 0x80 == 0 { 'M' } else { 'H' };
    let depth = match byte(2) >> 5 & 3 {
        3 => 12,
        2 => 10,
        _ => 8,
    };
    format!("av01.{profile}.{level:02}{tier}.{depth:02}")
}
