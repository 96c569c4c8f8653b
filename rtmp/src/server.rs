//! [pure] The server's side of one RTMP connection: somebody who publishes to us or plays from us.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{CloseReason, Message, Secret};

/// What a server session may be told. Plain data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServerConfig {
    /// Chunk size announced to the peer and used towards it, bytes.
    pub chunk_size: u32,
    /// Publish or play must be asked for within this.
    pub deadline: Duration,
    /// A ping goes out this often.
    pub ping_interval: Duration,
    /// A peer that sends nothing at all for this long is dead.
    pub dead_after: Duration,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            chunk_size: 1 << 20,
            deadline: Duration::from_secs(5),
            ping_interval: Duration::from_secs(2),
            dead_after: Duration::from_secs(6),
        }
    }
}

/// Names one publish or play request; answer it with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestId(u32);

/// What a peer asks for: to publish or to play.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// To answer with.
    pub id: RequestId,
    /// The application, without a query and without trailing slashes.
    pub app: String,
    /// The key, verbatim, with its query if it has one.
    pub key: Secret,
    /// tcUrl, verbatim; may hold a query with secrets.
    pub tc_url: Secret,
    /// flashVer, for the log: what software the peer says it is; at most 256 bytes.
    pub flash_ver: String,
}

/// What the shell has to do, in this order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ServerAction {
    /// Write these bytes, whole, between two media messages.
    Send(Bytes),
    /// Answer with `accept_publish` or `refuse`.
    PublishRequested(Request),
    /// Answer with `accept_play` or `refuse`.
    PlayRequested(Request),
    /// Audio, video or data of the accepted publisher, never empty.
    Media(Message),
    /// The publisher stopped in good order; the connection stays.
    Unpublished,
    /// The player stopped in good order; the connection stays.
    StoppedPlaying,
    /// The last action: write what is unsent, then close the socket.
    Closed(CloseReason),
}

/// What one needs to write media to a player.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlayGrant {
    /// For [`crate::writer::MediaHeader::new`].
    pub stream_id: u32,
    /// For [`crate::writer::MediaHeader::pieces`].
    pub chunk_size: u32,
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// The key is wrong: `NetStream.Publish.Denied`, or `NetStream.Play.Failed`.
    Denied,
    /// No such stream, now: `NetStream.Play.StreamNotFound`.
    NotFound,
    /// We cannot take it, now: `NetStream.Publish.Failed` or `NetStream.Play.Failed`.
    Unavailable,
}

/// One connection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServerSession {
    config: ServerConfig,
}

impl ServerSession {
    /// A connection just accepted.
    #[must_use]
    pub fn new(config: ServerConfig, _now: Duration) -> Self {
        Self { config }
    }

    /// Bytes from the socket, at most 64 KiB at a time; then drain [`Self::next_action`].
    pub fn handle_input(&mut self, _bytes: &[u8], _now: Duration) {}

    /// To call when `now` has reached [`Self::poll_timeout`]; harmless at any time.
    pub fn handle_timeout(&mut self, _now: Duration) {}

    /// When [`Self::handle_timeout`] wants to be called; `None` once closed.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Duration> {
        None
    }

    /// The next thing to do, until there is none.
    pub fn next_action(&mut self) -> Option<ServerAction> {
        None
    }

    /// Lets the publisher begin. An `id` that is no longer asked is ignored.
    pub fn accept_publish(&mut self, _id: RequestId, _now: Duration) {}

    /// Lets the player begin: write media once what this queued is sent. `None` if `id` is no longer asked.
    pub fn accept_play(&mut self, _id: RequestId, _now: Duration) -> Option<PlayGrant> {
        None
    }

    /// Says no and closes.
    pub fn refuse(&mut self, _id: RequestId, _refusal: Refusal) {}

    /// Tells a player that the stream is over and closes.
    pub fn end_play(&mut self) {}

    /// All bytes received, handshake included.
    #[must_use]
    pub fn received(&self) -> u64 {
        0
    }

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
