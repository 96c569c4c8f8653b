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

use crate::{
    clock,
    consumer::Consumer,
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
            outbox: Outbox::default(),
            seated: None,
            progress: now,
            alarm: Box::pin(sleep(Duration::ZERO)),
            alarm_at: now,
        }
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
        let control = std::mem::take(&mut self.outbox);
        self.seated = Some(Rows::sit(stream, Arc::clone(socket), control));
        true
    }

    /// Takes the seat away, if the peer has one. What was begun is still written.
    pub(crate) fn stand(&mut self) -> Result<(), WireError> {
        if let Some(seated) = self.seated.take() {
            self.outbox = seated.seat().leave()?;
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
        match &self.seated {
            Some(seated) => seated.seat().push(bytes)?,
            None => self.outbox.push_control(bytes)?,
        }
        Ok(())
    }

    /// Reads what is there and gives it to `session`, in as many pieces as it comes in.
    pub(crate) fn read(
        &mut self,
        mut session: impl FnMut(&[u8], Duration),
    ) -> Result<(), WireError> {
        let now = clock::monotonic();
        Ok(self.transport.try_read(|bytes| session(bytes, now))?)
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
                consumer.fill(&mut self.outbox);
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
