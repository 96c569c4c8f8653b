//! [pure] How many bits per second come in, over the last second or two.

use serde::{Deserialize, Serialize};

/// Milliseconds of one window.
const WINDOW: u64 = 1_000;

/// Two windows: the one that fills, and the whole one before it.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Rate {
    begun: u64,
    bytes: u64,
    before: u64,
}

impl Rate {
    /// `bytes` have come at `now`, milliseconds.
    pub(crate) const fn add(&mut self, bytes: u64, now: u64) {
        let elapsed = now.saturating_sub(self.begun);
        if elapsed >= WINDOW {
            // Longer silence than a window: what was before it is no news.
            self.before = if elapsed >= 2 * WINDOW { 0 } else { self.bytes };
            self.bytes = 0;
            self.begun = now;
        }
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// The rate at `now`, milliseconds.
    pub(crate) const fn bits_per_second(&self, now: u64) -> u64 {
        let elapsed = now.saturating_sub(self.begun);
        if elapsed >= 2 * WINDOW {
            return 0;
        }
        // The whole window before, and the part of this one that has passed.
        self.before
            .saturating_add(self.bytes)
            .saturating_mul(8 * 1_000)
            / (WINDOW + elapsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_stream_has_its_rate_and_silence_has_none() {
        let mut rate = Rate::default();
        for ms in (100_000..105_000).step_by(20) {
            rate.add(2_500, ms);
        }
        let measured = rate.bits_per_second(105_000);
        assert!((950_000..=1_050_000).contains(&measured), "{measured}");
        assert_eq!(rate.bits_per_second(108_000), 0);
    }
}
