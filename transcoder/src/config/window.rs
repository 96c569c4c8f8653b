//! [pure] `[window]`: how long media playlists are, and what may lie in memory for them.

use live::daemon::config::{ByteSize, Problems, Timespan};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawWindow {
    length: Timespan,
    memory: ByteSize,
}

/// What one stream has otherwise; a key that is left out is that of `[window]`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct WindowOverride {
    length: Option<Timespan>,
}

impl Default for RawWindow {
    fn default() -> Self {
        Self {
            length: Timespan::from_secs(15 * 60),
            memory: ByteSize::from_mib(256),
        }
    }
}

impl RawWindow {
    /// Milliseconds.
    pub(super) fn length_ms(&self, problems: &mut Problems<'_>) -> u64 {
        millis("window.length", self.length, problems)
    }

    /// Bytes.
    pub(super) fn memory(&self, problems: &mut Problems<'_>) -> usize {
        problems.within(
            "window.memory",
            self.memory,
            ByteSize::from_mib(64)..=ByteSize::from_mib(64 << 10),
        );
        usize::try_from(self.memory.get()).unwrap_or(usize::MAX)
    }
}

impl WindowOverride {
    /// Milliseconds, if it is said. `at` is the section's own key: `stream[0].window`.
    pub(super) fn length_ms(&self, at: &str, problems: &mut Problems<'_>) -> Option<u64> {
        let length = self.length?;
        Some(millis(&format!("{at}.length"), length, problems))
    }
}

fn millis(key: &str, length: Timespan, problems: &mut Problems<'_>) -> u64 {
    let bounds = Timespan::from_secs(30)..=Timespan::from_secs(12 * 3600);
    problems.within(key, length, bounds);
    u64::try_from(length.get().as_millis()).unwrap_or(u64::MAX)
}
