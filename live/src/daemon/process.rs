//! What this process takes of the machine: memory, processor time, descriptors. Read when somebody asks; what the
//! system does not tell is left out.

use std::{fmt, fs};

use nix::sys::{
    resource::{UsageWho, getrusage},
    time::TimeValLike,
};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
};
use serde_json::{Value, json};

/// Memory that is in use now, bytes.
fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    kib.checked_mul(1_024)
}

/// Processor time since the start, in programs and in the system, seconds.
fn cpu_seconds() -> Option<f64> {
    let usage = getrusage(UsageWho::RUSAGE_SELF).ok()?;
    let millis = (usage.user_time() + usage.system_time()).num_milliseconds();
    #[expect(clippy::cast_precision_loss, reason = "milliseconds are below 2^53")]
    let seconds = millis as f64 / 1_000.0;
    Some(seconds)
}

/// Descriptors that are open now.
fn open_descriptors() -> Option<u64> {
    let open = fs::read_dir("/proc/self/fd").ok()?.count();
    u64::try_from(open).ok()
}

/// As `/status` says it.
pub(super) fn status() -> Value {
    json!({
        "resident_bytes": resident_bytes(),
        "cpu_seconds": cpu_seconds(),
        "open_descriptors": open_descriptors(),
    })
}

/// The same at each scrape, under the names that Prometheus has for it.
#[derive(Debug)]
pub(super) struct ProcessMetrics;

impl Collector for ProcessMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for (name, help, value) in [
            (
                "process_resident_memory_bytes",
                "Memory in use now",
                resident_bytes(),
            ),
            (
                "process_open_fds",
                "Descriptors open now",
                open_descriptors(),
            ),
        ] {
            let Some(value) = value else { continue };
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        let Some(seconds) = cpu_seconds() else {
            return Ok(());
        };
        let (name, help) = ("process_cpu_seconds", "Processor time since the start");
        let counter = ConstCounter::new(seconds);
        counter.encode(encoder.encode_descriptor(name, help, None, counter.metric_type())?)
    }
}
