//! [pure] How many days recordings are kept, and how many bytes of them.

use std::time::Duration;

use live::{SessionId, StreamName};

/// What the operator wants kept at most. Nothing said is for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Keep {
    /// From a show's end.
    pub days: Option<u32>,
    /// All recordings together, those under way too.
    pub bytes: Option<u64>,
}

/// A show on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) stream: StreamName,
    pub(super) session: SessionId,
    pub(super) bytes: u64,
    /// Since it was written to.
    pub(super) age: Duration,
    /// It is settled, and there is nothing that still has to be done with it.
    pub(super) may_go: bool,
}

const DAY: Duration = Duration::from_secs(24 * 3600);

impl Keep {
    /// What is elsewhere is not kept.
    pub(super) const NOTHING: Self = Self {
        days: Some(0),
        bytes: None,
    };

    /// Whether anything is ever removed.
    pub(super) const fn is_bounded(&self) -> bool {
        self.days.is_some() || self.bytes.is_some()
    }

    /// What has to go, the oldest first.
    pub(super) fn surplus(&self, mut shows: Vec<Kept>) -> Vec<Kept> {
        shows.sort_by_key(|show| std::cmp::Reverse(show.age));
        let mut bytes: u64 = shows.iter().map(|show| show.bytes).sum();
        shows.retain(|show| {
            let old = self
                .days
                .is_some_and(|days| show.age > DAY.saturating_mul(days));
            let large = self.bytes.is_some_and(|most| bytes > most);
            let goes = show.may_go && (old || large);
            if goes {
                bytes = bytes.saturating_sub(show.bytes);
            }
            goes
        });
        shows
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kept(session: u64, bytes: u64, days: u32, may_go: bool) -> Kept {
        Kept {
            stream: "stage".parse().unwrap(),
            session: SessionId(session),
            bytes,
            age: DAY * days,
            may_go,
        }
    }

    fn gone(keep: Keep, shows: &[Kept]) -> Vec<u64> {
        let gone = keep.surplus(shows.to_vec());
        gone.iter().map(|show| show.session.0).collect()
    }

    #[test]
    fn the_oldest_goes_first_and_what_may_not_go_stays() {
        let shows = [
            kept(4, 10, 0, false),
            kept(3, 20, 5, true),
            kept(1, 30, 40, false),
            kept(2, 40, 31, true),
        ];
        let keep = |days, bytes| Keep { days, bytes };
        assert!(gone(keep(None, None), &shows).is_empty());
        assert_eq!(gone(keep(Some(30), None), &shows), [2]);
        assert!(gone(keep(None, Some(100)), &shows).is_empty());
        assert_eq!(gone(keep(None, Some(99)), &shows), [2]);
        assert_eq!(gone(keep(None, Some(59)), &shows), [2, 3]);
        assert_eq!(gone(keep(Some(1), Some(1)), &shows), [2, 3]);
    }

    proptest! {
        #[test]
        fn no_more_goes_than_must(shows in prop::collection::vec((0_u64..100, 0_u32..50, any::<bool>()), 0..20), most in 0_u64..1000) {
            let shows: Vec<Kept> = (0..).zip(&shows).map(|(n, (bytes, days, may))| kept(n, *bytes, *days, *may)).collect();
            let all: u64 = shows.iter().map(|show| show.bytes).sum();
            let gone = Keep { days: None, bytes: Some(most) }.surplus(shows.clone());
            prop_assert!(gone.iter().all(|show| show.may_go));
            let left = all - gone.iter().map(|show| show.bytes).sum::<u64>();
            let more = shows.iter().any(|show| show.may_go && !gone.contains(show));
            prop_assert!(left <= most || !more);
            if let Some(last) = gone.last() {
                prop_assert!(left + last.bytes > most);
            }
        }
    }
}
