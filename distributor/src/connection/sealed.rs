//! A TLS 1.3 connection after its handshake: the shell around [`Sealer`] and [`Opener`].
//!
//! Nothing reaches the socket that was not sealed, and nothing sealed is ever dropped or sent twice: what the socket does
//! not take at once is kept and goes first. A connection at rest holds no buffer.

use std::{
    cell::RefCell,
    io::{self, IoSlice, Read as _},
    pin::Pin,
    task::{Context, Poll, ready},
};

use rustls::ServerConnection;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{cork::Cork, paced::Paced};
use crate::record::{
    Alert, Broken, CONTENT_MAX, Keys, OVERHEAD, Opened, Opener, RECORD_MAX, Sealer, length,
};

/// Bytes of the largest record of ours.
const RECORD: usize = CONTENT_MAX + OVERHEAD;
/// Bytes sealed at once: 16 records, as much as stays in a core's own cache.
const ROOM: usize = 16 * RECORD;
/// Bytes sealed for a socket before it is known how much it takes.
const FIRST: usize = 4 * RECORD;
/// Bytes received at once; what came before of an unfinished record is part of it.
const RECEIVED: usize = 2 * RECORD_MAX;
const _: () = assert!(RECEIVED <= ROOM);

thread_local! {
    /// Where a thread seals and opens. Used from the beginning to the end of one call, and by nothing in between.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; ROOM]);
}

/// Both directions over one socket.
pub(super) struct Sealed {
    socket: Paced,
    sealer: Sealer,
    opener: Opener,
    /// The beginning of a record whose rest has not come.
    received: Vec<u8>,
    /// Content that was opened and not read yet.
    opened: Vec<u8>,
    /// The peer sends nothing more.
    ended: bool,
    /// Records that the socket has not taken yet.
    kept: Vec<u8>,
    /// Bytes to seal at once: about what the socket took last.
    most: usize,
    /// Our own end was said.
    closed: bool,
}

impl Sealed {
    /// Goes on where the handshake of `agreed` ended, by TLS 1.3.
    pub(super) fn new(corked: Cork, mut agreed: ServerConnection) -> Result<Self, rustls::Error> {
        // The first request may have come with the end of the handshake and been opened by it.
        let mut opened = Vec::new();
        let ended = match agreed.reader().read_to_end(&mut opened) {
            Ok(_) => true,
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
        };
        let (socket, received) = corked.pull();
        let keys = Keys::new(agreed.dangerous_extract_secrets()?);
        let Keys { sealer, opener } = keys.ok_or(rustls::Error::HandshakeNotComplete)?;
        Ok(Self {
            socket,
            sealer,
            opener,
            received,
            opened,
            ended,
            kept: Vec::new(),
            most: FIRST,
            closed: false,
        })
    }

    /// Sends what was kept.
    fn poll_kept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.kept.is_empty() {
            let sent = ready!(Pin::new(&mut self.socket).poll_write(cx, &self.kept))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.kept.drain(..sent);
        }
        self.kept = Vec::new();
        Poll::Ready(Ok(()))
    }

    /// Seals `pieces` in `room` and sends what came of it.
    fn poll_seal(
        &mut self,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
        room: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let room = room.get_mut(..self.most).unwrap_or_default();
        let sealed = self.sealer.seal(pieces, room).map_err(io::Error::other)?;
        let records = room.get(..sealed.made).unwrap_or_default();
        let sent = match Pin::new(&mut self.socket).poll_write(cx, records) {
            Poll::Ready(sent) => sent?,
            Poll::Pending => 0,
        };
        let rest = records.get(sent..).unwrap_or_default();
        if rest.is_empty() {
            self.most = self.most.saturating_mul(2).min(ROOM);
        } else {
            self.most = (sent / RECORD).max(1) * RECORD;
            self.kept = rest.to_vec();
        }
        Poll::Ready(Ok(sealed.taken))
    }

    /// Receives into `room`, opens the whole records and keeps what they hold. False when nothing came of it.
    fn poll_receive(&mut self, cx: &mut Context<'_>, room: &mut [u8]) -> Poll<io::Result<()>> {
        let begun = self.received.len();
        let mut room = ReadBuf::new(room.get_mut(..RECEIVED).unwrap_or_default());
        room.put_slice(&self.received);
        if !self.has_whole_record() {
            ready!(Pin::new(&mut self.socket).poll_read(cx, &mut room))?;
            if room.filled().len() == begun {
                self.ended = true;
                // Without a goodbye; but what was asked was asked whole or not at all.
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
        }
        let opened = self.open(room.filled_mut());
        Poll::Ready(opened.map_err(|broken| self.refuse(cx, broken)))
    }

    fn has_whole_record(&self) -> bool {
        !matches!(length(&self.received), Ok(None))
            && !matches!(length(&self.received), Ok(Some(length)) if length > self.received.len())
    }

    fn open(&mut self, received: &mut [u8]) -> Result<(), Broken> {
        let mut whole = 0;
        while !self.ended
            && let Some(length) = length(received.get(whole..).unwrap_or_default())?
            && let Some(record) = received.get_mut(whole..whole + length)
        {
            match self.opener.open(record)? {
                Opened::Data(content) => self.opened.extend_from_slice(content),
                Opened::End => self.ended = true,
            }
            whole += length;
        }
        self.received = received.get(whole..).unwrap_or_default().to_vec();
        Ok(())
    }

    /// Tells the peer what it did wrong, if it will hear it.
    fn refuse(&mut self, cx: &mut Context<'_>, broken: Broken) -> io::Error {
        self.ended = true;
        self.opened = Vec::new();
        self.received = Vec::new();
        if let Broken::Told(alert) = broken
            && !self.closed
            && let Ok(record) = self.sealer.alert(alert)
        {
            self.closed = true;
            self.kept.extend_from_slice(&record);
            // The connection ends here; a peer that is not ready to hear why is not waited for.
            let _best_effort = self.poll_kept(cx);
        }
        let kind = match broken {
            Broken::Told(_) => io::ErrorKind::InvalidData,
            Broken::Alert(_) => io::ErrorKind::ConnectionAborted,
        };
        io::Error::new(kind, broken)
    }
}

impl AsyncRead for Sealed {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if !this.opened.is_empty() {
                let take = this.opened.len().min(buffer.remaining());
                buffer.put_slice(this.opened.get(..take).unwrap_or_default());
                this.opened.drain(..take);
                if this.opened.is_empty() {
                    this.opened = Vec::new();
                }
                return Poll::Ready(Ok(()));
            }
            if this.ended {
                return Poll::Ready(Ok(()));
            }
            ready!(SCRATCH.with_borrow_mut(|room| this.poll_receive(cx, room)))?;
        }
    }
}

impl AsyncWrite for Sealed {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_kept(cx))?;
        if this.closed {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        // Sealed is sent: so not before there is room.
        ready!(this.socket.poll_writable(cx))?;
        SCRATCH.with_borrow_mut(|room| this.poll_seal(cx, pieces, room))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_kept(cx))?;
        Pin::new(&mut this.socket).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.closed {
            this.closed = true;
            let goodbye = this.sealer.alert(Alert::CloseNotify);
            this.kept.extend_from_slice(&goodbye.unwrap_or_default());
        }
        ready!(this.poll_kept(cx))?;
        Pin::new(&mut this.socket).poll_shutdown(cx)
    }
}
