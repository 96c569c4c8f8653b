//! [pure] Whole RTMP messages, and what kinds there are.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// One whole message, as the reader gives it and the writer takes it. `Debug` shows the payload's length only.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Milliseconds, modulo 2^32, on the sender's clock.
    pub timestamp: u32,
    /// What the payload is.
    pub kind: MessageKind,
    /// The message stream, as createStream handed it out; 0 is the connection itself.
    pub stream_id: u32,
    /// The payload, without any chunk header.
    pub payload: Bytes,
}

/// The AMF0 text `@setDataFrame`: publishers put it before onMetaData, players do not expect it.
pub const SET_DATA_FRAME: &[u8] = b"\x02\0\x0D@setDataFrame";

impl Message {
    /// The payload without a leading `@setDataFrame`: data as a player gets it. Nothing is copied.
    #[must_use]
    pub fn without_set_data_frame(&self) -> Bytes {
        if self.kind == MessageKind::DataAmf0 && self.payload.starts_with(SET_DATA_FRAME) {
            self.payload.slice(SET_DATA_FRAME.len()..)
        } else {
            self.payload.clone()
        }
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            timestamp,
            kind,
            stream_id,
            payload,
        } = self;
        write!(
            f,
            "{kind:?} of {} bytes at {timestamp} on stream {stream_id}",
            payload.len()
        )
    }
}

/// Takes the first `N` bytes off `rest`, if they are there.
pub(crate) fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (bytes, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*bytes)
}

/// Message type ids (RTMP 1.0, sections 5.4 and 7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum MessageKind {
    /// 1, protocol control.
    SetChunkSize,
    /// 2, protocol control.
    Abort,
    /// 3, protocol control.
    Acknowledgement,
    /// 4, user control: pings, stream begin and end.
    UserControl,
    /// 5, protocol control.
    WindowAcknowledgementSize,
    /// 6, protocol control.
    SetPeerBandwidth,
    /// 8.
    Audio,
    /// 9.
    Video,
    /// 15: an AMF0 message behind one byte, in practice.
    DataAmf3,
    /// 17: an AMF0 message behind one byte, in practice.
    CommandAmf3,
    /// 18: metadata, cue points, our stamps.
    DataAmf0,
    /// 20.
    CommandAmf0,
    /// 22: several tags in one message. The reader splits it; nobody else sees one.
    Aggregate,
    /// Anything else, shared objects included.
    Other(u8),
}

impl MessageKind {
    /// The kind of a message type id.
    #[must_use]
    pub fn from_id(id: u8) -> Self {
        match id {
            1 => Self::SetChunkSize,
            2 => Self::Abort,
            3 => Self::Acknowledgement,
            4 => Self::UserControl,
            5 => Self::WindowAcknowledgementSize,
            6 => Self::SetPeerBandwidth,
            8 => Self::Audio,
            9 => Self::Video,
            15 => Self::DataAmf3,
            17 => Self::CommandAmf3,
            18 => Self::DataAmf0,
            20 => Self::CommandAmf0,
            22 => Self::Aggregate,
            other => Self::Other(other),
        }
    }

    /// The message type id; the inverse of [`Self::from_id`].
    #[must_use]
    pub fn id(self) -> u8 {
        match self {
            Self::SetChunkSize => 1,
            Self::Abort => 2,
            Self::Acknowledgement => 3,
            Self::UserControl => 4,
            Self::WindowAcknowledgementSize => 5,
            Self::SetPeerBandwidth => 6,
            Self::Audio => 8,
            Self::Video => 9,
            Self::DataAmf3 => 15,
            Self::CommandAmf3 => 17,
            Self::DataAmf0 => 18,
            Self::CommandAmf0 => 20,
            Self::Aggregate => 22,
            Self::Other(id) => id,
        }
    }

    /// Audio, video or data: what a stream is made of.
    #[must_use]
    pub fn is_media(self) -> bool {
        matches!(
            self,
            Self::Audio | Self::Video | Self::DataAmf0 | Self::DataAmf3
        )
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{Message, MessageKind};

    #[test]
    fn ids_and_kinds_are_inverses() {
        for id in 0..=u8::MAX {
            assert_eq!(MessageKind::from_id(id).id(), id);
        }
    }

    #[test]
    fn players_get_metadata_without_set_data_frame() {
        let check = |kind, payload: &'static [u8], expected: &[u8]| {
            let payload = Bytes::from_static(payload);
            let message = Message {
                timestamp: 0,
                kind,
                stream_id: 1,
                payload,
            };
            assert_eq!(message.without_set_data_frame(), expected);
        };
        check(
            MessageKind::DataAmf0,
            b"\x02\0\x0D@setDataFrame\x02\0\x02hi",
            b"\x02\0\x02hi",
        );
        check(MessageKind::DataAmf0, b"\x02\0\x0D@setDataFrame", b"");
        check(MessageKind::DataAmf0, b"\x02\0\x02hi", b"\x02\0\x02hi");
    }
}
