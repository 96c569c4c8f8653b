//! One player that is sent its stream's tape: where it is, what its session says in between, and who writes to it.
//!
//! While it keeps up, its row writes to it, together with its neighbours (see `players`). When its socket is full its
//! own connection goes on, until it has caught up. What it still has to be sent is decided before any of it is: the
//! turn's range on the tape, or the session's bytes, which go between turns and never inside one.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
    time::Duration,
};

use bytes::Bytes;
use tokio::{net::TcpStream, sync::Notify};

use crate::{
    clock,
    handover::Outgoing,
    outbox::{Full, Outbox, SLICES},
    streams::SharedStream,
    tape::{Next, Position, Tape, Turn},
};

/// Writes before others on this thread get theirs.
const WRITES: usize = 16;

/// See the module.
pub(crate) struct Seat {
    socket: Arc<TcpStream>,
    tape: Arc<Tape>,
    stream: Arc<SharedStream>,
    state: Mutex<State>,
    /// For its connection: its turn has come, or the show is over.
    news: Notify,
}

#[derive(Debug)]
struct State {
    /// What its session says.
    control: Outbox,
    /// Where it is noted what is about to be written, for another process.
    outgoing: Option<Outgoing>,
    turn: Option<Turn>,
    /// Where it is on the tape; nowhere before its first turn.
    at: Option<Position>,
    writer: Writer,
    /// It has had the session's end.
    over: bool,
    /// When something was last written, or nothing waited.
    progress: Duration,
    failed: Option<io::Error>,
}

/// Who writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writer {
    /// Its row, when there is something new.
    Row,
    /// Its connection, when the socket takes more.
    Connection,
    /// Nobody takes anything more from the tape: it had the end, or wants no more.
    Nobody,
}

impl Seat {
    /// A player that is at `at` on `tape`, or has had nothing; `control` is what its session has said. Its
    /// connection writes first.
    pub(crate) fn new(
        socket: Arc<TcpStream>,
        tape: Arc<Tape>,
        stream: Arc<SharedStream>,
        (control, outgoing): (Outbox, Option<Outgoing>),
        at: Option<Position>,
    ) -> Self {
        Self {
            socket,
            tape,
            stream,
            state: Mutex::new(State {
                control,
                outgoing,
                turn: None,
                at,
                writer: Writer::Connection,
                over: false,
                progress: clock::monotonic(),
                failed: None,
            }),
            news: Notify::new(),
        }
    }

    /// Writes what is new; for its row. `now` is Unix milliseconds. Answers whether all of it was written.
    pub(crate) fn serve(&self, now: u64) -> bool {
        let mut state = self.lock();
        if state.writer != Writer::Row {
            return false;
        }
        if let Err(error) = self.write_on(&mut state, now) {
            state.fail(error);
        }
        let keeps_up = state.writer == Writer::Row;
        if !keeps_up {
            self.news.notify_one();
        }
        keeps_up
    }

    /// Writes what its session says, and what its row has left to it; for its connection.
    pub(crate) fn write(&self) -> io::Result<()> {
        let mut state = self.lock();
        if let Some(error) = state.failed.take() {
            return Err(error);
        }
        if state.writer == Writer::Row && state.control.is_empty() {
            return Ok(());
        }
        let now = self.tape.extend(&self.stream)?;
        self.write_on(&mut state, now)
    }

    /// Adds bytes of its session.
    pub(crate) fn push(&self, bytes: Bytes) -> Result<(), Full> {
        let mut state = self.lock();
        let none_waits = state.turn.is_none() && state.control.is_empty();
        if let Some(outgoing) = &mut state.outgoing {
            outgoing.note(|writing| writing.control(&bytes, none_waits));
        }
        state.control.push_control(bytes)
    }

    /// Nothing more is written here: answers with what was begun and is not finished, and what its session has said.
    pub(crate) fn leave(&self) -> io::Result<(Outbox, Option<Outgoing>)> {
        let mut state = self.lock();
        state.writer = Writer::Nobody;
        let mut rest = std::mem::take(&mut state.control);
        if let Some(turn) = state.turn.take() {
            rest.put_before(turn.read()?);
        }
        Ok((rest, state.outgoing.take()))
    }

    /// Nobody serves its row any more, which is a bug of ours: its connection ends.
    pub(crate) fn fail(&self) {
        self.lock()
            .fail(io::Error::other("its row is not served any more"));
        self.news.notify_one();
    }

    /// Whether it has had the session's end: nothing more will come.
    pub(crate) fn is_over(&self) -> bool {
        self.lock().over
    }

    /// Whether all is written that was begun.
    pub(crate) fn is_flushed(&self) -> bool {
        let state = self.lock();
        state.turn.is_none() && state.control.is_empty()
    }

    /// When something was last written, or nothing waited.
    pub(crate) fn progress(&self) -> Duration {
        self.lock().progress
    }

    /// Returns when its connection is to look at it again.
    pub(crate) async fn news(&self) {
        self.news.notified().await;
    }

    /// Writes until nothing waits, the socket is full, or others have waited long enough; says who goes on.
    fn write_on(&self, state: &mut State, now: u64) -> io::Result<()> {
        state.progress = clock::monotonic();
        for _ in 0..WRITES {
            if !self.begin(state, now)? {
                if state.writer == Writer::Connection {
                    state.writer = Writer::Row;
                }
                return Ok(());
            }
            match state.send(&self.socket) {
                Ok(bytes) => {
                    let bytes = u64::try_from(bytes).unwrap_or_default();
                    self.stream.players.sent.fetch_add(bytes, Ordering::Relaxed);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        if state.writer == Writer::Row {
            state.writer = Writer::Connection;
        }
        Ok(())
    }

    /// Sees to it that there is something to send; `false` if there is nothing.
    fn begin(&self, state: &mut State, now: u64) -> io::Result<bool> {
        if state.turn.is_some() || !state.control.is_empty() {
            return Ok(true);
        }
        if state.writer == Writer::Nobody {
            return Ok(false);
        }
        loop {
            let (next, noted) = self.tape.next(state.at, now, state.outgoing.is_some())?;
            if let (Some(outgoing), Some((before, after))) = (&mut state.outgoing, noted) {
                match &next {
                    Next::Begin(headers, _) => {
                        outgoing.note(|writing| writing.written(headers, after));
                    }
                    Next::Turn(turn) => {
                        let bytes = turn.left().end - turn.left().start;
                        outgoing.note(|writing| writing.turn(before, after, bytes));
                    }
                    Next::Wait | Next::Over => {}
                }
            }
            match next {
                Next::Begin(headers, at) => {
                    let skips = u64::from(state.at.is_some());
                    self.stream
                        .players
                        .skips
                        .fetch_add(skips, Ordering::Relaxed);
                    state.at = Some(at);
                    state.control.push_written(headers);
                }
                Next::Turn(turn) => {
                    state.at = state.at.map(|at| at.moved(turn.left().end));
                    state.turn = Some(turn);
                }
                Next::Wait => return Ok(false),
                Next::Over => {
                    state.over = true;
                    state.writer = Writer::Nobody;
                    return Ok(false);
                }
            }
            if state.turn.is_some() || !state.control.is_empty() {
                return Ok(true);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn send(&mut self, socket: &TcpStream) -> io::Result<usize> {
        if let Some(turn) = &mut self.turn {
            let sent = turn.send(socket)?;
            if turn.left().is_empty() {
                self.turn = None;
            }
            return Ok(sent);
        }
        let mut slices = [io::IoSlice::new(&[]); SLICES];
        let count = self.control.gather(&mut slices);
        let sent = socket.try_write_vectored(slices.get(..count).unwrap_or_default())?;
        self.control.advance(sent);
        Ok(sent)
    }

    fn fail(&mut self, error: io::Error) {
        self.failed = Some(error);
        self.writer = Writer::Nobody;
    }
}
