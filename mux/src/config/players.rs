//! [pure] `[players]`: how players are served.

use std::time::Duration;

use live::daemon::config::{Problems, Timespan};
use serde::{Deserialize, Serialize};

/// Longest that writes may be put together: players buffer more than that.
const MERGE_MAX: Timespan = Timespan::from_millis(500);

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawPlayers {
    merge: Timespan,
}

impl Default for RawPlayers {
    fn default() -> Self {
        Self {
            merge: Timespan::from_millis(0),
        }
    }
}

impl RawPlayers {
    /// Time between two writes to a player, at least.
    pub(super) fn resolve(&self, problems: &mut Problems<'_>) -> Duration {
        problems.within(
            "players.merge",
            self.merge,
            Timespan::from_millis(0)..=MERGE_MAX,
        );
        self.merge.get()
    }
}
