//! [pure] Where one segment ends and the next begins, as the tracks are told: stamps without holes in their numbers.

use std::collections::VecDeque;

use live::{Dsn, MediaTime, Msn, part_target::PartTarget, sound_grid::SoundPlace};

/// "Segment `msn` starts at `start`, and the one before it ends there."
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Boundary {
    /// The segment's number.
    pub msn: Msn,
    /// Its discontinuity sequence number.
    pub dsn: Dsn,
    /// Where it starts, and the one before ends.
    pub start: MediaTime,
    /// There is no media in it: the stream is held, or its stamp was missed.
    pub gap: bool,
    /// The stream is held: nobody publishes, and what is repeated may stand in the gap.
    pub held: bool,
    /// Where the newest frame of sound lies that came before its stamp, as mux has it.
    pub sound: Option<SoundPlace>,
    /// PART-TARGET from this segment on, as far as that is told.
    pub parts: Option<PartTarget>,
}

/// The newest boundaries of a session, for a rendition that comes later than others: the playlist that it begins with
/// tells of the same segments as theirs.
#[derive(Debug, Clone, Default)]
pub struct Recent(VecDeque<Boundary>);

impl Recent {
    /// A playlist begins with three target durations of GAP; at segments of a second that is six.
    const MOST: usize = 8;

    /// The boundary that comes next.
    pub fn push(&mut self, boundary: Boundary) {
        if self.0.len() >= Self::MOST {
            self.0.pop_front();
        }
        self.0.push_back(boundary);
    }

    /// Oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Boundary> {
        self.0.iter()
    }

    /// The newest before `boundary`.
    pub fn before(&self, boundary: &Boundary) -> Option<&Boundary> {
        self.iter().rev().find(|known| known.msn < boundary.msn)
    }
}

/// The boundaries of the segments whose stamps were missed between `open` and `next`: their time is divided evenly.
/// `end` is where the open segment's media ends; it lasts on if else they were longer than `most` ticks.
pub fn missed(open: Boundary, end: MediaTime, next: &Boundary, most: u64) -> Vec<Boundary> {
    let count = next.msn.0.saturating_sub(open.msn.0).saturating_sub(1);
    let before = |ticks: u64| MediaTime::from_ticks(next.start.ticks().saturating_sub(ticks));
    let first = end
        .max(open.start.plus_ticks(1))
        .max(before(count.saturating_mul(most)))
        .min(before(count));
    let span = u128::from(next.start.since(first));
    (0..count)
        .map(|n| {
            let ticks = span * u128::from(n) / u128::from(count);
            Boundary {
                msn: Msn(open.msn.0 + 1 + n),
                dsn: next.dsn,
                start: first.plus_ticks(u64::try_from(ticks).unwrap_or(u64::MAX)),
                gap: true,
                held: false,
                sound: None,
                parts: None,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missed_segments_share_the_time_evenly() {
        let at = |msn, ms| Boundary {
            msn: Msn(msn),
            dsn: Dsn(0),
            start: MediaTime::from_millis(ms),
            gap: false,
            held: false,
            sound: None,
            parts: None,
        };
        let missed = missed(
            at(7, 10_000),
            MediaTime::from_millis(11_000),
            &at(10, 15_000),
            3 * MediaTime::HZ,
        );
        let told: Vec<_> = missed
            .iter()
            .map(|b| (b.msn.0, b.start.millis(), b.gap))
            .collect();
        assert_eq!(told, [(8, 11_000, true), (9, 13_000, true)]);
        let none = super::missed(at(7, 0), MediaTime::default(), &at(8, 1), 3 * MediaTime::HZ);
        assert!(none.is_empty());
        let soon = MediaTime::from_millis(10_500);
        let missed = super::missed(at(7, 10_000), soon, &at(9, 15_000), 3 * MediaTime::HZ);
        assert_eq!(missed[0].start.millis(), 12_000);
    }
}
