//! What a distributor among several counts of the others. Registered only where there are others.

use live::daemon::{
    Chassis,
    prometheus_client::{
        metrics::{counter::Counter, family::Family, gauge::Gauge},
        registry::Unit,
    },
};

use super::Label;

/// The counters. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct PeerMetrics {
    asked: Family<Label, Counter>,
    hedged: Counter,
    answered: Counter,
    sent: Counter,
    up: Gauge,
    drained: Gauge,
}

/// What came of asking a stream's home.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FromHome {
    /// It has the object, or knows that there is none.
    Answered,
    /// It could not serve; a transcoder was asked.
    Failed,
    /// It went, or this box became the home, while it was waited for.
    Lost,
    /// A transcoder was quicker.
    Late,
}

impl PeerMetrics {
    /// Counters at 0, registered with `chassis`.
    pub(crate) fn register(chassis: &Chassis) -> Self {
        let metrics = Self::default();
        chassis.register(|registry| {
            let m = &metrics;
            registry.register(
                "home_fetches",
                "Requests to a stream's home by what came of them",
                m.asked.clone(),
            );
            registry.register(
                "home_hedged",
                "Requests to a stream's home that were so slow that a transcoder was asked too",
                m.hedged.clone(),
            );
            registry.register(
                "peer_requests",
                "Objects that other distributors asked for here",
                m.answered.clone(),
            );
            registry.register_with_unit(
                "peer_sent",
                "Body bytes given to other distributors",
                Unit::Bytes,
                m.sent.clone(),
            );
            registry.register(
                "peers_up",
                "Distributors in use, this one included",
                m.up.clone(),
            );
            registry.register(
                "drained",
                "1 while viewers are sent away from this distributor by order",
                m.drained.clone(),
            );
        });
        metrics
    }

    /// A stream's home was asked.
    pub(crate) fn asked(&self, outcome: FromHome) {
        let class = match outcome {
            FromHome::Answered => "answered",
            FromHome::Failed => "failed",
            FromHome::Lost => "lost",
            FromHome::Late => "late",
        };
        self.asked.get_or_create(&[("class", class)]).inc();
    }

    /// It was slow.
    pub(crate) fn hedged(&self) {
        self.hedged.inc();
    }

    /// A peer asked for an object here.
    pub(crate) fn answered(&self) {
        self.answered.inc();
    }

    /// Where bytes that are given to peers are counted.
    pub(crate) fn sent(&self) -> &Counter {
        &self.sent
    }

    /// So many are in use, and whether this one is drained.
    pub(crate) fn stand(&self, up: usize, drained: bool) {
        self.up.set(i64::try_from(up).unwrap_or(i64::MAX));
        self.drained.set(i64::from(drained));
    }
}
