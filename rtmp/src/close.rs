//! [pure] Why a session ended, and whose fault it was.

use serde::{Deserialize, Serialize};

use crate::reader::ReadError;

/// Who has to do something about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nobody: it is over.
    None,
    /// The peer broke the protocol, a limit or a deadline.
    Peer,
    /// The network, or a peer that vanished.
    Network,
    /// One side's operator: a wrong key, a wrong stream, a wrong setting.
    Operator,
}

/// Why a session ended. The session does nothing after it has said so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum CloseReason {
    /// The first byte is not RTMP's version 3; most often HTTP or TLS on the wrong port.
    #[error("peer does not speak RTMP, its first byte is {0:#04x}")]
    NotRtmp(u8),
    /// The chunk stream was malformed or over a limit.
    #[error("peer's chunk stream: {0}")]
    Read(#[from] ReadError),
    /// More tiny messages in one read than any publisher sends.
    #[error("peer floods us with tiny messages")]
    Flood,
    /// The dialogue did not reach publish or play in time.
    #[error("no publish or play in time")]
    Deadline,
    /// Not one byte came for the configured time, pings included.
    #[error("peer is silent")]
    Silent,
    /// One side said no.
    #[error("refused: {code}: {description}")]
    Refused {
        /// The status code, for instance `NetStream.Publish.Denied`.
        code: String,
        /// The refuser's own words, at most [`MAX_WORDS`] bytes.
        description: String,
    },
    /// Over, in good order.
    #[error("ended in good order")]
    Ended,
}

/// What we keep of a peer's free text: enough for a log line.
pub const MAX_WORDS: usize = 256;

impl CloseReason {
    /// Who has to do something about it.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Ended => Fault::None,
            Self::NotRtmp(_) | Self::Read(_) | Self::Flood | Self::Deadline => Fault::Peer,
            Self::Silent => Fault::Network,
            Self::Refused { .. } => Fault::Operator,
        }
    }
}

/// The first [`MAX_WORDS`] bytes of a text, at a character's edge, control characters replaced.
pub(crate) fn words(text: &str) -> String {
    let kept = text
        .get(..text.floor_char_boundary(MAX_WORDS))
        .unwrap_or_default();
    kept.replace(char::is_control, " ")
}
