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
    key::Use,
    stream::{Settings, Stream},
};

mod account;
mod area;
mod cell;
mod log;
mod reading;
mod region;
mod slot;
mod writing;

use account::{Account, account};
pub(crate) use area::{Area, Aside};
use cell::TooLong;
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

/// What a process left of its connections and streams.
#[derive(Debug, Default)]
pub(crate) struct Left {
    connections: Vec<Resumed>,
    streams: Vec<(String, OwnedFd)>,
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

/// A connection to carry on. Its journal is to be given to the session once what the snapshot had pending is done.
#[derive(Debug)]
pub(crate) struct Resumed {
    pub(crate) socket: TcpStream,
    pub(crate) kept: Kept,
    pub(crate) snapshot: Snapshot,
    pub(crate) journal: Bytes,
    pub(crate) unwritten: Unwritten,
}

/// The totals of a socket when it was taken in.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Begun {
    read: u64,
    written: u64,
}

impl Handover {
    /// Takes what was left, and keeps at most `most` connections from now on. Nothing without systemd.
    pub(crate) fn begin(chassis: &Chassis, most: usize) -> Option<(Arc<Self>, Left)> {
        let notify = chassis.notify();
        if !notify.is_heard() {
            return None;
        }
        let old = chassis.inherited(CONNECTIONS).into_iter().next();
        let region = match old.and_then(Region::adopt).map(Ok) {
            Some(adopted) => adopted,
            None => Region::create().inspect(|region| {
                notify.unstore(CONNECTIONS);
                store(notify, CONNECTIONS, region.file());
            }),
        };
        let region = region
            .inspect_err(|error| {
                warn!(%error, "no memory that outlives this process: a restart will cut the show");
            })
            .ok()?;
        let handover = Arc::new(Self {
            notify,
            region,
            slots: Mutex::new(Slots {
                free: Vec::new(),
                fresh: 0,
                most: u32::try_from(most).unwrap_or(u32::MAX),
            }),
        });
        let left = handover.take_left(chassis);
        Some((handover, left))
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
            if let Some((area, stream, aside)) = Area::restore(descriptor, settings) {
                return (Some(area), Some((stream, aside)));
            }
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

    fn take_left(self: &Arc<Self>, chassis: &Chassis) -> Left {
        let mut left = Left::default();
        let (mut lost, mut used) = (0_usize, Vec::new());
        for name in chassis.inherited_names() {
            if name.starts_with(STREAM) {
                let found = chassis.inherited(&name).into_iter();
                left.streams
                    .extend(found.map(|found| (name.clone(), found)));
            } else if let Some(slot) = name.strip_prefix(CONNECTION) {
                let slot = slot.parse::<u32>().ok();
                used.extend(slot);
                let mut sockets = chassis.inherited(&name).into_iter().map(TcpStream::from);
                let socket = sockets.next();
                match socket.and_then(|socket| self.resume(slot?, socket)) {
                    Some(resumed) => left.connections.push(resumed),
                    None => {
                        lost += 1;
                        self.notify.unstore(&name);
                    }
                }
                // One name is one connection.
                sockets.for_each(let_go);
            }
        }
        let kept: Vec<u32> = left.connections.iter().map(|c| c.kept.entry.slot).collect();
        if lost > 0 || !kept.is_empty() {
            info!(
                kept = kept.len(),
                lost, "carrying on what the last process left"
            );
        }
        let mut slots = self.slots();
        slots.fresh = used.iter().max().map_or(0, |slot| slot.saturating_add(1));
        slots.free = (0..slots.fresh)
            .filter(|slot| !kept.contains(slot))
            .collect();
        drop(slots);
        left
    }

    /// What is known of a connection that was left. One that cannot be carried on is ended.
    fn resume(self: &Arc<Self>, slot: u32, socket: TcpStream) -> Option<Resumed> {
        let resumed = self.look_up(slot, &socket);
        if resumed.is_none() {
            let_go(&socket);
        }
        let (reading, writing, snapshot, unwritten) = resumed?;
        let entry = Entry {
            handover: Arc::clone(self),
            slot,
        };
        Some(Resumed {
            socket,
            journal: Bytes::copy_from_slice(reading.journal()),
            kept: Kept {
                stored: true,
                ..Kept::new(reading, writing, entry)
            },
            snapshot,
            unwritten,
        })
    }

    fn look_up(
        &self,
        slot: u32,
        socket: &TcpStream,
    ) -> Option<(Reading<MmapMut>, Writing<MmapMut>, Snapshot, Unwritten)> {
        socket.set_nonblocking(true).ok()?;
        let now = account(socket).ok()?;
        let (reading, writing) = self.region.map_both(slot).ok()?;
        let (_, begun) = cell::get(reading.get(slot::ENTRY)?)?;
        let begun: Begun = postcard::from_bytes(begun).ok()?;
        let at = |snapshot: &[u8]| Some(postcard::from_bytes::<Snapshot>(snapshot).ok()?.at);
        let reading = Reading::restore(reading, now.read.checked_sub(begun.read)?, at)?;
        let snapshot = postcard::from_bytes(reading.snapshot()?).ok()?;
        let written = now.written.checked_sub(begun.written)?;
        let (writing, unwritten) = Writing::restore(writing, written)?;
        Some((reading, writing, snapshot, unwritten))
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets go of what nobody has asked for: it is configured no more.
    pub(crate) fn forget(&self, left: Left) {
        for connection in left.connections {
            let_go(&connection.socket);
        }
        for (name, _) in left.streams {
            self.notify.unstore(&name);
        }
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

impl Resumed {
    /// Whether it is the one to this output.
    pub(crate) fn is_to(&self, output: &str) -> bool {
        matches!(&self.snapshot.doing, Doing::Output(_, to, _) if to == output)
    }
}

impl Left {
    /// The connections to this stream's outputs.
    pub(crate) fn outputs(&mut self, stream: &StreamName) -> Vec<Resumed> {
        let is_its = |left: &Resumed| matches!(&left.snapshot.doing, Doing::Output(of, ..) if of == stream.as_str());
        let left = std::mem::take(&mut self.connections);
        let (its, others) = left.into_iter().partition(is_its);
        self.connections = others;
        its
    }

    /// The connections that others made to us.
    pub(crate) fn peers(&mut self) -> Vec<Resumed> {
        let is_ours = |left: &Resumed| matches!(left.snapshot.doing, Doing::Output(..));
        let left = std::mem::take(&mut self.connections);
        let (ours, peers) = left.into_iter().partition(is_ours);
        self.connections = ours;
        peers
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
