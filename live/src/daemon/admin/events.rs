//! Server-sent events: one daemon's feed to whoever watches, for as long as they watch.
//!
//! A client has a queue of [`QUEUE`] events and its feed is read no faster than the client reads; what a slow client
//! then misses is the feed's rule. `Last-Event-ID` means nothing here: a feed begins with a snapshot.
//! At most [`CLIENTS`] watch at once, beside the places that probes and scrapers have.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use hyper::body::{Body, Bytes, Frame};
use serde_json::Value;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::timeout,
};

/// Dashboards, and a script or two. Each may hold a snapshot and its queue.
pub(super) const CLIENTS: usize = 32;
/// Events that one client may be behind before its feed is read no further.
const QUEUE: usize = 16;
/// A comment goes out when nothing else has for so long, so that proxies and dead clients are noticed.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Milliseconds after which a browser's EventSource comes back when the daemon was restarted.
const RETRY: &str = "retry: 1000\n\n";
/// See [`KEEP_ALIVE`].
const ALIVE: &str = ": still here\n\n";

/// One event: `event:` and one line of JSON as `data:`.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerEvent {
    /// What kind it is; one word.
    pub kind: &'static str,
    /// What it says.
    pub data: Value,
}

impl ServerEvent {
    fn text(&self) -> Bytes {
        // JSON escapes line ends, so the data is one line.
        format!("event: {}\ndata: {}\n\n", self.kind, self.data).into()
    }
}

/// What one client is told. It begins with a snapshot of everything, so that a client needs nothing from before, and
/// it bounds what it keeps for a client that is slow.
pub trait Feed: Send + 'static {
    /// The next event; none when there will be no more. To be dropped in the middle and called again must lose nothing.
    fn next(&mut self) -> impl Future<Output = Option<ServerEvent>> + Send;
}

/// Starts the streaming of one client.
pub(super) type Open = Arc<dyn Fn(OwnedSemaphorePermit) -> EventBody + Send + Sync>;

/// `feed` makes one for each client.
pub(super) fn open<F: Feed>(feed: impl Fn() -> F + Send + Sync + 'static) -> Open {
    Arc::new(move |place| {
        let (queue, waiting) = mpsc::channel(QUEUE);
        // Not a task that a drain waits for: watchers see the drain to its end.
        tokio::spawn(pump(feed(), queue, KEEP_ALIVE));
        EventBody {
            waiting,
            _place: place,
        }
    })
}

/// Places for [`CLIENTS`].
pub(super) fn places() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(CLIENTS))
}

/// Until the client or the feed is gone.
async fn pump<F: Feed>(mut feed: F, queue: mpsc::Sender<Bytes>, keep_alive: Duration) {
    let mut text = Bytes::from_static(RETRY.as_bytes());
    while queue.send(text).await.is_ok() {
        text = tokio::select! {
            next = timeout(keep_alive, feed.next()) => match next {
                Ok(Some(event)) => event.text(),
                Ok(None) => return,
                Err(_quiet) => Bytes::from_static(ALIVE.as_bytes()),
            },
            () = queue.closed() => return,
        };
    }
}

/// The body of an answer that goes on. Its place is free again when the connection is gone.
pub(super) struct EventBody {
    waiting: mpsc::Receiver<Bytes>,
    _place: OwnedSemaphorePermit,
}

impl Body for EventBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = self.waiting.poll_recv(context);
        next.map(|text| text.map(|text| Ok(Frame::data(text))))
    }
}

#[cfg(test)]
mod tests;
