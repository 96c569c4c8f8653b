//! What mux may come to, and what it has promised.

use std::{fmt, sync::Arc};

use live::daemon::prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::gauge::ConstGauge,
};

use super::float;
use crate::budget::Budget;

/// Reads the memory budget at each scrape.
#[derive(Debug)]
pub(crate) struct MemoryMetrics(pub(crate) Arc<Budget>);

impl Collector for MemoryMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for (name, help, bytes) in [
            (
                "memory_budget_bytes",
                "The most that mux may come to",
                self.0.total(),
            ),
            (
                "memory_used_bytes",
                "What connections and streams may come to now",
                self.0.used(),
            ),
        ] {
            let gauge = ConstGauge::new(float(bytes));
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        Ok(())
    }
}
