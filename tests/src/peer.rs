//! A peer at RTMP's door that does as it is told: it publishes or plays, and after that whatever a test wants.

use std::{collections::VecDeque, net::SocketAddr, time::Duration};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use rtmp::{
    Message, Secret,
    client::{ClientAction, ClientConfig, ClientSession, Purpose},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

/// Its clock stands still: nothing here has a deadline but the test.
const NOW: Duration = Duration::ZERO;
/// Receive buffer: a peer that stops reading is noticed after a few pictures.
const RECEIVE: u32 = 64 * 1024;

/// A connection whose key was right.
pub struct Peer {
    socket: TcpStream,
    session: ClientSession,
    media: VecDeque<Message>,
}

impl std::fmt::Debug for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Peer({:?})", self.socket)
    }
}

impl Peer {
    /// Connects, says `preface`, and publishes or plays by `key`.
    pub async fn connect(
        address: SocketAddr,
        preface: &[u8],
        purpose: Purpose,
        key: &str,
    ) -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(RECEIVE)?;
        let mut socket = socket.connect(address).await?;
        socket.write_all(preface).await?;
        let config = ClientConfig {
            purpose,
            app: "live".to_owned(),
            tc_url: Secret::new(format!("rtmp://{address}/live")),
            key: Secret::new(key),
            chunk_size: 1 << 20,
            deadline: Duration::MAX,
            dead_after: None,
        };
        let mut peer = Self {
            socket,
            session: ClientSession::new(config, NOW),
            media: VecDeque::new(),
        };
        while !peer.act().await? {
            peer.read().await?;
        }
        Ok(peer)
    }

    /// The next message of what it plays.
    pub async fn next(&mut self) -> Result<Message> {
        loop {
            if let Some(message) = self.media.pop_front() {
                return Ok(message);
            }
            self.read().await?;
            self.act().await?;
        }
    }

    /// Writes these bytes as they are.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.socket.write_all(bytes).await?)
    }

    /// Waits until the server has closed the connection.
    pub async fn closed(mut self) {
        let mut dropped = vec![0; 64 * 1024];
        while matches!(self.socket.read(&mut dropped).await, Ok(1..)) {}
    }

    async fn read(&mut self) -> Result<()> {
        let mut buffer = vec![0; 64 * 1024];
        let count = self.socket.read(&mut buffer).await?;
        if count == 0 {
            bail!("the server has closed the connection");
        }
        let bytes = buffer.get(..count).context("what was read")?;
        self.session.handle_input(bytes, NOW);
        Ok(())
    }

    /// Does what the session wants; whether it was let in by that.
    async fn act(&mut self) -> Result<bool> {
        let mut begun = false;
        while let Some(action) = self.session.next_action() {
            match action {
                ClientAction::Send(bytes) => self.send(bytes).await?,
                ClientAction::Publishing { .. } | ClientAction::Playing => begun = true,
                ClientAction::Media(message) => self.media.push_back(message),
                ClientAction::Closed(reason) => bail!("{reason}"),
            }
        }
        Ok(begun)
    }

    async fn send(&mut self, bytes: Bytes) -> Result<()> {
        Ok(self.socket.write_all(&bytes).await?)
    }
}
