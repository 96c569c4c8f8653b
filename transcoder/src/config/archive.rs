//! [pure] `[archive]`: where segments are kept that need not be in memory.

use std::path::PathBuf;

use live::daemon::config::{ByteSize, Problems};
use serde::{Deserialize, Serialize};

use crate::archive::Place;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawArchive {
    directory: PathBuf,
    stop_at_free: ByteSize,
}

impl Default for RawArchive {
    fn default() -> Self {
        Self {
            directory: "/var/lib/footlight/transcoder/archive".into(),
            stop_at_free: ByteSize::from_mib(1024),
        }
    }
}

impl RawArchive {
    /// `None` when there is to be no disk.
    pub(super) fn resolve(&self, problems: &mut Problems<'_>) -> Option<Place> {
        problems.within(
            "archive.stop_at_free",
            self.stop_at_free,
            ByteSize::from_mib(64)..=ByteSize::from_mib(1 << 20),
        );
        if self.directory.as_os_str().is_empty() {
            return None;
        }
        if !self.directory.is_absolute() {
            problems.refuse("archive.directory", "give an absolute path, or nothing");
        }
        Some(Place {
            directory: self.directory.clone(),
            stop_at_free: self.stop_at_free.get(),
        })
    }
}
