//! How a connection begins: in the clear or by a handshake, and whether HTTP/1.1 or HTTP/2 is spoken on it.
//!
//! Under TLS the two agree on it. In the clear who begins with HTTP/2's preface speaks HTTP/2 (prior knowledge, RFC 9113
//! §3.3); nobody else's first bytes are those.

use std::{convert::Infallible, pin::Pin, sync::Arc, time::Duration};

use hyper::{
    Request, Response,
    body::Incoming,
    server::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tracing::debug;

use super::{HEAD_DEADLINE, MAX_HEAD, response::Body};

/// A handshake that takes longer is given up.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Requests at once on one HTTP/2 connection: what a distributor may hold there (its own bound is 512 for all).
const MAX_STREAMS: u32 = 512;
/// Bytes of one answer that lie ready to be sent, on HTTP/2.
const SEND_BUFFER: usize = 256 << 10;
/// A connection whose box has lost its power is noticed.
const PING_EVERY: Duration = Duration::from_secs(15);
/// How long the answer to a ping may take.
const PING_ANSWER: Duration = Duration::from_secs(10);
/// What HTTP/2 begins with, as far as it tells it from any method of HTTP/1.1 that is served.
const PREFACE: &[u8] = b"PRI ";

/// What is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    Http1,
    Http2,
}

/// The protocols that TLS may agree on, the preferred one first.
pub(crate) const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Learns what is spoken in the clear; none when the peer goes or says nothing.
pub(super) async fn clear(stream: &TcpStream) -> Option<Version> {
    let mut first = [0; PREFACE.len()];
    let peeked = timeout(HEAD_DEADLINE, stream.peek(&mut first)).await;
    match peeked {
        Ok(Ok(0)) | Ok(Err(_)) | Err(_) => None,
        Ok(Ok(_)) if first == PREFACE => Some(Version::Http2),
        Ok(Ok(_)) => Some(Version::Http1),
    }
}

/// Shakes hands; none when that fails.
pub(super) async fn shake(
    config: Arc<ServerConfig>,
    stream: TcpStream,
) -> Option<(Box<TlsStream<TcpStream>>, Version)> {
    // Boxed: a handshake's state is large and would stay for as long as the connection.
    let accept = Box::pin(TlsAcceptor::from(config).accept(stream));
    match timeout(HANDSHAKE, accept).await {
        Ok(Ok(stream)) => {
            let version = match stream.get_ref().1.alpn_protocol() {
                Some(b"h2") => Version::Http2,
                _ => Version::Http1,
            };
            Some((Box::new(stream), version))
        }
        Ok(Err(error)) => {
            debug!(%error, "a TLS handshake failed");
            None
        }
        Err(_) => {
            debug!("a TLS handshake was not finished in time");
            None
        }
    }
}

/// Serves the connection until it ends. When `stop` returns, the answers under way are finished.
///
/// Each version's state is on the heap by itself: a connection that waits takes what its own needs.
pub(super) async fn talk<I, S>(
    io: I,
    version: Version,
    service: S,
    stop: impl Future<Output = ()>,
) -> hyper::Result<()>
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: hyper::service::Service<
            Request<Incoming>,
            Response = Response<Body>,
            Error = Infallible,
            Future: Send + 'static,
        >,
{
    let io = TokioIo::new(io);
    match version {
        Version::Http1 => {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_DEADLINE)
                .max_buf_size(MAX_HEAD)
                .serve_connection(io, service);
            let finish = http1::Connection::graceful_shutdown;
            until(Box::pin(connection), stop, finish).await
        }
        Version::Http2 => {
            let connection = http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .max_concurrent_streams(MAX_STREAMS)
                .max_header_list_size(u32::try_from(MAX_HEAD).unwrap_or(u32::MAX))
                .max_send_buf_size(SEND_BUFFER)
                .keep_alive_interval(PING_EVERY)
                .keep_alive_timeout(PING_ANSWER)
                .serve_connection(io, service);
            let finish = http2::Connection::graceful_shutdown;
            until(Box::pin(connection), stop, finish).await
        }
    }
}

/// The connection until it ends; `finish` tells it that `stop` has returned.
async fn until<C: Future>(
    mut connection: Pin<Box<C>>,
    stop: impl Future<Output = ()>,
    finish: impl FnOnce(Pin<&mut C>),
) -> C::Output {
    tokio::select! {
        ended = &mut connection => ended,
        () = stop => {
            finish(connection.as_mut());
            connection.await
        }
    }
}
