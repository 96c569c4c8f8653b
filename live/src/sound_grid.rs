//! [pure] Where frames of AAC lie on an absolute grid of 1024 samples, the timescale being the sample rate.
//!
//! Wire times are whole milliseconds, frames last 10.7 to 139 ms: a frame's time alone does not say which place is its
//! own. Mux remembers where the frame before lay, and each stamp carries that. Whoever goes on counting from a stamp
//! by the same rule comes to the same places, however late it joined; a stamp that says nothing starts the count anew.
//!
//! Always true: places rise, each is a multiple of [`SoundGrid::FRAME`], and none is a whole frame or more away from its
//! frame's time. The first frame takes the place nearest to its time, each further one the next place. One that is a
//! whole frame late takes the place nearest to its own time, and what is missing before it is for others to fill; one
//! that is a whole frame early is one too many and has none. So a sound card whose clock is off by 50 millionths costs
//! one frame in eight minutes, and noise of milliseconds nothing.

use crate::{MediaTime, stamp::StampError};

/// A frame's time and place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SoundPlace {
    rate: u32,
    pts: MediaTime,
    at: u64,
}

impl SoundPlace {
    /// Sample rates that are packaged.
    pub const RATES: std::ops::RangeInclusive<u32> = 7_350..=96_000;

    /// A frame of `pts` that lies at `at`, in samples of a `rate` from [`Self::RATES`] since the epoch. None when there
    /// is no such place, or it is a frame or more away.
    pub fn new(rate: u32, pts: MediaTime, at: u64) -> Option<Self> {
        let near = pts.samples(rate).abs_diff(at) < SoundGrid::FRAME;
        (Self::RATES.contains(&rate) && near && at.is_multiple_of(SoundGrid::FRAME))
            .then_some(Self { rate, pts, at })
    }

    /// Presentation time of the frame.
    pub const fn pts(&self) -> MediaTime {
        self.pts
    }

    /// Where the next frame of `rate` begins, samples since the epoch; none of another rate.
    pub fn end(&self, rate: u32) -> Option<u64> {
        (self.rate == rate).then_some(self.at.saturating_add(SoundGrid::FRAME))
    }

    /// The stamp's fields that carry it.
    pub(crate) fn fields(self) -> [(&'static str, u64); 3] {
        [
            ("sound_rate", self.rate.into()),
            ("sound_pts", self.pts.ticks()),
            ("sound_at", self.at),
        ]
    }

    /// Reads them back; `number` looks a field up. None of them is no place, some of them an error.
    pub(crate) fn from_fields(
        mut number: impl FnMut(&'static str) -> Result<Option<u64>, StampError>,
    ) -> Result<Option<Self>, StampError> {
        let names = ["sound_rate", "sound_pts", "sound_at"];
        let [rate, pts, at] = names.map(&mut number);
        let (rate, pts, at) = match (rate?, pts?, at?) {
            (None, None, None) => return Ok(None),
            (Some(rate), Some(pts), Some(at)) => (rate, pts, at),
            _ => return Err(StampError::Field("sound_at")),
        };
        let rate = u32::try_from(rate).map_err(|_| StampError::Field("sound_rate"))?;
        let place = Self::new(rate, MediaTime::from_ticks(pts), at);
        place.ok_or(StampError::Field("sound_at")).map(Some)
    }
}

/// The count of one stream's frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SoundGrid {
    rate: Option<u32>,
    newest: Option<SoundPlace>,
}

impl SoundGrid {
    /// One frame, in samples.
    pub const FRAME: u64 = 1024;

    /// Frames have this many samples a second from now on; none: they are not of AAC, or not of this length.
    pub fn configure(&mut self, rate: Option<u32>) {
        self.rate = rate.filter(|rate| SoundPlace::RATES.contains(rate));
        self.set(self.newest);
    }

    /// The newest frame lies there.
    pub fn set(&mut self, newest: Option<SoundPlace>) {
        self.newest = newest.filter(|place| Some(place.rate) == self.rate);
    }

    /// Where the newest frame lies.
    pub const fn newest(&self) -> Option<SoundPlace> {
        self.newest
    }

    /// The place of a frame, in samples since the epoch. None when it is one too many, or its time does not rise.
    pub fn frame(&mut self, pts: MediaTime) -> Option<u64> {
        let rate = self.rate?;
        let position = pts.samples(rate);
        let (at, is_placed) = match self.newest {
            Some(newest) if pts <= newest.pts => return None,
            Some(newest) if position <= newest.at => (newest.at, false),
            Some(newest) if position < newest.at + 2 * Self::FRAME => {
                (newest.at + Self::FRAME, true)
            }
            Some(_) | None => (Self::nearest(position), true),
        };
        self.newest = Some(SoundPlace { rate, pts, at });
        is_placed.then_some(at)
    }

    /// The place nearest to `position`.
    pub const fn nearest(position: u64) -> u64 {
        position.saturating_add(Self::FRAME / 2) / Self::FRAME * Self::FRAME
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START_MS: u64 = 1_795_000_000_000;
    const RATES: [u32; 3] = [44_100, 48_000, 32_000];

    fn grid(rate: u32) -> SoundGrid {
        let mut grid = SoundGrid::default();
        grid.configure(Some(rate));
        grid
    }

    /// The wire time of the frame that begins `samples` after the start, of a clock that is `ppm` fast.
    fn wire(samples: u64, rate: u32, ppm: i64) -> MediaTime {
        let fast = u128::try_from(1_000_000 + ppm).unwrap();
        let ms = u128::from(samples) * 1_000_000_000 / (u128::from(rate) * fast);
        MediaTime::from_millis(START_MS + u64::try_from(ms).unwrap())
    }

    #[test]
    fn at_every_phase_of_every_rate_a_frame_follows_the_other() {
        for rate in RATES {
            for phase in 0..SoundGrid::FRAME {
                let mut grid = grid(rate);
                let places: Vec<u64> = (0..150)
                    .filter_map(|n| grid.frame(wire(phase + n * SoundGrid::FRAME, rate, 0)))
                    .collect();
                assert_eq!(places.len(), 150, "{rate} {phase}");
                let mut pairs = places.windows(2);
                assert!(
                    pairs.all(|pair| pair[1] == pair[0] + SoundGrid::FRAME),
                    "{rate} {phase}"
                );
            }
        }
    }

    #[test]
    fn a_hole_is_passed_over_and_what_is_too_many_has_no_place() {
        let mut grid = grid(48_000);
        let at = |ms: u64| MediaTime::from_millis(START_MS + ms);
        let first = grid.frame(at(0)).unwrap();
        assert_eq!(grid.frame(at(0)), None, "it does not rise");
        assert_eq!(grid.frame(at(21)), Some(first + 1024));
        assert_eq!(grid.frame(at(22)), Some(first + 2048));
        assert_eq!(grid.frame(at(23)), None);
        assert_eq!(grid.frame(at(64)), Some(first + 3 * 1024));
        assert_eq!(grid.frame(at(640)), Some(first + 30 * 1024));
        // A second count goes on from the place of the first, at the same rate only.
        let mut other = self::grid(48_000);
        other.set(grid.newest());
        assert_eq!(other.frame(at(640)), None);
        assert_eq!(other.frame(at(663)), grid.frame(at(663)));
        other.configure(Some(44_100));
        assert_eq!(other.newest(), None);
        other.configure(None);
        assert_eq!(other.frame(at(700)), None);
    }

    #[test]
    fn a_place_is_on_the_grid_and_near_its_time() {
        let pts = MediaTime::from_millis(START_MS);
        let near = SoundGrid::nearest(pts.samples(48_000));
        assert!(SoundPlace::new(48_000, pts, near).is_some());
        for (rate, at) in [
            (48_000, near + 1),
            (48_000, near + 2048),
            (48_000, 0),
            (44_100, near),
            (192_000, SoundGrid::nearest(pts.samples(192_000))),
        ] {
            assert_eq!(SoundPlace::new(rate, pts, at), None, "{rate} {at}");
        }
    }

    proptest! {
        #[test]
        fn a_clock_that_drifts_costs_a_frame_seldom_and_noise_none(
            rate in prop::sample::select(RATES.to_vec()),
            phase in 0..SoundGrid::FRAME,
            ppm in -200_i64..=200,
            noise in prop::collection::vec(0_u64..4, 16),
        ) {
            let mut grid = grid(rate);
            let mut last = None;
            let mut jumps = 0;
            // Four minutes and more: at most 64 ms of drift.
            for (n, noise) in (0..10_000).zip(noise.iter().cycle()) {
                let time = wire(phase + n * SoundGrid::FRAME, rate, ppm).plus_millis(*noise);
                let place = grid.frame(time);
                if let (Some(last), Some(place)) = (last, place) {
                    prop_assert!(place == last + SoundGrid::FRAME || place == last + 2 * SoundGrid::FRAME);
                }
                jumps += u64::from(place.is_none_or(|place| last.is_some_and(|last| place > last + SoundGrid::FRAME)));
                if let Some(place) = place {
                    prop_assert!(place.abs_diff(time.samples(rate)) < SoundGrid::FRAME);
                    last = Some(place);
                }
            }
            let drifted = 10_000 * ppm.unsigned_abs() / 1_000_000;
            prop_assert!(jumps <= drifted + 1, "{jumps} for {drifted} frames");
        }

        #[test]
        fn whoever_goes_on_from_a_place_comes_to_the_same_places(
            rate in prop::sample::select(RATES.to_vec()),
            steps in prop::collection::vec(0_u64..90, 2..200),
            join in any::<prop::sample::Index>(),
        ) {
            let times: Vec<MediaTime> = steps
                .iter()
                .scan(START_MS, |ms, step| { *ms += step; Some(MediaTime::from_millis(*ms)) })
                .collect();
            let join = join.index(times.len());
            let mut veteran = grid(rate);
            times[..join].iter().for_each(|time| { veteran.frame(*time); });
            let newest = veteran.newest();
            prop_assert_eq!(newest.and_then(|p| SoundPlace::new(p.rate, p.pts, p.at)), newest);
            let mut joiner = grid(rate);
            joiner.set(newest);
            for time in &times[join..] {
                prop_assert_eq!(veteran.frame(*time), joiner.frame(*time));
            }
        }
    }
}
