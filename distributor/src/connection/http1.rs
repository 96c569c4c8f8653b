//! HTTP/1.1 on one connection: a request, its answer, the next.
//!
//! While nothing is asked there is nothing here but the socket and its keys; while an answer is waited for, the request
//! beside them. Who leaves meanwhile is noticed at once.

use std::{
    cell::RefCell,
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{Response, response::Parts};
use hyper::body::Body as _;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf},
    time::timeout,
};

use super::{HEAD, Usage, usage::OpenRequest};
use crate::{
    answer::{Answers, Body},
    door::Guest,
    http1::{Asked, Framing, HEAD_MAX, Malformed, take, write},
    metrics::{Broken, Metrics},
    response::{self, Untouched},
};

/// Bytes received at once.
const RECEIVED: usize = 2048;

/// One connection.
pub(super) struct Talk<'a, S> {
    pub(super) stream: S,
    pub(super) answers: &'a Answers,
    pub(super) usage: &'a Arc<Usage>,
    pub(super) guest: &'a Guest,
    pub(super) metrics: &'a Metrics,
    /// Set when no more than what is under way is answered.
    pub(super) finishing: &'a AtomicBool,
    /// What came and was not read: no more than a head may be long, and what came with it.
    pub(super) received: Bytes,
    /// A request was answered on it.
    pub(super) answered: bool,
}

/// How a connection goes on.
enum Next {
    Asked(Box<Asked>),
    Malformed(Malformed),
    Broken(io::Error),
    /// The viewer has left, the time for a request is over, or no more is to be answered.
    Over,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Talk<'_, S> {
    /// Answers until the connection is over. An error is the peer's or the network's.
    pub(super) async fn run(mut self) -> io::Result<()> {
        loop {
            let asked = timeout(HEAD, std::future::poll_fn(|cx| self.poll_asked(cx))).await;
            let keep = match asked {
                Ok(Next::Asked(asked)) => {
                    // Each boxed, so that a connection at rest does not keep room for them.
                    match Box::pin(self.ask(&asked)).await {
                        Some(response) if self.may_leave_unanswered(&response) => false,
                        Some(response) => Box::pin(self.give(&asked, response)).await?,
                        None => false,
                    }
                }
                Ok(Next::Malformed(malformed)) => {
                    Box::pin(self.refuse(malformed)).await?;
                    false
                }
                Ok(Next::Broken(error)) => return Err(error),
                Ok(Next::Over) => false,
                Err(_) => {
                    // Who has been answered may rest for as long; who has begun to ask may not.
                    if self.usage.is_unused() || !self.received.is_empty() {
                        self.metrics.broken(Broken::Late);
                    }
                    false
                }
            };
            if !keep {
                return self.stream.shutdown().await;
            }
        }
    }

    /// Whether the request is better not answered at all: a client that finds a connection closed which it has used before
    /// asks anew by itself (RFC 9112 §9.3.1), and waits at the next process. On its first request that is an error.
    fn may_leave_unanswered(&self, response: &Response<Body>) -> bool {
        self.answered && response.extensions().get::<Untouched>().is_some()
    }

    /// The next request.
    fn poll_asked(&mut self, cx: &mut Context<'_>) -> Poll<Next> {
        loop {
            if !self.received.is_empty() {
                match take(&mut self.received) {
                    Ok(Some(asked)) => return Poll::Ready(Next::Asked(Box::new(asked))),
                    Ok(None) => {}
                    Err(malformed) => return Poll::Ready(Next::Malformed(malformed)),
                }
            }
            match self.poll_receive(cx) {
                Poll::Ready(Ok(true)) => {}
                Poll::Ready(Ok(false)) => return Poll::Ready(Next::Over),
                Poll::Ready(Err(error)) => return Poll::Ready(Next::Broken(error)),
                // What has come already is answered.
                Poll::Pending if self.finishing.load(Relaxed) => return Poll::Ready(Next::Over),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// More of what the viewer sends; false at its end.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let mut room = [0; RECEIVED];
        let mut room = ReadBuf::new(&mut room);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut room))?;
        let new = room.filled();
        self.received = if self.received.is_empty() {
            Bytes::copy_from_slice(new)
        } else {
            [&self.received, new].concat().into()
        };
        Poll::Ready(Ok(!new.is_empty()))
    }

    /// Ready when the viewer has left. What it sends until then is kept, up to a head's length.
    fn poll_left(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.received.len() < HEAD_MAX {
            match ready!(self.poll_receive(cx)) {
                Ok(true) => {}
                Ok(false) | Err(_) => return Poll::Ready(()),
            }
        }
        Poll::Pending
    }

    /// The answer to a request; none when the viewer leaves before it is there.
    async fn ask(&mut self, asked: &Asked) -> Option<Response<Body>> {
        let (answers, usage, guest) = (self.answers, self.usage, self.guest);
        let _open = OpenRequest::begin(usage);
        let host = asked.host.as_ref().and_then(|host| host.to_str().ok());
        let answer = answers.answer((&asked.parts, host), asked.carries, usage, guest);
        let mut answer = std::pin::pin!(answer);
        std::future::poll_fn(|cx| {
            if let Poll::Ready(response) = answer.as_mut().poll(cx) {
                return Poll::Ready(Some(response));
            }
            self.poll_left(cx).map(|()| None)
        })
        .await
    }

    /// Gives the answer. Whether another request may follow.
    async fn give(&mut self, asked: &Asked, response: Response<Body>) -> io::Result<bool> {
        let (parts, body) = response.into_parts();
        let framing = Framing::of(&asked.parts, &parts, body.size_hint().exact());
        let keep = asked.keep && framing != Framing::Close && !self.finishing.load(Relaxed);
        self.send(&parts, body, framing, keep).await?;
        self.answered = true;
        Ok(keep)
    }

    async fn refuse(&mut self, malformed: Malformed) -> io::Result<()> {
        self.metrics.broken(malformed.into());
        let (parts, ()) = response::bare(malformed.status()).into_parts();
        self.send(&parts, Body::empty(), Framing::Length(0), false)
            .await
    }

    /// Sends an answer. An error when its body breaks off: what was sent is not to be taken for the whole.
    async fn send(
        &mut self,
        parts: &Parts,
        mut body: Body,
        framing: Framing,
        keep: bool,
    ) -> io::Result<()> {
        let head = date(|date| write(parts, framing, keep, date));
        let mut pieces = [Bytes::from(head), Bytes::new(), Bytes::new(), Bytes::new()];
        let mut left = match framing {
            Framing::Nothing => 0,
            Framing::Length(length) => length,
            Framing::Chunked | Framing::Close => u64::MAX,
        };
        while left > 0 {
            let frame = std::future::poll_fn(|cx| {
                let frame = Pin::new(&mut body).poll_frame(cx);
                // Nobody waits for the body to see the head.
                if frame.is_pending() && pieces.iter().any(|piece| !piece.is_empty()) {
                    return Poll::Ready(None);
                }
                frame.map(Some)
            });
            let Some(frame) = frame.await else {
                self.write(&mut pieces).await?;
                self.stream.flush().await?;
                continue;
            };
            let Some(frame) = frame else { break };
            let broken = |_| io::Error::from(io::ErrorKind::ConnectionAborted);
            let Ok(data) = frame.map_err(broken)?.into_data() else {
                continue;
            };
            let length = data.len() as u64;
            left = left.checked_sub(length).ok_or(io::ErrorKind::InvalidData)?;
            if framing == Framing::Chunked && length > 0 {
                let [_, size, _, end] = &mut pieces;
                *size = format!("{length:x}\r\n").into();
                *end = Bytes::from_static(b"\r\n");
            }
            let [_, _, content, _] = &mut pieces;
            *content = data;
            self.write(&mut pieces).await?;
        }
        match framing {
            Framing::Length(_) if left > 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            Framing::Chunked => {
                let [_, last, ..] = &mut pieces;
                *last = Bytes::from_static(b"0\r\n\r\n");
            }
            Framing::Nothing | Framing::Length(_) | Framing::Close => {}
        }
        self.write(&mut pieces).await?;
        self.stream.flush().await
    }

    /// Writes all of `pieces`, and empties them.
    async fn write(&mut self, pieces: &mut [Bytes; 4]) -> io::Result<()> {
        let mut slices = pieces.each_ref().map(|piece| IoSlice::new(piece));
        let mut rest = &mut slices[..];
        IoSlice::advance_slices(&mut rest, 0);
        while !rest.is_empty() {
            let written = self.stream.write_vectored(rest).await?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            IoSlice::advance_slices(&mut rest, written);
        }
        *pieces = Default::default();
        Ok(())
    }
}

/// The date as heads say it, written once a second.
#[expect(clippy::disallowed_methods, reason = "the answers' one calendar")]
fn date<T>(with: impl FnOnce(&str) -> T) -> T {
    thread_local! {
        static WRITTEN: RefCell<(u64, String)> = RefCell::default();
    }
    let now = SystemTime::now();
    let second = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or(Duration::ZERO)
        .as_secs();
    WRITTEN.with_borrow_mut(|(written, text)| {
        if *written != second {
            *written = second;
            *text = httpdate::fmt_http_date(now);
        }
        with(text)
    })
}
