//! The bytes of one connection, plain or under TLS: what its socket gives and takes without waiting.
//!
//! TLS is rustls' own state machine, driven here: nothing is read from the socket before what was read is taken, and
//! nothing is encrypted beyond [`UNSENT`] before what is encrypted is written, nor before the handshake is done. A
//! handshake is only more bytes: whoever puts a deadline on a peer's first words has put it on its handshake too.

use std::{
    io::{self, BufRead, IoSlice, Write},
    net::Shutdown,
    sync::Arc,
};

use rustls::{
    ClientConfig, ClientConnection, Connection, ContentType, ServerConfig, ServerConnection,
};
use rustls_pki_types::ServerName;
use socket2::SockRef;
use tokio::{
    io::{AsyncWriteExt, Interest, Ready},
    net::TcpStream,
};

/// One read. On the stack, so that a connection that waits holds no buffer.
const READ: usize = 32 * 1024;
/// Bytes that are encrypted and wait for the socket: two records.
const UNSENT: usize = 32 * 1024;

/// See the module.
pub(crate) enum Transport {
    /// TCP. Shared with whoever writes to several peers in one pass.
    Plain(Arc<TcpStream>),
    /// TLS over it.
    Tls(Box<Tls>),
}

/// See [`Transport::Tls`].
pub(crate) struct Tls {
    socket: TcpStream,
    connection: Connection,
    /// Whether anything has come yet.
    begun: bool,
}

/// Why no more bytes come.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TransportError {
    /// The peer closed its side.
    #[error("the peer closed the connection")]
    Eof,
    /// The network, or the kernel gave the peer up.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The two do not agree on TLS, or somebody meddles with it.
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// Its first byte begins no TLS handshake.
    #[error("the peer does not speak TLS, its first byte is {0:#04x}")]
    NotTls(u8),
}

impl Transport {
    /// TCP alone.
    pub(crate) fn plain(socket: TcpStream) -> Self {
        Self::Plain(Arc::new(socket))
    }

    /// The server's side of TLS on a connection just accepted. An error is ours: no randomness.
    pub(crate) fn accept_tls(
        socket: TcpStream,
        config: Arc<ServerConfig>,
    ) -> Result<Self, rustls::Error> {
        Ok(Self::tls(socket, ServerConnection::new(config)?.into()))
    }

    /// The client's side of TLS on a connection just made, to a server that must show a certificate for `name`.
    pub(crate) fn connect_tls(
        socket: TcpStream,
        name: ServerName<'static>,
        config: Arc<ClientConfig>,
    ) -> Result<Self, rustls::Error> {
        Ok(Self::tls(
            socket,
            ClientConnection::new(config, name)?.into(),
        ))
    }

    fn tls(socket: TcpStream, mut connection: Connection) -> Self {
        connection.set_buffer_limit(Some(UNSENT));
        Self::Tls(Box::new(Tls {
            socket,
            connection,
            begun: false,
        }))
    }

    /// The socket, for its options.
    pub(crate) fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(tls) => &tls.socket,
        }
    }

    /// The socket, if what is written to it goes to the peer as it is.
    pub(crate) const fn plain_socket(&self) -> Option<&Arc<TcpStream>> {
        match self {
            Self::Plain(socket) => Some(socket),
            Self::Tls(_) => None,
        }
    }

    /// Whether bytes that were taken from the writer wait for the socket.
    pub(crate) fn is_unsent(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(tls) => tls.connection.wants_write(),
        }
    }

    /// Returns when there is something to read, or when what is unsent can go on; with `more` to write, when there is
    /// room for that.
    pub(crate) async fn ready(&self, more: bool) -> io::Result<Ready> {
        let writes = match self {
            Self::Plain(_) => more,
            Self::Tls(tls) => self.is_unsent() || (more && !tls.connection.is_handshaking()),
        };
        let interest = if writes {
            Interest::READABLE | Interest::WRITABLE
        } else {
            Interest::READABLE
        };
        self.socket().ready(interest).await
    }

    /// Reads once what is there, and gives it to `take` in as many pieces as it comes in: none is not the end.
    pub(crate) fn try_read(&mut self, mut take: impl FnMut(&[u8])) -> Result<(), TransportError> {
        let mut buffer = [0; READ];
        match self.socket().try_read(&mut buffer) {
            Ok(0) => Err(TransportError::Eof),
            Ok(count) => {
                let bytes = buffer.get(..count).unwrap_or_default();
                match self {
                    Self::Plain(_) => take(bytes),
                    Self::Tls(tls) => tls.decrypt(bytes, take)?,
                }
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes what there is room for; an error of the kind `WouldBlock` when there is none.
    pub(crate) fn try_write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.try_write_vectored(slices),
            Self::Tls(tls) => {
                tls.flush()?;
                if tls.connection.is_handshaking() {
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                let taken = tls.connection.writer().write_vectored(slices)?;
                if taken == 0 {
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                match tls.flush() {
                    Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
                    Ok(_) | Err(_) => Ok(taken),
                }
            }
        }
    }

    /// Writes what [`Self::is_unsent`]; answers with how much of it went.
    pub(crate) fn try_flush(&mut self) -> io::Result<usize> {
        match self {
            Self::Plain(_) => Ok(0),
            Self::Tls(tls) => tls.flush(),
        }
    }

    /// Takes leave: no more bytes will be written.
    pub(crate) async fn shutdown(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => SockRef::from(&**socket).shutdown(Shutdown::Write),
            Self::Tls(tls) => {
                tls.connection.send_close_notify();
                while tls.connection.wants_write() {
                    tls.socket.writable().await?;
                    match tls.flush() {
                        Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
                            return Err(error);
                        }
                        Ok(_) | Err(_) => {}
                    }
                }
                tls.socket.shutdown().await
            }
        }
    }
}

impl Tls {
    fn decrypt(
        &mut self,
        mut bytes: &[u8],
        mut take: impl FnMut(&[u8]),
    ) -> Result<(), TransportError> {
        if let Some(&first) = bytes.first()
            && !std::mem::replace(&mut self.begun, true)
            && first != u8::from(ContentType::Handshake)
        {
            return Err(TransportError::NotTls(first));
        }
        while !bytes.is_empty() {
            if self.connection.read_tls(&mut bytes)? == 0 {
                return Err(TransportError::Eof);
            }
            let state = self.connection.process_new_packets().inspect_err(|_| {
                // The alert that says why; a peer that does not take it does without.
                let _best_effort = write(&mut self.connection, &self.socket);
            })?;
            let mut reader = self.connection.reader();
            while let Ok(piece) = reader.fill_buf()
                && !piece.is_empty()
            {
                take(piece);
                let length = piece.len();
                reader.consume(length);
            }
            if state.peer_has_closed() {
                return Err(TransportError::Eof);
            }
        }
        Ok(())
    }

    /// Writes all that is encrypted, or as much of it as goes: an error of the kind `WouldBlock` when not all of it.
    fn flush(&mut self) -> io::Result<usize> {
        write(&mut self.connection, &self.socket)
    }
}

fn write(connection: &mut Connection, socket: &TcpStream) -> io::Result<usize> {
    let mut written = 0_usize;
    while connection.wants_write() {
        match connection.write_tls(&mut NonBlocking(socket)) {
            Ok(count) => written = written.saturating_add(count),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && written > 0 => break,
            Err(error) => return Err(error),
        }
    }
    Ok(written)
}

/// A socket as rustls takes it.
struct NonBlocking<'a>(&'a TcpStream);

impl Write for NonBlocking<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
