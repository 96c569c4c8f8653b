//! [pure] An H.264 track, from its AVCDecoderConfigurationRecord (ISO/IEC 14496-15 5.3.3.1).

use bytes::Bytes;
use rtmp::flv::{AvcConfig, AvcSps};

/// An H.264 track that can be packaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AvcTrack {
    avcc: Bytes,
    width: u16,
    height: u16,
    frame_rate: Option<(u32, u32)>,
    /// Bytes of a NAL unit's length: 1, 2 or 4.
    length_size: u8,
}

/// Why a video configuration cannot be packaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AvcTrackError {
    /// The record is damaged or has no parameter set. The peer's fault.
    #[error("the H.264 configuration record is damaged")]
    Record,
    /// The parameter set cannot be read, or the picture has no size or one beyond 16384 pixels.
    #[error("the H.264 sequence parameter set is damaged or its picture size is out of range")]
    Picture,
}

impl AvcTrack {
    /// Longest record kept: two dozen times the usual one.
    pub const MAX_BYTES: usize = 4096;
    const SIZES: std::ops::RangeInclusive<u32> = 16..=16_384;

    /// From avcC, which becomes part of the initialization section as it is.
    pub fn parse(avcc: &Bytes) -> Result<Self, AvcTrackError> {
        let config = (avcc.len() <= Self::MAX_BYTES)
            .then(|| AvcConfig::parse(avcc).ok())
            .flatten()
            .ok_or(AvcTrackError::Record)?;
        let sps = AvcSps::parse(config.sps).ok_or(AvcTrackError::Picture)?;
        let pixels = |n: u32| {
            u16::try_from(n)
                .ok()
                .filter(|_| Self::SIZES.contains(&n))
                .ok_or(AvcTrackError::Picture)
        };
        Ok(Self {
            avcc: avcc.clone(),
            width: pixels(sps.width)?,
            height: pixels(sps.height)?,
            frame_rate: sps.frame_rate.filter(|rate| believable(*rate)),
            length_size: config.nal_length_size,
        })
    }

    /// The configuration record.
    pub const fn avcc(&self) -> &Bytes {
        &self.avcc
    }

    /// Shown width, pixels.
    pub const fn width(&self) -> u16 {
        self.width
    }

    /// Shown height, pixels.
    pub const fn height(&self) -> u16 {
        self.height
    }

    /// Frames per second as a fraction, when the stream says so.
    pub const fn frame_rate(&self) -> Option<(u32, u32)> {
        self.frame_rate
    }

    /// Whether an access unit is not an IDR picture, whatever its publisher calls it: with open GOPs and intra refresh
    /// a "keyframe" leans on pictures before it, and browsers that start there show nothing. One whose NAL units cannot
    /// be told apart is believed.
    pub fn lacks_idr(&self, access_unit: &[u8]) -> bool {
        const SLICE: u8 = 1;
        const IDR_SLICE: u8 = 5;
        let mut rest = access_unit;
        while let Some((length, after)) = rest.split_at_checked(self.length_size.into()) {
            let length = length.iter().fold(0, |n, byte| n << 8 | usize::from(*byte));
            let Some((unit, after)) = after.split_at_checked(length) else {
                return false;
            };
            match unit.first().map(|header| header & 0x1f) {
                Some(SLICE) => return true,
                Some(IDR_SLICE) => return false,
                _ => rest = after,
            }
        }
        false
    }

    /// RFC 6381: `avc1.` and profile, constraints and level in hexadecimal.
    pub fn codecs(&self) -> String {
        let mut text = String::from("avc1.");
        for byte in self.avcc.iter().skip(1).take(3) {
            text.push_str(&format!("{byte:02x}"));
        }
        text
    }
}

/// 1 to 300 frames per second: encoders write 0/1, 1000/1 and worse when they do not know.
fn believable((numerator, denominator): (u32, u32)) -> bool {
    let (n, d) = (u64::from(numerator), u64::from(denominator));
    d <= n && n <= d.saturating_mul(300)
}
