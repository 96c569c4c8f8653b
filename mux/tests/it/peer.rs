//! The other ends: a client that publishes or plays, and a transcoder that takes what mux sends.

#![expect(
    clippy::disallowed_methods,
    reason = "the sessions of a real peer need a clock"
)]

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::LazyLock,
    time::{Duration, Instant},
};

use rtmp::{
    CloseReason, Message, MessageKind, Secret,
    client::{ClientAction, ClientConfig, ClientSession, Purpose},
    server::{ServerAction, ServerConfig, ServerSession},
    writer::MediaHeader,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

pub(crate) const METADATA: &[u8] = b"\x02\x00\x0d@setDataFrame\x02\x00\x0aonMetaData\x05";
pub(crate) const AVC: &[u8] = b"\x17\x00\x00\x00\x00configuration";
pub(crate) const AAC: &[u8] = b"\xaf\x00\x11\x90";

static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);

fn now() -> Duration {
    EPOCH.elapsed()
}

/// A client of mux.
pub(crate) struct Client {
    socket: TcpStream,
    session: ClientSession,
    messages: VecDeque<Message>,
    stream_id: Option<u32>,
    playing: bool,
    chunk_size: u32,
}

impl Client {
    /// Connects and publishes; or says why it may not.
    pub(crate) async fn publish(mux: SocketAddr, key: &str) -> Result<Self, CloseReason> {
        Self::connect(mux, "live", key, Purpose::Publish).await
    }

    /// Connects and plays; or says why it may not.
    pub(crate) async fn play(mux: SocketAddr, key: &str) -> Result<Self, CloseReason> {
        Self::connect(mux, "live", key, Purpose::Play).await
    }

    pub(crate) async fn connect(
        mux: SocketAddr,
        app: &str,
        key: &str,
        purpose: Purpose,
    ) -> Result<Self, CloseReason> {
        let config = ClientConfig {
            purpose,
            app: app.to_owned(),
            tc_url: Secret::new(format!("rtmp://{mux}/{app}")),
            key: Secret::new(key),
            chunk_size: 1 << 20,
            deadline: Duration::from_secs(20),
            dead_after: None,
        };
        let mut client = Self {
            socket: TcpStream::connect(mux).await.unwrap(),
            session: ClientSession::new(config, now()),
            messages: VecDeque::new(),
            stream_id: None,
            playing: false,
            chunk_size: 0,
        };
        while client.stream_id.is_none() && !client.playing {
            client.act().await?;
            if client.stream_id.is_none() && !client.playing {
                client.read().await?;
            }
        }
        Ok(client)
    }

    /// The next media message; why the connection ended when there is none.
    pub(crate) async fn next(&mut self) -> Result<Message, CloseReason> {
        loop {
            if let Some(message) = self.messages.pop_front() {
                return Ok(message);
            }
            self.read().await?;
            self.act().await?;
        }
    }

    /// Publishes a message.
    pub(crate) async fn send(&mut self, kind: MessageKind, timestamp: u32, payload: &[u8]) {
        let header = MediaHeader::new(timestamp, kind, payload.len(), self.stream_id.unwrap());
        for piece in header.pieces(payload, self.chunk_size, 0) {
            self.socket.write_all(piece).await.unwrap();
        }
    }

    /// Publishes the first `length` bytes of what [`Self::send`] would write, and is reset, as when its machine dies.
    pub(crate) async fn dies_in(mut self, timestamp: u32, payload: &[u8], length: usize) {
        let kind = MessageKind::Video;
        let header = MediaHeader::new(timestamp, kind, payload.len(), self.stream_id.unwrap());
        let pieces: Vec<_> = header.pieces(payload, self.chunk_size, 0).collect();
        let bytes = pieces.concat();
        self.socket.write_all(&bytes[..length]).await.unwrap();
        self.socket.set_zero_linger().unwrap();
    }

    /// What an encoder sends first.
    pub(crate) async fn send_headers(&mut self) {
        self.send(MessageKind::DataAmf0, 0, METADATA).await;
        self.send(MessageKind::Video, 0, AVC).await;
        self.send(MessageKind::Audio, 0, AAC).await;
    }

    /// Writes raw bytes past the session.
    pub(crate) async fn send_raw(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).await.unwrap();
    }

    /// Returns when mux has closed the connection.
    pub(crate) async fn closed(&mut self) {
        while self.read().await.is_ok() {
            if self.act().await.is_err() {
                return;
            }
        }
    }

    async fn read(&mut self) -> Result<(), CloseReason> {
        let mut buffer = vec![0; 64 * 1024];
        match self.socket.read(&mut buffer).await {
            Ok(0) | Err(_) => Err(CloseReason::Ended),
            Ok(count) => {
                self.session.handle_input(&buffer[..count], now());
                Ok(())
            }
        }
    }

    async fn act(&mut self) -> Result<(), CloseReason> {
        while let Some(action) = self.session.next_action() {
            match action {
                ClientAction::Send(bytes) => {
                    // Mux may have closed it already: reading tells.
                    let _gone = self.socket.write_all(&bytes).await;
                }
                ClientAction::Publishing {
                    stream_id,
                    chunk_size,
                } => (self.stream_id, self.chunk_size) = (Some(stream_id), chunk_size),
                ClientAction::Playing => self.playing = true,
                ClientAction::Media(message) => self.messages.push_back(message),
                ClientAction::Closed(reason) => return Err(reason),
            }
        }
        Ok(())
    }
}

/// A frame of a test: `number` tells it from the others.
pub(crate) fn frame(key: bool, number: u32, size: usize) -> Vec<u8> {
    let mut payload = vec![if key { 0x17 } else { 0x27 }, 1, 0, 0, 0];
    payload.extend(number.to_be_bytes());
    payload.resize(payload.len() + size, 0);
    payload
}

/// The number of a test's frame, and whether it is a keyframe; `None` for all other messages.
pub(crate) fn number(message: &Message) -> Option<(u32, bool)> {
    match &message.payload[..] {
        [first @ (0x17 | 0x27), 1, 0, 0, 0, a, b, c, d, ..] => {
            Some((u32::from_be_bytes([*a, *b, *c, *d]), *first == 0x17))
        }
        _ => None,
    }
}

/// A transcoder's RTMP side.
pub(crate) struct Transcoder(TcpListener);

/// One connection of mux to it.
pub(crate) struct Feed {
    socket: TcpStream,
    session: ServerSession,
    messages: VecDeque<Message>,
    /// What mux presented.
    pub(crate) key: String,
}

impl Transcoder {
    pub(crate) async fn start() -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap()).await
    }

    pub(crate) async fn start_at(address: SocketAddr) -> Self {
        Self(TcpListener::bind(address).await.unwrap())
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    /// The next connection of mux, publishing.
    pub(crate) async fn accept(&self) -> Feed {
        let (socket, _) = self.0.accept().await.unwrap();
        let mut feed = Feed {
            socket,
            session: ServerSession::new(ServerConfig::default(), now()),
            messages: VecDeque::new(),
            key: String::new(),
        };
        while feed.key.is_empty() {
            feed.read().await.unwrap();
        }
        feed
    }
}

impl Feed {
    /// The next message; nothing when mux has closed.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        loop {
            if let Some(message) = self.messages.pop_front() {
                return Some(message);
            }
            self.read().await?;
        }
    }

    async fn read(&mut self) -> Option<()> {
        let mut buffer = vec![0; 64 * 1024];
        let count = self
            .socket
            .read(&mut buffer)
            .await
            .ok()
            .filter(|count| *count > 0)?;
        self.session.handle_input(&buffer[..count], now());
        while let Some(action) = self.session.next_action() {
            match action {
                ServerAction::Send(bytes) => self.socket.write_all(&bytes).await.ok()?,
                ServerAction::PublishRequested(request) => {
                    assert_eq!(request.app, "live");
                    request.key.expose().clone_into(&mut self.key);
                    self.session.accept_publish(request.id, now());
                }
                ServerAction::Media(message) => self.messages.push_back(message),
                ServerAction::PlayRequested(_) => panic!("mux does not play"),
                ServerAction::Unpublished
                | ServerAction::StoppedPlaying
                | ServerAction::Closed(_) => return None,
            }
        }
        Some(())
    }
}

/// A message's AMF0 name, if it is data.
pub(crate) fn data_name(message: &Message) -> Option<String> {
    let is_data = message.kind == MessageKind::DataAmf0;
    let values = is_data.then(|| rtmp::amf0::decode(&message.payload).unwrap())?;
    values.first()?.as_str().map(ToOwned::to_owned)
}

/// The number called `name` of a stamp.
pub(crate) fn stamp_field(message: &Message, name: &str) -> f64 {
    let values = rtmp::amf0::decode(&message.payload).unwrap();
    values[1].get(name).unwrap().as_number().unwrap()
}
