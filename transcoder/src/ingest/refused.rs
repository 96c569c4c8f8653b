//! [pure] The streams that mux wants to send and for which there is no place.

use std::{collections::BTreeMap, time::Duration};

use live::StreamName;

/// Names that are known at once; others are refused all the same, but not told of.
const MOST: usize = 256;
/// Mux tries again every ten seconds at most: a show that was not heard of for so long is over, or elsewhere.
const STAYS: Duration = Duration::from_secs(30);

/// When each was refused last.
#[derive(Debug, Default)]
pub(super) struct Refused(BTreeMap<StreamName, Duration>);

impl Refused {
    /// One is refused; says whether that is news.
    pub(super) fn add(&mut self, name: &StreamName, now: Duration) -> bool {
        self.age(now);
        let known = self.0.contains_key(name);
        let kept = known || self.0.len() < MOST;
        if kept {
            self.0.insert(name.clone(), now);
        }
        kept && !known
    }

    /// It has a place.
    pub(super) fn remove(&mut self, name: &StreamName) {
        self.0.remove(name);
    }

    /// Those that want a place.
    pub(super) fn names(&mut self, now: Duration) -> Vec<String> {
        self.age(now);
        self.0.keys().map(StreamName::to_string).collect()
    }

    fn age(&mut self, now: Duration) {
        self.0.retain(|_, last| now.saturating_sub(*last) < STAYS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(n: usize) -> StreamName {
        format!("stream-{n}").parse().unwrap()
    }

    #[test]
    fn each_is_news_once_until_it_has_a_place_or_gives_up() {
        let mut refused = Refused::default();
        let at = Duration::from_secs;
        assert!(refused.add(&name(1), at(0)));
        assert!(refused.add(&name(2), at(5)));
        assert!(!refused.add(&name(1), at(10)));
        assert_eq!(refused.names(at(12)), ["stream-1", "stream-2"]);
        assert_eq!(refused.names(at(36)), ["stream-1"], "the other gave up");
        refused.remove(&name(1));
        assert!(refused.names(at(36)).is_empty());
        assert!(refused.add(&name(1), at(37)));
    }

    #[test]
    fn a_flood_of_names_is_bounded() {
        let mut refused = Refused::default();
        let news = (0..MOST + 10).filter(|n| refused.add(&name(*n), Duration::ZERO));
        assert_eq!(news.count(), MOST);
        assert_eq!(refused.names(Duration::ZERO).len(), MOST);
    }
}
