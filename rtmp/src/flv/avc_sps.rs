//! [pure] The sequence parameter set of H.264 (ITU-T H.264 7.3.2.1.1), as far as the picture's size and rate.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::bits::{Bits, reduced, unescaped};

/// What the parameter set says of the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AvcSps {
    /// Shown width in pixels, cropping applied.
    pub width: u32,
    /// Shown height in pixels, cropping applied.
    pub height: u32,
    /// 0 without colour, 1 for 4:2:0, 2 for 4:2:2, 3 for 4:4:4.
    pub chroma_format: u32,
    /// Bits of a luma sample.
    pub bit_depth: u32,
    /// Frames per second as a fraction, when the stream says so.
    pub frame_rate: Option<(u32, u32)>,
}

/// Profiles whose parameter sets name the chroma format.
const HIGH_PROFILES: [u32; 13] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];
/// Most reference frames in a picture order cycle (7.4.2.1.1).
const MAX_CYCLE: u32 = 255;

impl AvcSps {
    /// `nal` with its header byte. `None` when it is cut short or absurd.
    pub fn parse(nal: &[u8]) -> Option<Self> {
        let payload = unescaped(nal.get(1..)?);
        let mut bits = Bits::new(&payload);
        let profile = bits.number(8)?;
        bits.number(16)?;
        bits.unsigned_golomb()?;
        let chroma = if HIGH_PROFILES.contains(&profile) {
            chroma(&mut bits)?
        } else {
            Chroma {
                format: 1,
                separate_planes: false,
                bit_depth: 8,
            }
        };
        bits.unsigned_golomb()?;
        picture_order(&mut bits)?;
        bits.unsigned_golomb()?;
        bits.bit()?;
        let (width, height) = size(&mut bits, chroma)?;
        Some(Self {
            width,
            height,
            chroma_format: chroma.format,
            bit_depth: chroma.bit_depth,
            frame_rate: frame_rate(&mut bits),
        })
    }
}

#[derive(Clone, Copy)]
struct Chroma {
    format: u32,
    separate_planes: bool,
    bit_depth: u32,
}

fn chroma(bits: &mut Bits<'_>) -> Option<Chroma> {
    let format = bits.unsigned_golomb()?;
    let separate_planes = format == 3 && bits.bit()?;
    let bit_depth = bits.unsigned_golomb()?.checked_add(8)?;
    bits.unsigned_golomb()?;
    bits.bit()?;
    if bits.bit()? {
        let lists = if format == 3 { 12 } else { 8 };
        for list in 0..lists {
            if bits.bit()? {
                scaling_list(bits, if list < 6 { 16 } else { 64 })?;
            }
        }
    }
    Some(Chroma {
        format,
        separate_planes,
        bit_depth,
    })
}

fn scaling_list(bits: &mut Bits<'_>, entries: u32) -> Option<()> {
    let (mut last, mut next) = (8_i64, 8_i64);
    for _ in 0..entries {
        if next != 0 {
            let delta = bits.signed_golomb()?;
            next = last.saturating_add(delta).rem_euclid(256);
        }
        if next != 0 {
            last = next;
        }
    }
    Some(())
}

fn picture_order(bits: &mut Bits<'_>) -> Option<()> {
    match bits.unsigned_golomb()? {
        0 => {
            bits.unsigned_golomb()?;
        }
        1 => {
            bits.bit()?;
            bits.signed_golomb()?;
            bits.signed_golomb()?;
            let cycle = bits.unsigned_golomb().filter(|n| *n <= MAX_CYCLE)?;
            for _ in 0..cycle {
                bits.signed_golomb()?;
            }
        }
        _ => {}
    }
    Some(())
}

fn size(bits: &mut Bits<'_>, chroma: Chroma) -> Option<(u32, u32)> {
    let columns = bits.unsigned_golomb()?.checked_add(1)?;
    let rows = bits.unsigned_golomb()?.checked_add(1)?;
    let fields = if bits.bit()? {
        1
    } else {
        bits.bit()?;
        2_u32
    };
    bits.bit()?;
    let (mut width, mut height) = (
        columns.checked_mul(16)?,
        rows.checked_mul(16)?.checked_mul(fields)?,
    );
    if bits.bit()? {
        let (unit_x, unit_y) = match (chroma.format, chroma.separate_planes) {
            (1, _) => (2, fields.checked_mul(2)?),
            (2, _) => (2, fields),
            _ => (1, fields),
        };
        let mut crop = || bits.unsigned_golomb();
        let (left, right, top, bottom) = (crop()?, crop()?, crop()?, crop()?);
        width = width.checked_sub(left.checked_add(right)?.checked_mul(unit_x)?)?;
        height = height.checked_sub(top.checked_add(bottom)?.checked_mul(unit_y)?)?;
    }
    Some((width, height))
}

/// From the VUI (Annex E.1.1); a field is half a frame.
fn frame_rate(bits: &mut Bits<'_>) -> Option<(u32, u32)> {
    if !bits.bit()? {
        return None;
    }
    // aspect_ratio_info
    if bits.bit()? && bits.number(8)? == 255 {
        bits.number(32)?;
    }
    // overscan_info
    if bits.bit()? {
        bits.bit()?;
    }
    // video_signal_type
    if bits.bit()? {
        bits.number(4)?;
        if bits.bit()? {
            bits.number(24)?;
        }
    }
    // chroma_loc_info
    if bits.bit()? {
        bits.unsigned_golomb()?;
        bits.unsigned_golomb()?;
    }
    if !bits.bit()? {
        return None;
    }
    let tick = bits.number(32)?;
    let scale = bits.number(32)?;
    let per_frame = tick.checked_mul(2)?;
    reduced(scale, per_frame)
}
