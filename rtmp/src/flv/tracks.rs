//! [pure] Which tracks one message carries.

use serde::{Deserialize, Serialize};

use crate::message::take;

/// Numbers of tracks, 0 to 255.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct TrackSet([u64; 4]);

impl TrackSet {
    /// One track.
    pub fn one(track: u8) -> Self {
        let mut set = Self::default();
        set.insert(track);
        set
    }

    /// Whether `track` is among them.
    pub fn contains(self, track: u8) -> bool {
        let Self(words) = Self::one(track);
        self.overlaps(Self(words))
    }

    /// Whether both have a track in common.
    pub fn overlaps(self, other: Self) -> bool {
        self.0
            .iter()
            .zip(other.0)
            .any(|(mine, its)| mine & its != 0)
    }

    /// Whether all of these are in `other`.
    pub fn is_within(self, other: Self) -> bool {
        self.0
            .iter()
            .zip(other.0)
            .all(|(mine, its)| mine & !its == 0)
    }

    /// The tracks of both.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        let mut both = self;
        for (mine, its) in both.0.iter_mut().zip(other.0) {
            *mine |= its;
        }
        both
    }

    /// Each of them, in rising order.
    pub fn iter(self) -> impl Iterator<Item = u8> {
        (0..=u8::MAX).filter(move |track| self.contains(*track))
    }

    /// Those of a message of several tracks, from the first track's number on; `between` bytes stand before each
    /// further one. A track whose length exceeds the message ends the search.
    pub(super) fn read(mut rest: &[u8], between: usize) -> Self {
        let mut set = Self::default();
        while let Some([track, high, middle, low]) = take(&mut rest) {
            set.insert(track);
            let size = u32::from_be_bytes([0, high, middle, low]);
            let after = usize::try_from(size)
                .unwrap_or(usize::MAX)
                .saturating_add(between);
            rest = rest.get(after..).unwrap_or_default();
        }
        set
    }

    fn insert(&mut self, track: u8) {
        if let Some(word) = self.0.get_mut(usize::from(track >> 6)) {
            *word |= 1 << (track & 63);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tracks_of_a_message_are_read_as_far_as_they_are_whole() {
        let shared = TrackSet::read(b"\x00\x00\x00\x02ab\xff\x00\x00\x01c", 0);
        assert!(shared.contains(0) && shared.contains(255) && !shared.contains(1));
        let own = TrackSet::read(b"\x01\x00\x00\x01aOpus\x02\x00\x00\x01b", 4);
        assert!(own.contains(1) && own.contains(2) && !own.contains(0));
        let cut = TrackSet::read(b"\x03\xff\xff\xffa\x04", 0);
        assert_eq!(cut, TrackSet::one(3));
        assert!(cut.is_within(TrackSet::read(b"\x03\0\0\0\x04\0\0\0", 0)));
        assert!(!own.overlaps(shared) && own.overlaps(TrackSet::one(2)));
        assert!(own.with(shared).iter().eq([0, 1, 2, 255]));
    }
}
