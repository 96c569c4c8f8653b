//! Which entry stands for a key. The only file that knows moka.
//!
//! However many ask for a key at once, one of them gets the writer and the others the same entry. Memory has two
//! halves: what is followed is kept in one, all else in the other, so that nothing that viewers ask for, however old or
//! made up, drives out the live edge. In each, what is used least goes when memory is short; an entry under way counts
//! with the size its origin declared. moka's default policy would refuse new segments in favour of old ones that were
//! asked for more often, so the policy is plain LRU.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use moka::{ops::compute::Op, policy::EvictionPolicy, sync};

use crate::{
    entry::{Entry, Writer},
    freshness::Class,
    route::Key,
};

type Half = sync::Cache<Key, Arc<Entry>>;

/// See the module. Clones are one cache.
#[derive(Clone)]
pub(crate) struct Cache {
    live: Half,
    rest: Half,
    /// Held by whoever puts an entry or moves it, so that a key has one and in one half. What is there is found without.
    changing: Arc<Mutex<()>>,
}

impl Cache {
    /// A cache of at most `memory` bytes.
    pub(crate) fn new(memory: u64) -> Self {
        let live = memory / 2;
        Self {
            live: half(live),
            rest: half(memory - live),
            changing: Arc::default(),
        }
    }

    /// The entry for `key` at `now`; with its writer for the one caller who must fill it, since there was none or it
    /// was spent.
    pub(crate) fn find(&self, key: &Key, now: Instant) -> (Arc<Entry>, Option<Writer>) {
        if let Some(entry) = self.get(key).filter(|entry| !entry.is_spent(now)) {
            return (entry, None);
        }
        let _changing = self.changing();
        let live = self.live.get(key);
        let half = if live.is_some() {
            &self.live
        } else {
            &self.rest
        };
        put(half, key, live.or_else(|| self.rest.get(key)), now)
    }

    /// Whether there is something for `key` that need not be asked for.
    pub(crate) fn has(&self, key: &Key, now: Instant) -> bool {
        self.get(key).is_some_and(|entry| !entry.is_spent(now))
    }

    /// As [`Self::find`]; from now on it is kept with what is followed.
    pub(crate) fn keep(&self, key: &Key, now: Instant) -> (Arc<Entry>, Option<Writer>) {
        let _changing = self.changing();
        let moved = self.rest.remove(key);
        if let Some(entry) = &moved {
            self.live.insert(key.clone(), entry.clone());
        }
        put(&self.live, key, moved.or_else(|| self.live.get(key)), now)
    }

    /// It is kept with all else from now on.
    pub(crate) fn release(&self, key: &Key) {
        let _changing = self.changing();
        if let Some(entry) = self.live.remove(key) {
            self.rest.insert(key.clone(), entry);
        }
    }

    /// It is not kept any more.
    pub(crate) fn forget(&self, key: &Key) {
        let _changing = self.changing();
        self.live.invalidate(key);
        self.rest.invalidate(key);
    }

    /// Counts `entry` with the size it has now, and makes room for it.
    pub(crate) fn weigh(&self, key: &Key, entry: &Arc<Entry>) {
        for half in [&self.live, &self.rest] {
            half.entry_by_ref(key)
                .and_compute_with(|present| match present {
                    Some(present) if Arc::ptr_eq(present.value(), entry) => Op::Put(entry.clone()),
                    _ => Op::Nop,
                });
            half.run_pending_tasks();
        }
    }

    /// Bytes held, as of the last insertion.
    pub(crate) fn bytes(&self) -> u64 {
        self.live.weighted_size() + self.rest.weighted_size()
    }

    /// Entries held, as of the last insertion.
    pub(crate) fn entries(&self) -> u64 {
        self.live.entry_count() + self.rest.entry_count()
    }

    /// Bytes it may hold.
    pub(crate) fn capacity(&self) -> u64 {
        let of = |half: &Half| half.policy().max_capacity().unwrap_or(0);
        of(&self.live) + of(&self.rest)
    }

    fn get(&self, key: &Key) -> Option<Arc<Entry>> {
        self.live.get(key).or_else(|| self.rest.get(key))
    }

    fn changing(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn half(memory: u64) -> Half {
    let weigh = |_: &Key, entry: &Arc<Entry>| entry.weight();
    let builder = sync::Cache::builder().max_capacity(memory).weigher(weigh);
    builder.eviction_policy(EvictionPolicy::lru()).build()
}

/// What is `present`, unless it is spent: then a new one in its place.
fn put(
    half: &Half,
    key: &Key,
    present: Option<Arc<Entry>>,
    now: Instant,
) -> (Arc<Entry>, Option<Writer>) {
    if let Some(entry) = present.as_ref().filter(|entry| !entry.is_spent(now)) {
        // Somebody else was quicker.
        return (entry.clone(), None);
    }
    let (entry, writer) = Entry::new(Class::of(key), present.as_ref(), now);
    half.insert(key.clone(), entry.clone());
    (entry, Some(writer))
}
