//! [pure] PART-TARGET.
//!
//! A part lasts at most PART-TARGET and, but for some, at least 85 % of it (RFC 8216bis §4.4.4.9). Pictures that are far
//! apart cannot be cut into such parts whatever the target is: at three a second a part of half a second is one picture
//! too short or one too long. So a session's target is the smallest, from the operator's wish on, that its pictures fit.
//! Mux judges by [`PartTarget::USUAL`] whether a session's pictures still do; transcoders cut by what they are told.

use crate::{MediaTime, cadence::Cadence, playlist::Seconds, sound_grid::SoundGrid};

/// How long parts are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartTarget {
    nominal_ms: u32,
    millis: u32,
}

/// The operator's fault: no such part duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a part lasts from 200 ms to 1 s")]
pub struct PartTargetError;

impl PartTarget {
    /// What a transcoder has when its operator wishes nothing else: 500 ms.
    pub const USUAL: Self = Self::of(500, u32::MAX);
    /// A part is never shorter than this, in hundredths of PART-TARGET.
    pub const LEAST: u64 = 85;
    /// Sample rates at which frames are so long that not every part fits them.
    const LONG_SOUND: [u32; 5] = [7_350, 8_000, 11_025, 12_000, 16_000];
    /// Distances that differ by no more than this are one distance, told in whole milliseconds. Ticks.
    const ROUNDING: u64 = 2 * MediaTime::HZ / 1000;
    /// Where they differ by more than this part of the longest, a longer one by a quarter may come.
    const UNEVEN: u64 = 8;

    /// From nominal milliseconds, as the operator wishes.
    pub fn from_millis(nominal_ms: u32) -> Result<Self, PartTargetError> {
        if (200..=1000).contains(&nominal_ms) {
            Ok(Self::of(nominal_ms, u32::MAX))
        } else {
            Err(PartTargetError)
        }
    }

    /// 7 % above nominal, so that a cut at the nearest frame, told in whole milliseconds, neither exceeds it nor falls
    /// below 85 % of it; `most` at most.
    const fn of(nominal_ms: u32, most: u32) -> Self {
        let above = (nominal_ms * 107 + 50) / 100;
        let millis = if above < most { above } else { most };
        Self { nominal_ms, millis }
    }

    /// The smallest target that is no shorter than this one and fits a session's pictures; where none does, that of
    /// segments of one part. `target_duration` in seconds.
    #[must_use]
    pub fn fitting(self, cadence: Cadence, target_duration: u32) -> Self {
        if self.fits(cadence) {
            return self;
        }
        let most = target_duration.saturating_mul(1000);
        (self.nominal_ms..=most)
            .map(|nominal_ms| Self::of(nominal_ms, most))
            .find(|target| target.millis == most || target.fits(cadence) && target.fits_sound())
            .unwrap_or(self)
    }

    /// Whether a part can be made of any pictures of the session. The margins are for clocks that are not quite even.
    pub fn fits(self, cadence: Cadence) -> bool {
        let (mut shortest, mut longest) = (cadence.shortest(), cadence.longest());
        if longest - shortest <= Self::ROUNDING {
            shortest = shortest.midpoint(longest);
            longest = shortest;
        } else if (longest - shortest) * Self::UNEVEN > longest {
            longest += longest / 4;
        }
        self.holds(
            shortest * 97 / 100,
            longest + longest / 40,
            MediaTime::HZ / 1000,
        )
    }

    /// Whether a part can be made of frames of AAC, whatever their rate.
    fn fits_sound(self) -> bool {
        let frame = SoundGrid::FRAME * 1000;
        Self::LONG_SOUND
            .iter()
            .all(|rate| self.holds(frame, frame, u64::from(*rate)))
    }

    /// Whether some number of samples, each from `shortest` to `longest` of which `a_ms` make a millisecond, is never too
    /// much nor too little for a part.
    fn holds(self, shortest: u64, longest: u64, a_ms: u64) -> bool {
        let most = u64::from(self.millis) * a_ms;
        let some = most / longest.max(1) * shortest;
        // Of samples that are as short as what a part may lack, there is always such a number.
        some * 100 >= most * Self::LEAST || longest * 100 <= most * (100 - Self::LEAST)
    }

    /// The nominal duration, milliseconds.
    pub const fn nominal_ms(self) -> u32 {
        self.nominal_ms
    }

    /// PART-TARGET in milliseconds.
    pub const fn millis(self) -> u32 {
        self.millis
    }

    /// PART-TARGET as a playlist writes it.
    pub fn seconds(self) -> Seconds {
        Seconds::from_millis(self.millis.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The target for pictures of even distance, so many in so many seconds.
    fn target(nominal: u32, pictures: u64, seconds: u64) -> u32 {
        let distance = seconds * 90_000 / pictures;
        let cadence = Cadence::new(distance, distance).unwrap();
        let target = PartTarget::from_millis(nominal).unwrap();
        target.fitting(cadence, 3).millis()
    }

    #[test]
    fn the_target_is_the_operators_wherever_the_pictures_fit_it() {
        for rate in [2, 4, 6, 8, 10, 12, 15, 24, 25, 30, 48, 50, 60, 120] {
            assert_eq!(target(500, rate, 1), 535, "{rate}");
        }
        assert_eq!(target(500, 30_000, 1001), 535);
        for rate in [24, 25, 30, 50, 60, 120] {
            assert_eq!(target(200, rate, 1), 214, "{rate}");
        }
    }

    #[test]
    fn slow_pictures_have_the_next_longer_one() {
        let expected = [(9, 570), (7, 586), (5, 640), (3, 697), (1, 1025)];
        for (rate, millis) in expected {
            assert_eq!(target(500, rate, 1), millis, "{rate}");
        }
        assert_eq!(target(500, 1, 2), 2050);
        // One part in a segment.
        assert_eq!(target(500, 1, 4), 3000);
    }

    #[test]
    fn uneven_pictures_have_one_that_fits_them_all() {
        let target = |shortest: u64, longest: u64| {
            let cadence = Cadence::new(shortest * 90, longest * 90).unwrap();
            let target = PartTarget::from_millis(500).unwrap();
            target.fitting(cadence, 3).millis()
        };
        assert_eq!(target(33, 60), 535);
        assert_eq!(target(33, 34), 535);
        assert_eq!(target(33, 100), 855);
        assert_eq!(target(33, 500), 3000);
    }
}
