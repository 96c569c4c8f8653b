//! [pure] The client's side of one RTMP connection: it pushes to a transcoder or a platform as OBS does, or plays.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::amf0::{self, Value};
use crate::close::words;
use crate::command::{Command, call};
use crate::connection::{Action, Connection, Event, Side};
use crate::reader::Limits;
use crate::saved::{self, Kind};
use crate::{CloseReason, Message, MessageKind, Secret, handshake};

/// What the client wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Purpose {
    /// To publish live.
    Publish,
    /// To play what is live.
    Play,
}

/// How a client session behaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientConfig {
    /// Publish or play.
    pub purpose: Purpose,
    /// The application, for instance `live`.
    pub app: String,
    /// `rtmp://host:port/app`, for the peer to read.
    pub tc_url: Secret,
    /// Stream key, or the name to play; its query goes along.
    pub key: Secret,
    /// Chunk size announced and used, bytes, 1 to 2^24 - 1: 1 MiB to transcoders, 65536 to platforms.
    pub chunk_size: u32,
    /// The dialogue must reach its start within this.
    pub deadline: Duration,
    /// A server that sends nothing at all for this long is dead; `None` for servers that never ping.
    pub dead_after: Option<Duration>,
}

/// What the shell has to do, in this order. `Debug` shows how many bytes are sent, not which.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
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

/// One connection. `Debug` shows nothing of it: it holds keys.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct ClientSession {
    config: ClientConfig,
    connection: Connection<ClientAction>,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
enum Stage {
    /// Handshake, or connect not yet answered.
    Connecting {
        until: Duration,
    },
    /// createStream not yet answered.
    Creating {
        until: Duration,
    },
    /// publish or play not yet answered.
    Starting {
        until: Duration,
        stream_id: u32,
    },
    Running {
        stream_id: u32,
    },
}

/// Transaction ids of the calls whose answers matter, and of those whose do not.
const CONNECT: f64 = 1.0;
const RELEASE_STREAM: f64 = 2.0;
const FC_PUBLISH: f64 = 3.0;
const CREATE_STREAM: f64 = 4.0;
const START: f64 = 5.0;
const FC_UNPUBLISH: f64 = 6.0;

/// What OBS and FMLE say they are; some platforms look at it.
const FLASH_VER: &str = "FMLE/3.0 (compatible; FMSc/1.0)";

impl ClientSession {
    /// A connection just established; the first action sends C0 and C1.
    #[must_use]
    pub fn new(config: ClientConfig, now: Duration) -> Self {
        let mut connection = Connection::new(Side::Client, now);
        if let Some(opening) = handshake::client_opening() {
            connection.push(ClientAction::Send(opening));
        }
        let stage = Stage::Connecting {
            until: now.saturating_add(config.deadline),
        };
        Self {
            config,
            connection,
            stage,
        }
    }

    /// Bytes from the socket, at most 64 KiB at a time; then drain [`Self::next_action`].
    pub fn handle_input(&mut self, bytes: &[u8], now: Duration) {
        if !bytes.is_empty() {
            self.connection.hear(now);
        }
        let mut input = bytes;
        while let Some(event) = self.connection.read(&mut input) {
            match event {
                Event::Established => self.send_connect(),
                Event::Message(message) => self.handle_message(message),
            }
        }
    }

    /// To call when `now` has reached [`Self::poll_timeout`], after what the socket holds was fed; harmless at
    /// any time.
    pub fn handle_timeout(&mut self, now: Duration) {
        let Some(due) = self.poll_timeout() else {
            return;
        };
        if now >= due {
            self.connection.close(match self.stage {
                Stage::Running { .. } => CloseReason::Silent,
                Stage::Connecting { .. } | Stage::Creating { .. } | Stage::Starting { .. } => {
                    CloseReason::Deadline
                }
            });
        }
    }

    /// When [`Self::handle_timeout`] wants to be called, if ever.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Duration> {
        match self.stage {
            _ if self.connection.is_closed() => None,
            Stage::Connecting { until }
            | Stage::Creating { until }
            | Stage::Starting { until, .. } => Some(until),
            Stage::Running { .. } => {
                let dead_after = self.config.dead_after?;
                Some(self.connection.last_heard().saturating_add(dead_after))
            }
        }
    }

    /// The next thing to do, until there is none.
    pub fn next_action(&mut self) -> Option<ClientAction> {
        self.connection.next_action()
    }

    /// Whether nothing but media waits to be taken: what else a session asks for is noticed outside.
    #[must_use]
    pub fn has_only_media(&self) -> bool {
        self.connection.has_only_media()
    }

    /// Ends in good order: FCUnpublish and deleteStream as far as there is anything to end, then Closed.
    pub fn stop(&mut self) {
        if let Stage::Starting { stream_id, .. } | Stage::Running { stream_id } = self.stage {
            if self.config.purpose == Purpose::Publish {
                self.call(
                    0,
                    "FCUnpublish",
                    FC_UNPUBLISH,
                    &[self.config.key.expose().into()],
                );
            }
            self.call(0, "deleteStream", 0.0, &[f64::from(stream_id).into()]);
        }
        self.connection.close(CloseReason::Ended);
    }

    /// Whether publish or play was sent and is not yet answered: a server that closes now dislikes the key.
    #[must_use]
    pub const fn is_starting(&self) -> bool {
        matches!(self.stage, Stage::Starting { .. })
    }

    /// The whole state, for a successor of the same version. It holds keys.
    #[must_use]
    pub fn save(&self) -> Vec<u8> {
        saved::save(Kind::Client, self)
    }

    /// The state that [`Self::save`] wrote; `None` if it is of another version, another kind or damaged.
    #[must_use]
    pub fn restore(bytes: &[u8]) -> Option<Self> {
        saved::restore(Kind::Client, bytes)
    }

    fn call(&mut self, stream_id: u32, name: &str, transaction: f64, arguments: &[Value]) {
        self.connection
            .send_command(stream_id, &call(name, transaction, arguments));
    }

    /// The chunk size goes first, as OBS does it: every server in the field has seen that.
    fn send_connect(&mut self) {
        self.connection.set_chunk_size(self.config.chunk_size);
        let tc_url = self.config.tc_url.expose();
        let object = Value::object([
            ("app", self.config.app.as_str().into()),
            ("type", "nonprivate".into()),
            ("flashVer", FLASH_VER.into()),
            ("swfUrl", tc_url.into()),
            ("tcUrl", tc_url.into()),
        ]);
        let connect = amf0::encode(&["connect".into(), CONNECT.into(), object]);
        self.connection.send_command(0, &connect);
    }

    fn handle_message(&mut self, message: Message) {
        if message.kind.is_media() {
            if self.config.purpose == Purpose::Play && !message.payload.is_empty() {
                self.connection.push(ClientAction::Media(message));
            }
        } else if matches!(
            message.kind,
            MessageKind::CommandAmf0 | MessageKind::CommandAmf3
        ) {
            match Command::parse(&message) {
                Ok(command) => self.handle_command(&command),
                Err(_) => self.connection.ignore(),
            }
        }
    }

    fn handle_command(&mut self, command: &Command) {
        let transaction = command.transaction;
        match (command.name.as_str(), self.stage) {
            ("_result", Stage::Connecting { until }) if transaction == CONNECT => {
                self.create_stream(until);
            }
            ("_result", Stage::Creating { until }) if transaction == CREATE_STREAM => {
                self.start(until, command);
            }
            // Servers may say no to releaseStream and FCPublish, and mean nothing by it.
            ("_error", _) if [CONNECT, CREATE_STREAM, START].contains(&transaction) => {
                self.refused(command);
            }
            ("onStatus", _) => self.handle_status(command),
            ("close", _) => self.connection.close(CloseReason::Ended),
            _ => {}
        }
    }

    fn create_stream(&mut self, until: Duration) {
        if self.config.purpose == Purpose::Publish {
            let key = [Value::from(self.config.key.expose())];
            self.call(0, "releaseStream", RELEASE_STREAM, &key);
            self.call(0, "FCPublish", FC_PUBLISH, &key);
        }
        self.call(0, "createStream", CREATE_STREAM, &[]);
        self.stage = Stage::Creating { until };
    }

    fn start(&mut self, until: Duration, created: &Command) {
        let Some(stream_id) = created.arguments.first().and_then(Value::as_u32) else {
            return self.connection.ignore();
        };
        let key = Value::from(self.config.key.expose());
        match self.config.purpose {
            Purpose::Publish => self.call(stream_id, "publish", START, &[key, "live".into()]),
            // Live only, as librtmp and ffmpeg say it: else a server may wait for a recording of that name.
            Purpose::Play => self.call(stream_id, "play", START, &[key, (-1000.0).into()]),
        }
        self.stage = Stage::Starting { until, stream_id };
    }

    fn handle_status(&mut self, command: &Command) {
        let text = |name| information(command)?.get(name)?.as_str();
        if text("level") == Some("error") {
            return self.refused(command);
        }
        match (text("code").unwrap_or_default(), self.stage) {
            ("NetStream.Publish.Start", Stage::Starting { stream_id, .. }) => {
                let chunk_size = self.connection.chunk_size();
                self.connection.admit(Limits::LISTENER);
                self.connection.push(ClientAction::Publishing {
                    stream_id,
                    chunk_size,
                });
                self.stage = Stage::Running { stream_id };
            }
            ("NetStream.Play.Start", Stage::Starting { stream_id, .. }) => {
                self.connection.admit(Limits::ADMITTED);
                self.connection.push(ClientAction::Playing);
                self.stage = Stage::Running { stream_id };
            }
            ("NetStream.Play.UnpublishNotify" | "NetStream.Play.Stop", _) => {
                self.connection.close(CloseReason::Ended);
            }
            _ => {}
        }
    }

    fn refused(&mut self, command: &Command) {
        // Some servers quote the name that they refuse, which is the key.
        let text = |name| {
            Some(words(
                &self.masked(information(command)?.get(name)?.as_str()?),
            ))
        };
        let code = text("code").unwrap_or_else(|| words(&command.name));
        let description = text("description").unwrap_or_default();
        self.connection
            .close(CloseReason::Refused { code, description });
    }

    /// A server's words without the key, or a query of key or application, in them.
    fn masked(&self, text: &str) -> String {
        let app = Secret::new(self.config.app.as_str());
        let (key, query) = self.config.key.split_query();
        let secrets = [Some(key), query, app.split_query().1];
        let secrets = secrets.into_iter().flatten();
        secrets
            .filter(|secret| secret.len() >= MASKED)
            .fold(text.to_owned(), |text, secret| {
                text.replace(secret, "(hidden)")
            })
    }
}

/// Shorter secrets are not looked for in a server's words: they would be found in every other one.
const MASKED: usize = 4;

/// The information object of an answer or a status.
fn information(command: &Command) -> Option<&Value> {
    command.arguments.first()
}

impl Action for ClientAction {
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

impl fmt::Debug for ClientAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send(bytes) => write!(f, "Send({} bytes)", bytes.len()),
            Self::Publishing {
                stream_id,
                chunk_size,
            } => {
                write!(f, "Publishing(stream {stream_id}, chunks of {chunk_size})")
            }
            Self::Playing => f.write_str("Playing"),
            Self::Media(message) => write!(f, "Media({message:?})"),
            Self::Closed(reason) => write!(f, "Closed({reason:?})"),
        }
    }
}

impl fmt::Debug for ClientSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientSession").finish_non_exhaustive()
    }
}
