//! What a process left, until somebody takes it over: what nobody can go on with is let go, and counted as lost.

use std::sync::atomic::{AtomicU64, Ordering};

use super::*;

/// What a process left of its connections and streams.
#[derive(Debug, Default)]
pub(crate) struct Left {
    connections: Vec<Resumed>,
    pub(super) streams: Vec<(String, OwnedFd)>,
}

/// A connection to carry on. Its journal is to be given to the session once what the snapshot had pending is done.
#[derive(Debug)]
pub(crate) struct Resumed {
    pub(crate) socket: TcpStream,
    pub(crate) kept: Kept,
    pub(crate) snapshot: Snapshot,
    pub(crate) journal: Bytes,
    pub(crate) unwritten: Unwritten,
    pub(crate) claim: Claim,
}

/// Dropping it counts a connection as lost.
#[derive(Debug)]
pub(crate) struct Claim(Option<Arc<Handover>>);

impl Claim {
    /// The connection goes on.
    pub(crate) fn carried_on(mut self) {
        self.0 = None;
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(handover) = &self.0 {
            handover.taken.connections.lost();
        }
    }
}

/// What became of what the last process left.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    pub(crate) connections: Tally,
    pub(crate) streams: Tally,
}

/// How many were left, and how many of these could not be gone on with.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    left: AtomicU64,
    lost: AtomicU64,
}

impl Tally {
    pub(super) fn left(&self) {
        self.left.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn lost(&self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
    }

    /// Those that go on, and those that are lost.
    pub(crate) fn outcome(&self) -> (u64, u64) {
        let lost = self.lost.load(Ordering::Relaxed);
        let left = self.left.load(Ordering::Relaxed);
        (left.saturating_sub(lost), lost)
    }
}

impl Handover {
    pub(super) fn take_left(self: &Arc<Self>, chassis: &Chassis) -> Left {
        let mut left = Left::default();
        let mut used = Vec::new();
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
                self.taken.connections.left();
                let claim = Claim(Some(Arc::clone(self)));
                match socket.and_then(|socket| self.resume(slot?, socket, claim)) {
                    Some(resumed) => left.connections.push(resumed),
                    None => self.notify.unstore(&name),
                }
                // One name is one connection.
                sockets.for_each(let_go);
            }
        }
        let kept: Vec<u32> = left.connections.iter().map(|c| c.kept.entry.slot).collect();
        let (_, lost) = self.taken.connections.outcome();
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
    fn resume(self: &Arc<Self>, slot: u32, socket: TcpStream, claim: Claim) -> Option<Resumed> {
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
            claim,
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

    /// Lets go of what nobody has asked for: it is configured no more.
    pub(crate) fn forget(&self, left: Left) {
        for connection in left.connections {
            let_go(&connection.socket);
        }
        for (name, _) in left.streams {
            self.taken.streams.left();
            self.taken.streams.lost();
            self.notify.unstore(&name);
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
