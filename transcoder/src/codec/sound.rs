//! [pure] The publisher's sound: as players take it, or in a codec that is decoded and encoded to AAC-LC for them.

use std::fmt;

use bytes::Bytes;
use rtmp::flv::Codec;

use super::{AacTrack, AacTrackError};

/// A codec that viewers can hear, as it comes or encoded anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SoundCodec {
    /// AAC; its configuration is an AudioSpecificConfig.
    Aac,
    /// Opus; its configuration is an identification header (RFC 7845 5.1).
    Opus,
    /// MP3, without a configuration.
    Mp3,
    /// AC-3, without one.
    Ac3,
    /// E-AC-3, without one.
    Eac3,
    /// FLAC; its configuration is a STREAMINFO block (RFC 9639 8.2).
    Flac,
}

impl SoundCodec {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Aac,
        Self::Opus,
        Self::Mp3,
        Self::Ac3,
        Self::Eac3,
        Self::Flac,
    ];

    /// The codec of a publisher's message; `None` when it is none of these.
    pub fn of(codec: Codec) -> Option<Self> {
        match codec {
            Codec::Aac => Some(Self::Aac),
            // FLV's MP3, and the same at 8 kHz.
            Codec::Legacy(2 | 14) => Some(Self::Mp3),
            Codec::FourCc(four_cc) => match &four_cc {
                b"Opus" => Some(Self::Opus),
                b".mp3" => Some(Self::Mp3),
                b"ac-3" => Some(Self::Ac3),
                b"ec-3" => Some(Self::Eac3),
                b"fLaC" => Some(Self::Flac),
                _ => None,
            },
            Codec::Avc | Codec::Hevc | Codec::Legacy(_) => None,
        }
    }

    /// Whether its frames say all that a decoder wants.
    pub const fn configures_itself(self) -> bool {
        matches!(self, Self::Mp3 | Self::Ac3 | Self::Eac3)
    }
}

impl fmt::Display for SoundCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Aac => "AAC",
            Self::Opus => "Opus",
            Self::Mp3 => "MP3",
            Self::Ac3 => "AC-3",
            Self::Eac3 => "E-AC-3",
            Self::Flac => "FLAC",
        })
    }
}

/// Sound in a codec that players do not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignSound {
    /// What it is coded with.
    pub codec: SoundCodec,
    /// As a decoder wants it: see [`SoundCodec`]; empty where there is none.
    pub config: Bytes,
}

/// What becomes of the publisher's sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SoundTrack {
    /// It is passed through.
    Aac(AacTrack),
    /// It is encoded anew, to [`AacTrack::encoded`].
    Foreign(ForeignSound),
}

/// Why a sound configuration is of no use. The peer's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SoundTrackError {
    /// AAC.
    #[error(transparent)]
    Aac(#[from] AacTrackError),
    /// Another.
    #[error("the {0} configuration is damaged")]
    Config(SoundCodec),
}

impl SoundTrack {
    /// Longest configuration: an Opus header for 255 channels.
    pub const MAX_BYTES: usize = 300;

    /// From a codec's configuration.
    pub fn parse(codec: SoundCodec, config: &Bytes) -> Result<Self, SoundTrackError> {
        let config = match codec {
            SoundCodec::Aac => match AacTrack::parse(config) {
                // Main, LTP and short frames are decoded, but not by browsers.
                Err(AacTrackError::ObjectType(1 | 4) | AacTrackError::FrameLength(_)) => {
                    Some(config.clone())
                }
                track => return Ok(Self::Aac(track?)),
            },
            SoundCodec::Opus => {
                let whole = config.starts_with(b"OpusHead") && config.len() >= OPUS_HEAD;
                whole.then(|| config.clone())
            }
            SoundCodec::Flac => stream_info(config),
            SoundCodec::Mp3 | SoundCodec::Ac3 | SoundCodec::Eac3 => Some(Bytes::new()),
        };
        let config = config.filter(|config| config.len() <= Self::MAX_BYTES);
        Ok(Self::Foreign(ForeignSound {
            codec,
            config: config.ok_or(SoundTrackError::Config(codec))?,
        }))
    }

    /// What it is coded with.
    pub const fn codec(&self) -> SoundCodec {
        match self {
            Self::Aac(_) => SoundCodec::Aac,
            Self::Foreign(foreign) => foreign.codec,
        }
    }
}

/// Bytes of an identification header without a mapping table.
const OPUS_HEAD: usize = 19;
/// Bytes of STREAMINFO.
const STREAM_INFO: usize = 34;

/// STREAMINFO, which comes alone or as a FLAC file begins: a marker and the block's own header first.
fn stream_info(config: &Bytes) -> Option<Bytes> {
    const MARKER_AND_HEADER: usize = 4 + 4;
    let start = if config.starts_with(b"fLaC") {
        MARKER_AND_HEADER
    } else {
        0
    };
    let end = start.checked_add(STREAM_INFO)?;
    (config.len() >= end).then(|| config.slice(start..end))
}
