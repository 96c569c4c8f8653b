//! [pure] The date ranges of one session, as its playlists may list them (RFC 8216bis §4.4.5.1).
//!
//! Always true: no ID is there twice; where one range of a class ends with the next, none of that class overlaps. There
//! are at most [`DateRanges::MOST`], of [`DateRanges::MOST_BYTES`] together: the oldest goes for a new one.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::VecDeque;

use super::{DateRange, Extent};

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DateRanges(VecDeque<DateRange>);

/// Why a range is not taken: its author's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// There is one of that ID.
    #[error("there is a date range {0:?} already")]
    Known(String),
    /// It would be so at the same time as another of its class, which ends with the next.
    #[error("it overlaps {0:?} of the same class")]
    Overlaps(String),
}

impl DateRanges {
    /// A title every four seconds of a quarter of an hour, or the tracks of twelve hours.
    pub const MOST: usize = 200;
    /// Every playlist carries them: as much as 160 segments take.
    pub const MOST_BYTES: usize = 64 << 10;

    /// Takes one; answers with those that had to go for it.
    pub fn add(&mut self, range: DateRange) -> Result<Vec<DateRange>, Unfit> {
        for other in &self.0 {
            let name = || other.id().to_string();
            if other.id() == range.id() {
                return Err(Unfit::Known(name()));
            }
            if overlap(&range, other) {
                return Err(Unfit::Overlaps(name()));
            }
        }
        self.0.push_back(range);
        let mut gone = Vec::new();
        while self.0.len() > 1 && self.is_full() {
            gone.extend(self.0.pop_front());
        }
        Ok(gone)
    }

    fn is_full(&self) -> bool {
        let bytes: usize = self.0.iter().map(|range| range.to_string().len()).sum();
        self.0.len() > Self::MOST || bytes > Self::MOST_BYTES
    }

    /// Oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &DateRange> {
        self.0.iter()
    }

    /// Takes out those that ended at `date` or before, Unix milliseconds. What has no end yet stays.
    pub fn end_by(&mut self, date: u64) -> Vec<DateRange> {
        let over = |range: &DateRange| self.end(range).is_some_and(|end| end <= date);
        let (gone, stay): (Vec<DateRange>, _) = self.0.iter().cloned().partition(over);
        self.0 = VecDeque::from(stay);
        gone
    }

    /// When a range ends, Unix milliseconds: by itself, or as the next of its class starts. One of which nobody knows
    /// how long it lasts ends so too.
    fn end(&self, range: &DateRange) -> Option<u64> {
        let same = |other: &&DateRange| range.class().is_some() && other.class() == range.class();
        let starts = self.0.iter().filter(same).map(|other| other.start());
        let next = starts.filter(|start| *start > range.start()).min();
        range
            .own_end()
            .or_else(|| next.map(super::ProgramDateTime::unix_millis))
    }
}

/// Whether two ranges may not be in one playlist.
fn overlap(a: &DateRange, b: &DateRange) -> bool {
    let until_next = a.extent() == Extent::UntilNext || b.extent() == Extent::UntilNext;
    if a.class().is_none() || a.class() != b.class() || !until_next {
        return false;
    }
    let covers = |range: &DateRange, other: &DateRange| {
        let (start, other) = (range.start().unix_millis(), other.start().unix_millis());
        let end = match range.extent() {
            Extent::UntilNext => start.saturating_add(1),
            Extent::Lasts(_) => range
                .own_end()
                .unwrap_or(start)
                .max(start.saturating_add(1)),
            Extent::Unknown => u64::MAX,
        };
        (start..end).contains(&other)
    };
    covers(a, b) || covers(b, a)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::playlist::{ProgramDateTime, Seconds, Text};

    fn range(id: &str, class: &str, start: u64, extent: Extent) -> DateRange {
        let text = |text: &str| text.parse::<Text>().unwrap();
        let start = ProgramDateTime::from_unix_millis(start);
        DateRange::new(text(id), Some(text(class)), start, extent, None).unwrap()
    }

    fn ids(ranges: &[DateRange]) -> Vec<&str> {
        ranges.iter().map(|range| range.id().as_str()).collect()
    }

    #[test]
    fn a_title_ends_with_the_next_one() {
        let mut ranges = DateRanges::default();
        let song = |id, start| range(id, "song", start, Extent::UntilNext);
        ranges.add(song("a", 1000)).unwrap();
        ranges
            .add(range("light", "light", 1500, Extent::UntilNext))
            .unwrap();
        ranges.add(song("b", 2000)).unwrap();
        assert!(ranges.end_by(1999).is_empty());
        assert_eq!(ids(&ranges.end_by(2000)), ["a"]);
        assert!(ranges.end_by(u64::MAX).is_empty(), "what has no end stays");
        assert_eq!(ranges.add(song("b", 3000)), Err(Unfit::Known("b".into())));
        assert_eq!(
            ranges.add(song("c", 2000)),
            Err(Unfit::Overlaps("b".into()))
        );
        let long = |start, secs| range("d", "song", start, Extent::Lasts(Seconds::from_secs(secs)));
        assert_eq!(ranges.add(long(1000, 2)), Err(Unfit::Overlaps("b".into())));
        ranges.add(long(3000, 2)).unwrap();
        let within = ranges.add(song("e", 4999));
        assert_eq!(within, Err(Unfit::Overlaps("d".into())));
        ranges.add(song("e", 5000)).unwrap();
        assert_eq!(ids(&ranges.end_by(5000)), ["b", "d"]);
    }

    #[test]
    fn the_oldest_goes_for_a_new_one() {
        let mut ranges = DateRanges::default();
        let lasts = Extent::Lasts(Seconds::from_secs(1));
        for n in 0..DateRanges::MOST {
            let added = ranges.add(range(&n.to_string(), "x", 0, lasts));
            assert_eq!(added, Ok(Vec::new()));
        }
        assert_eq!(
            ids(&ranges.add(range("new", "x", 0, lasts)).unwrap()),
            ["0"]
        );
        let long = "a".repeat(4000);
        for n in 0..17 {
            let text = format!("{n}{long}").parse().unwrap();
            let range = range(&format!("long{n}"), "x", 0, lasts).with("X-TITLE", text);
            ranges.add(range.unwrap()).unwrap();
        }
        assert_eq!(ranges.iter().count(), 16);
    }
}
