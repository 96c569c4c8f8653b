//! [pure] The fields of messages, each read back as what was written or refused.

use bytes::{Buf as _, BufMut as _, Bytes};
use live::{MediaTime, Rendition};

use super::{MAX_TEXT, MAX_TICKS, ProtocolError, VERSION};
use crate::codec::VideoCodec;

/// A rendition in two bytes: an encoded rung is its height, and no height is below 16.
pub(super) const fn rendition_code(rendition: Rendition) -> u16 {
    match rendition {
        Rendition::Source => 0,
        Rendition::Audio => 1,
        Rendition::Encoded(height) => height,
    }
}

pub(super) fn rendition(frame: &mut Bytes) -> Result<Rendition, ProtocolError> {
    match frame.try_get_u16()? {
        0 => Ok(Rendition::Source),
        1 => Ok(Rendition::Audio),
        height if Rendition::HEIGHTS.contains(&height) => Ok(Rendition::Encoded(height)),
        _ => Err(ProtocolError::Range),
    }
}

pub(super) const fn codec_code(codec: VideoCodec) -> u8 {
    match codec {
        VideoCodec::Avc => 0,
        VideoCodec::Hevc => 1,
        VideoCodec::Av1 => 2,
    }
}

pub(super) fn codec(frame: &mut Bytes) -> Result<VideoCodec, ProtocolError> {
    match frame.try_get_u8()? {
        0 => Ok(VideoCodec::Avc),
        1 => Ok(VideoCodec::Hevc),
        2 => Ok(VideoCodec::Av1),
        _ => Err(ProtocolError::Range),
    }
}

pub(super) fn version(frame: &mut Bytes) -> Result<(), ProtocolError> {
    match frame.try_get_u8()? {
        VERSION => Ok(()),
        other => Err(ProtocolError::Version(other)),
    }
}

pub(super) fn time(frame: &mut Bytes) -> Result<MediaTime, ProtocolError> {
    match frame.try_get_u64()? {
        ticks @ 0..=MAX_TICKS => Ok(MediaTime::from_ticks(ticks)),
        _ => Err(ProtocolError::Range),
    }
}

pub(super) fn flag(frame: &mut Bytes) -> Result<bool, ProtocolError> {
    match frame.try_get_u8()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(ProtocolError::Range),
    }
}

/// The bytes to the frame's end, `least` to `most` of them.
pub(super) fn run(frame: Bytes, least: usize, most: usize) -> Result<Bytes, ProtocolError> {
    if (least..=most).contains(&frame.len()) {
        Ok(frame)
    } else {
        Err(ProtocolError::Size)
    }
}

pub(super) fn put_text(fields: &mut Vec<u8>, text: &str) -> Option<()> {
    fields.put_u16(u16::try_from(text.len()).ok()?);
    fields.put_slice(text.as_bytes());
    Some(())
}

/// A text behind its length in two bytes.
pub(super) fn text(frame: &mut Bytes) -> Result<String, ProtocolError> {
    let length = usize::from(frame.try_get_u16()?);
    if length > MAX_TEXT || length > frame.len() {
        return Err(ProtocolError::Size);
    }
    String::from_utf8(frame.split_to(length).into()).map_err(|_| ProtocolError::Range)
}
