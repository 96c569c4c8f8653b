//! What a connection is used for: counted by its requests and bodies, read at each tick of its [`Flow`].

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

use crate::{
    allowance::Told,
    pace::{Flow, Verdict},
};

/// What a connection is used for: counted by its requests and bodies, read at each tick.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    requests: AtomicU64,
    open: AtomicU64,
    bodies: AtomicU64,
    moved: AtomicU64,
    /// The connection is to end, and what else has been sent since then.
    finishing: AtomicBool,
    gave: AtomicBool,
}

impl Usage {
    /// One more body is being sent.
    pub(crate) fn body(self: &Arc<Self>) -> BodyUsage {
        self.bodies.fetch_add(1, Relaxed);
        BodyUsage(self.clone())
    }

    /// Nothing was ever asked.
    pub(super) fn is_unused(&self) -> bool {
        self.requests.load(Relaxed) == 0
    }

    /// The connection is to end.
    pub(super) fn finish(&self) {
        self.finishing.store(true, Relaxed);
    }

    /// Nothing is being answered, nor may the end of an answer still be on its way to a viewer.
    pub(super) fn is_at_rest(&self) -> bool {
        let open = self.open.load(Relaxed) > 0 || self.bodies.load(Relaxed) > 0;
        !open && !self.gave.load(Relaxed)
    }

    /// What accounts for what the viewer says.
    pub(super) fn told(&self) -> Told {
        Told {
            requests: self.requests.load(Relaxed),
            taken: self.moved.load(Relaxed),
        }
    }

    pub(super) fn judge(&self, flow: &mut Flow) -> Verdict {
        let bodies = self.bodies.load(Relaxed);
        let open = self.open.load(Relaxed).saturating_add(bodies);
        flow.tick(
            self.requests.load(Relaxed),
            open,
            bodies,
            self.moved.load(Relaxed),
        )
    }
}

/// A body being sent: counted until it is dropped.
#[derive(Debug)]
pub(crate) struct BodyUsage(Arc<Usage>);

impl BodyUsage {
    /// The viewer's connection took bytes of it.
    pub(crate) fn moved(&self, bytes: usize) {
        self.0.moved.fetch_add(bytes as u64, Relaxed);
    }
}

impl Drop for BodyUsage {
    fn drop(&mut self) {
        self.0.bodies.fetch_sub(1, Relaxed);
        if self.0.finishing.load(Relaxed) {
            self.0.gave.store(true, Relaxed);
        }
    }
}

/// A request being answered: counted until it is dropped.
pub(super) struct OpenRequest(Arc<Usage>);

impl OpenRequest {
    pub(super) fn begin(usage: &Arc<Usage>) -> Self {
        usage.requests.fetch_add(1, Relaxed);
        usage.open.fetch_add(1, Relaxed);
        Self(usage.clone())
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Relaxed);
    }
}
