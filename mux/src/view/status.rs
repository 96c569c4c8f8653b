//! [pure] What `/status` says, as far as the view shows it. All of it may be missing, as from a mux of another version.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The whole answer.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Status {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) uptime_seconds: u64,
    pub(super) draining: bool,
    pub(super) missing: Vec<String>,
    pub(super) memory: Option<Memory>,
    pub(super) streams: BTreeMap<String, Stream>,
}

/// `memory`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Memory {
    pub(super) used_bytes: u64,
    pub(super) budget_bytes: u64,
}

/// One of `streams`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Stream {
    pub(super) state: String,
    pub(super) publishers: u64,
    pub(super) publisher: Option<Publisher>,
    pub(super) msn: Option<u64>,
    pub(super) keyframes_overdue: u64,
    pub(super) takeovers: u64,
    pub(super) ring: Ring,
    pub(super) outputs: Vec<Output>,
    pub(super) pushes: Vec<Output>,
    pub(super) players: Players,
}

/// The publisher on the air.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Publisher {
    pub(super) role: Option<String>,
    pub(super) bits_per_second: u64,
    pub(super) width: Option<f64>,
    pub(super) height: Option<f64>,
    pub(super) frame_rate: Option<f64>,
    pub(super) encoder: Option<String>,
    pub(super) findings: Vec<Finding>,
}

/// One thing that is not as it should be.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Finding {
    pub(super) text: String,
}

/// How much a late consumer finds.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Ring {
    pub(super) bytes: u64,
    pub(super) ms: u64,
}

/// A transcoder or a push target.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Output {
    pub(super) name: String,
    pub(super) state: String,
    pub(super) reason: Option<String>,
    pub(super) lag_ms: u64,
    pub(super) sent_bytes: u64,
    pub(super) skips: u64,
    pub(super) failures: u64,
}

/// The RTMP players together.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Players {
    pub(super) connected: u64,
    pub(super) sent_bytes: u64,
    pub(super) skips: u64,
}

impl Status {
    /// Bits per second of each stream that is on the air.
    pub(crate) fn rates(&self) -> impl Iterator<Item = (&str, u64)> {
        let rate = |stream: &Stream| stream.publisher.as_ref().map(|p| p.bits_per_second);
        self.streams
            .iter()
            .map(move |(name, stream)| (name.as_str(), rate(stream).unwrap_or_default()))
    }
}
