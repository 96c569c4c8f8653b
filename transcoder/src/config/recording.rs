//! [pure] `[recording]`: which shows are kept, and where.

use std::path::PathBuf;

use live::daemon::config::{ByteSize, Problems};
use serde::{Deserialize, Serialize};

use crate::archive::Place;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawRecording {
    pub(super) record: bool,
    directory: PathBuf,
    stop_at_free: ByteSize,
}

impl Default for RawRecording {
    fn default() -> Self {
        Self {
            record: false,
            directory: "/var/lib/footlight/recordings".into(),
            stop_at_free: ByteSize::from_mib(2048),
        }
    }
}

impl RawRecording {
    pub(super) fn resolve(&self, problems: &mut Problems<'_>) -> Place {
        problems.within(
            "recording.stop_at_free",
            self.stop_at_free,
            ByteSize::from_mib(1)..=ByteSize::from_mib(1 << 20),
        );
        if !self.directory.is_absolute() {
            problems.refuse("recording.directory", "give an absolute path");
        }
        Place {
            directory: self.directory.clone(),
            stop_at_free: self.stop_at_free.get(),
        }
    }
}
