//! What every daemon measures, and the prefix its own metrics get.
//!
//! Labels are `stream`, `rendition`, `output`, `listener`, `class`; never a key, a session or an address (DESIGN §8).

#![expect(
    clippy::disallowed_methods,
    reason = "the shell that reads the clock for a metric"
)]

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use prometheus_client::{
    encoding::text::encode,
    metrics::{
        counter::Counter,
        family::Family,
        gauge::{ConstGauge, Gauge},
        info::Info,
    },
    registry::Registry,
};

use super::{accept::Counts, process::ProcessMetrics};

type Label = [(&'static str, &'static str); 1];

/// The registry of one daemon, with what the chassis itself counts.
#[derive(Clone)]
pub(super) struct Metrics {
    registry: Arc<Mutex<Registry>>,
    accepted: Family<Label, Counter>,
    open: Family<Label, Gauge>,
    full: Family<Label, Counter>,
    pauses: Family<Label, Counter>,
}

impl Metrics {
    pub(super) fn new(name: &str, version: &'static str, panics: Counter) -> Self {
        let metrics = Self {
            registry: Arc::new(Mutex::new(Registry::with_prefix(format!(
                "footlight_{name}"
            )))),
            accepted: Family::default(),
            open: Family::default(),
            full: Family::default(),
            pauses: Family::default(),
        };
        let started = SystemTime::now().duration_since(UNIX_EPOCH);
        let started = started.map_or(0.0, |since| since.as_secs_f64());
        metrics.register(|registry| {
            registry.register(
                "build",
                "The version that runs",
                Info::new([("version", version)]),
            );
            registry.register(
                "process_start_time_seconds",
                "When the process started, in unix seconds",
                ConstGauge::new(started),
            );
            registry.register("task_panics", "Tasks that panicked: each is a bug", panics);
            registry.register(
                "connections_accepted",
                "Connections accepted",
                metrics.accepted.clone(),
            );
            registry.register(
                "connections_open",
                "Connections open now",
                metrics.open.clone(),
            );
            registry.register(
                "connections_full",
                "Times that as many connections as allowed were open",
                metrics.full.clone(),
            );
            registry.register(
                "accept_pauses",
                "Times that accepting paused for want of descriptors or memory",
                metrics.pauses.clone(),
            );
            registry.register_collector(Box::new(ProcessMetrics));
        });
        metrics
    }

    pub(super) fn listener(&self, name: &'static str) -> Counts {
        let label = [("listener", name)];
        Counts {
            accepted: self.accepted.get_or_create_owned(&label),
            open: self.open.get_or_create_owned(&label),
            full: self.full.get_or_create_owned(&label),
            pauses: self.pauses.get_or_create_owned(&label),
        }
    }

    pub(super) fn register<T>(&self, register: impl FnOnce(&mut Registry) -> T) -> T {
        let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        register(&mut registry)
    }

    /// The OpenMetrics text.
    pub(super) fn text(&self) -> Result<String, fmt::Error> {
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        encode(&mut text, &registry)?;
        Ok(text)
    }
}
