//! [pure] What a peer may make us hold, and what becomes of it if it tries more.

use serde::{Deserialize, Serialize};

/// What a peer may make us hold. One set before publish or play is accepted, and one for each way the media goes then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// All bytes of the connection, if they are limited.
    pub total: Option<u32>,
    /// The longest message, bytes.
    pub message: u32,
    /// Announced bytes of all unfinished messages together.
    pub unfinished_bytes: u32,
    /// Unfinished messages at one time: audio, video, data and control need four.
    pub unfinished: u16,
    /// Chunk streams ever opened.
    pub chunk_streams: u16,
}

impl Limits {
    /// A stranger. The handshake takes 3 KiB, commands with the longest keys and metadata a few more.
    pub const STRANGER: Self = Self {
        total: Some(64 << 10),
        message: 64 << 10,
        unfinished_bytes: 64 << 10,
        unfinished: 8,
        chunk_streams: 16,
    };
    /// A peer that is sent media, and sends commands and acknowledgements for as long as it likes.
    pub const LISTENER: Self = Self {
        total: None,
        ..Self::STRANGER
    };
    /// A peer whose media we take. A keyframe of 8 MiB is 4K at an absurd quality; while one arrives,
    /// 128 KiB of audio and data may stand beside it.
    pub const ADMITTED: Self = Self {
        total: None,
        message: 8 << 20,
        unfinished_bytes: (8 << 20) + (128 << 10),
        unfinished: 8,
        chunk_streams: 64,
    };
}

/// Why a chunk stream cannot be read on. All of them are the peer's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum ReadError {
    /// A header that refers to an earlier one, where there was none.
    #[error("chunk stream {0} starts without a full header")]
    NoPreviousHeader(u32),
    /// A new header before the message was whole.
    #[error("chunk stream {0} starts a message inside another")]
    HeaderInsideMessage(u32),
    /// A message longer than the limit.
    #[error("message of {length} bytes, the limit is {limit}")]
    MessageTooLong {
        /// Announced.
        length: u32,
        /// Allowed.
        limit: u32,
    },
    /// Too many chunk streams.
    #[error("more than {0} chunk streams")]
    TooManyChunkStreams(u16),
    /// Too many unfinished messages, or too many bytes in them.
    #[error("too many unfinished messages")]
    TooManyUnfinished,
    /// Too many bytes before publish or play was accepted.
    #[error("more than {0} bytes before publish or play")]
    TooManyBytes(u32),
    /// Set Chunk Size of 0, or a protocol control message that is cut short.
    #[error("malformed protocol control message")]
    BadControl,
}
