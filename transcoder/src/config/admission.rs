//! [pure] `[admission]`: how many streams a box takes.

use live::daemon::config::Problems;
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawAdmission {
    max_streams: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    processors: Option<f64>,
}

/// What it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admission {
    /// Streams at once.
    pub max_streams: usize,
    /// Thousandths of a processor that encoders are planned for; none is what the system gives the daemon.
    pub millicores: Option<u64>,
}

impl Default for RawAdmission {
    fn default() -> Self {
        Self {
            max_streams: 64,
            processors: None,
        }
    }
}

impl RawAdmission {
    pub(super) fn resolve(&self, problems: &mut Problems<'_>) -> Admission {
        problems.within("admission.max_streams", self.max_streams, 1..=1024);
        if let Some(processors) = self.processors {
            problems.within("admission.processors", processors, 0.01..=1024.0);
        }
        Admission {
            max_streams: self.max_streams,
            millicores: self.processors.map(millicores),
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "within bounds; whatever is beyond them was refused"
)]
fn millicores(processors: f64) -> u64 {
    (processors * 1000.0) as u64
}
