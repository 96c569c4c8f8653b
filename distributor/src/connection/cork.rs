//! Hands a TLS handshake whole records of the peer, one at a time, so that no part of a record is swallowed by it: the
//! first request often comes in the same packet as the handshake's end.

use std::{
    io,
    ops::RangeInclusive,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::paced::Paced;

/// Bytes read from the socket at once: a browser's first flight is half of it.
const READ: usize = 4096;
/// Bytes of a record's header, which ends in its length (RFC 8446 §5.1).
const HEADER: usize = 5;
/// Bytes of the longest record of any version of TLS (RFC 5246 §6.2.3). So what is held is never more than this and
/// [`READ`].
const RECORD_MAX: usize = HEADER + (1 << 14) + 2048;
/// The first and the last type of a record.
const KINDS: RangeInclusive<u8> = 20..=23;

/// A socket from which no read goes beyond the end of a record, and none begins before all of the record is there.
pub(super) struct Cork {
    socket: Paced,
    held: Vec<u8>,
    /// Bytes that may be read now.
    left: usize,
}

impl Cork {
    pub(super) const fn new(socket: Paced) -> Self {
        Self {
            socket,
            held: Vec::new(),
            left: 0,
        }
    }

    /// The socket, and what was received and not read.
    pub(super) fn pull(self) -> (Paced, Vec<u8>) {
        (self.socket, self.held)
    }

    /// Receives more; nothing when the peer has ended.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut room = [0; READ];
        let mut room = ReadBuf::new(&mut room);
        ready!(Pin::new(&mut self.socket).poll_read(cx, &mut room))?;
        self.held.extend_from_slice(room.filled());
        Poll::Ready(Ok(room.filled().len()))
    }
}

/// How much of `held` may be read: one whole record, or all of what can be none, for rustls to refuse.
fn readable(held: &[u8]) -> usize {
    match *held {
        [kind, 3, _, high, low, ..] if KINDS.contains(&kind) => {
            let length = HEADER + usize::from(u16::from_be_bytes([high, low]));
            let whole = held.len() >= length || length > RECORD_MAX;
            if whole { length.min(held.len()) } else { 0 }
        }
        [kind, ..] if !KINDS.contains(&kind) => held.len(),
        [_, version, ..] if version != 3 => held.len(),
        _ => 0,
    }
}

impl AsyncRead for Cork {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while this.left == 0 {
            this.left = readable(&this.held);
            if this.left == 0 && ready!(this.poll_receive(cx))? == 0 {
                // Nothing comes of half a record.
                return Poll::Ready(Ok(()));
            }
        }
        let take = this.held.len().min(this.left).min(buffer.remaining());
        buffer.put_slice(this.held.get(..take).unwrap_or_default());
        this.held.drain(..take);
        this.left -= take;
        if this.held.is_empty() {
            // It may be long until more comes.
            this.held = Vec::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Cork {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().socket).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().socket).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_when_it_is_whole_and_what_is_none_at_once() {
        let record = [22, 3, 1, 0, 3, 7, 7, 7, 22, 3];
        assert_eq!(readable(&record), 8);
        for short in 0..8 {
            assert_eq!(readable(&record[..short]), 0);
        }
        assert_eq!(readable(b"GET"), 3);
        assert_eq!(readable(&[22, 2]), 2);
        assert_eq!(readable(&[22, 3, 1, 0xff, 0xff]), 5, "too long");
    }
}
