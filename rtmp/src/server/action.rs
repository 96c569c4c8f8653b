//! [pure] What a server session is told, what it asks, and what it has the shell do.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::connection::Action;
use crate::login::{Login, LoginConfig};
use crate::{CloseReason, Message, Secret};

/// How a server session behaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerConfig {
    /// Chunk size announced to the peer and used towards it, bytes, 1 to 2^24 - 1. 1 MiB by default: larger
    /// than any frame, so that media goes out as header and payload; some peers refuse more than 10 MiB.
    pub chunk_size: u32,
    /// Publish or play must be asked for within this, again after each stop. 5 s by default.
    pub deadline: Duration,
    /// How often a publisher or player is pinged. 2 s by default.
    pub ping_interval: Duration,
    /// A publisher or player that sends nothing at all for this long is dead. 6 s by default: three pings.
    pub dead_after: Duration,
    /// An application whose publishers give user and password instead of a key; none by default.
    pub login: Option<LoginConfig>,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            chunk_size: 1 << 20,
            deadline: Duration::from_secs(5),
            ping_interval: Duration::from_secs(2),
            dead_after: Duration::from_secs(6),
            login: None,
        }
    }
}

/// Names one publish or play request; answer it with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestId(u32);

impl RequestId {
    pub(super) fn new(id: u32) -> Self {
        Self(id)
    }
}

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
    /// How the peer proves who it is, if it came by the login's application; then its key says nothing.
    pub login: Option<Login>,
    /// flashVer, for the log: what software the peer says it is; at most 256 bytes.
    pub flash_ver: String,
}

/// What the shell has to do, in this order. `Debug` shows how many bytes are sent, not which.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServerAction {
    /// Write these bytes, whole, between two media messages.
    Send(Bytes),
    /// Answer with `accept_publish` or `refuse`.
    PublishRequested(Request),
    /// Answer with `accept_play` or `refuse`.
    PlayRequested(Request),
    /// Audio, video or data of the accepted publisher, never empty. Data is always AMF0.
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
    /// The same, as there are as many as we take.
    Full,
}

impl Action for ServerAction {
    fn send(bytes: Bytes) -> Self {
        Self::Send(bytes)
    }

    fn closed(reason: CloseReason) -> Self {
        Self::Closed(reason)
    }

    fn is_media(&self) -> bool {
        matches!(self, Self::Media(_))
    }
}

impl fmt::Debug for ServerAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send(bytes) => write!(f, "Send({} bytes)", bytes.len()),
            Self::PublishRequested(request) => write!(f, "PublishRequested({request:?})"),
            Self::PlayRequested(request) => write!(f, "PlayRequested({request:?})"),
            Self::Media(message) => write!(f, "Media({message:?})"),
            Self::Unpublished => f.write_str("Unpublished"),
            Self::StoppedPlaying => f.write_str("StoppedPlaying"),
            Self::Closed(reason) => write!(f, "Closed({reason:?})"),
        }
    }
}
