//! [pure] What a publisher usually sends: a slow average that a collapse hardly moves.

use serde::{Deserialize, Serialize};

/// Seconds with media before anything is usual.
const LEARNING: u32 = 15;
/// Weight of a new second: the average of about a minute.
const WEIGHT: f64 = 1.0 / 60.0;
/// ... and of one that is far below: after ten minutes that is what is usual.
const LOW_WEIGHT: f64 = 1.0 / 600.0;
/// Far below.
const LOW: f64 = 0.6;

/// See the module.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Usual {
    seconds: u32,
    bits_per_second: f64,
}

impl Usual {
    /// A second has passed in which `bytes` came.
    pub(super) fn second(&mut self, bytes: u64) {
        if bytes == 0 {
            return;
        }
        #[expect(clippy::cast_precision_loss, reason = "an average")]
        let bits = bytes as f64 * 8.0;
        self.seconds = self.seconds.saturating_add(1);
        let weight = if self.seconds <= LEARNING {
            1.0 / f64::from(self.seconds)
        } else if bits < self.bits_per_second * LOW {
            LOW_WEIGHT
        } else {
            WEIGHT
        };
        self.bits_per_second += (bits - self.bits_per_second) * weight;
    }

    /// The average, when there is one.
    pub(super) fn bits_per_second(self) -> Option<u64> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an average of whole numbers"
        )]
        let bits = self.bits_per_second as u64;
        (self.seconds >= LEARNING).then_some(bits)
    }
}
