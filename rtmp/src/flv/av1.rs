//! [pure] The picture in an AV1CodecConfigurationRecord (AV1-ISOBMFF 2.3; AV1 bitstream 5.5).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::{
    Picture,
    bits::{Bits, reduced},
};
use crate::message::take;

const OBU_SEQUENCE_HEADER: u8 = 1;

pub(super) fn picture(record: &[u8]) -> Option<Picture> {
    let mut rest = record;
    let [_marker, first, second, _delay] = take(&mut rest)?;
    let flag = |bit: u32| second >> bit & 1 == 1;
    let mut bits = Bits::new(sequence_header(rest)?);
    let frame_rate = before_size(&mut bits)?;
    let (width, height) = size(&mut bits)?;
    Some(Picture {
        width,
        height,
        profile: first >> 5,
        level: first & 0x1f,
        chroma_format: match (flag(4), flag(3), flag(2)) {
            // monochrome, chroma_subsampling_x, chroma_subsampling_y
            (true, ..) => 0,
            (_, true, true) => 1,
            (_, true, false) => 2,
            _ => 3,
        },
        // high_bitdepth, twelve_bit
        bit_depth: match (flag(6), flag(5)) {
            (true, true) => 12,
            (true, false) => 10,
            _ => 8,
        },
        frame_rate,
    })
}

/// The payload of the first sequence header OBU.
fn sequence_header(mut rest: &[u8]) -> Option<&[u8]> {
    while !rest.is_empty() {
        let [header] = take(&mut rest)?;
        let (extension, has_size) = (header & 4 != 0, header & 2 != 0);
        if extension {
            let [_layers] = take(&mut rest)?;
        }
        let length = if has_size {
            leb128(&mut rest)?
        } else {
            rest.len()
        };
        let (payload, after) = rest.split_at_checked(length)?;
        if header >> 3 & 0x0f == OBU_SEQUENCE_HEADER {
            return Some(payload);
        }
        rest = after;
    }
    None
}

fn leb128(rest: &mut &[u8]) -> Option<usize> {
    let mut value = 0_u64;
    for shift in (0_u32..56).step_by(7) {
        let [byte] = take(rest)?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return usize::try_from(value).ok();
        }
    }
    None
}

/// sequence_header_obu as far as its operating points; gives the frame rate, where it is constant and told.
fn before_size(bits: &mut Bits<'_>) -> Option<Option<(u32, u32)>> {
    // seq_profile, still_picture
    bits.skip(4)?;
    if bits.bit()? {
        // reduced_still_picture_header
        bits.skip(5)?;
        return Some(None);
    }
    let mut frame_rate = None;
    let mut decoder_model = None;
    // timing_info
    if bits.bit()? {
        let (tick, scale) = (bits.number(32)?, bits.number(32)?);
        if bits.bit()? {
            let ticks = bits.unsigned_golomb()?.saturating_add(1);
            frame_rate = tick
                .checked_mul(ticks)
                .and_then(|tick| reduced(scale, tick));
        }
        if bits.bit()? {
            decoder_model = Some(bits.number(5)?.saturating_add(1));
            bits.skip(32 + 5 + 5)?;
        }
    }
    operating_points(bits, decoder_model)?;
    Some(frame_rate)
}

/// max_frame_width and max_frame_height.
fn size(bits: &mut Bits<'_>) -> Option<(u32, u32)> {
    let width_bits = bits.number(4)?.saturating_add(1);
    let height_bits = bits.number(4)?.saturating_add(1);
    let width = bits.number(width_bits)?.checked_add(1)?;
    let height = bits.number(height_bits)?.checked_add(1)?;
    Some((width, height))
}

fn operating_points(bits: &mut Bits<'_>, decoder_model: Option<u32>) -> Option<()> {
    let display_delay = bits.bit()?;
    let points = bits.number(5)?;
    for _ in 0..=points {
        bits.skip(12)?;
        if bits.number(5)? > 7 {
            bits.skip(1)?;
        }
        if let Some(delay_bits) = decoder_model
            && bits.bit()?
        {
            bits.skip(delay_bits.saturating_mul(2).saturating_add(1))?;
        }
        if display_delay && bits.bit()? {
            bits.skip(4)?;
        }
    }
    Some(())
}
