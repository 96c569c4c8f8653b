//! [pure] The model of a multivariant playlist (RFC 8216bis §4.4.6).

use super::{FrameRate, Line, Resolution, Start, Text, Uri};

/// A multivariant playlist.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Multivariant {
    /// EXT-X-INDEPENDENT-SEGMENTS: every segment of every rendition starts with a keyframe.
    pub independent_segments: bool,
    /// EXT-X-START.
    pub start: Option<Start>,
    /// Attribute list of EXT-X-CONTENT-STEERING.
    pub content_steering: Option<Line>,
    /// EXT-X-MEDIA.
    pub renditions: Vec<AlternativeRendition>,
    /// EXT-X-STREAM-INF; a player starts with the first.
    pub variants: Vec<Variant>,
    /// EXT-X-I-FRAME-STREAM-INF.
    pub i_frame_variants: Vec<IFrameVariant>,
}

/// TYPE of EXT-X-MEDIA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaType {
    /// AUDIO.
    Audio,
    /// VIDEO.
    Video,
    /// SUBTITLES.
    Subtitles,
    /// CLOSED-CAPTIONS.
    ClosedCaptions,
}

/// EXT-X-MEDIA (§4.4.6.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlternativeRendition {
    /// TYPE.
    pub media_type: MediaType,
    /// GROUP-ID.
    pub group_id: Text,
    /// NAME, for people.
    pub name: Text,
    /// LANGUAGE, an RFC 5646 tag.
    pub language: Option<Text>,
    /// DEFAULT.
    pub default: bool,
    /// AUTOSELECT.
    pub autoselect: bool,
    /// CHANNELS: `2`.
    pub channels: Option<Text>,
    /// Its media playlist; none when it is carried within the variant.
    pub uri: Option<Uri>,
}

/// EXT-X-STREAM-INF and its URI line (§4.4.6.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant {
    /// BANDWIDTH: peak of everything that plays with it, bits per second.
    pub bandwidth: u64,
    /// AVERAGE-BANDWIDTH, bits per second.
    pub average_bandwidth: Option<u64>,
    /// CODECS of everything that plays with it: `avc1.64001f,mp4a.40.2`.
    pub codecs: Option<Text>,
    /// RESOLUTION.
    pub resolution: Option<Resolution>,
    /// FRAME-RATE.
    pub frame_rate: Option<FrameRate>,
    /// AUDIO: the group of EXT-X-MEDIA that goes with it.
    pub audio: Option<Text>,
    /// PATHWAY-ID, with content steering.
    pub pathway: Option<Text>,
    /// Its media playlist.
    pub uri: Uri,
}

/// EXT-X-I-FRAME-STREAM-INF (§4.4.6.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IFrameVariant {
    /// BANDWIDTH, bits per second.
    pub bandwidth: u64,
    /// AVERAGE-BANDWIDTH, bits per second.
    pub average_bandwidth: Option<u64>,
    /// CODECS.
    pub codecs: Option<Text>,
    /// RESOLUTION.
    pub resolution: Option<Resolution>,
    /// PATHWAY-ID, with content steering.
    pub pathway: Option<Text>,
    /// Its I-frame playlist.
    pub uri: Uri,
}
