//! A publisher: the clip over and over, each message at its time. A thread of its own that sleeps in between.

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle, sleep},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use nix::sys::socket::{setsockopt, sockopt::Linger};
use rtmp::{
    Secret,
    client::{ClientAction, ClientConfig, ClientSession, Purpose},
    writer::MediaHeader,
};

use super::clip::Tag;

/// How long a server may take to let a publisher in.
const ADMISSION: Duration = Duration::from_secs(10);

/// Publishes until it is dropped. Dropping it cuts the connection (RST), as a crash does.
pub(super) struct Publisher {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Publisher {
    /// Publishes as number `number` under `key` to the server at `address`.
    pub(super) fn start(
        clip: &Arc<Vec<Tag>>,
        address: SocketAddr,
        key: &str,
        number: u8,
    ) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut link = Link::open(address, key)?;
        let (clip, stopped) = (Arc::clone(clip), Arc::clone(&stop));
        let thread = thread::spawn(move || link.publish(&clip, number, &stopped));
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }

    /// Whether it still publishes.
    pub(super) fn lives(&self) -> bool {
        self.thread
            .as_ref()
            .is_some_and(|thread| !thread.is_finished())
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // What it failed of was seen by `lives`.
        let _ended = self.thread.take().map(JoinHandle::join);
    }
}

struct Link {
    socket: TcpStream,
    session: ClientSession,
    began: Instant,
    stream_id: u32,
    chunk_size: u32,
}

impl Link {
    fn open(address: SocketAddr, key: &str) -> Result<Self> {
        let socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(ADMISSION))?;
        let reset = nix::libc::linger {
            l_onoff: 1,
            l_linger: 0,
        };
        setsockopt(&socket, Linger, &reset)?;
        let config = ClientConfig {
            purpose: Purpose::Publish,
            app: "live".into(),
            tc_url: Secret::new(format!("rtmp://{address}/live")),
            key: Secret::new(key),
            chunk_size: 65_536,
            deadline: ADMISSION,
            dead_after: None,
        };
        let mut link = Self {
            socket,
            session: ClientSession::new(config, Duration::ZERO),
            began: Instant::now(),
            stream_id: 0,
            chunk_size: 0,
        };
        while !link.act()? {
            link.hear()?;
        }
        link.socket.set_nonblocking(true)?;
        Ok(link)
    }

    /// Does what the session asks for; answers whether publishing may begin.
    fn act(&mut self) -> Result<bool> {
        let mut begins = false;
        while let Some(action) = self.session.next_action() {
            match action {
                ClientAction::Send(bytes) => self.write(&bytes)?,
                ClientAction::Publishing {
                    stream_id,
                    chunk_size,
                } => {
                    (self.stream_id, self.chunk_size) = (stream_id, chunk_size);
                    begins = true;
                }
                ClientAction::Closed(reason) => bail!("the publisher was closed: {reason}"),
                ClientAction::Playing | ClientAction::Media(_) => {}
            }
        }
        Ok(begins)
    }

    fn hear(&mut self) -> Result<()> {
        let mut buffer = [0; 4096];
        match self.socket.read(&mut buffer) {
            Ok(0) => bail!("the server hung up on the publisher"),
            Ok(count) => {
                let heard = buffer.get(..count).unwrap_or_default();
                self.session.handle_input(heard, self.began.elapsed());
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error).context("publisher"),
        }
    }

    fn write(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            match self.socket.write(bytes) {
                Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    sleep(Duration::from_micros(200));
                }
                Err(error) => return Err(error).context("publisher"),
            }
        }
        Ok(())
    }

    fn publish(&mut self, clip: &[Tag], number: u8, stop: &AtomicBool) -> Result<()> {
        let began = Instant::now();
        let length = clip.last().map_or(0, |tag| tag.at) + 33;
        for round in 0_u32.. {
            for tag in clip.iter().filter(|tag| round == 0 || !tag.header) {
                let at = tag.at + round * length;
                let due = Duration::from_millis(at.into());
                sleep(due.saturating_sub(began.elapsed()));
                if stop.load(Ordering::Relaxed) {
                    return Ok(());
                }
                self.hear()?;
                self.act()?;
                let payload = tag.stamped(number);
                let header = MediaHeader::new(at, tag.kind, payload.len(), self.stream_id);
                let pieces: Vec<_> = header.pieces(&payload, self.chunk_size, 0).collect();
                self.write(&pieces.concat())?;
            }
        }
        Ok(())
    }
}
