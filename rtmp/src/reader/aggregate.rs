//! [pure] Aggregate messages (RTMP 1.0, section 7.1.6): FLV tags in a row, each followed by its length.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::message::take;
use crate::{Message, MessageKind};

/// What is left of an aggregate. Tags that are no media are passed over; a cut tag ends it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Aggregate {
    timestamp: u32,
    stream_id: u32,
    /// The first tag's timestamp: the message's own replaces it, the others keep their distance.
    first: Option<u32>,
    rest: Bytes,
}

impl Aggregate {
    pub(super) fn new(message: Message) -> Self {
        Self {
            timestamp: message.timestamp,
            stream_id: message.stream_id,
            first: None,
            rest: message.payload,
        }
    }

    pub(super) fn next(&mut self) -> Option<Message> {
        loop {
            let mut header: &[u8] = &self.rest;
            let [kind] = take(&mut header)?;
            let [s1, s2, s3] = take(&mut header)?;
            let [t1, t2, t3, t0] = take(&mut header)?;
            let [_stream_id, _, _] = take(&mut header)?;
            let timestamp = u32::from_be_bytes([t0, t1, t2, t3]);
            let size = usize::try_from(u32::from_be_bytes([0, s1, s2, s3])).ok()?;
            if header.len() < size {
                return None;
            }
            let mut rest = self
                .rest
                .split_off(self.rest.len().saturating_sub(header.len()));
            let payload = rest.split_to(size);
            // The length that follows a tag is of no use, and some leave out the last.
            self.rest = rest.split_off(rest.len().min(4));
            let first = *self.first.get_or_insert(timestamp);
            let kind = MessageKind::from_id(kind);
            if kind.is_media() {
                return Some(Message {
                    timestamp: self.timestamp.wrapping_add(timestamp.wrapping_sub(first)),
                    kind,
                    stream_id: self.stream_id,
                    payload,
                });
            }
        }
    }
}
