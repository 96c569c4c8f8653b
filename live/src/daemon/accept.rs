//! The accept loop: a connection is accepted only when there is room for it, and served in a task of its own.
//!
//! Rule when full: the permit is taken before `accept`, so further peers wait in the kernel's backlog ([`super::BACKLOG`])
//! and, beyond it, send their SYN again; nobody who is being served notices.
//! When descriptors or memory run out, the loop pauses instead of spinning, says so once, and goes on when it can.

#![expect(
    clippy::disallowed_methods,
    reason = "the shell that knows when it last told a trouble"
)]

use std::{future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use nix::errno::Errno;
use prometheus_client::metrics::{counter::Counter, gauge::Gauge};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep},
};
use tracing::{Span, debug, debug_span, error, info, info_span, warn};

use super::{Shutdown, Tasks, event};

/// First pause when the system has no descriptor or memory left; doubles up to [`PAUSE_MAX`].
const PAUSE_MIN: Duration = Duration::from_millis(50);
/// Longest pause: short enough that a peer's connect (its SYN is answered by the kernel) still succeeds.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// The same trouble is told once in this time, however often it comes and goes.
const TELL_AGAIN: Duration = Duration::from_secs(60);

/// How many connections may be open at once. Clones share one count, so two listeners can share one bound; each holds
/// one place free for its next peer, so give at least one place to each.
#[derive(Clone, Debug)]
pub struct ConnectionLimit(Arc<Semaphore>);

impl ConnectionLimit {
    /// Room for `connections`.
    pub fn new(connections: usize) -> Self {
        Self(Arc::new(Semaphore::new(
            connections.min(Semaphore::MAX_PERMITS),
        )))
    }

    /// Places that nobody has now.
    pub fn free(&self) -> usize {
        self.0.available_permits()
    }

    /// A place, if there is one.
    pub(super) fn try_place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0).try_acquire_owned().ok()
    }

    async fn place(&self) -> OwnedSemaphorePermit {
        match self.0.clone().acquire_owned().await {
            Ok(permit) => permit,
            Err(_) => unreachable!("the semaphore is never closed"),
        }
    }
}

/// What an accept loop counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    pub(super) accepted: Counter,
    pub(super) open: Gauge,
    pub(super) full: Counter,
    pub(super) pauses: Counter,
}

pub(super) struct Acceptor<H> {
    pub(super) name: &'static str,
    pub(super) listener: TcpListener,
    pub(super) limit: ConnectionLimit,
    pub(super) shutdown: Shutdown,
    pub(super) tasks: Tasks,
    pub(super) counts: Counts,
    pub(super) span: Named,
    pub(super) handler: H,
}

/// How a connection is called in the log.
pub(super) type Named = fn(&'static str, SocketAddr) -> Span;

/// By its peer's address.
pub(super) fn by_address(listener: &'static str, peer: SocketAddr) -> Span {
    info_span!("connection", listener, %peer)
}

/// By its peer's address in a log of every detail, and not at all else.
pub(super) fn unnamed(listener: &'static str, peer: SocketAddr) -> Span {
    debug_span!("connection", listener, %peer)
}

impl<H, F> Acceptor<H>
where
    H: FnMut(TcpStream, SocketAddr) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    /// Accepts until the shutdown is triggered; then the listener closes and the connections' own tasks go on.
    pub(super) async fn run(mut self) {
        let shutdown = self.shutdown.clone();
        tokio::select! {
            () = shutdown.triggered() => {}
            () = self.accept_for_ever() => {}
        }
    }

    async fn accept_for_ever(&mut self) {
        let mut full = Told::default();
        let mut exhaustion = Exhaustion::default();
        loop {
            self.tell_when_full(&mut full);
            let permit = self.limit.place().await;
            match self.listener.accept().await {
                Ok((stream, peer)) => {
                    if exhaustion.is_over() {
                        info!(listener = self.name, "accepting connections again");
                    }
                    self.spawn(stream, peer, permit);
                }
                Err(error) if is_exhaustion(&error) => {
                    self.counts.pauses.inc();
                    if exhaustion.told.is_news(Instant::now()) {
                        exhaustion.in_log = true;
                        error!(
                            message_id = event::ACCEPT_PAUSED, listener = self.name, %error,
                            "no connection can be accepted for now: raise LimitNOFILE= of the unit, or find what holds the descriptors"
                        );
                    }
                    sleep(exhaustion.next_pause()).await;
                }
                // The peer went away between its SYN and our accept: its own affair.
                Err(error) => debug!(listener = self.name, %error, "gone before it was accepted"),
            }
        }
    }

    fn tell_when_full(&self, told: &mut Told) {
        if self.limit.0.available_permits() > 0 {
            return;
        }
        self.counts.full.inc();
        if told.is_news(Instant::now()) {
            warn!(
                listener = self.name,
                "as many connections as allowed are open; further ones wait until one closes"
            );
        }
    }

    fn spawn(&mut self, stream: TcpStream, peer: SocketAddr, permit: OwnedSemaphorePermit) {
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        self.counts.accepted.inc();
        let future = (self.handler)(stream, peer);
        let span = (self.span)(self.name, peer);
        let name = format!("{} {peer}", self.name);
        spawn(&self.tasks, name, span, &self.counts, Some(permit), future);
    }
}

/// Runs a connection in a task of its own called `name`, inside `span`; it counts as open meanwhile.
pub(super) fn spawn(
    tasks: &Tasks,
    name: String,
    span: Span,
    counts: &Counts,
    permit: Option<OwnedSemaphorePermit>,
    future: impl Future<Output = ()> + Send + 'static,
) {
    let open = Open::new(counts.open.clone(), permit);
    // Boxed: each layer around it would take its size once more.
    let future = Box::pin(future);
    let serve = async move {
        let _open = open;
        future.await;
    };
    span.in_scope(|| tasks.spawn(name, serve));
}

/// While descriptors or memory are out: how long the loop pauses, and whether the log says that it does.
#[derive(Debug, Default)]
struct Exhaustion {
    pause: Option<Duration>,
    told: Told,
    in_log: bool,
}

impl Exhaustion {
    fn next_pause(&mut self) -> Duration {
        let longer = |last: Duration| (last * 2).min(PAUSE_MAX);
        *self.pause.insert(self.pause.map_or(PAUSE_MIN, longer))
    }

    /// A connection was accepted. True when the log should hear of it.
    fn is_over(&mut self) -> bool {
        self.pause = None;
        std::mem::take(&mut self.in_log)
    }
}

/// When a trouble was last told.
#[derive(Debug, Default)]
struct Told(Option<Instant>);

impl Told {
    fn is_news(&mut self, now: Instant) -> bool {
        let news = self
            .0
            .is_none_or(|at| now.saturating_duration_since(at) >= TELL_AGAIN);
        if news {
            self.0 = Some(now);
        }
        news
    }
}

/// One open connection: counted while it lives.
struct Open {
    gauge: Gauge,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Open {
    fn new(gauge: Gauge, permit: Option<OwnedSemaphorePermit>) -> Self {
        gauge.inc();
        Self {
            gauge,
            _permit: permit,
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.gauge.dec();
    }
}

fn is_exhaustion(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw);
    matches!(
        errno,
        Some(Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM)
    )
}

#[cfg(test)]
mod tests;
