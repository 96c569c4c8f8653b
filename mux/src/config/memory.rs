//! [pure] `[memory]`: the most that mux may come to.

use live::daemon::config::{ByteSize, Problems};
use serde::{Deserialize, Serialize};

use crate::budget;

/// More than any machine this is meant for.
const MOST: ByteSize = ByteSize::from_mib(1 << 20);

/// What may be written.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawMemory {
    budget: ByteSize,
}

impl Default for RawMemory {
    fn default() -> Self {
        Self {
            budget: ByteSize::from_mib(1024),
        }
    }
}

impl RawMemory {
    /// The budget in bytes. It holds one stream on the air with its ring of `ring` bytes at the least, two encoders for
    /// it, and a few who look on.
    pub(super) fn resolve(&self, ring: ByteSize, problems: &mut Problems<'_>) -> u64 {
        const MIB: u64 = 1 << 20;
        let show = budget::on_air(usize::try_from(ring.get()).unwrap_or(usize::MAX), 2);
        let least = [show, 2 * budget::PUBLISHER, 16 * budget::PLAYER]
            .into_iter()
            .fold(budget::BASE, u64::saturating_add);
        let least = ByteSize::from_mib(least.div_ceil(MIB));
        problems.within("memory.budget", self.budget, least..=MOST);
        self.budget.get()
    }
}
