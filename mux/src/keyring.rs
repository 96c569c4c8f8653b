//! The keys that are in force, shared between the connections and replaced as a whole.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use arc_swap::{ArcSwap, Guard};

use crate::key::{Found, Keys};

/// See the module.
#[derive(Debug)]
pub(crate) struct Keyring {
    keys: ArcSwap<Keys>,
    /// How often they were replaced.
    version: AtomicU64,
}

/// What a connection was let in by, and the keys it was last held against.
#[derive(Debug)]
pub(crate) struct Grant {
    found: Found,
    version: u64,
}

impl Keyring {
    /// With these to begin with.
    pub(crate) fn new(keys: Keys) -> Self {
        Self {
            keys: ArcSwap::from_pointee(keys),
            version: AtomicU64::new(0),
        }
    }

    /// The keys in force.
    pub(crate) fn load(&self) -> Guard<Arc<Keys>> {
        self.keys.load()
    }

    /// Puts others in force.
    pub(crate) fn replace(&self, keys: Keys) {
        self.keys.store(Arc::new(keys));
        self.version.fetch_add(1, Ordering::Release);
    }
}

impl Grant {
    /// By a key that was just found.
    pub(crate) const fn new(found: Found) -> Self {
        // The first look compares once for nothing; a key that went between finding and this is noticed.
        Self {
            found,
            version: u64::MAX,
        }
    }

    /// Whether the key is still there. Costs one load while no key has changed: it may be asked at every wake-up.
    pub(crate) fn is_good(&mut self, keyring: &Keyring) -> bool {
        let version = keyring.version.load(Ordering::Acquire);
        if self.version != version {
            self.version = version;
            return keyring.load().holds(&self.found);
        }
        true
    }
}
