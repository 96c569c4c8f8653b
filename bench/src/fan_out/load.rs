//! The players: one thread, one epoll, one buffer. What it cannot read in time is in every server's figures alike.
//!
//! Every player reads whole messages up to its first keyframe. Some go on reading them, and note when each picture
//! comes; the rest have the kernel throw away what comes, so that the load stays light and the second core suffices.

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    os::fd::AsRawFd,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
};

use anyhow::{Context, Result};
use nix::sys::{
    epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout},
    socket::{MsgFlags, recv},
};

use super::player::{Player, Role};

/// One read: what a session takes at a time.
const READ: usize = 64 * 1024;
/// Most that is thrown away at a time.
const DISCARD: usize = 1024 * 1024;

/// What all players have seen, together.
#[derive(Default)]
pub(super) struct Seen {
    /// Bytes, of all.
    pub(super) bytes: AtomicU64,
    /// Players that have had a keyframe.
    pub(super) served: AtomicUsize,
    /// Players that were hung up on.
    pub(super) lost: AtomicUsize,
    /// Whether delays are noted.
    pub(super) noting: AtomicBool,
    pub(super) notes: Mutex<Notes>,
}

/// What those that read messages have noted. All in milliseconds.
#[derive(Default)]
pub(super) struct Notes {
    /// Publisher to player, each picture.
    pub(super) delays: Vec<f64>,
    /// Asking for a stream to its first keyframe.
    pub(super) joins: Vec<f64>,
    /// The second publisher's first picture, sent to come.
    pub(super) takeovers: Vec<f64>,
    /// Players whose first picture of the second publisher was no keyframe, or went back in time.
    pub(super) broken: usize,
}

impl Seen {
    pub(super) fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Players of one server. Dropping it closes them all.
pub(super) struct Load {
    pub(super) seen: Arc<Seen>,
    orders: Arc<Mutex<Vec<Role>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Load {
    /// No players yet.
    pub(super) fn start(address: SocketAddr, key: &'static str) -> Result<Self> {
        let seen = Arc::<Seen>::default();
        let orders = Arc::<Mutex<Vec<Role>>>::default();
        let stop = Arc::new(AtomicBool::new(false));
        let mut crowd = Crowd {
            address,
            key,
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
            players: Vec::new(),
            seen: Arc::clone(&seen),
            buffer: vec![0; DISCARD],
        };
        let (taken, stopped) = (Arc::clone(&orders), Arc::clone(&stop));
        let thread = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                let new =
                    std::mem::take(&mut *taken.lock().unwrap_or_else(PoisonError::into_inner));
                for role in new {
                    crowd.join(role)?;
                }
                crowd.turn()?;
            }
            Ok(())
        });
        Ok(Self {
            seen,
            orders,
            stop,
            thread: Some(thread),
        })
    }

    /// Has one more player join, soon.
    pub(super) fn join(&self, role: Role) {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        orders.push(role);
    }

    /// Whether all is well with the thread.
    pub(super) fn lives(&self) -> bool {
        self.thread
            .as_ref()
            .is_some_and(|thread| !thread.is_finished())
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // What it failed of was seen by `lives`.
        let _ended = self.thread.take().map(JoinHandle::join);
    }
}

struct Crowd {
    address: SocketAddr,
    key: &'static str,
    epoll: Epoll,
    players: Vec<Option<Player>>,
    seen: Arc<Seen>,
    buffer: Vec<u8>,
}

impl Crowd {
    fn join(&mut self, role: Role) -> Result<()> {
        let socket = TcpStream::connect(self.address).context("a player cannot connect")?;
        socket.set_nonblocking(true)?;
        socket.set_nodelay(true)?;
        let number = u64::try_from(self.players.len())?;
        self.epoll
            .add(&socket, EpollEvent::new(EpollFlags::EPOLLIN, number))?;
        let mut player = Player::new(socket, self.address, self.key, role);
        player.act(&self.seen)?;
        self.players.push(Some(player));
        Ok(())
    }

    /// Waits a little, and reads what has come.
    fn turn(&mut self) -> Result<()> {
        let mut events = [EpollEvent::empty(); 256];
        let count = match self.epoll.wait(&mut events, EpollTimeout::from(2_u8)) {
            Err(nix::errno::Errno::EINTR) => 0,
            other => other?,
        };
        for event in events.iter().take(count) {
            let number = usize::try_from(event.data())?;
            let Some(slot) = self.players.get_mut(number) else {
                continue;
            };
            let Some(player) = slot else { continue };
            match read(player, &mut self.buffer, &self.seen) {
                Ok(true) => {}
                Ok(false) => {
                    let player = slot.take();
                    // A stalled one stays connected, unread.
                    if let Some(player) = player {
                        self.epoll.delete(&player.socket)?;
                        if player.role == Role::Stalls {
                            *slot = Some(player);
                        }
                    }
                }
                Err(_) => {
                    self.seen.lost.fetch_add(1, Ordering::Relaxed);
                    *slot = None;
                }
            }
        }
        Ok(())
    }
}

/// Reads once; `false` when nothing more is to be read of this player.
fn read(player: &mut Player, buffer: &mut [u8], seen: &Seen) -> Result<bool> {
    let count = if player.discards() {
        recv(player.socket.as_raw_fd(), buffer, MsgFlags::MSG_TRUNC)?
    } else {
        let room = buffer.get_mut(..READ).unwrap_or_default();
        match player.socket.read(room) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
            other => other?,
        }
    };
    anyhow::ensure!(count > 0, "hung up");
    seen.bytes
        .fetch_add(u64::try_from(count)?, Ordering::Relaxed);
    if player.discards() {
        if let Some(acknowledgement) = player.count(count) {
            player.socket.write_all(&acknowledgement)?;
        }
        return Ok(true);
    }
    player.hear(buffer.get(..count).unwrap_or_default(), seen)
}
