//! The keys that are in force, shared between the connections and replaced as a whole.
//!
//! The key file is looked at every [`LOOK_EVERY`]: one stat(2) of one file costs nothing, needs no descriptor and sees a
//! rename as well as a write, on any file system. A file that is wrong changes nothing, and is told once.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::{ArcSwap, Guard};
use live::daemon::{Process, event};
use serde_json::json;
use tokio::{task::spawn_blocking, time::sleep};
use tracing::{error, info};

use crate::{
    events::{Events, Kind},
    key::{KeyOrigin, Keys, Pass},
};

/// See the head.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug)]
pub(crate) struct Keyring {
    keys: ArcSwap<Keys>,
    /// How often they were replaced.
    version: AtomicU64,
    watched: Mutex<Watched>,
}

/// Held while keys are put in force, so that an older state never follows a newer one.
#[derive(Debug)]
struct Watched {
    origin: KeyOrigin,
    /// The file at the last look.
    seen: Option<Stamp>,
}

/// What tells one state of a file from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stamp {
    Absent,
    File {
        inode: (u64, u64),
        changed: (i64, i64),
        length: u64,
    },
}

/// What a connection was let in by, and the keys it was last held against.
#[derive(Debug)]
pub(crate) struct Grant {
    pass: Pass,
    version: u64,
}

impl Keyring {
    /// With these to begin with, which came from `origin`.
    pub(crate) fn new(keys: Keys, origin: KeyOrigin) -> Self {
        Self {
            keys: ArcSwap::from_pointee(keys),
            version: AtomicU64::new(0),
            watched: Mutex::new(Watched { origin, seen: None }),
        }
    }

    /// The keys in force.
    pub(crate) fn load(&self) -> Guard<Arc<Keys>> {
        self.keys.load()
    }

    /// Puts others in force.
    pub(crate) fn replace(&self, keys: Keys, origin: KeyOrigin) {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        // What was read may be older than the file by now: the next look tells.
        *watched = Watched { origin, seen: None };
        self.put(keys);
    }

    fn put(&self, keys: Keys) {
        self.keys.store(Arc::new(keys));
        self.version.fetch_add(1, Ordering::Release);
    }

    /// Takes over what happens to the key file, for ever.
    pub(crate) async fn watch(self: Arc<Self>, events: Events) {
        loop {
            sleep(LOOK_EVERY).await;
            let keyring = Arc::clone(&self);
            let events = events.clone();
            // A disk may be slow. The task ends by returning; it cannot be cancelled before the runtime is.
            let _ended = spawn_blocking(move || keyring.look(&events)).await;
        }
    }

    fn look(&self, events: &Events) {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Stamp::of(&watched.origin.file);
        let Some(before) = watched.seen.replace(now) else {
            // Read with the configuration a moment ago; read again for what may have come between.
            if let Ok(keys) = watched.origin.load(&Process) {
                self.put(keys);
            }
            return;
        };
        if before == now {
            return;
        }
        let file = watched.origin.file.display();
        match watched.origin.load(&Process) {
            Ok(keys) => {
                let count = keys.entries().len();
                self.put(keys);
                info!(%file, keys = count, "the key file has changed and is in force");
                let text = "the key file has changed and is in force";
                events.publish(None, Kind::KeysChanged, text, json!({ "keys": count }));
            }
            Err(error) => {
                for line in error.to_string().lines() {
                    error!(
                        message_id = event::CONFIGURATION_REFUSED,
                        "the keys stay as they were: {line}"
                    );
                }
            }
        }
    }
}

impl Stamp {
    fn of(file: &Path) -> Self {
        match fs::metadata(file) {
            Ok(data) => Self::File {
                inode: (data.dev(), data.ino()),
                changed: (data.ctime(), data.ctime_nsec()),
                length: data.len(),
            },
            // Whatever else is wrong shows when it is read.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::Absent,
            Err(_) => Self::File {
                inode: (0, 0),
                changed: (0, 0),
                length: 0,
            },
        }
    }
}

impl Grant {
    /// By a key that was there, a moment or a process ago.
    pub(crate) fn new(pass: impl Into<Pass>) -> Self {
        Self {
            pass: pass.into(),
            // The first look compares: a key that went since then is noticed.
            version: u64::MAX,
        }
    }

    /// For another process.
    pub(crate) const fn pass(&self) -> &Pass {
        &self.pass
    }

    /// Whether the key is still there. Costs one load while no key has changed: it may be asked at every wake-up.
    pub(crate) fn is_good(&mut self, keyring: &Keyring) -> bool {
        let version = keyring.version.load(Ordering::Acquire);
        if self.version != version {
            self.version = version;
            return keyring.load().holds(&self.pass);
        }
        true
    }
}
