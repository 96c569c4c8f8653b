//! What operators should be told, and strangers can cause as often as they like: each once a minute.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::clock;

/// The same is told again after this.
const AGAIN: Duration = Duration::from_secs(60);

/// When each was told last. The names are ours, so there are a handful.
#[derive(Debug, Default)]
pub(crate) struct Notices(Mutex<BTreeMap<&'static str, Duration>>);

impl Notices {
    /// Whether to tell of `what` now.
    pub(crate) fn is_news(&self, what: &'static str) -> bool {
        self.is_news_at(what, clock::monotonic())
    }

    fn is_news_at(&self, what: &'static str, now: Duration) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let news = told
            .get(what)
            .is_none_or(|at| now.saturating_sub(*at) >= AGAIN);
        if news {
            told.insert(what, now);
        }
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_told_once_a_minute() {
        let notices = Notices::default();
        let told = |what, seconds| notices.is_news_at(what, Duration::from_secs(seconds));
        assert!(told("a", 1) && told("b", 1));
        assert!(!told("a", 60) && told("a", 61) && !told("a", 62));
    }
}
