//! [pure] What `/status` says, as far as the view shows it. All of it may be missing, as from a mux of another version.

use std::collections::BTreeMap;

use live::daemon::status_command::Head;
use serde::Deserialize;

/// The whole answer.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Status {
    #[serde(flatten)]
    pub(super) head: Head,
    pub(super) memory: Option<Memory>,
    pub(super) handover: Option<Handover>,
    pub(super) streams: BTreeMap<String, Stream>,
}

/// `memory`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Memory {
    /// Bytes.
    pub(super) used: u64,
    /// Bytes.
    pub(super) budget: u64,
}

/// `handover`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Handover {
    pub(super) kept: bool,
    pub(super) why: Option<String>,
    pub(super) connections: Tally,
    pub(super) streams: Tally,
}

/// What became of what the last process left.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Tally {
    pub(super) carried_on: u64,
    pub(super) lost: u64,
}

/// One of `streams`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Stream {
    pub(super) state: String,
    pub(super) on_hold: bool,
    pub(super) publisher: Option<OnAir>,
    pub(super) publishing: Vec<Publisher>,
    pub(super) msn: Option<u64>,
    pub(super) keyframes_overdue: u64,
    pub(super) takeovers: u64,
    pub(super) ring: Ring,
    pub(super) outputs: Vec<Output>,
    pub(super) pushes: Vec<Output>,
    pub(super) players: Players,
}

/// The publisher on the air, in short.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct OnAir {
    pub(super) bits_per_second: u64,
}

/// A publisher that is connected.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Publisher {
    pub(super) role: String,
    /// `on_air`, or why not.
    pub(super) standing: String,
    /// The same as a sentence without its subject.
    pub(super) text: String,
    pub(super) software: Option<String>,
    pub(super) address: Option<String>,
    pub(super) health: Option<Health>,
}

/// What it sends.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Health {
    pub(super) figures: Figures,
    pub(super) video: Option<Video>,
    pub(super) audio: Option<Audio>,
    pub(super) findings: Vec<Finding>,
}

/// How it comes.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Figures {
    pub(super) bits_per_second: u64,
    pub(super) frame_rate: Option<f64>,
    pub(super) keyframe_interval_ms: Option<u64>,
}

/// The picture.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Video {
    pub(super) codec: String,
    pub(super) width: Option<u64>,
    pub(super) height: Option<u64>,
}

/// The sound.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Audio {
    pub(super) codec: String,
    pub(super) sample_rate: Option<u64>,
    pub(super) channels: Option<u64>,
}

/// One thing that is not as it should be.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Finding {
    pub(super) severity: String,
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
    /// A sentence on why it stands so.
    pub(super) why: Option<String>,
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
