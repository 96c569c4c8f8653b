//! [pure] What an audio or video payload is, by its first bytes: FLV tags, legacy and enhanced (E-RTMP v2).
//!
//! Nothing is decoded beyond what fan-out, late join and packaging need; bodies are borrowed. Codecs that
//! nobody here knows pass through as what they are.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::message::take;

mod av1;
mod avc_sps;
mod bits;
mod config;
mod hevc;
mod picture;
mod tracks;

pub use avc_sps::AvcSps;
pub use config::{AacConfig, AvcConfig};
pub use picture::Picture;
pub use tracks::TrackSet;

/// What a message is to somebody who fans it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// A track's decoder configuration: a late joiner needs it first.
    SequenceHeader,
    /// Colour information of a video track, channel layout of an audio track: kept for late joiners too.
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
    /// A seek or info command; no picture.
    Command,
}

/// The codec, by FourCC or by legacy id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// H.264: `avc1`, legacy 7.
    Avc,
    /// H.265: `hvc1`, and legacy 12 as some encoders send it without asking.
    Hevc,
    /// Another FourCC, for instance `av01` or `Opus`.
    FourCc([u8; 4]),
    /// AAC: `mp4a`, legacy 10.
    Aac,
    /// Another legacy video codec or sound format.
    Legacy(u8),
}

impl Codec {
    fn from_four_cc(four_cc: [u8; 4]) -> Self {
        match &four_cc {
            b"avc1" => Self::Avc,
            b"hvc1" => Self::Hevc,
            b"mp4a" => Self::Aac,
            _ => Self::FourCc(four_cc),
        }
    }

    /// Whether coded frames carry a composition time.
    fn has_composition_time(self) -> bool {
        matches!(self, Self::Avc | Self::Hevc) || self == Self::FourCc(*b"vvc1")
    }
}

/// Which track a message carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Track {
    /// One track; 0 where none is named.
    One(u8),
    /// Several in one message, as far as it can be read.
    Many(TrackSet),
}

/// One parsed audio or video payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag<'a> {
    /// What it is.
    pub class: Class,
    /// The codec; of several tracks, the first one's.
    pub codec: Codec,
    /// The track.
    pub track: Track,
    /// Presentation minus decoding time, milliseconds, 24 bits with sign; 0 for several tracks.
    pub composition_time: i32,
    /// What a decoder takes: length-prefixed NAL units, raw AAC, a configuration record. Of several tracks,
    /// everything after the first codec's name.
    pub body: &'a [u8],
}

/// Why a payload is not a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TagError {
    /// It ends inside its own header.
    #[error("tag is cut short")]
    Truncated,
    /// A frame, packet or multitrack type that nobody has defined.
    #[error("tag is of an undefined type")]
    Undefined,
}

/// Video frame types (bits 4 to 6 of the first byte).
mod frame {
    pub(super) const KEY: u8 = 1;
    pub(super) const INTER: u8 = 2;
    pub(super) const DISPOSABLE: u8 = 3;
    pub(super) const GENERATED_KEY: u8 = 4;
    pub(super) const COMMAND: u8 = 5;
}

/// Enhanced packet types; those below 8 are the same for audio and video, where both have them.
mod packet {
    pub(super) const SEQUENCE_START: u8 = 0;
    pub(super) const CODED_FRAMES: u8 = 1;
    pub(super) const SEQUENCE_END: u8 = 2;
    /// Video only: a composition time of 0 is left out.
    pub(super) const CODED_FRAMES_X: u8 = 3;
    /// Video: metadata; audio: multichannel configuration.
    pub(super) const CONFIGURATION: u8 = 4;
    /// Video only.
    pub(super) const MPEG2TS_SEQUENCE_START: u8 = 5;
    pub(super) const MULTITRACK_AUDIO: u8 = 5;
    pub(super) const MULTITRACK_VIDEO: u8 = 6;
    pub(super) const MOD_EX: u8 = 7;
}

/// Legacy sound format 9 marks an enhanced audio tag.
const ENHANCED_AUDIO: u8 = 9;
const LEGACY_AVC: u8 = 7;
const LEGACY_HEVC: u8 = 12;
const LEGACY_AAC: u8 = 10;

/// Parses a video message's payload.
pub fn video(payload: &[u8]) -> Result<Tag<'_>, TagError> {
    let mut rest = payload;
    let [first] = fixed(&mut rest)?;
    let (enhanced, frame, low) = (first & 0x80 != 0, (first >> 4) & 7, first & 0x0F);
    if enhanced {
        return enhanced_video(frame, low, rest);
    }
    let codec = match low {
        LEGACY_AVC => Codec::Avc,
        LEGACY_HEVC => Codec::Hevc,
        other => Codec::Legacy(other),
    };
    let mut tag = Tag {
        class: frame_class(frame)?,
        codec,
        track: Track::One(0),
        composition_time: 0,
        body: rest,
    };
    if tag.class != Class::Command && codec.has_composition_time() {
        let [packet] = fixed(&mut rest)?;
        tag.composition_time = signed_24(fixed(&mut rest)?);
        tag.body = rest;
        match packet {
            0 => (tag.class, tag.composition_time) = (Class::SequenceHeader, 0),
            1 => {}
            2 => (tag.class, tag.composition_time) = (Class::SequenceEnd, 0),
            _ => return Err(TagError::Undefined),
        }
    }
    Ok(tag)
}

/// Parses an audio message's payload.
pub fn audio(payload: &[u8]) -> Result<Tag<'_>, TagError> {
    let mut rest = payload;
    let [first] = fixed(&mut rest)?;
    let (format, low) = (first >> 4, first & 0x0F);
    if format == ENHANCED_AUDIO {
        return enhanced_audio(low, rest);
    }
    let (class, codec) = if format == LEGACY_AAC {
        match fixed(&mut rest)? {
            [0] => (Class::SequenceHeader, Codec::Aac),
            [1] => (Class::Audio, Codec::Aac),
            _ => return Err(TagError::Undefined),
        }
    } else {
        (Class::Audio, Codec::Legacy(format))
    };
    Ok(Tag {
        class,
        codec,
        track: Track::One(0),
        composition_time: 0,
        body: rest,
    })
}

fn enhanced_video<'a>(frame: u8, packet: u8, mut rest: &'a [u8]) -> Result<Tag<'a>, TagError> {
    let mut packet = skip_mod_ex(packet, &mut rest)?;
    // A track's colour may come as a command too, bare or behind a multitrack header; other commands are one byte.
    let colour = packet == packet::CONFIGURATION
        || (packet == packet::MULTITRACK_VIDEO
            && rest.len() > 1
            && rest
                .first()
                .is_some_and(|kind| kind & 0x0F == packet::CONFIGURATION));
    if frame == frame::COMMAND && !colour {
        let codec = Codec::Legacy(0);
        let track = Track::One(0);
        return Ok(Tag {
            class: Class::Command,
            codec,
            track,
            composition_time: 0,
            body: rest,
        });
    }
    let (codec, track) = tracks(&mut packet, packet::MULTITRACK_VIDEO, &mut rest)?;
    let class = match packet {
        packet::SEQUENCE_START | packet::MPEG2TS_SEQUENCE_START => Class::SequenceHeader,
        packet::CODED_FRAMES | packet::CODED_FRAMES_X => frame_class(frame)?,
        packet::SEQUENCE_END => Class::SequenceEnd,
        packet::CONFIGURATION => Class::Configuration,
        _ => return Err(TagError::Undefined),
    };
    let timed = packet == packet::CODED_FRAMES && codec.has_composition_time();
    let composition_time = if timed && matches!(track, Track::One(_)) {
        signed_24(fixed(&mut rest)?)
    } else {
        0
    };
    Ok(Tag {
        class,
        codec,
        track,
        composition_time,
        body: rest,
    })
}

fn enhanced_audio(packet: u8, mut rest: &[u8]) -> Result<Tag<'_>, TagError> {
    let mut packet = skip_mod_ex(packet, &mut rest)?;
    let (codec, track) = tracks(&mut packet, packet::MULTITRACK_AUDIO, &mut rest)?;
    let class = match packet {
        packet::SEQUENCE_START => Class::SequenceHeader,
        packet::CODED_FRAMES => Class::Audio,
        packet::SEQUENCE_END => Class::SequenceEnd,
        packet::CONFIGURATION => Class::Configuration,
        _ => return Err(TagError::Undefined),
    };
    Ok(Tag {
        class,
        codec,
        track,
        composition_time: 0,
        body: rest,
    })
}

/// Passes over modifiers, for instance nanosecond offsets, and gives the packet type behind them.
fn skip_mod_ex(mut packet: u8, rest: &mut &[u8]) -> Result<u8, TagError> {
    while packet == packet::MOD_EX {
        let [size] = fixed(rest)?;
        let size = match size {
            // 256 bytes and more: the size follows in two.
            0xFF => u16::from_be_bytes(fixed(rest)?),
            size => u16::from(size),
        };
        let data = usize::from(size).saturating_add(1);
        *rest = rest.get(data..).ok_or(TagError::Truncated)?;
        let [next] = fixed(rest)?;
        packet = next & 0x0F;
    }
    Ok(packet)
}

/// The codec and the track, and behind a multitrack header the packet type within.
fn tracks(packet: &mut u8, multitrack: u8, rest: &mut &[u8]) -> Result<(Codec, Track), TagError> {
    if *packet != multitrack {
        return Ok((Codec::from_four_cc(fixed(rest)?), Track::One(0)));
    }
    let [kind] = fixed(rest)?;
    *packet = kind & 0x0F;
    let codec = Codec::from_four_cc(fixed(rest)?);
    match kind >> 4 {
        0 => {
            let [track] = fixed(rest)?;
            Ok((codec, Track::One(track)))
        }
        // Each track after the first names its own codec, or none does.
        1 => Ok((codec, Track::Many(TrackSet::read(rest, 0)))),
        2 => Ok((codec, Track::Many(TrackSet::read(rest, 4)))),
        _ => Err(TagError::Undefined),
    }
}

fn frame_class(frame: u8) -> Result<Class, TagError> {
    match frame {
        frame::KEY | frame::GENERATED_KEY => Ok(Class::Key),
        frame::INTER => Ok(Class::Inter),
        frame::DISPOSABLE => Ok(Class::Disposable),
        frame::COMMAND => Ok(Class::Command),
        _ => Err(TagError::Undefined),
    }
}

fn signed_24([high, middle, low]: [u8; 3]) -> i32 {
    i32::from_be_bytes([high, middle, low, 0]) >> 8
}

fn fixed<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], TagError> {
    take(rest).ok_or(TagError::Truncated)
}

#[cfg(test)]
mod tests;
