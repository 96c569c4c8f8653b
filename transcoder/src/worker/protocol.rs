//! [pure] The talk between the daemon and its worker: messages behind lengths, over a stream socket.
//!
//! A frame is a big-endian u32, the length of what follows; then one byte of kind; then fields of fixed size, big-endian;
//! then, where the kind has one, a run of bytes to the frame's end. No frame is longer than [`MAX_FRAME`] and none is
//! empty; whatever else comes is refused, never guessed at. Both ends are the same executable; [`VERSION`] says so.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod field;
mod from_worker;
mod picture;
mod recipe;
mod still;
mod to_worker;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use live::Rendition;

use super::{Event, Input, Pace, Plan, Recipe, Still};
use crate::codec::ForeignSound;

/// Changes with any change in the shape of a message.
pub(super) const VERSION: u8 = 9;
/// Longest frame in bytes, without its length. The largest picture there is (8K, intra, best quality) is below 10 MB.
pub(super) const MAX_FRAME: usize = 16 << 20;
/// Longest run of coded bytes in a message: what a frame has beside its fixed fields.
pub(super) const MAX_PAYLOAD: usize = MAX_FRAME - 32;
/// Longest reason in bytes.
pub(super) const MAX_REASON: usize = 1024;
/// Longest text of a recipe in bytes: a dozen elements with all their properties.
const MAX_TEXT: usize = 4096;
/// Latest time, in ticks: the year 2251. GStreamer counts signed nanoseconds and x264enc adds 1000 hours.
pub(super) const MAX_TICKS: u64 = 800_000_000_000_000;

const LENGTH: usize = 4;
const PLAN: u8 = 1;
const FRAME: u8 = 2;
const FORCE_KEY: u8 = 3;
const PACE: u8 = 4;
const DRAIN: u8 = 5;
const SOUND: u8 = 6;
const STILL: u8 = 7;
const HELLO: u8 = 16;
const CONFIG: u8 = 17;
const SAMPLE: u8 = 18;
const FAILED: u8 = 19;
const PICTURE: u8 = 20;
const NO_PICTURES: u8 = 21;

/// Why bytes are no message. The other end is broken or hostile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum ProtocolError {
    #[error("a frame of {0} bytes; there must be 1 to {MAX_FRAME}")]
    Length(usize),
    #[error("a message of unknown kind {0}")]
    Kind(u8),
    #[error("a message of version {0} where {VERSION} was expected: is another release running?")]
    Version(u8),
    #[error("a message cut short, or longer than its kind allows")]
    Size,
    #[error("a field out of its range")]
    Range,
}

impl From<bytes::TryGetError> for ProtocolError {
    fn from(_: bytes::TryGetError) -> Self {
        Self::Size
    }
}

/// From the daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ToWorker {
    /// The first message, and only the first.
    Plan(Recipe, Plan),
    /// The same of a worker for sound.
    Sound(ForeignSound),
    /// The same of a worker for a slate, and all that it is told.
    Still(Recipe, Still),
    Input(Input),
    /// Overtakes the inputs that wait in the worker.
    Pace(Rendition, Pace),
}

/// From the worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FromWorker {
    /// The first message, and only the first.
    Hello {
        /// Whether the worker could leave the network.
        isolated: bool,
    },
    Event(Event),
}

/// A message as it is written: the length and the fixed fields, then the run of bytes, which is not copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) head: Bytes,
    pub(super) payload: Bytes,
}

impl Frame {
    /// `None` when the message is too long to be sent.
    fn new(fields: &[u8], payload: Bytes) -> Option<Self> {
        let length = fields.len().checked_add(payload.len())?;
        if length > MAX_FRAME {
            return None;
        }
        let mut head = BytesMut::with_capacity(fields.len().saturating_add(LENGTH));
        head.put_u32(u32::try_from(length).ok()?);
        head.put_slice(fields);
        Some(Self {
            head: head.freeze(),
            payload,
        })
    }
}

/// Takes the first frame's content from what was read, when it is there whole.
pub(super) fn take(read: &mut BytesMut) -> Result<Option<Bytes>, ProtocolError> {
    let Some(&length) = read.first_chunk::<LENGTH>() else {
        return Ok(None);
    };
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length == 0 || length > MAX_FRAME {
        return Err(ProtocolError::Length(length));
    }
    if read.len().saturating_sub(LENGTH) < length {
        return Ok(None);
    }
    read.advance(LENGTH);
    Ok(Some(read.split_to(length).freeze()))
}

#[cfg(test)]
mod tests;
