//! [pure] A moment on a stream's one absolute timeline.
//!
//! Ticks of 90 kHz since the Unix epoch, 64 bits: wide enough for six million years, so it never wraps.

use std::fmt;

/// Ticks of 90 kHz since the Unix epoch (DESIGN §4: `abs = UTC at the session's first frame + elapsed source time`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct MediaTime(u64);

impl MediaTime {
    /// Ticks in one second.
    pub const HZ: u64 = 90_000;
    const PER_MS: u64 = Self::HZ / 1000;

    /// From ticks of 90 kHz.
    pub const fn from_ticks(ticks: u64) -> Self {
        Self(ticks)
    }

    /// From whole milliseconds. Exact; saturates far beyond any date.
    pub const fn from_millis(ms: u64) -> Self {
        Self(ms.saturating_mul(Self::PER_MS))
    }

    /// Ticks of 90 kHz.
    pub const fn ticks(self) -> u64 {
        self.0
    }

    /// Whole milliseconds, rounded down.
    pub const fn millis(self) -> u64 {
        self.0 / Self::PER_MS
    }

    /// The moment as a count of samples since the epoch, `rate` a second, rounded down; saturating.
    pub fn samples(self, rate: u32) -> u64 {
        let samples = u128::from(self.0) * u128::from(rate) / u128::from(Self::HZ);
        u64::try_from(samples).unwrap_or(u64::MAX)
    }

    /// The inverse of [`Self::samples`], to a tick.
    pub fn from_samples(samples: u64, rate: u32) -> Self {
        let ticks = u128::from(samples) * u128::from(Self::HZ) / u128::from(rate.max(1));
        Self(u64::try_from(ticks).unwrap_or(u64::MAX))
    }

    /// `self` later by `ticks`, saturating.
    #[must_use]
    pub const fn plus_ticks(self, ticks: u64) -> Self {
        Self(self.0.saturating_add(ticks))
    }

    /// `self` later by `ms` milliseconds, saturating.
    #[must_use]
    pub const fn plus_millis(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms.saturating_mul(Self::PER_MS)))
    }

    /// Ticks from `earlier` to `self`; zero when `earlier` is in fact later.
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Debug for MediaTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:05}s", self.0 / Self::HZ, self.0 % Self::HZ)
    }
}
