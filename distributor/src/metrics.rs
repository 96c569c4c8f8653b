//! What the distributor counts. Names begin with `footlight_distributor_`.
//!
//! The one label here is `class`, never a path, a viewer or an address; viewers by stream are counted in `attendance`.

use std::fmt;

use live::daemon::{
    Chassis,
    prometheus_client::{
        collector::Collector,
        encoding::{DescriptorEncoder, EncodeMetric},
        metrics::{
            counter::Counter,
            family::Family,
            gauge::{ConstGauge, Gauge},
        },
        registry::Unit,
    },
};

use crate::{cache::Cache, origin::Answer};

mod peers;

pub(crate) use peers::{FromHome, PeerMetrics};

/// How a request ended, as its viewer saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// From memory.
    Hit,
    /// This request caused the fetch.
    Fill,
    /// It shared the fetch of another.
    Wait,
    /// An older playlist, since no origin answered.
    Stale,
    /// There is no such object: 404 or 400, as an origin said.
    Miss,
    /// No origin could serve: 5xx.
    Error,
    /// Refused here, without asking anybody.
    Refused,
    /// The watch page, a file of it, the number of viewers, or a steering manifest.
    Page,
    /// A preflight.
    Preflight,
}

impl Outcome {
    const fn label(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Fill => "fill",
            Self::Wait => "wait",
            Self::Stale => "stale",
            Self::Miss => "miss",
            Self::Error => "error",
            Self::Refused => "refused",
            Self::Page => "page",
            Self::Preflight => "preflight",
        }
    }
}

/// What a viewer did that ended its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    /// What it sent is no request, or an ambiguous one.
    Request,
    /// A request's head is too large.
    Head,
    /// A request was not sent in time.
    Late,
    /// It broke a rule of HTTP/2.
    Http2,
    /// It used HTTP/2 to make work for nothing.
    Flood,
    /// A record of TLS cannot be opened.
    Record,
}

type Label = [(&'static str, &'static str); 1];

/// The counters. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metrics {
    requests: Family<Label, Counter>,
    fetches: Family<Label, Counter>,
    sent: Counter,
    fetched: Counter,
    waiters: Gauge,
    handshakes: Family<Label, Counter>,
    stalled: Counter,
    broken: Family<Label, Counter>,
    followed: Gauge,
    ahead: Counter,
    edge_misses: Counter,
    certificates: Family<Label, Counter>,
}

impl Metrics {
    /// Counters at 0, registered with `chassis`.
    pub(crate) fn register(chassis: &Chassis) -> Self {
        let metrics = Self::default();
        chassis.register(|registry| {
            let m = &metrics;
            registry.register(
                "requests",
                "Requests by how they ended for their viewer",
                m.requests.clone(),
            );
            registry.register(
                "fetches",
                "Requests to origins by their answer",
                m.fetches.clone(),
            );
            registry.register_with_unit(
                "sent",
                "Body bytes given to viewers' connections",
                Unit::Bytes,
                m.sent.clone(),
            );
            registry.register_with_unit(
                "fetched",
                "Body bytes received from origins",
                Unit::Bytes,
                m.fetched.clone(),
            );
            registry.register(
                "waiters",
                "Requests that wait for an object now",
                m.waiters.clone(),
            );
            registry.register(
                "handshakes_failed",
                "TLS handshakes that came to nothing, by why",
                m.handshakes.clone(),
            );
            registry.register(
                "connections_stalled",
                "Connections closed because their viewer took too little",
                m.stalled.clone(),
            );
            registry.register(
                "connections_broken",
                "Connections closed for what came over them, or did not, by what",
                m.broken.clone(),
            );
            registry.register(
                "followed",
                "Renditions that are watched and followed now",
                m.followed.clone(),
            );
            registry.register(
                "fetched_ahead",
                "Objects fetched as they appeared, before any viewer asked",
                m.ahead.clone(),
            );
            registry.register(
                "edge_misses",
                "Requests for what a followed playlist names that had to be fetched first",
                m.edge_misses.clone(),
            );
            registry.register(
                "certificate_orders",
                "Orders at the ACME authority by how they ended",
                m.certificates.clone(),
            );
        });
        metrics
    }

    /// Lets each scrape read what `cache` holds.
    pub(crate) fn watch(chassis: &Chassis, cache: &Cache) {
        chassis.register(|registry| registry.register_collector(Box::new(Held(cache.clone()))));
    }

    /// One request was answered.
    pub(crate) fn request(&self, outcome: Outcome) {
        self.requests
            .get_or_create(&[("class", outcome.label())])
            .inc();
    }

    /// One origin answered.
    pub(crate) fn fetched(&self, answer: Answer) {
        let label = match answer {
            Answer::Served => "served",
            Answer::Missing => "missing",
            Answer::Refused => "refused",
            Answer::Failed | Answer::CutShort => "failed",
            Answer::Unreachable => "unreachable",
        };
        self.fetches.get_or_create(&[("class", label)]).inc();
    }

    /// An order at the ACME authority ended.
    pub(crate) fn certificate_ordered(&self, class: &'static str) {
        self.certificates.get_or_create(&[("class", class)]).inc();
    }

    /// Bytes came from an origin.
    pub(crate) fn fetched_bytes(&self, bytes: usize) {
        self.fetched.inc_by(bytes as u64);
    }

    /// Body bytes received from origins so far.
    pub(crate) fn fetched_so_far(&self) -> u64 {
        self.fetched.get()
    }

    /// Bytes went to a viewer's connection.
    pub(crate) fn sent_bytes(&self, bytes: usize) {
        self.sent.inc_by(bytes as u64);
    }

    /// Where bytes that go to viewers' connections are counted.
    pub(crate) const fn sent(&self) -> &Counter {
        &self.sent
    }

    /// Body bytes given to viewers' connections so far.
    pub(crate) fn sent_so_far(&self) -> u64 {
        self.sent.get()
    }

    /// A request waits until the guard is dropped.
    pub(crate) fn waiting(&self) -> Waiting {
        self.waiters.inc();
        Waiting(self.waiters.clone())
    }

    /// Requests that wait now.
    pub(crate) fn waiters(&self) -> i64 {
        self.waiters.get()
    }

    /// Connections closed so far because their viewer took too little.
    pub(crate) fn stalls(&self) -> u64 {
        self.stalled.get()
    }

    /// A rendition is followed until the guard is dropped.
    pub(crate) fn following(&self) -> Waiting {
        self.followed.inc();
        Waiting(self.followed.clone())
    }

    /// An object is fetched before anybody asked for it.
    pub(crate) fn ahead(&self) {
        self.ahead.inc();
    }

    /// A viewer was quicker than that.
    pub(crate) fn edge_miss(&self) {
        self.edge_misses.inc();
    }

    /// How often so far.
    pub(crate) fn edge_misses(&self) -> u64 {
        self.edge_misses.get()
    }

    /// A handshake came to nothing.
    pub(crate) fn handshake_failed(&self, why: &'static str) {
        self.handshakes.get_or_create(&[("class", why)]).inc();
    }

    /// A connection was closed for what its viewer sent, or did not.
    pub(crate) fn broken(&self, what: Broken) {
        let label = match what {
            Broken::Request => "request",
            Broken::Head => "head",
            Broken::Late => "late",
            Broken::Http2 => "http2",
            Broken::Flood => "flood",
            Broken::Record => "record",
        };
        self.broken.get_or_create(&[("class", label)]).inc();
    }

    /// Counts connections closed for taking too little.
    pub(crate) const fn stalling(&self) -> &Counter {
        &self.stalled
    }

    /// A connection was closed for taking too little.
    pub(crate) fn stalled(&self) {
        self.stalled.inc();
    }
}

/// One of what a gauge counts.
#[derive(Debug)]
pub(crate) struct Waiting(Gauge);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// What the cache holds, read at each scrape.
struct Held(Cache);

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Held")
    }
}

impl Collector for Held {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let cache = &self.0;
        for (name, help, unit, value) in [
            (
                "cache",
                "Bytes of objects in memory",
                Some(&Unit::Bytes),
                cache.bytes(),
            ),
            (
                "cache_capacity",
                "Bytes of objects that memory may hold",
                Some(&Unit::Bytes),
                cache.capacity(),
            ),
            (
                "cache_entries",
                "Objects in memory, and answers that there is none",
                None,
                cache.entries(),
            ),
        ] {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            let encoder = encoder.encode_descriptor(name, help, unit, gauge.metric_type())?;
            gauge.encode(encoder)?;
        }
        Ok(())
    }
}
