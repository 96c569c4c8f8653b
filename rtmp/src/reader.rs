//! [pure] The chunk reader: hostile bytes in, whole messages out.

use serde::{Deserialize, Serialize};

/// Why a chunk stream cannot be read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum ReadError {
    /// A chunk that continues a chunk stream nobody opened.
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
    TooManyPartials,
    /// Too many bytes before publish or play was accepted.
    #[error("more than {0} bytes before publish or play")]
    TooMuchUnauthenticated(u32),
    /// Set Chunk Size of 0, or a protocol control message of the wrong length.
    #[error("malformed protocol control message")]
    BadControl,
}
