//! [pure] Which decoded pictures pass on to an encoder or a scaler, and which of them are to be keys.
//!
//! A picture that is to be a key passes at any pace but [`Pace::Suspended`]. At [`Pace::Half`] every second picture is
//! left out, counted anew from each key, so two workers that were fed alike since a key leave out the same ones.

use live::MediaTime;

use super::{
    Pace,
    keys::{Keys, Picture},
};

/// What stands before one element.
#[derive(Debug, Default)]
pub(super) struct Gate {
    keys: Keys,
    pace: Pace,
    /// The next picture is one of those that are left out.
    skip: bool,
    /// Pictures were held back that later ones are coded from: nothing but a key may follow.
    until_key: bool,
    /// A picture has passed.
    passed: bool,
}

impl Gate {
    /// One that lets every second picture pass.
    pub(super) fn half() -> Self {
        Self {
            pace: Pace::Half,
            ..Self::default()
        }
    }

    /// From the next picture on.
    pub(super) const fn set(&mut self, pace: Pace) {
        self.pace = pace;
    }

    /// As [`Keys::frame_in`].
    pub(super) fn frame_in(&mut self, pts: MediaTime, key: bool) {
        self.keys.frame_in(pts, key);
    }

    /// As [`Keys::force`].
    pub(super) fn force(&mut self, pts: MediaTime) {
        self.keys.force(pts);
    }

    /// A picture is there.
    pub(super) fn picture(&mut self, pts: Option<MediaTime>) -> Picture {
        let picture = self.keys.picture(pts);
        let picture = match (picture, self.pace) {
            (Picture::Drop, _) => Picture::Drop,
            (Picture::Encode | Picture::EncodeAsKey, Pace::Suspended) => {
                self.until_key = true;
                Picture::Drop
            }
            // The first is a key by itself: see [`Keys::picture`].
            (Picture::EncodeAsKey, _) if !self.passed => Picture::Encode,
            (Picture::EncodeAsKey, _) => Picture::EncodeAsKey,
            (Picture::Encode, _) if self.until_key => Picture::Drop,
            (Picture::Encode, Pace::Half) if self.skip => {
                self.skip = false;
                return Picture::Drop;
            }
            (Picture::Encode, Pace::Full | Pace::Half) => Picture::Encode,
        };
        if picture != Picture::Drop {
            (self.skip, self.until_key, self.passed) = (true, false, true);
        }
        picture
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(n: u64) -> MediaTime {
        MediaTime::from_millis(1_790_000_000_000 + n)
    }

    /// Which of the pictures pass, and which of those as keys.
    fn pass(gate: &mut Gate, pictures: std::ops::Range<u64>) -> (Vec<u64>, Vec<u64>) {
        let (mut passed, mut keys) = (Vec::new(), Vec::new());
        for n in pictures {
            let picture = gate.picture(Some(at(n)));
            passed.extend((picture != Picture::Drop).then_some(n));
            keys.extend((picture == Picture::EncodeAsKey).then_some(n));
        }
        (passed, keys)
    }

    #[test]
    fn every_second_picture_counts_anew_from_each_key_and_no_key_is_left_out() {
        let mut gate = Gate::half();
        (0..12).for_each(|n| gate.frame_in(at(n), n == 0 || n == 5));
        gate.force(at(9));
        gate.frame_in(at(12), false);
        let (passed, keys) = pass(&mut gate, 0..14);
        assert_eq!(passed, [0, 2, 4, 5, 7, 9, 11, 12]);
        assert_eq!(
            keys,
            [5, 12],
            "pictures up to 11 were in when the boundary was told"
        );
    }

    #[test]
    fn who_joins_at_a_later_key_leaves_out_the_same_pictures() {
        let (mut early, mut late) = (Gate::half(), Gate::half());
        for n in 0..20 {
            early.frame_in(at(n), n % 7 == 0);
        }
        (7..20).for_each(|n| late.frame_in(at(n), n % 7 == 0));
        pass(&mut early, 0..7);
        assert_eq!(pass(&mut early, 7..20).0, pass(&mut late, 7..20).0);
    }

    #[test]
    fn after_a_suspension_a_key_comes_first() {
        let mut gate = Gate::default();
        (0..12).for_each(|n| gate.frame_in(at(n), n % 4 == 0));
        assert_eq!(pass(&mut gate, 0..2).0, [0, 1]);
        gate.set(Pace::Suspended);
        assert!(pass(&mut gate, 2..6).0.is_empty());
        gate.set(Pace::Full);
        assert_eq!(pass(&mut gate, 6..11), (vec![8, 9, 10], vec![8]));
    }

    #[test]
    fn the_first_picture_of_all_is_never_asked_to_be_a_key() {
        let mut gate = Gate::default();
        (0..8).for_each(|n| gate.frame_in(at(n), n % 4 == 0));
        gate.set(Pace::Suspended);
        pass(&mut gate, 0..3);
        gate.set(Pace::Full);
        assert_eq!(pass(&mut gate, 3..6), (vec![4, 5], vec![]));
    }
}
