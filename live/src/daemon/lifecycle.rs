//! How a daemon stops: one token that everyone can wait on, and the tasks that a drain waits for.
//!
//! Nothing is aborted while the deadline lasts; what is still running then is named. A panic is confined to its task
//! and counted; the panic of an essential task ends the daemon, so that systemd starts it anew.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
};

use prometheus_client::metrics::counter::Counter;
use tokio::{sync::watch, task::JoinHandle};
use tracing::Instrument;

/// Whether the daemon is stopping. Clones are one token; any of them may trigger it, and it is never taken back.
#[derive(Clone, Debug, Default)]
pub struct Shutdown(watch::Sender<bool>);

impl Shutdown {
    /// From now on the daemon drains. Saying it twice changes nothing.
    pub fn trigger(&self) {
        self.0.send_replace(true);
    }

    /// Whether it was triggered.
    pub fn is_triggered(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns once it is triggered, at once if it already was. Safe to drop and call again.
    pub async fn triggered(&self) {
        let mut stop = self.0.subscribe();
        // The sender lives as long as `self`, so waiting cannot fail.
        let _closed = stop.wait_for(|stop| *stop).await;
    }
}

/// The running tasks of a daemon, by name. Clones share one state.
///
/// Holds one entry per task; whoever spawns from the network bounds their number (see [`super::ConnectionLimit`]).
#[derive(Clone, Debug)]
pub struct Tasks(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    running: Mutex<Running>,
    count: watch::Sender<usize>,
    failed: watch::Sender<Option<Cow<'static, str>>>,
    shutdown: Shutdown,
    panics: Counter,
}

#[derive(Debug, Default)]
struct Running {
    next: u64,
    names: BTreeMap<u64, Cow<'static, str>>,
}

impl Tasks {
    /// No tasks yet; an essential task that ends before `shutdown` is a failure.
    pub fn new(shutdown: Shutdown) -> Self {
        Self(Arc::new(Inner {
            running: Mutex::default(),
            count: watch::Sender::new(0),
            failed: watch::Sender::new(None),
            shutdown,
            panics: Counter::default(),
        }))
    }

    /// Runs `future` in the current span until it ends. A drain waits for it; its panic is logged, counted, and costs
    /// nobody else anything.
    pub fn spawn<F>(&self, name: impl Into<Cow<'static, str>>, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let entry = Entry::new(&self.0, name.into(), false);
        tokio::spawn(entry.hold(future).in_current_span())
    }

    /// As [`Tasks::spawn`], for a task the daemon is no use without, such as an accept loop: when it ends, by return
    /// or by panic, and nobody asked the daemon to stop, the daemon drains and exits with [`super::Exit::Software`].
    pub fn spawn_essential<F>(
        &self,
        name: impl Into<Cow<'static, str>>,
        future: F,
    ) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let entry = Entry::new(&self.0, name.into(), true);
        tokio::spawn(entry.hold(future).in_current_span())
    }

    /// Returns when no task runs, at once if none does.
    pub async fn empty(&self) {
        let mut count = self.0.count.subscribe();
        // The sender lives as long as `self`, so waiting cannot fail.
        let _closed = count.wait_for(|running| *running == 0).await;
    }

    /// The names of the running tasks, oldest first.
    pub fn names(&self) -> Vec<String> {
        let running = self.0.running.lock();
        let running = running.unwrap_or_else(PoisonError::into_inner);
        running.names.values().map(ToString::to_string).collect()
    }

    /// How many tasks have panicked.
    pub fn panics(&self) -> Counter {
        self.0.panics.clone()
    }

    /// Returns the name of the first essential task that ended unasked.
    pub async fn essential_ended(&self) -> Cow<'static, str> {
        let mut failed = self.0.failed.subscribe();
        match failed.wait_for(Option::is_some).await {
            Ok(name) => name.clone().unwrap_or_default(),
            Err(_) => unreachable!("the sender lives as long as self"),
        }
    }
}

/// One running task: in the list while it lives, out of it however it ends.
struct Entry {
    inner: Arc<Inner>,
    id: u64,
    essential: bool,
}

impl Entry {
    fn new(inner: &Arc<Inner>, name: Cow<'static, str>, essential: bool) -> Self {
        let mut running = inner.running.lock().unwrap_or_else(PoisonError::into_inner);
        let id = running.next;
        running.next += 1;
        running.names.insert(id, name);
        inner.count.send_replace(running.names.len());
        Self {
            inner: inner.clone(),
            id,
            essential,
        }
    }

    async fn hold<F: Future>(self, future: F) -> F::Output {
        future.await
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let running = self.inner.running.lock();
        let mut running = running.unwrap_or_else(PoisonError::into_inner);
        let name = running.names.remove(&self.id).unwrap_or_default();
        if std::thread::panicking() {
            self.inner.panics.inc();
        }
        if self.essential && !self.inner.shutdown.is_triggered() {
            self.inner.failed.send_replace(Some(name));
        }
        self.inner.count.send_replace(running.names.len());
    }
}

#[cfg(test)]
mod tests;
