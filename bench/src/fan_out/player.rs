//! One player of the load: its dialogue, its first keyframe, and what it notes after.

use std::{
    io::Write,
    net::{SocketAddr, TcpStream},
    sync::atomic::Ordering,
    time::Duration,
};

use anyhow::{Result, bail};
use rtmp::{
    Message, MessageKind, Secret,
    client::{ClientAction, ClientConfig, ClientSession, Purpose},
};

use super::{
    clip::{Stamp, Tag, now},
    load::Seen,
};

/// A player acknowledges so many bytes, as real ones do.
const WINDOW: u64 = 2_500_000;

/// What a player does once it has had a keyframe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Reads and notes.
    Notes,
    /// Has the kernel throw away what comes.
    Discards,
    /// Says how long that took, and leaves.
    Joins,
    /// Reads no more, and stays.
    Stalls,
    /// Speaks no RTMP: counts what the kernel floor sends.
    Raw,
}

pub(super) struct Player {
    pub(super) socket: TcpStream,
    pub(super) role: Role,
    session: ClientSession,
    began: u64,
    /// When it last said something before it was served.
    asked: u64,
    served: bool,
    publisher: u8,
    newest: u32,
    received: u64,
    acknowledged: u64,
}

impl Player {
    pub(super) fn new(socket: TcpStream, address: SocketAddr, key: &str, role: Role) -> Self {
        let config = ClientConfig {
            purpose: Purpose::Play,
            app: "live".into(),
            tc_url: Secret::new(format!("rtmp://{address}/live")),
            key: Secret::new(key),
            chunk_size: 65_536,
            deadline: Duration::from_secs(60),
            dead_after: None,
        };
        Self {
            socket,
            role,
            session: ClientSession::new(config, Duration::ZERO),
            began: now(),
            asked: now(),
            served: false,
            publisher: 0,
            newest: 0,
            received: 0,
            acknowledged: 0,
        }
    }

    /// Whether what comes is of no interest.
    pub(super) fn discards(&self) -> bool {
        match self.role {
            Role::Raw => true,
            Role::Discards => self.served,
            Role::Notes | Role::Joins | Role::Stalls => false,
        }
    }

    /// `count` bytes were thrown away; answers with an acknowledgement (RTMP 1.0 §5.4.3) when it is time for one.
    pub(super) fn count(&mut self, count: usize) -> Option<[u8; 16]> {
        self.received += u64::try_from(count).unwrap_or_default();
        if self.role == Role::Raw || self.received - self.acknowledged < WINDOW {
            return None;
        }
        self.acknowledged = self.received;
        let mut message = [2, 0, 0, 0, 0, 0, 4, 3, 0, 0, 0, 0, 0, 0, 0, 0];
        let sequence = u32::try_from(self.received & u64::from(u32::MAX)).unwrap_or_default();
        message[12..].copy_from_slice(&sequence.to_be_bytes());
        Some(message)
    }

    /// Bytes have come; `false` when nothing more is to be read.
    pub(super) fn hear(&mut self, bytes: &[u8], seen: &Seen) -> Result<bool> {
        self.received += u64::try_from(bytes.len())?;
        let elapsed = Duration::from_nanos(now() - self.began);
        self.session.handle_input(bytes, elapsed);
        self.act(seen)
    }

    /// Does what the session asks for; `false` when nothing more is to be read.
    pub(super) fn act(&mut self, seen: &Seen) -> Result<bool> {
        if self.role == Role::Raw {
            self.socket.write_all(b"!")?;
            seen.served.fetch_add(1, Ordering::Relaxed);
            return Ok(true);
        }
        while let Some(action) = self.session.next_action() {
            match action {
                ClientAction::Send(bytes) => {
                    self.socket.write_all(&bytes)?;
                    if !self.served {
                        self.asked = now();
                    }
                }
                ClientAction::Media(message) if message.kind == MessageKind::Video => {
                    self.see(&message, seen);
                }
                ClientAction::Closed(reason) => bail!("{reason:?}"),
                ClientAction::Playing
                | ClientAction::Media(_)
                | ClientAction::Publishing { .. } => {}
            }
        }
        let leaves = self.served && matches!(self.role, Role::Joins | Role::Stalls);
        Ok(!leaves)
    }

    fn see(&mut self, message: &Message, seen: &Seen) {
        let Some(stamp) = Stamp::of(&message.payload) else {
            return;
        };
        let at = now();
        let key = Tag::is_key(&message.payload);
        if !self.served && key {
            self.served = true;
            seen.served.fetch_add(1, Ordering::Relaxed);
            if self.role == Role::Joins {
                seen.notes().joins.push(millis(at - self.asked));
            }
        }
        if self.served && stamp.publisher != self.publisher {
            if stamp.publisher == 2 {
                let mut notes = seen.notes();
                notes.takeovers.push(millis(at - stamp.sent));
                notes.broken += usize::from(!key || message.timestamp < self.newest);
            }
            self.publisher = stamp.publisher;
        }
        self.newest = message.timestamp;
        if seen.noting.load(Ordering::Relaxed) {
            seen.notes().delays.push(millis(at - stamp.sent));
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn millis(nanos: u64) -> f64 {
    nanos as f64 / 1e6
}
