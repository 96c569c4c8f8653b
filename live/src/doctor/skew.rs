//! [pure] How far another box's clock is from ours, from the Date headers of its answers.
//!
//! A date is cut off to the second, so one answer says no more than a second or so; each further one narrows it, most when
//! the second changes between two. What is reported is what is certain.

use super::finding::{Area, Finding};

/// The offsets of the other clock that all answers so far allow, in milliseconds; positive is ahead of us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Skew {
    least: i64,
    most: i64,
}

/// Beyond these the times of playlists and stamps of two boxes no longer fit, milliseconds.
const WARNING: i64 = 500;
const FAILURE: i64 = 2000;

impl Default for Skew {
    fn default() -> Self {
        Self {
            least: i64::MIN,
            most: i64::MAX,
        }
    }
}

impl Skew {
    /// An answer that says `date`, in unix seconds, to a question asked at `asked` and answered at `answered`, both in unix
    /// milliseconds by our clock.
    pub fn hear(&mut self, date: i64, asked: i64, answered: i64) {
        let date = date.saturating_mul(1000);
        self.least = self.least.max(date.saturating_sub(answered));
        self.most = self
            .most
            .min(date.saturating_add(1000).saturating_sub(asked));
    }

    /// Known to a quarter of a second: asking on is no use.
    pub fn is_narrow(self) -> bool {
        self.most.saturating_sub(self.least) <= 250
    }

    /// What is certain: no clock that fits the answers is nearer than this.
    fn certain(self) -> i64 {
        if self.least > 0 {
            self.least
        } else {
            self.most.min(0)
        }
    }

    /// What that means for the other box, `name`. Nothing where nothing was heard.
    pub fn judge(self, name: &str) -> Option<Finding> {
        if self == Self::default() {
            return None;
        }
        let off = self.certain();
        let ahead = if off > 0 { "ahead of" } else { "behind" };
        let sentence = format!(
            "its clock is {}.{} s {ahead} this box's",
            off.abs() / 1000,
            off.abs() % 1000 / 100
        );
        let remedy =
            "compare `date` on both with a phone; on the one that is wrong: chronyc sources";
        Some(match off.abs() {
            FAILURE.. => Finding::failure(Area::Clock, name, sentence, remedy),
            WARNING.. => Finding::warning(Area::Clock, name, sentence, remedy),
            _ => Finding::ok(Area::Clock, name, "its clock and this box's agree"),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::doctor::Verdict;

    fn heard(offset: i64, asked: &[i64], way: i64) -> Skew {
        let mut skew = Skew::default();
        for at in asked {
            let there = at + way + offset;
            skew.hear(there.div_euclid(1000), *at, at + 2 * way);
        }
        skew
    }

    #[test]
    fn a_clock_that_is_off_is_told_by_how_much() {
        let asked: Vec<i64> = (0..12).map(|n| 1_700_000_000_000 + n * 100).collect();
        for (offset, verdict, part) in [
            (0, Verdict::Ok, "agree"),
            (-300, Verdict::Ok, "agree"),
            (1_200, Verdict::Warning, "s ahead of"),
            (-5_000, Verdict::Failure, "s behind"),
            (3_600_000, Verdict::Failure, "s ahead of"),
        ] {
            let skew = heard(offset, &asked, 1);
            assert!(skew.is_narrow(), "{skew:?}");
            let found = skew.judge("d2").unwrap();
            assert_eq!(found.verdict, verdict, "{found:?}");
            assert!(found.sentence.contains(part), "{found:?}");
        }
        assert_eq!(Skew::default().judge("d2"), None);
    }

    proptest! {
        #[test]
        fn what_is_certain_is_never_more_than_what_is_true(
            offset in -10_000_i64..10_000,
            way in 0_i64..800,
            asked in proptest::collection::vec(0_i64..5_000, 1..8),
        ) {
            let skew = heard(offset, &asked, way);
            prop_assert!(skew.least <= offset && offset <= skew.most);
            prop_assert!(skew.certain().abs() <= offset.abs());
        }
    }
}
