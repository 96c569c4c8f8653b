//! [pure] The client's side of one RTMP connection: pushes to a transcoder or a platform, as OBS does; or plays.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{CloseReason, Message, Secret};

/// What the client wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Purpose {
    /// To publish live.
    Publish,
    /// To play.
    Play,
}

/// What a client session may be told. Plain data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientConfig {
    /// Publish or play.
    pub purpose: Purpose,
    /// The application, for instance `live`.
    pub app: String,
    /// `rtmp://host:port/app`, for the peer's eyes.
    pub tc_url: Secret,
    /// Stream key, or the name to play.
    pub key: Secret,
    /// Chunk size announced and used: 1 MiB to transcoders, 65536 to platforms.
    pub chunk_size: u32,
    /// The dialogue must reach its start within this.
    pub deadline: Duration,
    /// A server that sends nothing at all for this long is dead; `None` where servers may be silent.
    pub dead_after: Option<Duration>,
}

/// What the shell has to do, in this order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ClientAction {
    /// Write these bytes, whole, between two media messages.
    Send(Bytes),
    /// Publishing may begin.
    Publishing {
        /// For [`crate::writer::MediaHeader::new`].
        stream_id: u32,
        /// For [`crate::writer::MediaHeader::pieces`].
        chunk_size: u32,
    },
    /// Playing has begun.
    Playing,
    /// Audio, video or data that is played, never empty.
    Media(Message),
    /// The last action: write what is unsent, then close the socket.
    Closed(CloseReason),
}

/// One connection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClientSession {
    config: ClientConfig,
}

impl ClientSession {
    /// A connection just established; the first action is to send C0 and C1.
    #[must_use]
    pub fn new(config: ClientConfig, _now: Duration) -> Self {
        Self { config }
    }

    /// Bytes from the socket, at most 64 KiB at a time; then drain [`Self::next_action`].
    pub fn handle_input(&mut self, _bytes: &[u8], _now: Duration) {}

    /// To call when `now` has reached [`Self::poll_timeout`]; harmless at any time.
    pub fn handle_timeout(&mut self, _now: Duration) {}

    /// When [`Self::handle_timeout`] wants to be called, if ever.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Duration> {
        None
    }

    /// The next thing to do, until there is none.
    pub fn next_action(&mut self) -> Option<ClientAction> {
        None
    }

    /// Ends in good order: FCUnpublish and deleteStream, then Closed.
    pub fn stop(&mut self) {}

    /// The whole state, to hand to a successor; it holds secrets.
    #[must_use]
    pub fn save(&self) -> Vec<u8> {
        Vec::new()
    }

    /// The state another process saved, unless it is of another version or damaged.
    #[must_use]
    pub fn restore(_saved: &[u8]) -> Option<Self> {
        None
    }
}
