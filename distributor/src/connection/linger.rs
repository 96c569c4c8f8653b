//! The end of a connection whose viewer may still have something to say, such as how much of an answer it has taken
//! (HTTP/2's windows).
//!
//! Bytes that come when a socket is closed make the kernel break the connection off, with all that it has not sent yet.
//! So what comes after our end is read and passed over until the viewer has ended too: it has everything then.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

/// How long a viewer has for its end.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes that are passed over: what a well-behaved viewer sends meanwhile is a few hundred.
const PASSED_OVER: usize = 64 << 10;

/// A connection that is shut down when its peer has shut it down too, or has had the time for it.
pub(super) struct Lingering<S> {
    stream: S,
    /// Since our own end.
    end: Option<End>,
}

struct End {
    late: Pin<Box<Sleep>>,
    passed_over: usize,
}

impl<S> Lingering<S> {
    pub(super) const fn new(stream: S) -> Self {
        Self { stream, end: None }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Lingering<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Lingering<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { stream, end } = self.get_mut();
        let stream = &mut *stream;
        if end.is_none() {
            ready!(Pin::new(&mut *stream).poll_shutdown(cx))?;
        }
        let end = end.get_or_insert_with(|| End {
            late: Box::pin(sleep(PATIENCE)),
            passed_over: 0,
        });
        let mut room = [0; 512];
        while end.passed_over < PASSED_OVER {
            let mut room = ReadBuf::new(&mut room);
            match Pin::new(&mut *stream).poll_read(cx, &mut room) {
                Poll::Ready(Ok(())) if !room.filled().is_empty() => {
                    end.passed_over += room.filled().len();
                }
                // It has ended, in whichever way.
                Poll::Ready(_) => break,
                Poll::Pending => {
                    ready!(end.late.as_mut().poll(cx));
                    break;
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
        time::{Instant, timeout},
    };

    use super::*;

    async fn is_over(ours: &mut Lingering<DuplexStream>) -> bool {
        timeout(Duration::from_millis(1), ours.shutdown())
            .await
            .is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_viewer_says_after_the_end_is_passed_over_until_its_own() {
        let (ours, mut theirs) = duplex(PASSED_OVER);
        let mut ours = Lingering::new(ours);
        ours.write_all(b"the answer").await.unwrap();
        assert!(!is_over(&mut ours).await);
        theirs.write_all(&[0; 2000]).await.unwrap();
        assert!(!is_over(&mut ours).await);
        let mut all = Vec::new();
        theirs.read_to_end(&mut all).await.unwrap();
        assert_eq!(all, b"the answer");
        theirs.shutdown().await.unwrap();
        assert!(is_over(&mut ours).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_viewer_who_does_not_end_or_says_too_much_is_not_waited_for() {
        let (ours, _theirs) = duplex(64);
        let begun = now();
        Lingering::new(ours).shutdown().await.unwrap();
        assert_eq!(now() - begun, PATIENCE);
        let (ours, mut theirs) = duplex(2 * PASSED_OVER);
        theirs.write_all(&[0; PASSED_OVER]).await.unwrap();
        assert!(is_over(&mut Lingering::new(ours)).await);
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the runtime's clock, which is held"
    )]
    fn now() -> Instant {
        Instant::now()
    }
}
