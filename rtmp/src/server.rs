//! [pure] The server's side of one RTMP connection: somebody who publishes to us or plays from us.
//!
//! One connection publishes one stream or plays one, at a time. Whoever asks is a stranger under
//! [`Limits::STRANGER`](crate::reader::Limits::STRANGER) and a deadline until the daemon accepts. Commands that
//! make no sense are answered or counted, never fatal; malformed chunks are.

use std::fmt;
use std::time::Duration;

use rml_rtmp::messages::{PeerBandwidthLimitType, RtmpMessage, UserControlEventType};
use serde::{Deserialize, Serialize};

use crate::amf0::Value;
use crate::command::{Command, amf0_payload, call, information, status};
use crate::connection::{Connection, Event, Side, WINDOW};
use crate::reader::Limits;
use crate::saved::{self, Kind};
use crate::{CloseReason, Message, MessageKind, Secret};

mod action;
mod connect;

pub use action::{PlayGrant, Refusal, Request, RequestId, ServerAction, ServerConfig};
use connect::Connect;

/// One connection. `Debug` shows nothing of it: it holds keys.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct ServerSession {
    config: ServerConfig,
    connection: Connection<ServerAction>,
    /// What the peer said of itself, once it did.
    connect: Option<Connect>,
    role: Role,
    next_request: u32,
    next_stream: u32,
    next_ping: Duration,
    /// Whether the peer called FCPublish, and so may wait for onFCPublish.
    fc_publish: bool,
}

#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
enum Role {
    /// Has until then to ask for something.
    Idle {
        until: Duration,
    },
    /// Waits for the daemon's answer.
    Asked {
        id: RequestId,
        stream_id: u32,
        play: bool,
    },
    Publishing {
        stream_id: u32,
    },
    Playing {
        stream_id: u32,
    },
}

/// createStream calls on one connection: an encoder that stops and starts again makes a new one each time.
const MAX_STREAM_ID: u32 = 1000;

impl ServerSession {
    /// A connection just accepted.
    #[must_use]
    pub fn new(config: ServerConfig, now: Duration) -> Self {
        Self {
            role: Role::Idle {
                until: now.saturating_add(config.deadline),
            },
            config,
            connection: Connection::new(Side::Server, now),
            connect: None,
            next_request: 1,
            next_stream: 1,
            next_ping: now,
            fc_publish: false,
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
                Event::Established => {}
                Event::Message(message) => self.handle_message(message, now),
            }
        }
    }

    /// To call when `now` has reached [`Self::poll_timeout`], after what the socket holds was fed; harmless at
    /// any time.
    pub fn handle_timeout(&mut self, now: Duration) {
        match self.role {
            Role::Asked { .. } => {}
            Role::Idle { until } => {
                if now >= until {
                    self.connection.close(CloseReason::Deadline);
                }
            }
            Role::Publishing { .. } | Role::Playing { .. } => {
                if now >= self.dead_at() {
                    self.connection.close(CloseReason::Silent);
                } else if now >= self.next_ping {
                    self.next_ping = now.saturating_add(self.config.ping_interval);
                    self.connection.send_ping(now);
                }
            }
        }
    }

    /// When [`Self::handle_timeout`] wants to be called, if ever.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Duration> {
        match self.role {
            _ if self.connection.is_closed() => None,
            Role::Idle { until } => Some(until),
            Role::Asked { .. } => None,
            Role::Publishing { .. } | Role::Playing { .. } => {
                Some(self.next_ping.min(self.dead_at()))
            }
        }
    }

    /// Whether nothing but media waits to be taken: what else a session asks for is noticed outside.
    #[must_use]
    pub fn has_only_media(&self) -> bool {
        self.connection.has_only_media()
    }

    /// The next thing to do, until there is none.
    pub fn next_action(&mut self) -> Option<ServerAction> {
        self.connection.next_action()
    }

    /// Whether the peer still waits for the answer to this request: it may have given it up meanwhile.
    #[must_use]
    pub fn is_asking(&self, id: RequestId) -> bool {
        self.asked(id).is_some()
    }

    /// Lets the publisher begin. An `id` nobody waits for any more changes nothing.
    pub fn accept_publish(&mut self, id: RequestId, now: Duration) {
        let Some((stream_id, false)) = self.asked(id) else {
            return;
        };
        self.admit(Role::Publishing { stream_id }, stream_id, now);
        const CODE: &str = "NetStream.Publish.Start";
        if std::mem::take(&mut self.fc_publish) {
            let reply = call(
                "onFCPublish",
                0.0,
                &[information("status", CODE, "Publishing.")],
            );
            self.connection.send_command(0, &reply);
        }
        self.connection
            .send_command(stream_id, &status("status", CODE, "Publishing."));
    }

    /// Lets the player begin: write its media after what this queues. `None` if nobody waits for `id` any more.
    ///
    /// No `|RtmpSampleAccess` and no `NetStream.Data.Start` is sent: ffmpeg shows both as streams of their own.
    pub fn accept_play(&mut self, id: RequestId, now: Duration) -> Option<PlayGrant> {
        let (stream_id, true) = self.asked(id)? else {
            return None;
        };
        self.admit(Role::Playing { stream_id }, stream_id, now);
        for (code, words) in [
            ("NetStream.Play.Reset", "Playing and resetting."),
            ("NetStream.Play.Start", "Playing."),
        ] {
            self.connection
                .send_command(stream_id, &status("status", code, words));
        }
        Some(PlayGrant {
            stream_id,
            chunk_size: self.connection.chunk_size(),
        })
    }

    /// Says no and closes. Never by `NetStream.Publish.BadName`: OBS takes that for a reason to give up.
    pub fn refuse(&mut self, id: RequestId, refusal: Refusal) {
        let Some((stream_id, play)) = self.asked(id) else {
            return;
        };
        let (code, description) = match (refusal, play) {
            (Refusal::Denied, false) => ("NetStream.Publish.Denied", "Wrong stream key."),
            (Refusal::Denied, true) => ("NetStream.Play.Failed", "Wrong key."),
            (Refusal::NotFound, false) => ("NetStream.Publish.Denied", "No such stream."),
            (Refusal::NotFound, true) => ("NetStream.Play.StreamNotFound", "No such stream."),
            (Refusal::Unavailable, false) => ("NetStream.Publish.Failed", "Not possible now."),
            (Refusal::Unavailable, true) => ("NetStream.Play.Failed", "Not possible now."),
            (Refusal::Full, false) => ("NetStream.Publish.Failed", "No place is free."),
            (Refusal::Full, true) => ("NetStream.Play.Failed", "No place is free."),
        };
        self.connection
            .send_command(stream_id, &status("error", code, description));
        let (code, description) = (code.to_owned(), description.to_owned());
        self.connection
            .close(CloseReason::Refused { code, description });
    }

    /// Tells a player that its stream is over, and closes.
    pub fn end_play(&mut self) {
        let Role::Playing { stream_id } = self.role else {
            return;
        };
        const CODE: &str = "NetStream.Play.UnpublishNotify";
        self.connection
            .send_user_control(UserControlEventType::StreamEof, stream_id);
        self.connection
            .send_command(stream_id, &status("status", CODE, "The stream is over."));
        self.connection.close(CloseReason::Ended);
    }

    /// All bytes received, handshake included.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.connection.received()
    }

    /// Messages that were no AMF0, or commands that made no sense: the peer's mistakes that cost nothing.
    #[must_use]
    pub fn ignored(&self) -> u64 {
        self.connection.ignored()
    }

    /// The whole state, for a successor of the same version. It holds keys.
    #[must_use]
    pub fn save(&self) -> Vec<u8> {
        saved::save(Kind::Server, self)
    }

    /// The state that [`Self::save`] wrote; `None` if it is of another version, another kind or damaged.
    #[must_use]
    pub fn restore(bytes: &[u8]) -> Option<Self> {
        saved::restore(Kind::Server, bytes)
    }

    fn dead_at(&self) -> Duration {
        self.connection
            .last_heard()
            .saturating_add(self.config.dead_after)
    }

    /// The message stream of a request that waits for its answer, and whether it is to play.
    fn asked(&self, asked: RequestId) -> Option<(u32, bool)> {
        let Role::Asked {
            id,
            stream_id,
            play,
        } = self.role
        else {
            return None;
        };
        (id == asked && !self.connection.is_closed()).then_some((stream_id, play))
    }

    fn admit(&mut self, role: Role, stream_id: u32, now: Duration) {
        self.role = role;
        let speaks = matches!(role, Role::Publishing { .. });
        self.connection.admit(if speaks {
            Limits::ADMITTED
        } else {
            Limits::LISTENER
        });
        self.connection.hear(now);
        self.next_ping = now.saturating_add(self.config.ping_interval);
        self.connection
            .send_user_control(UserControlEventType::StreamBegin, stream_id);
    }

    fn handle_message(&mut self, message: Message, now: Duration) {
        if message.kind.is_media() {
            if matches!(self.role, Role::Publishing { .. }) && !message.payload.is_empty() {
                self.connection.push(ServerAction::Media(as_amf0(message)));
            }
        } else if matches!(
            message.kind,
            MessageKind::CommandAmf0 | MessageKind::CommandAmf3
        ) {
            match Command::parse(&message) {
                Ok(command) => self.handle_command(message.stream_id, command, now),
                Err(_) => self.connection.ignore(),
            }
        }
    }

    fn handle_command(&mut self, stream_id: u32, command: Command, now: Duration) {
        match command.name.as_str() {
            "connect" => self.handle_connect(&command, now),
            _ if self.connect.is_none() => self.connection.ignore(),
            "createStream" => self.create_stream(command.transaction),
            "publish" | "play" => self.handle_request(stream_id, &command),
            "deleteStream" | "closeStream" | "FCUnpublish" => self.stop(now),
            "releaseStream" | "FCPublish" => {
                self.fc_publish |= command.name == "FCPublish";
                self.reply(command.transaction, Value::Undefined);
            }
            "FCSubscribe" => {
                let words = information("status", "NetStream.Play.Start", "Subscribed.");
                self.connection
                    .send_command(0, &call("onFCSubscribe", 0.0, &[words]));
            }
            // The length of what is live is not known: 0.
            "getStreamLength" => self.reply(command.transaction, 0.0.into()),
            "_checkbw" => self.reply(command.transaction, Value::Null),
            _ => self.connection.ignore(),
        }
    }

    fn reply(&mut self, transaction: f64, value: Value) {
        if transaction != 0.0 {
            self.connection
                .send_command(0, &call("_result", transaction, &[value]));
        }
    }

    fn handle_connect(&mut self, command: &Command, now: Duration) {
        if self.connect.is_some() {
            return self.connection.ignore();
        }
        match Connect::parse(&command.object, self.config.login.as_ref(), now) {
            Ok(connect) => self.connect = Some(connect),
            Err(words) => return self.reject(command.transaction, &words),
        }
        self.connection.send_window();
        self.connection.send_control(RtmpMessage::SetPeerBandwidth {
            size: WINDOW,
            limit_type: PeerBandwidthLimitType::Dynamic,
        });
        self.connection.set_chunk_size(self.config.chunk_size);
        let reply = connect::success(command.transaction, &command.object);
        self.connection.send_command(0, &reply);
    }

    /// Has the peer come again with its user, or with the answer to a challenge: on a connection of its own.
    fn reject(&mut self, transaction: f64, words: &str) {
        let reply = connect::rejection(transaction, words);
        self.connection.send_command(0, &reply);
        self.connection.close(CloseReason::Refused {
            code: connect::REJECTED.to_owned(),
            description: "it has to log in first".to_owned(),
        });
    }

    fn create_stream(&mut self, transaction: f64) {
        if self.next_stream > MAX_STREAM_ID {
            let words = information("error", "NetConnection.Call.Failed", "Too many streams.");
            return self
                .connection
                .send_command(0, &call("_error", transaction, &[words]));
        }
        self.reply(transaction, f64::from(self.next_stream).into());
        self.next_stream = self.next_stream.saturating_add(1);
    }

    fn handle_request(&mut self, stream_id: u32, command: &Command) {
        let (Some(connect), Some(key)) = (&self.connect, command.text(0)) else {
            return self.connection.ignore();
        };
        let play = command.name == "play";
        if !matches!(self.role, Role::Idle { .. }) {
            let code = if play {
                "NetStream.Play.Failed"
            } else {
                "NetStream.Publish.Failed"
            };
            let reply = status("error", code, "This connection is taken.");
            return self.connection.send_command(stream_id, &reply);
        }
        let id = RequestId::new(self.next_request);
        self.next_request = self.next_request.wrapping_add(1);
        let request = Request {
            id,
            app: connect.app.clone(),
            login: connect.login.clone(),
            key: Secret::new(key),
            tc_url: connect.tc_url.clone(),
            flash_ver: connect.flash_ver.clone(),
        };
        self.role = Role::Asked {
            id,
            stream_id,
            play,
        };
        self.connection.push(if play {
            ServerAction::PlayRequested(request)
        } else {
            ServerAction::PublishRequested(request)
        });
    }

    /// The peer stops what it does. FCUnpublish and deleteStream come as a pair: the second finds nothing.
    fn stop(&mut self, now: Duration) {
        match self.role {
            Role::Idle { .. } => return,
            Role::Asked { .. } => {}
            Role::Publishing { stream_id } => {
                let reply = status("status", "NetStream.Unpublish.Success", "Unpublished.");
                self.connection.send_command(stream_id, &reply);
                self.connection.push(ServerAction::Unpublished);
            }
            Role::Playing { .. } => self.connection.push(ServerAction::StoppedPlaying),
        }
        self.role = Role::Idle {
            until: now.saturating_add(self.config.deadline),
        };
    }
}

/// Data under AMF3's message type is AMF0 behind one byte: nobody past this wants to know.
fn as_amf0(message: Message) -> Message {
    if message.kind == MessageKind::DataAmf3 {
        Message {
            kind: MessageKind::DataAmf0,
            payload: amf0_payload(&message),
            ..message
        }
    } else {
        message
    }
}

impl fmt::Debug for ServerSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerSession").finish_non_exhaustive()
    }
}
