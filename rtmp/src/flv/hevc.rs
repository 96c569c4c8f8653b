//! [pure] The picture in an HEVCDecoderConfigurationRecord (ISO/IEC 14496-15, 8.3.3.1; ITU-T H.265, 7.3.2.2).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::{
    Picture,
    bits::{Bits, unescaped},
};
use crate::message::take;

mod rate;

/// nal_unit_type of a sequence parameter set.
const SPS: u8 = 33;
/// Bytes of the record before its arrays of parameter sets.
const FIXED: usize = 22;
/// general_profile_space to general_constraint flags, in bits.
const PROFILE: u32 = 88;

pub(super) fn picture(record: &[u8]) -> Option<Picture> {
    let profile = record.get(1)? & 0x1f;
    let level = *record.get(12)?;
    let nal = first_sps(record.get(FIXED..)?)?;
    // Two bytes of header.
    let payload = unescaped(nal.get(2..)?);
    let mut bits = Bits::new(&payload);
    bits.skip(4)?;
    let sub_layers = bits.number(3)?;
    bits.skip(1)?;
    profile_tier_level(&mut bits, sub_layers)?;
    bits.unsigned_golomb()?;
    let chroma_format = bits.unsigned_golomb()?;
    let separate_planes = chroma_format == 3 && bits.bit()?;
    let (mut width, mut height) = (bits.unsigned_golomb()?, bits.unsigned_golomb()?);
    if bits.bit()? {
        let (unit_x, unit_y) = match (chroma_format, separate_planes) {
            (1, _) => (2, 2),
            (2, _) => (2, 1),
            _ => (1, 1),
        };
        let mut crop = || bits.unsigned_golomb();
        let (left, right, top, bottom) = (crop()?, crop()?, crop()?, crop()?);
        width = width.checked_sub(left.checked_add(right)?.checked_mul(unit_x)?)?;
        height = height.checked_sub(top.checked_add(bottom)?.checked_mul(unit_y)?)?;
    }
    let bit_depth = bits.unsigned_golomb()?.checked_add(8)?;
    Some(Picture {
        width,
        height,
        profile,
        level,
        chroma_format,
        bit_depth,
        frame_rate: rate::frame_rate(&mut bits, sub_layers, chroma_format),
    })
}

fn first_sps(mut rest: &[u8]) -> Option<&[u8]> {
    let [arrays] = take(&mut rest)?;
    for _ in 0..arrays {
        let [kind] = take(&mut rest)?;
        for _ in 0..u16::from_be_bytes(take(&mut rest)?) {
            let length = u16::from_be_bytes(take(&mut rest)?);
            let (unit, after) = rest.split_at_checked(length.into())?;
            if kind & 0x3f == SPS {
                return Some(unit);
            }
            rest = after;
        }
    }
    None
}

/// profile_tier_level(1, `sub_layers`) (7.3.3).
fn profile_tier_level(bits: &mut Bits<'_>, sub_layers: u32) -> Option<()> {
    bits.skip(PROFILE)?;
    bits.skip(8)?;
    let mut present = Vec::new();
    for _ in 0..sub_layers {
        present.push((bits.bit()?, bits.bit()?));
    }
    if sub_layers > 0 {
        // Reserved pairs fill up to eight.
        bits.skip(8_u32.saturating_sub(sub_layers).saturating_mul(2))?;
    }
    for (profile, level) in present {
        bits.skip(if profile { PROFILE } else { 0 })?;
        bits.skip(if level { 8 } else { 0 })?;
    }
    Some(())
}
