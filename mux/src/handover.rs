//! What outlives this process: every plain connection with its state, every stream with its ring.
//!
//! There is one way to stop, however it comes about: the process ends where it is. What matters lies in memory that
//! systemd's descriptor store keeps, beside the sockets; it is true at any moment, so a restart, an upgrade and a kill
//! are the same thing. Without systemd nothing is kept. What cannot be read, or does not fit together, is let go: its
//! socket is closed, and the peer comes again.
//!
//! A socket that systemd holds too is not closed by closing it here: whoever ends a connection shuts it down first
//! (see `wire`), and the store is told when the last owner of its slot is gone.

use std::{
    io,
    net::{Shutdown, SocketAddr, TcpStream},
    os::fd::{AsFd, OwnedFd},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use live::{
    StreamName,
    daemon::{Chassis, Notify},
};
use memmap2::MmapMut;
use rtmp::server::Request;
use serde::{Deserialize, Serialize};
use socket2::SockRef;
use tracing::{debug, info, warn};

use crate::{
    key::{Pass, Use},
    stream::{Settings, Stream},
};

mod account;
mod area;
mod cell;
mod left;
mod log;
mod reading;
mod region;
mod slot;
mod writing;

use account::{Account, account};
pub(crate) use area::{Area, Aside};
use cell::TooLong;
use left::Taken;
pub(crate) use left::{Left, Resumed, Tally};
pub(crate) use reading::READ;
use reading::Reading;
use region::Region;
pub(crate) use writing::Unwritten;
pub(crate) use writing::Writing;

/// Names in the descriptor store: the connections' memory, one connection, one stream.
const CONNECTIONS: &str = "connections";
const CONNECTION: &str = "connection-";
const STREAM: &str = "stream-";

/// See the module.
#[derive(Debug)]
pub(crate) struct Handover {
    notify: Notify,
    region: Region,
    slots: Mutex<Slots>,
    /// When it began, Unix milliseconds.
    pub(crate) since: u64,
    /// What became of what was left then.
    pub(crate) taken: Taken,
}

/// Nothing outlives this process.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotKept {
    /// Started by hand, or in a container.
    #[error("no systemd keeps mux's connections: run it as footlight-mux.service")]
    Alone,
    /// The system's fault.
    #[error("the system gives no memory that outlives mux: {0}")]
    Memory(#[from] io::Error),
}

/// Which slots are free.
#[derive(Debug)]
struct Slots {
    /// Given back, to be used again first: what was used once has room in the file.
    free: Vec<u32>,
    /// None from here on was ever used.
    fresh: u32,
    /// There are no more.
    most: u32,
}

/// A connection's place in what outlives this process.
#[derive(Debug)]
pub(crate) struct Kept {
    /// What comes.
    pub(crate) reading: Reading<MmapMut>,
    entry: Arc<Entry>,
    /// The descriptor store has the socket.
    stored: bool,
    /// What goes; elsewhere while the player has a seat.
    pub(crate) outgoing: Option<Outgoing>,
}

/// What goes to a peer. It may have another owner than what comes; the slot is in use until both are gone.
#[derive(Debug)]
pub(crate) struct Outgoing {
    /// Nothing once it could not be noted.
    writing: Option<Writing<MmapMut>>,
    _entry: Arc<Entry>,
}

/// A slot in use. Dropping it gives it back, and takes the socket from the store.
#[derive(Debug)]
struct Entry {
    handover: Arc<Handover>,
    slot: u32,
}

/// A session and where it stands.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    /// Bytes of the connection that it has had.
    pub(crate) at: u64,
    /// How many times it has said something, as far as that was passed on.
    pub(crate) said: u64,
    /// How many media messages it has given since it publishes, as far as they were passed on.
    pub(crate) media: u64,
    /// Who the peer is; behind a proxy the socket does not know.
    pub(crate) peer: SocketAddr,
    /// What the connection does.
    pub(crate) doing: Doing,
    /// The key that let it in, while it publishes or plays.
    pub(crate) pass: Option<Pass>,
    /// What it has asked for and was not answered yet.
    pub(crate) asked: Option<(Request, Use)>,
    /// What the hook is to be told when it publishes no more, as JSON.
    pub(crate) farewell: Option<String>,
    /// The session, saved.
    pub(crate) session: Bytes,
}

/// What a connection does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Doing {
    /// The peer has yet to ask for something.
    Asking,
    /// It publishes the stream, as this publisher.
    Publishing(String, u64),
    /// It plays the stream, on this message stream in chunks of this size.
    Playing(String, u32, u32),
    /// It plays the stream's tape.
    Seated(String),
    /// We publish the stream to this output; with its message stream and chunk size once it may be sent.
    Output(String, String, Option<(u32, u32)>),
}

/// The totals of a socket when it was taken in.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Begun {
    read: u64,
    written: u64,
}

impl Handover {
    /// Takes what was left, and keeps at most `most` connections from now on, `now` in Unix milliseconds.
    pub(crate) fn begin(
        chassis: &Chassis,
        most: usize,
        now: u64,
    ) -> Result<(Arc<Self>, Left), NotKept> {
        let notify = chassis.notify();
        if !notify.is_heard() {
            return Err(NotKept::Alone);
        }
        let old = chassis.inherited(CONNECTIONS).into_iter().next();
        let region = match old.and_then(Region::adopt).map(Ok) {
            Some(adopted) => adopted,
            None => Region::create().inspect(|region| {
                notify.unstore(CONNECTIONS);
                store(notify, CONNECTIONS, region.file());
            }),
        };
        let region = region.inspect_err(|error| {
            warn!(%error, "no memory that outlives this process: a restart will cut the show");
        })?;
        let handover = Arc::new(Self {
            notify,
            region,
            slots: Mutex::new(Slots {
                free: Vec::new(),
                fresh: 0,
                most: u32::try_from(most).unwrap_or(u32::MAX),
            }),
            since: now,
            taken: Taken::default(),
        });
        let left = handover.take_left(chassis);
        Ok((handover, left))
    }

    /// Takes a connection in from which nothing was read and to which nothing was written. It is kept from its first
    /// snapshot on. Nothing if it cannot be kept: it is served all the same.
    pub(crate) fn keep(self: &Arc<Self>, socket: impl AsFd) -> Option<Kept> {
        let slot = self.slots().take()?;
        let entry = Entry {
            handover: Arc::clone(self),
            slot,
        };
        self.enter(entry, &socket)
            .inspect_err(|error| debug!(%error, "the connection cannot be kept over a restart"))
            .ok()
    }

    /// What is kept of a stream: carried on, if it was left by a process of the same format; else begun anew.
    pub(crate) fn stream(
        &self,
        name: &StreamName,
        settings: Settings,
        left: &mut Left,
    ) -> (Option<Area>, Option<(Stream, Aside)>) {
        let stored = format!("{STREAM}{name}");
        let found = left.streams.iter().position(|(found, _)| *found == stored);
        if let Some(found) = found {
            let (_, descriptor) = left.streams.swap_remove(found);
            self.taken.streams.left();
            if let Some((area, stream, aside)) = Area::restore(descriptor, settings) {
                return (Some(area), Some((stream, aside)));
            }
            self.taken.streams.lost();
            info!(stream = %name, "what was left of the stream is of another version: it begins anew");
            self.notify.unstore(&stored);
        }
        match Area::create(&format!("footlight {name}")) {
            Ok(area) => {
                store(self.notify, &stored, area.file());
                (Some(area), None)
            }
            Err(error) => {
                warn!(stream = %name, %error, "no memory that outlives this process: a restart will cut the show");
                (None, None)
            }
        }
    }

    fn enter(&self, entry: Entry, socket: &impl AsFd) -> io::Result<Kept> {
        let Account { read, written } = account(socket)?;
        let (mut reading, writing) = self.region.map_both(entry.slot)?;
        let begun = postcard::to_allocvec(&Begun { read, written }).map_err(io::Error::other)?;
        let place = reading.get_mut(slot::ENTRY).unwrap_or_default();
        cell::put(place, 1, &begun).map_err(io::Error::other)?;
        Ok(Kept::new(
            Reading::new(reading),
            Writing::new(writing),
            entry,
        ))
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn new(reading: Reading<MmapMut>, writing: Writing<MmapMut>, entry: Entry) -> Self {
        let entry = Arc::new(entry);
        Self {
            reading,
            outgoing: Some(Outgoing {
                writing: Some(writing),
                _entry: Arc::clone(&entry),
            }),
            entry,
            stored: false,
        }
    }

    /// Keeps a snapshot of the session of `socket`.
    pub(crate) fn save(&mut self, snapshot: &Snapshot, socket: impl AsFd) -> Result<(), TooLong> {
        let saved = postcard::to_allocvec(snapshot).map_err(|_| TooLong)?;
        self.reading.save(&saved)?;
        if !std::mem::replace(&mut self.stored, true) {
            let Entry { handover, slot } = &*self.entry;
            store(handover.notify, &connection_name(*slot), socket);
        }
        Ok(())
    }
}

impl Outgoing {
    /// Notes what is about to be written. What cannot be noted is not carried on after a restart.
    pub(crate) fn note(&mut self, note: impl FnOnce(&mut Writing<MmapMut>) -> Result<(), TooLong>) {
        if let Some(writing) = &mut self.writing
            && let Err(error) = note(writing)
        {
            debug!(%error, "the connection cannot be kept over a restart");
            writing.void();
            self.writing = None;
        }
    }
}

impl Slots {
    fn take(&mut self) -> Option<u32> {
        self.free.pop().or_else(|| {
            let fresh = self.fresh;
            self.fresh = fresh.saturating_add(1).min(self.most);
            (fresh < self.most).then_some(fresh)
        })
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let Handover { notify, region, .. } = &*self.handover;
        notify.unstore(&connection_name(self.slot));
        match region.free(self.slot) {
            Ok(()) => self.handover.slots().free.push(self.slot),
            // It is not used again: what is in it could be taken for its next owner's.
            Err(error) => debug!(%error, "a connection's memory cannot be given back"),
        }
    }
}

/// Ends a connection whose socket others hold too.
pub(crate) fn let_go(socket: impl AsFd) {
    // One that is over already is what we want.
    let _over = SockRef::from(&socket).shutdown(Shutdown::Both);
}

fn connection_name(slot: u32) -> String {
    format!("{CONNECTION}{slot}")
}

fn store(notify: Notify, name: &str, descriptor: impl AsFd) {
    if let Err(error) = notify.store(name, descriptor) {
        debug!(name, %error, "systemd does not keep a descriptor");
    }
}
