//! The accept loop: a connection is accepted only when there is room for it, and served in a task of its own.
//!
//! Rule when full: the permit is taken before `accept`, so further peers wait in the kernel's backlog ([`super::BACKLOG`])
//! and, beyond it, send their SYN again; nobody who is being served notices.
//! When descriptors or memory run out, the loop pauses instead of spinning, says so once, and goes on when it can.

use std::{future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use nix::errno::Errno;
use prometheus_client::metrics::{counter::Counter, gauge::Gauge};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::sleep,
};
use tracing::{Instrument, debug, error, info, info_span, warn};

use super::{Shutdown, Tasks, event};

/// First pause when the system has no descriptor or memory left; doubles up to [`PAUSE_MAX`].
const PAUSE_MIN: Duration = Duration::from_millis(50);
/// Longest pause: short enough that a peer's connect (its SYN is answered by the kernel) still succeeds.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// How many connections may be open at once. Clones share one count, so two listeners can share one bound.
#[derive(Clone, Debug)]
pub struct ConnectionLimit(Arc<Semaphore>);

impl ConnectionLimit {
    /// Room for `connections`.
    pub fn new(connections: usize) -> Self {
        Self(Arc::new(Semaphore::new(
            connections.min(Semaphore::MAX_PERMITS),
        )))
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
    pub(super) handler: H,
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
        let mut pause = None;
        loop {
            let permit = permit(self.name, &self.limit, &self.counts.full).await;
            match self.listener.accept().await {
                Ok((stream, peer)) => {
                    if pause.take().is_some() {
                        info!(listener = self.name, "accepting connections again");
                    }
                    self.spawn(stream, peer, permit);
                }
                Err(error) if is_exhaustion(&error) => {
                    if pause.is_none() {
                        self.counts.pauses.inc();
                        error!(
                            message_id = event::ACCEPT_PAUSED, listener = self.name, %error,
                            "no connection can be accepted for now: raise LimitNOFILE= of the unit, or find what holds the descriptors"
                        );
                    }
                    let next = pause.map_or(PAUSE_MIN, |last: Duration| (last * 2).min(PAUSE_MAX));
                    pause = Some(next);
                    sleep(next).await;
                }
                // The peer went away between its SYN and our accept: its own affair.
                Err(error) => {
                    debug!(listener = self.name, %error, "a connection ended before it was accepted")
                }
            }
        }
    }

    fn spawn(&mut self, stream: TcpStream, peer: SocketAddr, permit: OwnedSemaphorePermit) {
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        let span = info_span!("connection", listener = self.name, %peer);
        self.counts.accepted.inc();
        let open = Open::new(self.counts.open.clone(), permit);
        let future = span.in_scope(|| (self.handler)(stream, peer));
        let serve = async move {
            let _open = open;
            future.await;
        };
        let name = format!("{} {peer}", self.name);
        span.in_scope(|| self.tasks.spawn(name, serve.in_current_span()));
    }
}

async fn permit(name: &str, limit: &ConnectionLimit, full: &Counter) -> OwnedSemaphorePermit {
    if limit.0.available_permits() == 0 {
        full.inc();
        warn!(
            listener = name,
            "as many connections as allowed are open; further ones wait until one closes"
        );
    }
    match limit.0.clone().acquire_owned().await {
        Ok(permit) => permit,
        Err(_) => unreachable!("the semaphore is never closed"),
    }
}

/// One open connection: counted while it lives.
struct Open {
    gauge: Gauge,
    _permit: OwnedSemaphorePermit,
}

impl Open {
    fn new(gauge: Gauge, permit: OwnedSemaphorePermit) -> Self {
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
