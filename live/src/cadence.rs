//! [pure] How far apart a session's pictures are.
//!
//! Parts have to fit the pictures that they hold (RFC 8216bis §4.4.4.9). So mux measures the first segment, and every
//! stamp after the first tells what it found, whatever comes for a while; another cadence is told only when parts have
//! not fitted for long, or could be much shorter for longer. Transcoders that join at different times find the same parts.

use crate::{MediaTime, part_target::PartTarget, stamp::StampError};

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

    /// What holds the pictures of both.
    fn and(self, other: Self) -> Self {
        Self {
            shortest: self.shortest.min(other.shortest),
            longest: self.longest.max(other.longest),
        }
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

/// What stamps tell of a session's cadence.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SessionCadence {
    told: Option<Cadence>,
    /// The first segment is over.
    begun: bool,
    /// The open segment's.
    meter: CadenceMeter,
    other: Option<Other>,
}

/// Segments in a row that want another cadence told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Other {
    wish: Wish,
    segments: u32,
    /// That of all but the first of them, in which it may have changed.
    cadence: Option<Cadence>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
enum Wish {
    /// Parts do not fit the pictures.
    Fitting,
    /// They could be much shorter.
    Shorter,
}

impl Wish {
    /// What a publisher stumbles over, or shows for a moment, is over by then: ten seconds at the usual K, a minute.
    const fn patience(self) -> u32 {
        match self {
            Self::Fitting => 5,
            Self::Shorter => 30,
        }
    }
}

impl SessionCadence {
    /// A picture comes so many ticks after the one before.
    pub fn distance(&mut self, ticks: u64) {
        self.meter.distance(ticks);
    }

    /// A segment ends: what the next stamp tells. `target_duration` in seconds.
    pub fn segment_ends(&mut self, target_duration: u32) -> Option<Cadence> {
        let measured = std::mem::take(&mut self.meter).cadence();
        let first = !std::mem::replace(&mut self.begun, true);
        match measured {
            Some(measured) if !first => self.compare(measured, target_duration),
            Some(_) => self.told = measured,
            // A hold, a still picture: that says nothing.
            None => {}
        }
        self.told
    }

    fn compare(&mut self, measured: Cadence, target_duration: u32) {
        let Some(wish) = self.wish(measured, target_duration) else {
            self.other = None;
            return;
        };
        let before = self.other.filter(|other| other.wish == wish);
        let other = before.map_or(
            Other {
                wish,
                segments: 1,
                cadence: None,
            },
            |before| Other {
                segments: before.segments + 1,
                cadence: Some(before.cadence.map_or(measured, |all| all.and(measured))),
                ..before
            },
        );
        self.other = Some(other);
        if other.segments >= wish.patience() {
            self.told = other.cadence;
            self.other = None;
        }
    }

    fn wish(&self, measured: Cadence, target_duration: u32) -> Option<Wish> {
        let fitting = |cadence| PartTarget::USUAL.fitting(cadence, target_duration);
        let parts = self.told.map_or(PartTarget::USUAL, fitting);
        let wished = fitting(measured);
        if !parts.fits(measured) && wished != parts {
            Some(Wish::Fitting)
        } else if wished.millis() * 3 <= parts.millis() * 2 {
            Some(Wish::Shorter)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests;
