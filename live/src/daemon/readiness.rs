//! [pure] Ready means that every latch was dropped.
//!
//! Whoever must have happened before the daemon is worth asking holds a [`Latch`] and drops it when it has. A latch
//! forgotten in a task that died is dropped with the task, so readiness cannot hang on a bug; what is still missing has
//! a name, for `/ready` to say.

use std::sync::{Arc, Mutex, PoisonError};

/// Hands out latches and knows which are still held. Clones share one state.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<Mutex<Vec<Arc<str>>>>);

/// Something that must happen before the daemon is ready. Dropping it says that it has.
#[derive(Debug)]
#[must_use = "a latch that is dropped at once holds nothing back"]
pub struct Latch {
    name: Arc<str>,
    readiness: Readiness,
}

impl Readiness {
    /// One more thing to wait for, named as an operator would.
    pub fn latch(&self, name: &str) -> Latch {
        let name: Arc<str> = name.into();
        self.held(|held| held.push(name.clone()));
        Latch {
            name,
            readiness: self.clone(),
        }
    }

    /// What is still waited for, in the order the latches were made. Empty when ready.
    pub fn missing(&self) -> Vec<Arc<str>> {
        self.held(|held| held.clone())
    }

    fn held<T>(&self, act: impl FnOnce(&mut Vec<Arc<str>>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Latch {
    fn drop(&mut self) {
        self.readiness
            .held(|held| held.retain(|name| !Arc::ptr_eq(name, &self.name)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_when_every_latch_was_dropped_and_until_then_it_says_what_is_missing() {
        let readiness = Readiness::default();
        let keys = readiness.latch("keys");
        let origin = readiness.latch("origin");
        let origin_too = readiness.latch("origin");
        assert_eq!(
            readiness.missing(),
            ["keys".into(), "origin".into(), "origin".into()]
        );
        drop(keys);
        drop(origin);
        assert_eq!(readiness.missing(), ["origin".into()]);
        drop(origin_too);
        assert!(readiness.missing().is_empty());
    }
}
