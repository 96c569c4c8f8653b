//! One connection's bytes: what is still to write, when to look at the clock again, and whether the peer reads.
//!
//! Sessions decide what the bytes are; this serves both ends of RTMP. Reading never waits for writing. While a player
//! has a seat, what is to be written to it is there.

use std::{io, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::{
    net::TcpStream,
    time::{Sleep, sleep},
};
use tracing::debug;

use crate::{
    clock,
    consumer::{Consumer, NotThere},
    cursor::Place,
    handover::{Handover, Kept, Outgoing, Snapshot, Unwritten, Writing, let_go},
    outbox::{Full, Outbox, SLICES},
    rows::{Rows, Seated},
    socket,
    streams::SharedStream,
    transport::{Transport, TransportError},
};

/// Turns of a consumer before others on this thread get theirs.
const TURNS: usize = 16;

/// See the module.
pub(crate) struct Wire {
    transport: Transport,
    /// What of it outlives this process; nothing under TLS, whose keys are ours alone.
    kept: Option<Kept>,
    outbox: Outbox,
    seated: Option<Seated>,
    /// When something was last written, or nothing waited.
    progress: Duration,
    alarm: Pin<Box<Sleep>>,
    /// When it rings.
    alarm_at: Duration,
}

/// What there is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ready {
    /// Something to read.
    Readable,
    /// Room for what waits to be written.
    Writable,
    /// The session's deadline may have come.
    Alarm,
}

/// Why a connection cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WireError {
    /// No more bytes come or go.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// It leaves more unread than it may.
    #[error(transparent)]
    Full(#[from] Full),
    /// It has taken nothing for [`socket::CONSUMER_TIMEOUT`].
    #[error("the peer takes nothing")]
    Stalled,
}

/// Why a connection that was kept is not carried on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotCarriedOn {
    /// The ring has moved on.
    #[error(transparent)]
    Gone(#[from] NotThere),
    /// The system.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It left more unread than it may.
    #[error(transparent)]
    Full(#[from] Full),
}

impl Drop for Wire {
    fn drop(&mut self) {
        // Closing alone would not end it: the descriptor store holds the socket too.
        if self.kept.is_some() {
            let_go(self.transport.socket());
        }
    }
}

impl From<io::Error> for WireError {
    fn from(error: io::Error) -> Self {
        TransportError::from(error).into()
    }
}

impl Wire {
    /// A connection just made.
    pub(crate) fn new(transport: Transport) -> Self {
        let now = clock::monotonic();
        Self {
            transport,
            kept: None,
            outbox: Outbox::default(),
            seated: None,
            progress: now,
            alarm: Box::pin(sleep(Duration::ZERO)),
            alarm_at: now,
        }
    }

    /// Keeps what is done here for another process, from the first byte on.
    pub(crate) fn keep(&mut self, handover: Option<&Arc<Handover>>) {
        if let (Some(socket), Some(handover)) = (self.transport.plain_socket(), handover) {
            self.kept = handover.keep(&**socket);
        }
    }

    /// A connection that another process kept. What it had yet to write is written first; `consumer` makes media again.
    pub(crate) fn carry_on(
        socket: std::net::TcpStream,
        kept: Kept,
        unwritten: &Unwritten,
        consumer: Option<&mut Consumer>,
    ) -> Result<Self, NotCarriedOn> {
        let mut wire = Self::new(Transport::plain(TcpStream::from_std(socket)?));
        wire.kept = Some(kept);
        let mut done = unwritten.done;
        match consumer {
            Some(consumer) => consumer.carry_on(unwritten, &mut wire.outbox)?,
            None if unwritten.turn.is_some() => return Err(NotThere.into()),
            None => {}
        }
        if unwritten.turn.is_none() {
            done = done.saturating_sub(unwritten.turn_bytes);
        }
        let control = Bytes::copy_from_slice(&unwritten.control);
        wire.outbox.push_control(control)?;
        wire.outbox
            .advance(usize::try_from(done).unwrap_or(usize::MAX));
        Ok(wire)
    }

    /// Whether the session is to be noted now, for want of room for what comes.
    pub(crate) fn is_note_due(&self) -> bool {
        self.kept
            .as_ref()
            .is_some_and(|kept| kept.reading.is_full())
    }

    /// Notes where the session stands. To be called before anything but media comes of it.
    pub(crate) fn note(&mut self, snapshot: impl FnOnce(u64) -> Snapshot) {
        let Some(kept) = &mut self.kept else { return };
        let snapshot = snapshot(kept.reading.at());
        if let Err(error) = kept.save(&snapshot, self.transport.socket()) {
            debug!(%error, "the connection cannot be kept over a restart");
            self.kept = None;
        }
    }

    /// The consumer is gone; the next one begins anew.
    pub(crate) fn forget_place(&mut self) {
        if let Some(outgoing) = self.outgoing() {
            outgoing.note(Writing::forget_place);
        }
    }

    fn outgoing(&mut self) -> Option<&mut Outgoing> {
        self.kept.as_mut()?.outgoing.as_mut()
    }

    /// The socket, for its options.
    pub(crate) fn socket(&self) -> &TcpStream {
        self.transport.socket()
    }

    /// Whether all is written.
    pub(crate) fn is_flushed(&self) -> bool {
        match &self.seated {
            Some(seated) => seated.seat().is_flushed(),
            None => self.outbox.is_empty() && !self.transport.is_unsent(),
        }
    }

    /// Gives the peer a seat: from now on it is sent the stream's tape. `false` if that cannot be, under TLS.
    pub(crate) fn sit(&mut self, stream: &Arc<SharedStream>) -> bool {
        let Some(socket) = self.transport.plain_socket() else {
            return false;
        };
        let socket = Arc::clone(socket);
        let control = std::mem::take(&mut self.outbox);
        let outgoing = self.kept.as_mut().and_then(|kept| kept.outgoing.take());
        self.seated = Some(Rows::sit(stream, socket, control, outgoing));
        true
    }

    /// Gives a player a seat that had one in another process and has been sent what lies before `place`. `false` if that
    /// cannot be: its place is on no tape.
    pub(crate) fn sit_again(&mut self, stream: &Arc<SharedStream>, place: Place) -> bool {
        let Some(socket) = self.transport.plain_socket() else {
            return false;
        };
        let socket = Arc::clone(socket);
        let mut nothing = None;
        let outgoing = match &mut self.kept {
            Some(kept) => &mut kept.outgoing,
            None => &mut nothing,
        };
        self.seated = Rows::sit_again(stream, socket, outgoing, place);
        self.seated.is_some()
    }

    /// Takes the seat away, if the peer has one. What was begun is still written.
    pub(crate) fn stand(&mut self) -> Result<(), WireError> {
        if let Some(seated) = self.seated.take() {
            let (rest, outgoing) = seated.seat().leave()?;
            self.outbox = rest;
            if let Some(kept) = &mut self.kept {
                kept.outgoing = outgoing;
            }
        }
        Ok(())
    }

    /// Whether the peer has been sent its stream to the end of the session.
    pub(crate) fn is_over(&self) -> bool {
        self.seated
            .as_ref()
            .is_some_and(|seated| seated.seat().is_over())
    }

    /// Adds bytes of a session.
    pub(crate) fn push(&mut self, bytes: Bytes) -> Result<(), WireError> {
        if let Some(seated) = &self.seated {
            return Ok(seated.seat().push(bytes)?);
        }
        let none_waits = self.outbox.is_empty();
        if let Some(outgoing) = self.outgoing() {
            outgoing.note(|writing| writing.control(&bytes, none_waits));
        }
        Ok(self.outbox.push_control(bytes)?)
    }

    /// Reads what is there and gives it to `session`, in as many pieces as it comes in.
    pub(crate) fn read(
        &mut self,
        mut session: impl FnMut(&[u8], Duration),
    ) -> Result<(), WireError> {
        let now = clock::monotonic();
        let Some(kept) = &mut self.kept else {
            return Ok(self.transport.try_read(|bytes| session(bytes, now))?);
        };
        match self.transport.socket().try_read(kept.reading.room()) {
            Ok(0) => Err(TransportError::Eof.into()),
            Ok(count) => {
                session(kept.reading.took(count), now);
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes what waits, and what the consumer is to have next, until the socket takes no more or others have waited
    /// long enough.
    pub(crate) fn write(&mut self, mut consumer: Option<&mut Consumer>) -> Result<(), WireError> {
        if let Some(seated) = &self.seated {
            seated.seat().write()?;
            self.progress = seated.seat().progress();
            return Ok(());
        }
        if self.is_flushed() {
            self.progress = clock::monotonic();
        }
        for _ in 0..TURNS {
            if self.outbox.is_empty()
                && let Some(consumer) = consumer.as_deref_mut()
            {
                let moved = consumer.fill(&mut self.outbox);
                self.note_turn(moved);
            }
            if self.outbox.is_empty() {
                return self.flush();
            }
            let mut slices = [io::IoSlice::new(&[]); SLICES];
            let count = self.outbox.gather(&mut slices);
            let slices = slices.get(..count).unwrap_or_default();
            match self.transport.try_write_vectored(slices) {
                Ok(bytes) => {
                    self.outbox.advance(bytes);
                    self.progress = clock::monotonic();
                    if let Some(consumer) = consumer.as_deref_mut() {
                        consumer.sent(bytes);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Before any of a turn is written.
    fn note_turn(&mut self, moved: Option<(Place, Place)>) {
        let bytes = self.outbox.bytes();
        if let (Some(outgoing), Some((before, after))) = (self.outgoing(), moved)
            && bytes > 0
        {
            outgoing.note(|writing| writing.turn(before, after, bytes));
        }
    }

    /// Writes what the transport still holds.
    fn flush(&mut self) -> Result<(), WireError> {
        match self.transport.try_flush() {
            Ok(0) => Ok(()),
            Ok(_) => {
                self.progress = clock::monotonic();
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Sets the alarm to the session's deadline, or to that of a peer that takes nothing.
    ///
    /// It is set anew only when it is earlier: most deadlines move on before they come, and a ring too early is harmless.
    pub(crate) fn set_alarm(&mut self, session: Option<Duration>) {
        let stalled = (!self.is_flushed()).then(|| self.progress + socket::CONSUMER_TIMEOUT);
        if let Some(deadline) = session.into_iter().chain(stalled).min()
            && (deadline < self.alarm_at || self.alarm.is_elapsed())
        {
            let wait = deadline.saturating_sub(clock::monotonic());
            self.alarm.set(sleep(wait));
            self.alarm_at = deadline;
        }
    }

    /// Returns when there is something to do.
    pub(crate) async fn ready(&mut self) -> Result<Ready, WireError> {
        let flushed = self.is_flushed();
        tokio::select! {
            ready = self.transport.ready(!flushed) => Ok(if ready?.is_readable() {
                Ready::Readable
            } else {
                Ready::Writable
            }),
            () = news(self.seated.as_ref()) => Ok(Ready::Writable),
            () = self.alarm.as_mut(), if !self.alarm.is_elapsed() => {
                let late = clock::monotonic() >= self.progress + socket::CONSUMER_TIMEOUT;
                if late && !flushed {
                    Err(WireError::Stalled)
                } else {
                    Ok(Ready::Alarm)
                }
            }
        }
    }

    /// Writes what is unsent, then waits for the peer to close: closing first could take the last words back.
    pub(crate) async fn close(mut self) -> Result<(), WireError> {
        self.stand()?;
        while !self.is_flushed() {
            self.socket().writable().await?;
            self.write(None)?;
        }
        self.transport.shutdown().await?;
        loop {
            self.socket().readable().await?;
            self.read(|_bytes, _now| {})?;
        }
    }
}

async fn news(seated: Option<&Seated>) {
    match seated {
        Some(seated) => seated.seat().news().await,
        None => std::future::pending().await,
    }
}
