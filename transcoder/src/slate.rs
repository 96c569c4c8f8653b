//! [pure] The slate of one rung: what it shows while nobody publishes.
//!
//! Coded once by an encoder that is set as the rung's own, it needs the rung's initialization section and no other, and
//! keeps the rung's bit rate. Repeated from its key for each segment of a hold, so all that is published depends on the
//! segment's start and end alone.

use std::path::PathBuf;

use bytes::Bytes;
use live::MediaTime;

use crate::sample::Sample;

/// The picture that slates are made of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Card {
    /// None: holds are GAP.
    Nothing,
    /// Our own.
    #[default]
    BuiltIn,
    /// A file, PNG or JPEG.
    File(PathBuf),
}

/// Coded pictures, at even distances from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slate {
    record: Bytes,
    pictures: Vec<(u64, Bytes)>,
    distance: u64,
}

/// Why coded pictures are no slate. The encoder's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SlateError {
    /// Fewer than two.
    #[error("the encoder gave no moving picture of it")]
    Short,
    /// More than is kept for one rung.
    #[error("coded it is larger than {} MiB", Slate::MAX_BYTES >> 20)]
    Size,
    /// It does not begin with a key, or its times do not rise.
    #[error("the encoder gave it without a key in front or out of order")]
    Order,
}

impl Slate {
    /// Most bytes that one is kept with: five seconds at 13 Mbit/s.
    pub const MAX_BYTES: usize = 8 << 20;
    /// Most pictures: the longest segments there are (10 s) at 300 pictures per second, and one.
    pub const MAX_PICTURES: usize = 3001;

    /// Of an encoder's pictures: ticks, whether it is a key, its bytes. `record` is the encoder's avcC.
    pub fn new(record: Bytes, coded: Vec<(u64, bool, Bytes)>) -> Result<Self, SlateError> {
        let first = coded.first().map_or(0, |(at, ..)| *at);
        let rises = coded.is_sorted_by(|(a, ..), (b, ..)| a < b);
        if !rises || coded.first().is_some_and(|(_, key, _)| !key) {
            return Err(SlateError::Order);
        }
        let bytes: usize = coded.iter().map(|(.., bytes)| bytes.len()).sum();
        if bytes > Self::MAX_BYTES || coded.len() > Self::MAX_PICTURES {
            return Err(SlateError::Size);
        }
        let [_, (second, ..), ..] = coded.as_slice() else {
            return Err(SlateError::Short);
        };
        Ok(Self {
            record,
            distance: second - first,
            pictures: coded
                .into_iter()
                .map(|(at, _, bytes)| (at - first, bytes))
                .collect(),
        })
    }

    /// The decoder configuration that it needs.
    pub const fn record(&self) -> &Bytes {
        &self.record
    }

    /// From one picture to the next, in ticks of 90 kHz.
    pub const fn distance(&self) -> u64 {
        self.distance
    }

    /// The slate from `start` to `end`, the last picture at most half a distance longer or shorter than the others. None
    /// when there is no time between them, or more than the slate has pictures for.
    pub fn between(&self, start: MediaTime, end: MediaTime) -> Vec<Sample> {
        let length = end.since(start);
        let last = self.pictures.last().map_or(0, |(at, _)| *at);
        if length == 0 || length > last + self.distance + self.distance / 2 {
            return Vec::new();
        }
        let fits = |at: u64| at == 0 || at + self.distance / 2 < length;
        self.pictures
            .iter()
            .take_while(|(at, _)| fits(*at))
            .filter_map(|(at, bytes)| {
                let time = start.plus_ticks(*at);
                Sample::new(time, time, *at == 0, bytes.clone()).ok()
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn slate(pictures: u64) -> Slate {
        let picture = |n: u64| (700 + n * 3003, n == 0, Bytes::from_static(b"picture"));
        Slate::new(Bytes::new(), (0..pictures).map(picture).collect()).unwrap()
    }

    #[test]
    fn what_an_encoder_gives_out_of_order_or_without_bounds_is_none() {
        let of = |coded: &[(u64, bool, &'static [u8])]| {
            let own = |(at, key, bytes): &(u64, bool, &'static [u8])| {
                (*at, *key, Bytes::from_static(bytes))
            };
            Slate::new(Bytes::new(), coded.iter().map(own).collect()).unwrap_err()
        };
        assert_eq!(of(&[]), SlateError::Short);
        assert_eq!(of(&[(0, true, b"a")]), SlateError::Short);
        assert_eq!(of(&[(0, false, b"a"), (1, false, b"b")]), SlateError::Order);
        assert_eq!(of(&[(1, true, b"a"), (1, false, b"b")]), SlateError::Order);
        static LARGE: [u8; Slate::MAX_BYTES] = [0; Slate::MAX_BYTES];
        assert_eq!(of(&[(0, true, &LARGE), (1, false, b"b")]), SlateError::Size);
    }

    proptest! {
        #[test]
        fn any_length_up_to_its_own_is_filled_to_half_a_picture(
            start in 0_u64..1 << 50,
            length in 1_u64..30 * 3003,
        ) {
            let start = MediaTime::from_ticks(start);
            let samples = slate(30).between(start, start.plus_ticks(length));
            prop_assert!(samples[0].key && samples[0].pts == start);
            prop_assert!(samples.iter().skip(1).all(|sample| !sample.key));
            prop_assert!(samples.is_sorted_by(|a, b| a.pts < b.pts));
            let rest = start.plus_ticks(length).since(samples.last().unwrap().pts);
            prop_assert!(rest <= 3003 + 1502 && (rest > 1501 || samples.len() == 1));
        }
    }

    #[test]
    fn what_is_longer_is_not_filled() {
        let at = MediaTime::from_ticks;
        assert!(slate(30).between(at(5), at(5)).is_empty());
        assert!(slate(30).between(at(5), at(5 + 31 * 3003)).is_empty());
    }
}
