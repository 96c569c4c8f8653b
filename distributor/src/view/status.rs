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
    /// What an operator should know, a sentence each.
    pub(super) concerns: Vec<String>,
    pub(super) origins: Vec<Origin>,
    pub(super) peers: Peers,
    /// Which origin serves a stream.
    pub(super) streams: BTreeMap<String, String>,
    pub(super) admission: Admission,
    pub(super) audience: Audience,
    pub(super) cache: Cache,
    pub(super) sent_bytes: Option<u64>,
    pub(super) waiters: u64,
    pub(super) stalled: u64,
    /// Unix seconds.
    pub(super) certificate_expiry: Option<i64>,
}

/// `process`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Process {
    pub(super) resident_bytes: u64,
}

/// One of `origins`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Origin {
    pub(super) name: String,
    pub(super) address: String,
    pub(super) state: String,
}

/// `admission`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Admission {
    pub(super) line: Option<Limited>,
    /// By which limit.
    pub(super) refused: BTreeMap<String, u64>,
}

/// Its `line`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Limited {
    pub(super) level: String,
    pub(super) bits_per_second: u64,
    /// What it carries, bits per second.
    pub(super) egress: u64,
}

/// `peers`, where this is not the only distributor.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Peers {
    pub(super) distributors: Vec<Peer>,
}

/// One of its `distributors`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Peer {
    pub(super) name: String,
    pub(super) url: String,
    pub(super) state: String,
    pub(super) load_permille: u64,
    pub(super) connections: u64,
    pub(super) drained: bool,
}

/// `audience`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Audience {
    pub(super) viewers: u64,
    pub(super) streams: BTreeMap<String, Watched>,
}

/// One of its `streams`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Watched {
    pub(super) viewers: u64,
    pub(super) most: u64,
    pub(super) renditions: BTreeMap<String, u64>,
}

/// `cache`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Cache {
    pub(super) bytes: u64,
    pub(super) entries: u64,
    pub(super) capacity: u64,
}
