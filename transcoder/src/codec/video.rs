//! [pure] A video track, from its decoder configuration record.

use std::fmt;

use bytes::Bytes;
use rtmp::flv::{Codec, Picture};

use super::{av1, nal};

/// A codec that players are given as it comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum VideoCodec {
    /// H.264; its record is avcC (ISO/IEC 14496-15 5.3.3.1).
    Avc,
    /// H.265; its record is hvcC (8.3.3.1).
    Hevc,
    /// AV1; its record is av1C (AV1-ISOBMFF 2.3).
    Av1,
}

impl VideoCodec {
    /// The codec of a publisher's message; `None` when it is none of these.
    pub fn of(codec: Codec) -> Option<Self> {
        match codec {
            Codec::Avc => Some(Self::Avc),
            Codec::Hevc => Some(Self::Hevc),
            Codec::FourCc(four_cc) if &four_cc == b"av01" => Some(Self::Av1),
            Codec::FourCc(_) | Codec::Aac | Codec::Legacy(_) => None,
        }
    }

    const fn flv(self) -> Codec {
        match self {
            Self::Avc => Codec::Avc,
            Self::Hevc => Codec::Hevc,
            Self::Av1 => Codec::FourCc(*b"av01"),
        }
    }
}

impl fmt::Display for VideoCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Avc => "H.264",
            Self::Hevc => "HEVC",
            Self::Av1 => "AV1",
        })
    }
}

/// A video track that can be packaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoTrack {
    codec: VideoCodec,
    record: Bytes,
    width: u16,
    height: u16,
    frame_rate: Option<(u32, u32)>,
}

/// Why a video configuration cannot be packaged. The peer's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VideoTrackError {
    /// The record is damaged or lacks a parameter set.
    #[error("the {0} configuration record is damaged or lacks a parameter set")]
    Record(VideoCodec),
    /// The picture has no size, or one below 16 or beyond 16384 pixels.
    #[error("a picture of {0}x{1}; each side has 16 to 16384 pixels")]
    Size(u32, u32),
}

impl VideoTrack {
    /// Longest record kept: two dozen times the usual one.
    pub const MAX_BYTES: usize = 4096;
    const SIZES: std::ops::RangeInclusive<u32> = 16..=16_384;

    /// From the record, which becomes part of the initialization section as it is.
    pub fn parse(codec: VideoCodec, record: &Bytes) -> Result<Self, VideoTrackError> {
        /// Marker and version.
        const AV1C: u8 = 0x81;
        let whole = match codec {
            // `Picture` looks at the parameter sets.
            VideoCodec::Avc => true,
            VideoCodec::Hevc => nal::is_whole_hvcc(record),
            VideoCodec::Av1 => record.first() == Some(&AV1C),
        };
        let picture = (whole && record.len() <= Self::MAX_BYTES)
            .then(|| Picture::parse(codec.flv(), record))
            .flatten()
            .ok_or(VideoTrackError::Record(codec))?;
        let pixels = |n: u32| {
            u16::try_from(n)
                .ok()
                .filter(|_| Self::SIZES.contains(&n))
                .ok_or(VideoTrackError::Size(picture.width, picture.height))
        };
        Ok(Self {
            codec,
            record: record.clone(),
            width: pixels(picture.width)?,
            height: pixels(picture.height)?,
            frame_rate: picture.frame_rate.filter(|rate| believable(*rate)),
        })
    }

    /// The codec.
    pub const fn codec(&self) -> VideoCodec {
        self.codec
    }

    /// The configuration record.
    pub const fn record(&self) -> &Bytes {
        &self.record
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

    /// Whether decoding cannot start at an access unit, whatever its publisher calls it: with open GOPs and intra refresh
    /// a "keyframe" leans on pictures before it, and browsers that start there show nothing. One that cannot be read is
    /// believed.
    pub fn lacks_idr(&self, access_unit: &[u8]) -> bool {
        match self.codec {
            VideoCodec::Avc => nal::avc_lacks_idr(&self.record, access_unit),
            VideoCodec::Hevc => nal::hevc_lacks_irap(&self.record, access_unit),
            VideoCodec::Av1 => av1::lacks_key(access_unit),
        }
    }

    /// An access unit as a sample of an MP4 track.
    pub fn sample(&self, access_unit: Bytes) -> Bytes {
        match self.codec {
            VideoCodec::Avc | VideoCodec::Hevc => access_unit,
            VideoCodec::Av1 => av1::sample(&access_unit),
        }
    }

    /// RFC 6381: `avc1.4d401e`, `hvc1.2.4.L123.B0`, `av01.0.08M.08`.
    pub fn codecs(&self) -> String {
        match self.codec {
            VideoCodec::Avc => {
                let mut text = String::from("avc1.");
                // Profile, constraints and level.
                for byte in self.record.iter().skip(1).take(3) {
                    text.push_str(&format!("{byte:02x}"));
                }
                text
            }
            VideoCodec::Hevc => nal::hevc_codecs(&self.record),
            VideoCodec::Av1 => av1::codecs(&self.record),
        }
    }
}

/// 1 to 300 frames per second: encoders write 0/1, 1000/1 and worse when they do not know.
fn believable((numerator, denominator): (u32, u32)) -> bool {
    let (n, d) = (u64::from(numerator), u64::from(denominator));
    d <= n && n <= d.saturating_mul(300)
}
