//! What a restart would keep, and what the last one kept.

use std::{fmt, sync::Arc};

use live::daemon::prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::gauge::ConstGauge,
};

use super::{Labels, float};
use crate::connection::Server;

/// Reads the hand-over at each scrape.
pub(crate) struct HandoverMetrics(pub(crate) Arc<Server>);

impl fmt::Debug for HandoverMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HandoverMetrics")
    }
}

impl Collector for HandoverMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let handover = self.0.handover.as_ref().ok();
        let kept = ConstGauge::new(float(u64::from(handover.is_some())));
        let help = "1 if connections and shows outlive a restart";
        let kind = kept.metric_type();
        kept.encode(encoder.encode_descriptor("handover_kept", help, None, kind)?)?;
        let Some(handover) = handover else {
            return Ok(());
        };
        for (name, help, tally) in [
            (
                "handover_connections",
                "Connections that the last process left, by what became of them",
                &handover.taken.connections,
            ),
            (
                "handover_streams",
                "Streams that the last process left, by what became of them",
                &handover.taken.streams,
            ),
        ] {
            let (carried_on, lost) = tally.outcome();
            let mut family = encoder.encode_descriptor(name, help, None, kind)?;
            for (outcome, count) in [("carried_on", carried_on), ("lost", lost)] {
                let labels: Labels<'_> = &[("outcome", outcome)];
                ConstGauge::new(float(count)).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}
