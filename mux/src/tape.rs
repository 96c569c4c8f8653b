//! The bytes that every RTMP player of one session is sent: laid down once, in memory that the kernel sends from.
//!
//! A player is a position on the tape. All who are at the same place are sent the same bytes, message headers included,
//! so nothing is gathered or copied for any of them: `sendfile` hands the kernel the very pages. That is why what was
//! laid down never changes: a page may still be on its way to a slow player. The tape goes on in a new *reel* instead, a
//! file without a name, and a reel that no player can be sent from any more is let go whole.

use std::{
    collections::VecDeque,
    fs::File,
    io,
    ops::Range,
    os::unix::fs::FileExt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use nix::sys::{
    memfd::{MFdFlags, memfd_create},
    sendfile::sendfile,
};
use tokio::{io::Interest, net::TcpStream};

use crate::{cursor::Place, ring::Ring, streams::SharedStream};

mod index;

pub(crate) use index::{CHUNK_SIZE, Position, STREAM_ID};
use index::{Index, Step};

/// A reel this long is followed by a new one: four seconds at 4 Mbit/s.
const REEL: u64 = 2 * 1024 * 1024;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Tape {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    index: Index,
    /// Never empty once something was laid down.
    reels: VecDeque<Reel>,
    /// Memory ran out: the tape lacks what its index names.
    torn: bool,
}

/// A piece of the tape.
#[derive(Debug, Clone)]
struct Reel {
    /// Position of its first byte.
    start: u64,
    file: Arc<File>,
}

/// What a player is to be sent next.
#[derive(Debug)]
pub(crate) enum Next {
    /// These bytes, and then what lies from there on.
    Begin(Bytes, Position),
    /// Whole messages.
    Turn(Turn),
    /// Nothing yet.
    Wait,
    /// Nothing ever: it had the session's end.
    Over,
}

/// Whole messages for one player, and how far they are sent. It holds its reel, so it can always be finished.
#[derive(Debug)]
pub(crate) struct Turn {
    reel: Reel,
    left: Range<u64>,
}

impl Tape {
    /// Lays down what is new in the stream's ring. Answers with the time, Unix milliseconds.
    pub(crate) fn extend(&self, stream: &SharedStream) -> io::Result<u64> {
        let mut inner = self.lock();
        let mut laid = Vec::new();
        let at = inner.index.end();
        let now = stream.look(|stream, now| {
            inner.index.extend(stream.ring(), now, &mut laid);
            now
        });
        if !laid.is_empty() {
            let written = inner.write(at, &laid);
            inner.torn |= written.is_err();
            written?;
        }
        Ok(now)
    }

    /// Where the tape ends, and when the first message came that lies at `at` or behind it, Unix milliseconds.
    pub(crate) fn since(&self, at: u64) -> (u64, Option<u64>) {
        let index = &self.lock().index;
        (index.end(), index.arrived(at))
    }

    /// Whether the session's end was laid down, or nothing can be any more.
    pub(crate) fn is_over(&self) -> bool {
        let inner = self.lock();
        inner.torn || inner.index.is_over()
    }

    /// A tape for players who were sent another process's tape, one of them up to `place`: on the same clock, and with
    /// all that the ring still has.
    pub(crate) fn going_on(ring: &Ring, place: Place) -> Self {
        let inner = Inner {
            index: Index::going_on(ring, place),
            ..Inner::default()
        };
        Self {
            inner: Mutex::new(inner),
        }
    }

    /// Where a player goes on that was sent what lies before `place`, if it can be sent the rest from here.
    pub(crate) fn find(&self, place: Place) -> Option<Position> {
        let inner = self.lock();
        (!inner.torn).then(|| inner.index.find(place)).flatten()
    }

    /// What a player gets that is at `from`, or has had nothing. If it is `noted`, also the cursor's places before and
    /// after that.
    pub(crate) fn next(
        &self,
        from: Option<Position>,
        now: u64,
        noted: bool,
    ) -> io::Result<(Next, Option<(Place, Place)>)> {
        let inner = self.lock();
        if inner.torn {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        let next = match inner.index.step(from, now) {
            Step::Begin(beginning) => Next::Begin(beginning.headers(), beginning.from),
            Step::Send(range) => inner.turn(range),
            Step::Wait => Next::Wait,
            Step::Over => Next::Over,
        };
        let place = |position| inner.index.place(position);
        let places = match (&next, from) {
            (Next::Begin(_, at), _) if noted => Some((place(*at), place(*at))),
            (Next::Turn(turn), Some(from)) if noted => {
                let [before, after] = [turn.left.start, turn.left.end].map(|at| from.moved(at));
                Some((place(before), place(after)))
            }
            _ => None,
        };
        Ok((next, places))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn write(&mut self, at: u64, laid: &[u8]) -> io::Result<()> {
        let wanted = self.index.start();
        while self.reels.get(1).is_some_and(|next| next.start <= wanted) {
            self.reels.pop_front();
        }
        let reel = match self.reels.back() {
            Some(reel) if at - reel.start < REEL => reel,
            Some(_) | None => {
                let file = memfd_create("footlight tape", MFdFlags::MFD_CLOEXEC)?;
                let file = Arc::new(File::from(file));
                self.reels.push_back(Reel { start: at, file });
                return self.write(at, laid);
            }
        };
        reel.file.write_all_at(laid, at - reel.start)
    }

    /// A reel begins with a message, so a turn may end where a reel does.
    fn turn(&self, range: Range<u64>) -> Next {
        let after = self.reels.partition_point(|reel| reel.start <= range.start);
        let until = self.reels.get(after).map_or(u64::MAX, |reel| reel.start);
        let reel = after.checked_sub(1).and_then(|at| self.reels.get(at));
        reel.map_or(Next::Wait, |reel| {
            Next::Turn(Turn {
                reel: reel.clone(),
                left: range.start..range.end.min(until),
            })
        })
    }
}

impl Turn {
    /// What is still to be sent.
    pub(crate) fn left(&self) -> Range<u64> {
        self.left.clone()
    }

    /// What is still to be sent, as bytes.
    pub(crate) fn read(&self) -> io::Result<Bytes> {
        let mut bytes = vec![0; self.len()];
        let from = self.left.start - self.reel.start;
        self.reel.file.read_exact_at(&mut bytes, from)?;
        Ok(bytes.into())
    }

    fn len(&self) -> usize {
        usize::try_from(self.left.end - self.left.start).unwrap_or(usize::MAX)
    }

    /// Sends as much as the socket takes; answers with the number of bytes.
    pub(crate) fn send(&mut self, socket: &TcpStream) -> io::Result<usize> {
        let from = i64::try_from(self.left.start - self.reel.start).unwrap_or(i64::MAX);
        let count = self.len();
        let send = || {
            let mut from = from;
            Ok(sendfile(socket, &*self.reel.file, Some(&mut from), count)?)
        };
        // Most sockets take it: the runtime's own note of them, which is in nobody's cache, is asked only if not.
        let sent = match send() {
            Err(error) if is_full(&error) => socket.try_io(Interest::WRITABLE, send)?,
            other => other?,
        };
        self.left.start += u64::try_from(sent).unwrap_or_default();
        Ok(sent)
    }
}

fn is_full(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}
