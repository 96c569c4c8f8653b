//! [pure] How far apart a session's pictures are, as its first segment shows.
//!
//! Parts have to fit the pictures that they hold (RFC 8216bis §4.4.4.9), and PART-TARGET never changes while a playlist
//! lives. So the cadence is one for a session: mux measures the first segment, and every stamp after the first says the
//! same, whatever comes later. Transcoders that join at different times find the same parts.

use crate::{MediaTime, stamp::StampError};

/// Distances of two pictures in decoding order, in ticks of 90 kHz, what is out of the ordinary left aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Cadence {
    shortest: u64,
    longest: u64,
}

impl Cadence {
    /// Longest distance, ticks: the longest TARGETDURATION that mux makes. What is longer is a hole.
    pub const MOST: u64 = 11 * MediaTime::HZ;

    /// None when there are no such distances.
    pub fn new(shortest: u64, longest: u64) -> Option<Self> {
        let fits = 0 < shortest && shortest <= longest && longest <= Self::MOST;
        fits.then_some(Self { shortest, longest })
    }

    /// The shortest distance, ticks of 90 kHz.
    pub const fn shortest(self) -> u64 {
        self.shortest
    }

    /// The longest distance, ticks of 90 kHz.
    pub const fn longest(self) -> u64 {
        self.longest
    }

    /// The stamp's fields that carry it.
    pub(crate) fn fields(self) -> [(&'static str, u64); 2] {
        [("frame_min", self.shortest), ("frame_max", self.longest)]
    }

    /// Reads them back; `number` looks a field up. Neither of them is no cadence, one of them an error.
    pub(crate) fn from_fields(
        mut number: impl FnMut(&'static str) -> Result<Option<u64>, StampError>,
    ) -> Result<Option<Self>, StampError> {
        match (number("frame_min")?, number("frame_max")?) {
            (None, None) => Ok(None),
            (Some(shortest), Some(longest)) => Self::new(shortest, longest)
                .ok_or(StampError::Field("frame_max"))
                .map(Some),
            _ => Err(StampError::Field("frame_max")),
        }
    }
}

/// Measures the [`Cadence`] of a segment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct CadenceMeter {
    distances: Vec<u64>,
}

impl CadenceMeter {
    /// So many distances say enough: two seconds at 30 pictures per second.
    const ENOUGH: usize = 64;
    /// One in so many, on either side, is out of the ordinary: a picture that was lost, a publisher that hesitated.
    const ODD: usize = 16;

    /// A picture comes so many ticks after the one before.
    pub fn distance(&mut self, ticks: u64) {
        if (1..=Cadence::MOST).contains(&ticks) && self.distances.len() < Self::ENOUGH {
            self.distances.push(ticks);
        }
    }

    /// What was measured; nothing of fewer than two pictures.
    pub fn cadence(mut self) -> Option<Cadence> {
        self.distances.sort_unstable();
        let odd = self.distances.len() / Self::ODD;
        let shortest = self.distances.get(odd)?;
        let longest = self.distances.iter().rev().nth(odd)?;
        Cadence::new(*shortest, *longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(distances: &[u64]) -> Option<(u64, u64)> {
        let mut meter = CadenceMeter::default();
        for ticks in distances {
            meter.distance(*ticks);
        }
        let cadence = meter.cadence()?;
        Some((cadence.shortest(), cadence.longest()))
    }

    #[test]
    fn few_pictures_count_each_and_of_many_the_odd_ones_do_not() {
        assert_eq!(measured(&[]), None);
        assert_eq!(measured(&[90_000]), Some((90_000, 90_000)));
        assert_eq!(measured(&[3000, 9000, 3000]), Some((3000, 9000)));
        let mut usual = vec![2970, 3060, 2970];
        usual.extend([3060; 20]);
        usual.extend([45_000, 100]);
        assert_eq!(measured(&usual), Some((2970, 3060)));
    }

    #[test]
    fn a_hole_is_no_distance_and_what_is_measured_is_bounded() {
        assert_eq!(measured(&[0, Cadence::MOST + 1]), None);
        let mut long = vec![3000; 64];
        long.extend([90_000; 1000]);
        assert_eq!(measured(&long), Some((3000, 3000)));
    }
}
