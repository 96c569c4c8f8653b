//! Two ends and one clock you hold.

use std::time::Duration;

use bytes::Bytes;
use rtmp::amf0::{self, Value};
use rtmp::client::{ClientAction, ClientConfig, ClientSession, Purpose};
use rtmp::reader::{ChunkReader, Limits};
use rtmp::server::{Refusal, ServerAction, ServerConfig, ServerSession};
use rtmp::writer::MediaHeader;
use rtmp::{Message, MessageKind, Secret};

pub(crate) const KEY: &str = "stage-dev?priority=2";

pub(crate) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn client_config(purpose: Purpose) -> ClientConfig {
    ClientConfig {
        purpose,
        app: "live".to_owned(),
        tc_url: Secret::new("rtmp://localhost/live"),
        key: Secret::new(KEY),
        chunk_size: 4096,
        deadline: seconds(10),
        dead_after: Some(seconds(6)),
    }
}

/// A client and a server, and all that happened to either, bytes excepted.
pub(crate) struct Pair {
    pub(crate) client: ClientSession,
    pub(crate) server: ServerSession,
    pub(crate) client_actions: Vec<ClientAction>,
    pub(crate) server_actions: Vec<ServerAction>,
    pub(crate) now: Duration,
    /// What the daemon behind the server says to a request.
    pub(crate) refusal: Option<Refusal>,
    /// Every byte that went either way.
    pub(crate) to_server: Vec<u8>,
    pub(crate) to_client: Vec<u8>,
}

impl Pair {
    pub(crate) fn new(config: ClientConfig) -> Self {
        let now = seconds(1000);
        Self {
            client: ClientSession::new(config, now),
            server: ServerSession::new(ServerConfig::default(), now),
            client_actions: Vec::new(),
            server_actions: Vec::new(),
            now,
            refusal: None,
            to_server: Vec::new(),
            to_client: Vec::new(),
        }
    }

    /// Lets both talk until neither has anything to say.
    pub(crate) fn settle(&mut self) -> &mut Self {
        loop {
            let mut moved = false;
            while let Some(action) = self.client.next_action() {
                moved = true;
                match action {
                    ClientAction::Send(bytes) => self.write_to_server(&bytes),
                    other => self.client_actions.push(other),
                }
            }
            while let Some(action) = self.server.next_action() {
                moved = true;
                answer(&mut self.server, &action, self.refusal, self.now);
                match action {
                    ServerAction::Send(bytes) => self.write_to_client(&bytes),
                    other => self.server_actions.push(other),
                }
            }
            if !moved {
                return self;
            }
        }
    }

    /// Lets time pass, with every timeout in its turn.
    pub(crate) fn advance(&mut self, by: Duration) -> &mut Self {
        let end = self.now + by;
        loop {
            let due = [self.client.poll_timeout(), self.server.poll_timeout()];
            match due.into_iter().flatten().min() {
                Some(due) if due <= end => self.now = self.now.max(due),
                _ => break,
            }
            self.client.handle_timeout(self.now);
            self.server.handle_timeout(self.now);
            self.settle();
        }
        self.now = end;
        self
    }

    pub(crate) fn write_to_server(&mut self, bytes: &[u8]) {
        self.to_server.extend(bytes);
        self.server.handle_input(bytes, self.now);
    }

    pub(crate) fn write_to_client(&mut self, bytes: &[u8]) {
        self.to_client.extend(bytes);
        self.client.handle_input(bytes, self.now);
    }
}

/// What the daemon does with a request.
pub(crate) fn answer(
    server: &mut ServerSession,
    action: &ServerAction,
    refusal: Option<Refusal>,
    now: Duration,
) {
    let (request, play) = match action {
        ServerAction::PublishRequested(request) => (request, false),
        ServerAction::PlayRequested(request) => (request, true),
        _ => return,
    };
    match refusal {
        Some(refusal) => server.refuse(request.id, refusal),
        None if play => drop(server.accept_play(request.id, now)),
        None => server.accept_publish(request.id, now),
    }
}

pub(crate) fn media(timestamp: u32, kind: MessageKind, payload: &[u8]) -> Message {
    Message {
        timestamp,
        kind,
        stream_id: 1,
        payload: Bytes::copy_from_slice(payload),
    }
}

/// A message as the media writer puts it on the wire.
pub(crate) fn wire(message: &Message, chunk_size: u32) -> Vec<u8> {
    let Message {
        timestamp,
        kind,
        stream_id,
        payload,
    } = message;
    let header = MediaHeader::new(*timestamp, *kind, payload.len(), *stream_id);
    header
        .pieces(payload, chunk_size, 0)
        .flatten()
        .copied()
        .collect()
}

/// A command as a client writes it, in one chunk of any size.
pub(crate) fn command(stream_id: u32, values: &[Value]) -> Vec<u8> {
    let payload = amf0::encode(values);
    wire(
        &Message {
            timestamp: 0,
            kind: MessageKind::CommandAmf0,
            stream_id,
            payload,
        },
        128,
    )
}

/// Everything a server said, in short: command names with their codes, and kinds of other messages.
pub(crate) fn transcript(bytes: &[u8]) -> Vec<String> {
    let mut reader = ChunkReader::new(Limits::ADMITTED);
    let mut rest = bytes;
    let mut said = Vec::new();
    while let Some(message) = reader.read(&mut rest).unwrap() {
        said.push(if message.kind == MessageKind::CommandAmf0 {
            let values = amf0::decode(&message.payload).unwrap();
            let code = values
                .last()
                .and_then(|last| last.get("code"))
                .and_then(Value::as_str);
            let name = values[0].as_str().unwrap();
            code.map_or_else(|| name.to_owned(), |code| format!("{name} {code}"))
        } else if message.kind == MessageKind::UserControl {
            format!("UserControl {}", message.payload[1])
        } else {
            format!("{:?}", message.kind)
        });
    }
    said
}
