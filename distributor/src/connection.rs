//! One viewer's connection: handshake, HTTP/1.1 or HTTP/2 as agreed, and when it must end.
//!
//! Everything a viewer can leave hanging has a deadline: the handshake, a request's head, an answer it does not take, a
//! connection it does not use. A broken or hostile one is closed and counted; nobody else notices.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, header::HOST};
use hyper::{
    body::{Body as _, Incoming},
    server::conn::http2,
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use live::daemon::Chassis;
use rustls::ProtocolVersion;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::{MissedTickBehavior, interval, sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tracing::debug;

use crate::{
    acme::PROTOCOL,
    answer::{Answers, Body as AnswerBody},
    door::Guest,
    http1::HEAD_MAX,
    metrics::{Broken, Metrics},
    pace::{Flow, TICK, Verdict},
    response::Untouched,
};

mod broken;
mod cork;
mod hearing;
mod http1;
mod leaving;
mod linger;
mod paced;
mod sealed;
mod usage;

pub(crate) use leaving::GREETING;
pub(crate) use usage::{BodyUsage, Usage};

use cork::Cork;
use hearing::Hearing;
use http1::Talk;
use linger::Lingering;
use paced::Paced;
use sealed::Sealed;
use usage::OpenRequest;

/// A handshake takes two round trips; this is for a phone on the worst of links.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// For a request's head, from the answer before it: so also how long HTTP/1.1 may be idle. Above the longest time
/// between two requests of a player (a target duration).
const HEAD: Duration = Duration::from_secs(30);
/// Requests at once on one HTTP/2 connection: a player has two renditions' playlist and part under way, a page its files.
const STREAMS_MAX: u32 = 32;
/// Bytes of one answer that HTTP/2 holds for a viewer whose window is closed.
const SEND_BUFFER: usize = 64 << 10;
/// An HTTP/2 peer that does not answer a ping is gone.
const PING_EVERY: Duration = Duration::from_secs(20);
const PING_ANSWER: Duration = Duration::from_secs(10);

/// Serves viewers, one connection at a time each.
pub(crate) struct Server {
    pub(crate) tls: TlsAcceptor,
    pub(crate) answers: Arc<Answers>,
    pub(crate) metrics: Metrics,
    pub(crate) chassis: Chassis,
}

/// A connection after its handshake.
enum Greeted {
    /// What follows is sealed here.
    Sealed(Box<Sealed>),
    /// By rustls: the viewer's TLS is older.
    Rustls(Box<TlsStream<Cork>>),
}

/// What was agreed to be spoken.
enum Protocol {
    H1,
    H2,
}

impl Server {
    /// Serves one connection, that `guest` opened, to its end. Every step is boxed: what it needs is given back before
    /// the next, which may last for hours.
    pub(crate) async fn serve(self: Arc<Self>, stream: TcpStream, guest: Guest) {
        // Without it a part's last bytes wait for the viewer's delayed acknowledgement.
        let _best_effort = stream.set_nodelay(true);
        let ended = match Box::pin(self.greet(stream)).await {
            Some((Greeted::Sealed(stream), Protocol::H1)) => self.talk_h1(stream, &guest).await,
            Some((Greeted::Rustls(stream), Protocol::H1)) => self.talk_h1(stream, &guest).await,
            Some((Greeted::Sealed(stream), Protocol::H2)) => {
                Box::pin(self.talk_h2(stream, guest)).await
            }
            Some((Greeted::Rustls(stream), Protocol::H2)) => {
                Box::pin(self.talk_h2(stream, guest)).await
            }
            None => Ok(()),
        };
        if let Err(error) = ended {
            if let Some(cause) = broken::cause(&error) {
                self.metrics.broken(cause);
            }
            debug!(%error, "a connection broke off");
        }
    }

    /// The handshake. Nothing comes of it when there is nothing to serve.
    async fn greet(&self, stream: TcpStream) -> Option<(Greeted, Protocol)> {
        let corked = Cork::new(Paced::new(stream, self.metrics.stalling().clone()));
        let handshake = tokio::select! {
            handshake = timeout(HANDSHAKE, self.tls.accept(corked)) => handshake,
            // It has reached us, and cannot know that we stop.
            () = self.stops_for(GREETING) => return None,
        };
        let greeted = match handshake {
            Ok(greeted) => greeted.and_then(secured),
            Err(_) => {
                self.metrics.handshake_failed("late");
                debug!("a TLS handshake was not finished in time");
                return None;
            }
        };
        match greeted {
            Ok(greeted) => greeted,
            Err(error) => {
                self.metrics.handshake_failed("refused");
                debug!(%error, "a TLS handshake failed");
                None
            }
        }
    }

    async fn talk_h1<S>(&self, stream: S, guest: &Guest) -> io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin,
    {
        let usage = Arc::new(Usage::default());
        let finishing = AtomicBool::new(false);
        let talk = Talk {
            stream,
            answers: &self.answers,
            usage: &usage,
            guest,
            metrics: &self.metrics,
            finishing: &finishing,
            received: Bytes::new(),
            answered: false,
        };
        let finish = |_: Pin<&mut _>| finishing.store(true, Relaxed);
        self.drive(Box::pin(talk.run()), finish, &usage).await
    }

    async fn talk_h2<S>(&self, stream: S, guest: Guest) -> io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let usage = Arc::new(Usage::default());
        let guest = Arc::new(guest);
        let service = service_fn(|request: Request<Incoming>| {
            let (answers, usage, guest) = (self.answers.clone(), usage.clone(), guest.clone());
            async move {
                let _open = OpenRequest::begin(&usage);
                let carries = !request.body().is_end_stream();
                let (parts, _unread) = request.into_parts();
                // HTTP/2 has it in `:authority`, and may have it here instead (RFC 9113 §8.3.1).
                let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok());
                let answer = answers.answer((&parts, host), carries, &usage, &guest);
                untouched(answer.await)
            }
        });
        let stream = Lingering::new(Hearing::new(stream, usage.clone()));
        let connection = Box::pin(h2().serve_connection(TokioIo::new(stream), service));
        let ended = self.drive(connection, |c| c.graceful_shutdown(), &usage);
        ended.await.map_err(io::Error::other)
    }

    /// Returns when the daemon has been stopping for so long.
    async fn stops_for(&self, long: Duration) {
        self.chassis.shutdown().triggered().await;
        sleep(long).await;
    }

    /// Lets the connection run until it ends, the daemon drains, or the viewer has stalled.
    async fn drive<C, E>(
        &self,
        mut connection: Pin<Box<C>>,
        finish: impl Fn(Pin<&mut C>),
        usage: &Usage,
    ) -> Result<(), E>
    where
        C: Future<Output = Result<(), E>>,
    {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.reset();
        let mut flow = Flow::default();
        let mut finishing = false;
        loop {
            tokio::select! {
                biased;
                () = self.chassis.shutdown().triggered() => {
                    return Box::pin(leaving::leave(connection, finish, usage)).await;
                }
                ended = connection.as_mut() => return ended,
                _ = ticks.tick() => match usage.judge(&mut flow) {
                    Verdict::Keep => {}
                    // A good end needs the viewer's part: one who takes no part in it is not waited for.
                    Verdict::Idle if finishing => return Ok(()),
                    Verdict::Idle => {
                        if usage.is_unused() {
                            self.metrics.broken(Broken::Late);
                        }
                        finishing = true;
                        finish(connection.as_mut());
                    }
                    Verdict::Stalled => {
                        self.metrics.stalled();
                        return Ok(());
                    }
                }
            }
        }
    }
}

/// A request about which nothing was done is refused, which says just that: it is asked anew by itself, without its asker
/// noticing (RFC 9113 §8.7). The connection's end has been announced before, so it is asked elsewhere.
fn untouched(answer: Response<AnswerBody>) -> Result<Response<AnswerBody>, h2::Error> {
    match answer.extensions().get() {
        Some(Untouched) => Err(h2::Reason::REFUSED_STREAM.into()),
        None => Ok(answer),
    }
}

/// What follows a handshake, and by whom it is sealed. None when nothing does.
fn secured(stream: TlsStream<Cork>) -> io::Result<Option<(Greeted, Protocol)>> {
    let agreed = stream.get_ref().1;
    let protocol = match agreed.alpn_protocol() {
        // An ACME authority has seen what it wanted (RFC 8737 §3).
        Some(PROTOCOL) => return Ok(None),
        Some(b"h2") => Protocol::H2,
        _ => Protocol::H1,
    };
    if agreed.protocol_version() != Some(ProtocolVersion::TLSv1_3) {
        return Ok(Some((Greeted::Rustls(Box::new(stream)), protocol)));
    }
    let (corked, agreed) = stream.into_inner();
    let sealed = Sealed::new(corked, agreed).map_err(io::Error::other)?;
    Ok(Some((Greeted::Sealed(Box::new(sealed)), protocol)))
}

fn h2() -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(u32::try_from(HEAD_MAX).unwrap_or(u32::MAX))
        .max_send_buf_size(SEND_BUFFER)
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_ANSWER);
    builder
}
