//! [pure] An H.264 track, from its AVCDecoderConfigurationRecord (ISO/IEC 14496-15 5.3.3.1).

use bytes::Bytes;

use super::sps::Sps;

/// An H.264 track that can be packaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AvcTrack {
    avcc: Bytes,
    width: u16,
    height: u16,
    frame_rate: Option<(u32, u32)>,
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
            .then(|| rtmp::flv::AvcConfig::parse(avcc).ok())
            .flatten()
            .ok_or(AvcTrackError::Record)?;
        let sps = Sps::parse(config.sps).ok_or(AvcTrackError::Picture)?;
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
