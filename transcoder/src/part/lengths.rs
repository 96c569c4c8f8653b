//! [pure] What [`PartTarget`] means for a track.

use live::part_target::PartTarget;

/// A [`PartTarget`] in the units of one track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lengths {
    pub(super) timescale: u32,
    pub(super) nominal: u64,
    pub(super) longest: u64,
    pub(super) shortest: u64,
}

impl Lengths {
    /// `timescale` units make a second.
    pub fn new(target: PartTarget, timescale: u32) -> Self {
        let units = |ms: u32| u64::from(ms) * u64::from(timescale) / 1000;
        let longest = units(target.millis());
        Self {
            timescale,
            nominal: units(target.nominal_ms()).max(1),
            longest,
            shortest: (longest * PartTarget::LEAST).div_ceil(100),
        }
    }

    /// PART-TARGET.
    pub const fn longest(&self) -> u64 {
        self.longest
    }
}
