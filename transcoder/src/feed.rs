//! [pure] Mux's RTMP messages, as what they mean to a packager.
//!
//! Reads the first video and the first sound track, in the codecs that can be published. What it does not know is not an error: mux passes through what publishers
//! send. What it knows and cannot read is counted by whoever asks.

use live::{
    stamp::{self, Stamp, StampError, StampKind},
    telling::{self, Telling, TellingError},
};
use rtmp::{
    MessageKind,
    amf0::{self, Value},
    flv::{self, Class, Tag, TagError, Track},
};

use crate::{
    codec::{SoundCodec, VideoCodec},
    cue::Cue,
    stream::{Message, Metadata},
};

/// Why a message cannot be read. Mux's fault, or its publisher's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// A damaged audio or video tag.
    #[error(transparent)]
    Tag(#[from] TagError),
    /// A stamp that is none.
    #[error(transparent)]
    Stamp(#[from] StampError),
    /// A date range that is none.
    #[error(transparent)]
    Telling(#[from] TellingError),
    /// Damaged AMF0.
    #[error("a data message cannot be decoded")]
    Data,
}

/// The meaning of one message; none when it has none here.
pub fn read(message: &rtmp::Message) -> Result<Option<Message>, ReadError> {
    match message.kind {
        MessageKind::Video => Ok(video(message, &flv::video(&message.payload)?)),
        MessageKind::Audio => Ok(audio(message, &flv::audio(&message.payload)?)),
        MessageKind::DataAmf0 => data(message),
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
        | MessageKind::Other(_) => Ok(None),
    }
}

fn video(message: &rtmp::Message, tag: &Tag<'_>) -> Option<Message> {
    let codec = VideoCodec::of(tag.codec)?;
    if tag.track != Track::One(0) || tag.body.is_empty() {
        return None;
    }
    // Shares the message's memory.
    let bytes = message.payload.slice_ref(tag.body);
    match tag.class {
        Class::SequenceHeader => Some(Message::VideoConfig(codec, bytes)),
        Class::Key | Class::Inter | Class::Disposable => Some(Message::Video {
            codec,
            wire_ms: message.timestamp,
            composition_ms: tag.composition_time,
            key: tag.class == Class::Key,
            bytes,
        }),
        Class::Configuration | Class::SequenceEnd | Class::Audio | Class::Command => None,
    }
}

fn audio(message: &rtmp::Message, tag: &Tag<'_>) -> Option<Message> {
    let codec = SoundCodec::of(tag.codec)?;
    if tag.track != Track::One(0) || tag.body.is_empty() {
        return None;
    }
    let bytes = message.payload.slice_ref(tag.body);
    match tag.class {
        Class::SequenceHeader => Some(Message::AudioConfig(codec, bytes)),
        Class::Audio => Some(Message::Audio {
            codec,
            wire_ms: message.timestamp,
            bytes,
        }),
        Class::Key
        | Class::Inter
        | Class::Disposable
        | Class::Configuration
        | Class::SequenceEnd
        | Class::Command => None,
    }
}

fn data(message: &rtmp::Message) -> Result<Option<Message>, ReadError> {
    let payload = &message.payload;
    let name = amf0::first_text(payload).unwrap_or_default();
    let kind = match name {
        stamp::ON_END => return Ok(Some(Message::End)),
        stamp::ON_SEGMENT => StampKind::Segment,
        stamp::ON_HOLD => StampKind::Hold,
        "onMetaData" | "@setDataFrame" => return metadata(payload).map(Some),
        telling::ON_DATE_RANGE => return date_range(payload).map(Some),
        "onTextData" | "onCuePoint" => {
            let values = amf0::decode(payload).map_err(|_| ReadError::Data)?;
            let cue = Cue::read(name, &values);
            return Ok(cue.map(|cue| Message::Cue(message.timestamp, cue)));
        }
        _ => return Ok(None),
    };
    let values = amf0::decode(payload).map_err(|_| ReadError::Data)?;
    let fields = values.get(1).ok_or(ReadError::Data)?;
    let field = |name: &str| fields.get(name).and_then(Value::as_number);
    Ok(Some(Message::Stamp(Stamp::from_fields(kind, field)?)))
}

fn date_range(payload: &[u8]) -> Result<Message, ReadError> {
    let values = amf0::decode(payload).map_err(|_| ReadError::Data)?;
    let fields = values.get(1).ok_or(ReadError::Data)?;
    let number = |name: &str| fields.get(name).and_then(Value::as_number);
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    Ok(Message::DateRange(Telling::from_fields(number, text)?))
}

/// `onMetaData` or `@setDataFrame onMetaData`, then its fields. Bit rates are in thousands there.
fn metadata(payload: &[u8]) -> Result<Message, ReadError> {
    let values = amf0::decode(payload).map_err(|_| ReadError::Data)?;
    let field = |name: &str| {
        values
            .iter()
            .find_map(|value| value.get(name))
            .and_then(Value::as_u32)
            .filter(|number| (1..=1_000_000).contains(number))
            .map(u64::from)
    };
    let frame_rate = values
        .iter()
        .find_map(|value| value.get("framerate"))
        .and_then(Value::as_number)
        .and_then(thousandths);
    Ok(Message::Metadata(Metadata {
        video_bps: field("videodatarate").map(|kbps| kbps * 1000),
        audio_bps: field("audiodatarate").map(|kbps| kbps * 1000),
        frame_rate,
    }))
}

/// 1 to 300 frames per second, in thousandths.
fn thousandths(rate: f64) -> Option<u64> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be in range"
    )]
    (1.0..=300.0)
        .contains(&rate)
        .then(|| (rate * 1000.0).round() as u64)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use live::{
        Dsn, MediaTime, Msn, SessionId,
        cadence::Cadence,
        sound_grid::{SoundGrid, SoundPlace},
    };

    use super::*;

    fn message(kind: MessageKind, payload: impl Into<Bytes>) -> rtmp::Message {
        rtmp::Message {
            timestamp: 77,
            kind,
            stream_id: 1,
            payload: payload.into(),
        }
    }

    #[test]
    fn a_stamp_is_read_as_it_was_written() {
        let pts = MediaTime::from_millis(1_795_000_000_190);
        let stamp = Stamp {
            kind: StampKind::Hold,
            session: SessionId(1_795_000_000_123),
            dsn: Dsn(2),
            msn: Msn(1_795_000_007),
            pts,
            utc_ms: 1_795_000_000_200,
            k_ms: 2000,
            td: 3,
            sound: SoundPlace::new(48_000, pts, SoundGrid::nearest(pts.samples(48_000))),
            cadence: Cadence::new(2970, 3060),
        };
        let fields = stamp.fields().map(|(name, n)| (name, Value::Number(n)));
        let payload = amf0::encode(&[
            Value::String(stamp.message_name().to_owned()),
            Value::object(fields),
        ]);
        let data = message(MessageKind::DataAmf0, payload);
        assert_eq!(read(&data), Ok(Some(Message::Stamp(stamp))));
    }

    #[test]
    fn metadata_give_bit_rates_in_bits() {
        let payload = amf0::encode(&[
            Value::String("@setDataFrame".to_owned()),
            Value::String("onMetaData".to_owned()),
            Value::EcmaArray(vec![
                ("videodatarate".to_owned(), Value::Number(2500.0)),
                ("framerate".to_owned(), Value::Number(29.97)),
                ("audiodatarate".to_owned(), Value::Number(f64::NAN)),
            ]),
        ]);
        let expected = Metadata {
            video_bps: Some(2_500_000),
            audio_bps: None,
            frame_rate: Some(29_970),
        };
        let data = message(MessageKind::DataAmf0, payload);
        assert_eq!(read(&data), Ok(Some(Message::Metadata(expected))));
    }

    #[test]
    fn frames_keep_their_payload_and_time() {
        let video = message(
            MessageKind::Video,
            &[0x17, 1, 0xff, 0xff, 0xfe, 0, 0, 0, 1, 0x65][..],
        );
        let expected = Message::Video {
            codec: VideoCodec::Avc,
            wire_ms: 77,
            composition_ms: -2,
            key: true,
            bytes: Bytes::from_static(&[0, 0, 0, 1, 0x65]),
        };
        assert_eq!(read(&video), Ok(Some(expected)));
        let audio = message(MessageKind::Audio, &[0xaf, 1, 9][..]);
        let expected = Message::Audio {
            codec: SoundCodec::Aac,
            wire_ms: 77,
            bytes: Bytes::from_static(&[9]),
        };
        assert_eq!(read(&audio), Ok(Some(expected)));
    }

    #[test]
    fn what_is_not_known_is_passed_over_and_what_is_damaged_is_said() {
        let data = |name: &str| {
            let payload = amf0::encode(&[Value::String(name.to_owned())]);
            read(&message(MessageKind::DataAmf0, payload))
        };
        assert_eq!(data("onTextData"), Ok(None));
        assert_eq!(data("onEnd"), Ok(Some(Message::End)));
        assert_eq!(data("onSegment"), Err(ReadError::Data));
        let speex = message(MessageKind::Audio, &b"\xb2123"[..]);
        assert_eq!(read(&speex), Ok(None));
        assert!(read(&message(MessageKind::Video, &[0x17][..])).is_err());
    }
}
