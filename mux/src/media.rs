//! [pure] What a publisher's message is to mux: by its first bytes, never more.
//!
//! Payloads pass byte for byte. What is sorted out here never reaches a consumer: messages that are no media, and data
//! messages that bear the names of our own segment clock, which a publisher could use to fake it.

use bytes::{Bytes, BytesMut};
use live::{
    stamp::{ON_END, ON_HOLD, ON_SEGMENT},
    telling::ON_DATE_RANGE,
};
use rtmp::{
    Message, MessageKind,
    flv::{self, Class, Codec, Tag, TagError, Track, TrackSet},
};

use crate::headers::{Medium, Part, PartKey};

/// `@setDataFrame` as an AMF0 string: what a publisher puts before `onMetaData`, and a player does not want to see.
const SET_DATA_FRAME: &[u8] = b"\x02\x00\x0d@setDataFrame";
const CLEAR_DATA_FRAME: &[u8] = b"\x02\x00\x0f@clearDataFrame";
const ON_META_DATA: &[u8] = b"\x02\x00\x0aonMetaData";

/// The track that segments, keyframes and joins are told from, and of sound the one that is counted.
pub(crate) const MAIN: u8 = 0;

/// A publisher's message, sorted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Media {
    /// `@setDataFrame onMetaData ...`.
    Metadata(Bytes),
    /// The configuration of a track.
    Header(PartKey, Bytes),
    /// A picture.
    Video {
        /// Its tracks. The segment clock follows [`MAIN`].
        tracks: TrackSet,
        /// Whether decoding can start here.
        key: bool,
        /// Presentation minus decoding time, milliseconds.
        composition_time: i32,
    },
    /// Sound.
    Audio,
    /// Cue points, captions and the like.
    Data(Bytes),
    /// Of no use to anybody behind us.
    Nothing,
}

/// The publisher's fault: no such media.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MediaError {
    /// An audio or video message that is none.
    #[error("{0}")]
    Tag(#[from] TagError),
    /// It spoke in the name of the segment clock.
    #[error("a publisher may not send {ON_SEGMENT}, {ON_HOLD}, {ON_END} or {ON_DATE_RANGE}")]
    Stamp,
}

/// Sorts a message.
pub(crate) fn sort(message: &Message) -> Result<Media, MediaError> {
    match message.kind {
        MessageKind::Video => Ok(sort_video(&message.payload, flv::video(&message.payload)?)),
        MessageKind::Audio => Ok(sort_audio(&message.payload, flv::audio(&message.payload)?)),
        MessageKind::DataAmf0 => sort_data(message.payload.clone()),
        // An AMF0 message behind one byte.
        MessageKind::DataAmf3 if message.payload.first() == Some(&0) => {
            sort_data(message.payload.slice(1..))
        }
        MessageKind::SetChunkSize
        | MessageKind::Abort
        | MessageKind::Acknowledgement
        | MessageKind::UserControl
        | MessageKind::WindowAcknowledgementSize
        | MessageKind::SetPeerBandwidth
        | MessageKind::DataAmf3
        | MessageKind::CommandAmf3
        | MessageKind::CommandAmf0
        | MessageKind::Aggregate
        | MessageKind::Other(_) => Ok(Media::Nothing),
    }
}

/// `onMetaData` as a player wants it; `None` when `payload` is not [`Media::Metadata`].
pub(crate) fn metadata_for_player(payload: &Bytes) -> Option<Bytes> {
    payload
        .starts_with(SET_DATA_FRAME)
        .then(|| payload.slice(SET_DATA_FRAME.len()..))
}

/// The tracks of a picture, and whether it is a keyframe; `None` if `payload` is no picture.
pub(crate) fn picture(payload: &[u8]) -> Option<(TrackSet, bool)> {
    let tag = flv::video(payload).ok()?;
    match tag.class {
        Class::Key | Class::Inter | Class::Disposable => {
            Some((tracks(tag), tag.class == Class::Key))
        }
        Class::SequenceHeader
        | Class::Configuration
        | Class::SequenceEnd
        | Class::Command
        | Class::Audio => None,
    }
}

/// Whether `payload` is a frame of the main sound in AAC.
pub(crate) fn is_main_aac(payload: &[u8]) -> bool {
    flv::audio(payload).is_ok_and(|tag| {
        (tag.class, tag.codec, tag.track) == (Class::Audio, Codec::Aac, Track::One(MAIN))
            && !tag.body.is_empty()
    })
}

fn sort_video(payload: &Bytes, tag: Tag<'_>) -> Media {
    match tag.class {
        Class::SequenceHeader | Class::Configuration => {
            Media::Header(part_key(Medium::Video, tag), payload.clone())
        }
        Class::Key | Class::Inter | Class::Disposable => Media::Video {
            tracks: tracks(tag),
            key: tag.class == Class::Key,
            composition_time: tag.composition_time,
        },
        // The consumers' stream goes on when a publisher's ends.
        Class::SequenceEnd | Class::Command | Class::Audio => Media::Nothing,
    }
}

fn sort_audio(payload: &Bytes, tag: Tag<'_>) -> Media {
    match tag.class {
        Class::SequenceHeader | Class::Configuration => {
            Media::Header(part_key(Medium::Audio, tag), payload.clone())
        }
        Class::Audio => Media::Audio,
        Class::SequenceEnd | Class::Command | Class::Key | Class::Inter | Class::Disposable => {
            Media::Nothing
        }
    }
}

fn part_key(medium: Medium, tag: Tag<'_>) -> PartKey {
    PartKey {
        medium,
        tracks: tracks(tag),
        part: if tag.class == Class::SequenceHeader {
            Part::Decoder
        } else {
            Part::Extra
        },
    }
}

fn tracks(tag: Tag<'_>) -> TrackSet {
    match tag.track {
        Track::One(track) => TrackSet::one(track),
        Track::Many(tracks) => tracks,
    }
}

fn sort_data(payload: Bytes) -> Result<Media, MediaError> {
    let inner = payload.strip_prefix(SET_DATA_FRAME).unwrap_or(&payload);
    if inner.starts_with(ON_META_DATA) {
        return Ok(Media::Metadata(if inner.len() == payload.len() {
            prefixed(inner)
        } else {
            payload
        }));
    }
    if [ON_SEGMENT, ON_HOLD, ON_END, ON_DATE_RANGE]
        .iter()
        .any(|name| is_named(inner, name))
    {
        return Err(MediaError::Stamp);
    }
    if inner.starts_with(CLEAR_DATA_FRAME) || payload.starts_with(CLEAR_DATA_FRAME) {
        return Ok(Media::Nothing);
    }
    Ok(Media::Data(payload))
}

/// Whether `payload` starts with the AMF0 string, or long string, `name`.
fn is_named(payload: &[u8], name: &str) -> bool {
    let ([0x02, _, _, text @ ..] | [0x0c, _, _, _, _, text @ ..]) = payload else {
        return false;
    };
    text.starts_with(name.as_bytes())
}

fn prefixed(payload: &[u8]) -> Bytes {
    let mut whole = BytesMut::with_capacity(SET_DATA_FRAME.len().saturating_add(payload.len()));
    whole.extend_from_slice(SET_DATA_FRAME);
    whole.extend_from_slice(payload);
    whole.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(payload: &'static [u8]) -> Result<Media, MediaError> {
        sort(&Message {
            timestamp: 0,
            kind: MessageKind::DataAmf0,
            stream_id: 1,
            payload: Bytes::from_static(payload),
        })
    }

    #[test]
    fn metadata_is_the_same_with_and_without_its_prefix() {
        let with = b"\x02\x00\x0d@setDataFrame\x02\x00\x0aonMetaData\x05";
        let without = b"\x02\x00\x0aonMetaData\x05";
        assert_eq!(data(with), data(without));
        let Ok(Media::Metadata(payload)) = data(with) else {
            panic!("no metadata");
        };
        assert_eq!(metadata_for_player(&payload).unwrap(), &without[..]);
    }

    #[test]
    fn a_publisher_cannot_fake_the_segment_clock() {
        for fake in [
            &b"\x02\x00\x09onSegment\x03"[..],
            b"\x02\x00\x06onHold\x03",
            b"\x02\x00\x05onEnd\x03",
            b"\x02\x00\x0bonDateRange\x03",
            b"\x0c\x00\x00\x00\x09onSegment\x03",
            b"\x02\x00\x0d@setDataFrame\x02\x00\x09onSegment\x03",
        ] {
            assert_eq!(data(fake), Err(MediaError::Stamp), "{fake:?}");
        }
        let behind_a_byte = Message {
            timestamp: 0,
            kind: MessageKind::DataAmf3,
            stream_id: 1,
            payload: Bytes::from_static(b"\x00\x02\x00\x06onHold\x03"),
        };
        assert_eq!(sort(&behind_a_byte), Err(MediaError::Stamp));
    }

    #[test]
    fn other_data_passes_byte_for_byte() {
        let cue = b"\x02\x00\x0aonCuePoint\x05";
        assert_eq!(data(cue), Ok(Media::Data(Bytes::from_static(cue))));
        assert_eq!(data(b"\x02\x00\x0f@clearDataFrame"), Ok(Media::Nothing));
    }
}
