//! [pure] What an audio or video payload is, by its first bytes: FLV tags, legacy and enhanced (E-RTMP v2).

/// What a message is to somebody who fans it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Decoder configuration of a track: a late joiner needs it first.
    SequenceHeader,
    /// Colour information of a video track, or the channel layout of an audio track: also kept for late joiners.
    Configuration,
    /// The track ends here.
    SequenceEnd,
    /// A keyframe.
    Key,
    /// A frame that others may need.
    Inter,
    /// A frame that none needs.
    Disposable,
    /// Audio.
    Audio,
    /// A video info or command frame; not a picture.
    Command,
}

/// Which codec, by FourCC or legacy id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// H.264.
    Avc,
    /// H.265.
    Hevc,
    /// H.266.
    Vvc,
    /// AV1.
    Av1,
    /// VP8.
    Vp8,
    /// VP9.
    Vp9,
    /// AAC.
    Aac,
    /// Opus.
    Opus,
    /// MP3.
    Mp3,
    /// AC-3.
    Ac3,
    /// E-AC-3.
    Eac3,
    /// FLAC.
    Flac,
    /// Another FourCC.
    FourCc([u8; 4]),
    /// Another legacy codec id.
    Legacy(u8),
}

/// Which track a message carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Track {
    /// One track; 0 where none is named.
    One(u8),
    /// Several in one message; see [`Tag::tracks`].
    Many,
}

/// One parsed audio or video payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag<'a> {
    /// What it is.
    pub class: Class,
    /// The codec; the first track's, if there are many.
    pub codec: Codec,
    /// The track.
    pub track: Track,
    /// Presentation minus decoding time, milliseconds.
    pub composition_time: i32,
    /// What the codec's decoder takes: NAL units with length prefixes, raw AAC, a configuration record.
    pub body: &'a [u8],
}

/// Why a payload is not a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TagError {
    /// It ends inside its own header.
    #[error("tag is cut short")]
    Truncated,
    /// A frame, packet or multitrack type nobody has defined.
    #[error("tag has an undefined type")]
    Undefined,
}

/// Parses a video message's payload.
pub fn video(_payload: &[u8]) -> Result<Tag<'_>, TagError> {
    Err(TagError::Truncated)
}

/// Parses an audio message's payload.
pub fn audio(_payload: &[u8]) -> Result<Tag<'_>, TagError> {
    Err(TagError::Truncated)
}

/// An AVCDecoderConfigurationRecord (ISO/IEC 14496-15, 5.3.3.1), checked, borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AvcConfig<'a> {
    /// AVCProfileIndication.
    pub profile: u8,
    /// profile_compatibility.
    pub compatibility: u8,
    /// AVCLevelIndication.
    pub level: u8,
    /// Bytes of a NAL unit's length prefix: 1, 2 or 4.
    pub nal_length_size: u8,
    /// The first sequence parameter set, with its NAL header.
    pub sps: &'a [u8],
    /// The first picture parameter set, with its NAL header.
    pub pps: &'a [u8],
}

impl<'a> AvcConfig<'a> {
    /// Parses the body of an AVC sequence header.
    pub fn parse(_record: &'a [u8]) -> Result<Self, TagError> {
        Err(TagError::Truncated)
    }
}

/// An AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1), as far as a packager needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AacConfig {
    /// Audio object type; 2 is LC.
    pub object_type: u8,
    /// Samples per second of the core coder.
    pub sample_rate: u32,
    /// channelConfiguration: 0 means told in-band, 7 means eight channels.
    pub channel_configuration: u8,
}

impl AacConfig {
    /// Parses the body of an AAC sequence header.
    pub fn parse(_config: &[u8]) -> Result<Self, TagError> {
        Err(TagError::Truncated)
    }
}
