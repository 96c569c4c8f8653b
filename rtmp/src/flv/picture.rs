//! [pure] What a video track's decoder configuration says of its picture, for those who look and do not decode.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::{AvcConfig, AvcSps, Codec, av1, hevc};

/// A picture's measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Picture {
    /// Shown width in pixels, 1 to [`Self::MAX_SIZE`].
    pub width: u32,
    /// Shown height in pixels, 1 to [`Self::MAX_SIZE`].
    pub height: u32,
    /// profile_idc of H.264, general_profile_idc of H.265, seq_profile of AV1.
    pub profile: u8,
    /// level_idc, general_level_idc, seq_level_idx.
    pub level: u8,
    /// 0 without colour, 1 for 4:2:0, 2 for 4:2:2, 3 for 4:4:4.
    pub chroma_format: u32,
    /// Bits of a luma sample.
    pub bit_depth: u32,
    /// Frames per second as a fraction, when the stream says so.
    pub frame_rate: Option<(u32, u32)>,
}

impl Picture {
    /// Longest side that any encoder makes.
    pub const MAX_SIZE: u32 = 65_536;
    /// Longest configuration that is looked into, bytes: dozens of times the usual one.
    const MAX_BYTES: usize = 8_192;

    /// Looks into the body of a sequence header. `None` for a codec that is not known here, and for what is damaged.
    pub fn parse(codec: Codec, record: &[u8]) -> Option<Self> {
        if record.len() > Self::MAX_BYTES {
            return None;
        }
        let picture = match codec {
            Codec::Avc => Self::avc(record),
            Codec::Hevc => hevc::picture(record),
            Codec::FourCc(four_cc) if &four_cc == b"av01" => av1::picture(record),
            Codec::FourCc(_) | Codec::Aac | Codec::Legacy(_) => None,
        };
        let sizes = 1..=Self::MAX_SIZE;
        picture.filter(|picture| sizes.contains(&picture.width) && sizes.contains(&picture.height))
    }

    fn avc(record: &[u8]) -> Option<Self> {
        let config = AvcConfig::parse(record).ok()?;
        let sps = AvcSps::parse(config.sps)?;
        Some(Self {
            width: sps.width,
            height: sps.height,
            profile: config.profile,
            level: config.level,
            chroma_format: sps.chroma_format,
            bit_depth: sps.bit_depth,
            frame_rate: sps.frame_rate,
        })
    }
}

#[cfg(test)]
mod tests;
