//! [pure] Where one encoder has to place its keys.
//!
//! A request names a time and is met by the first picture at or after it. What is decided here depends on the order of
//! the input alone, never on how far the encoder has come: two workers with the same input place the same keys.

use std::collections::BTreeSet;

use live::MediaTime;

/// Most requests that wait. Frames between decoder and encoder are a few dozen, so more are a flood of
/// [`super::Input::ForceKey`]; the oldest is dropped, for the next one follows close behind it.
const MAX_WAITING: usize = 256;

/// The requests of one encoder.
#[derive(Debug, Default)]
pub(super) struct Keys {
    waiting: BTreeSet<MediaTime>,
    newest_in: Option<MediaTime>,
    newest_out: Option<MediaTime>,
}

/// What becomes of a decoded picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Picture {
    /// It has no time, or one that is not after the last: what a decoder makes of a damaged source.
    Drop,
    /// As the encoder likes, which without a request is never as a key.
    Encode,
    /// As a key.
    EncodeAsKey,
}

impl Keys {
    /// A frame of the source goes in; a source key is copied to its own `pts`.
    pub(super) fn frame_in(&mut self, pts: MediaTime, key: bool) {
        self.newest_in = self.newest_in.max(Some(pts));
        if key {
            self.want(pts);
        }
    }

    /// A boundary without a source key. Pictures that went in already may be encoded by now or not, so they are left
    /// out: the request is for a later one.
    pub(super) fn force(&mut self, pts: MediaTime) {
        let after = self.newest_in.map(|newest| newest.plus_ticks(1));
        self.want(after.map_or(pts, |after| after.max(pts)));
    }

    /// The encoder is about to get a picture. It is never asked for a key with its first, which is one by itself:
    /// `GstVideoEncoder` 1.22 would note the request beyond x264enc's 1000 hours of offset and refuse every later one.
    pub(super) fn picture(&mut self, pts: Option<MediaTime>) -> Picture {
        let Some(pts) = pts.filter(|pts| Some(*pts) > self.newest_out) else {
            return Picture::Drop;
        };
        let first = self.newest_out.replace(pts).is_none();
        let later = self.waiting.split_off(&pts.plus_ticks(1));
        let due = std::mem::replace(&mut self.waiting, later);
        if due.is_empty() || first {
            Picture::Encode
        } else {
            Picture::EncodeAsKey
        }
    }

    fn want(&mut self, pts: MediaTime) {
        if self.waiting.len() >= MAX_WAITING {
            self.waiting.pop_first();
        }
        self.waiting.insert(pts);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> MediaTime {
        MediaTime::from_millis(1_790_000_000_000 + ms)
    }

    fn keys(keys: &mut Keys, pictures: impl IntoIterator<Item = u64>) -> Vec<u64> {
        pictures
            .into_iter()
            .filter(|&p| keys.picture(Some(ms(p))) == Picture::EncodeAsKey)
            .collect()
    }

    #[test]
    fn a_source_key_is_copied_and_the_first_picture_needs_no_asking() {
        let mut it = Keys::default();
        for (pts, key) in [(0, true), (40, false), (80, true), (120, false)] {
            it.frame_in(ms(pts), key);
        }
        assert_eq!(keys(&mut it, [0, 40, 80, 120]), [80]);
    }

    #[test]
    fn a_boundary_is_met_by_the_first_picture_at_or_after_it_once() {
        let mut it = Keys::default();
        it.frame_in(ms(0), true);
        it.force(ms(50));
        assert_eq!(keys(&mut it, [0, 40, 80, 120]), [80]);
    }

    #[test]
    fn a_late_boundary_gives_the_same_key_however_far_the_encoder_is() {
        for encoded in 0..3 {
            let mut it = Keys::default();
            let mut got = Vec::new();
            for pts in [0, 40, 80] {
                it.frame_in(ms(pts), pts == 0);
            }
            got.extend(keys(&mut it, [0, 40, 80].into_iter().take(encoded)));
            it.force(ms(30));
            it.frame_in(ms(120), false);
            got.extend(keys(&mut it, [0, 40, 80, 120].into_iter().skip(encoded)));
            assert_eq!(got, [120], "after {encoded}");
        }
    }

    #[test]
    fn a_picture_without_a_place_in_time_is_dropped() {
        let mut it = Keys::default();
        assert_eq!(it.picture(None), Picture::Drop);
        assert_eq!(it.picture(Some(ms(40))), Picture::Encode);
        for pts in [None, Some(ms(40)), Some(ms(0))] {
            assert_eq!(it.picture(pts), Picture::Drop);
        }
        assert_eq!(it.picture(Some(ms(80))), Picture::Encode);
    }

    #[test]
    fn a_flood_of_boundaries_stays_bounded() {
        let mut it = Keys::default();
        (0..10_000).for_each(|n| it.force(ms(n)));
        assert_eq!(it.waiting.len(), MAX_WAITING);
        assert_eq!(keys(&mut it, [0, 9_998, 10_000, 10_040]), [9_998, 10_000]);
    }
}
