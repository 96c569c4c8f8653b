//! [pure] Why a session ended, and whose fault it was.

use serde::{Deserialize, Serialize};

use crate::reader::ReadError;

/// Who has to do something about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The peer broke the protocol, a limit or a deadline.
    Peer,
    /// The network, or a peer that vanished.
    Network,
    /// A refusal: wrong key, wrong stream, wrong configuration on one side.
    Operator,
}

/// Why a session ended. The session does nothing after it said so; write what it has sent, then close.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum CloseReason {
    /// The first byte is not RTMP version 3; most often HTTP or TLS on the wrong port.
    #[error("peer does not speak RTMP (first byte {0:#04x})")]
    NotRtmp(u8),
    /// The chunk stream was malformed or over a limit.
    #[error("chunk stream: {0}")]
    Read(#[from] ReadError),
    /// More messages in one read than any publisher sends.
    #[error("peer floods with tiny messages")]
    Flood,
    /// The dialogue did not reach publish or play in time.
    #[error("no publish or play in time")]
    Deadline,
    /// Not one byte came for the configured time, pings included.
    #[error("peer is silent")]
    Silent,
    /// One side said no.
    #[error("refused: {code} {description}")]
    Refused {
        /// The status code, for instance `NetStream.Publish.Denied`.
        code: String,
        /// Free text, at most 256 bytes.
        description: String,
    },
    /// The peer ended the session in good order.
    #[error("peer ended the session")]
    Ended,
}

impl CloseReason {
    /// Who has to do something about it.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::NotRtmp(_) | Self::Read(_) | Self::Flood | Self::Deadline | Self::Ended => {
                Fault::Peer
            }
            Self::Silent => Fault::Network,
            Self::Refused { .. } => Fault::Operator,
        }
    }
}
