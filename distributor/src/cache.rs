//! Which entry stands for a key. The only file that knows moka.
//!
//! However many ask for a key at once, one of them gets the writer and the others the same entry. What is used least
//! goes when memory is short; an entry under way counts with the size its origin declared. moka's default policy would
//! refuse new segments in favour of old ones that were asked for more often, so the policy is plain LRU.

use std::{sync::Arc, time::Instant};

use moka::{ops::compute::Op, policy::EvictionPolicy, sync};

use crate::{
    entry::{Entry, Writer},
    freshness::Class,
    route::Key,
};

/// See the module. Clones are one cache.
#[derive(Clone)]
pub(crate) struct Cache(sync::Cache<Key, Arc<Entry>>);

impl Cache {
    /// A cache of at most `memory` bytes.
    pub(crate) fn new(memory: u64) -> Self {
        let weigh = |_: &Key, entry: &Arc<Entry>| entry.weight();
        let builder = sync::Cache::builder().max_capacity(memory).weigher(weigh);
        Self(builder.eviction_policy(EvictionPolicy::lru()).build())
    }

    /// The entry for `key` at `now`; with its writer for the one caller who must fill it, since there was none or it
    /// was spent.
    pub(crate) fn find(&self, key: &Key, now: Instant) -> (Arc<Entry>, Option<Writer>) {
        if let Some(entry) = self.0.get(key).filter(|entry| !entry.is_spent(now)) {
            return (entry, None);
        }
        let mut writer = None;
        let found = self.0.entry_by_ref(key).and_compute_with(|present| {
            let present = present.map(moka::Entry::into_value);
            if present.as_ref().is_some_and(|entry| !entry.is_spent(now)) {
                // Somebody else was quicker.
                return Op::Nop;
            }
            let (entry, its_writer) = Entry::new(Class::of(key), present.as_ref(), now);
            writer = Some(its_writer);
            Op::Put(entry)
        });
        match (found.into_entry(), writer) {
            (Some(found), writer) => (found.into_value(), writer),
            (None, _) => unreachable!("an entry is put where there was none"),
        }
    }

    /// Counts `entry` with the size it has now, and makes room for it.
    pub(crate) fn weigh(&self, key: &Key, entry: &Arc<Entry>) {
        self.0
            .entry_by_ref(key)
            .and_compute_with(|present| match present {
                Some(present) if Arc::ptr_eq(present.value(), entry) => Op::Put(entry.clone()),
                _ => Op::Nop,
            });
        self.0.run_pending_tasks();
    }

    /// Bytes held, as of the last insertion.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.weighted_size()
    }

    /// Entries held, as of the last insertion.
    pub(crate) fn entries(&self) -> u64 {
        self.0.entry_count()
    }

    /// Bytes it may hold.
    pub(crate) fn capacity(&self) -> u64 {
        self.0.policy().max_capacity().unwrap_or(0)
    }
}
