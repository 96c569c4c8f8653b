//! [pure] `[admission]`: how many streams a box takes.

use live::daemon::config::Problems;
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawAdmission {
    max_streams: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    processors: Option<usize>,
}

/// What it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admission {
    /// Streams at once.
    pub max_streams: usize,
    /// What the planner counts with; none is what the system gives the daemon.
    pub processors: Option<usize>,
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
            problems.within("admission.processors", processors, 1..=1024);
        }
        Admission {
            max_streams: self.max_streams,
            processors: self.processors,
        }
    }
}
