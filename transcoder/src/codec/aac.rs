//! [pure] An AAC track, from its AudioSpecificConfig (ISO/IEC 14496-3 1.6.2.1).

use bytes::Bytes;
use live::sound_grid::SoundPlace;
use rtmp::flv::AacConfig;

/// An AAC track that can be packaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AacTrack {
    config: Bytes,
    object_type: u8,
    extension: Option<u8>,
    sample_rate: u32,
    channels: u8,
}

/// Why a sound configuration cannot be packaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AacTrackError {
    /// The record is damaged. The peer's fault.
    #[error("the AAC configuration is damaged")]
    Record,
    /// AAC, but none that players take with 1024 samples a frame.
    #[error("AAC object type {0} is not supported; set the encoder to AAC-LC")]
    ObjectType(u8),
    /// AAC-LC in frames of another length.
    #[error("AAC with {0} samples a frame is not supported; set the encoder to 1024")]
    FrameLength(u16),
}

impl AacTrack {
    /// Samples that one frame holds, at the core coder's rate.
    pub const FRAME: u32 = 1024;
    /// Longest configuration kept; its length is one byte in the esds box.
    pub const MAX_BYTES: usize = 64;
    /// LC, which SBR (HE-AAC) and PS (HE-AAC v2) extend: browsers decode no other.
    const LC: u8 = AacConfig::LC;

    /// Samples per second of what is encoded here, of any sound.
    pub const ENCODED_RATE: u32 = 48_000;
    /// Its channels.
    pub const ENCODED_CHANNELS: u8 = 2;

    /// The track of sound that is encoded here: AAC-LC.
    pub const fn encoded() -> Self {
        Self {
            config: Bytes::from_static(&[0x11, 0x90]),
            object_type: Self::LC,
            extension: None,
            sample_rate: Self::ENCODED_RATE,
            channels: Self::ENCODED_CHANNELS,
        }
    }

    /// From the configuration, which becomes part of the initialization section as it is.
    pub fn parse(config: &Bytes) -> Result<Self, AacTrackError> {
        let parsed = (config.len() <= Self::MAX_BYTES)
            .then(|| AacConfig::parse(config).ok())
            .flatten()
            .filter(|parsed| SoundPlace::RATES.contains(&parsed.sample_rate))
            .ok_or(AacTrackError::Record)?;
        if parsed.object_type != Self::LC {
            return Err(AacTrackError::ObjectType(parsed.object_type));
        }
        if u32::from(parsed.frame_length) != Self::FRAME {
            return Err(AacTrackError::FrameLength(parsed.frame_length));
        }
        Ok(Self {
            config: config.clone(),
            object_type: parsed.object_type,
            extension: parsed.extension,
            sample_rate: parsed.sample_rate,
            channels: match parsed.channel_configuration {
                0 => 2,
                7 => 8,
                n => n,
            },
        })
    }

    /// The AudioSpecificConfig.
    pub const fn config(&self) -> &Bytes {
        &self.config
    }

    /// Samples per second of the core coder: the track's timescale.
    pub const fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    /// Number of channels.
    pub const fn channels(&self) -> u8 {
        self.channels
    }

    /// One frame without sound, for LC in mono and stereo: two empty channels, valid at any rate (ISO/IEC 14496-3
    /// 4.4.2.1: global gain, a window, no scale factor bands).
    pub const fn silent_frame(&self) -> Option<&'static [u8]> {
        match (self.object_type, self.channels) {
            (2, 1) => Some(&[0x00, 0xc8, 0x00, 0x80, 0x23, 0x80]),
            (2, 2) => Some(&[0x21, 0x00, 0x49, 0x90, 0x02, 0x19, 0x00, 0x23, 0x80]),
            _ => None,
        }
    }

    /// RFC 6381: `mp4a.40.` and the object type, that of the extension first.
    pub fn codecs(&self) -> String {
        format!("mp4a.40.{}", self.extension.unwrap_or(self.object_type))
    }
}
