//! [pure] What `/status` says, as far as the view shows it. All of it may be missing, as from another version.

use std::collections::BTreeMap;

use live::daemon::status_command::Head;
use serde::Deserialize;

/// The whole answer.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Status {
    #[serde(flatten)]
    pub(super) head: Head,
    pub(super) process: Process,
    pub(super) encoders: Encoders,
    pub(super) archive: Option<Archive>,
    pub(super) streams: BTreeMap<String, Stream>,
    pub(super) refused: Vec<String>,
}

/// `process`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Process {
    pub(super) resident_bytes: u64,
}

/// `encoders`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Encoders {
    pub(super) examined: bool,
    pub(super) usable: Vec<String>,
}

/// `archive`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Archive {
    pub(super) state: String,
    pub(super) bytes: u64,
    pub(super) shed_segments: u64,
}

/// One of `streams`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Stream {
    pub(super) session: Option<u64>,
    pub(super) held: bool,
    pub(super) ended: bool,
    pub(super) playable: bool,
    pub(super) encoded_by: Option<String>,
    pub(super) waiting: u64,
    pub(super) next_show: Vec<String>,
    pub(super) faults: Vec<String>,
    pub(super) renditions: Vec<Rendition>,
}

/// One of its `renditions`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Rendition {
    pub(super) name: String,
    pub(super) frame_rate: Option<f64>,
    pub(super) bits_per_second: Option<u64>,
    pub(super) lag_ms: Option<u64>,
    pub(super) gaps: u64,
    pub(super) idr_mismatches: u64,
    pub(super) segments: u64,
    pub(super) bytes: u64,
    pub(super) pace: Option<String>,
}
