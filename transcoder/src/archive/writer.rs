//! Keeps segments on disk: one task that writes and deletes, one thing at a time, and the way to what it wrote.
//!
//! No stream waits for it. While the disk is full, slow or gone, segments wait in their windows' memory; when that is
//! spent playlists become shorter. It tries again every [`RETRY`], and what was missed for lack of memory aside, all is
//! as before once the disk takes it.

#![expect(
    clippy::disallowed_methods,
    reason = "the shell that knows how long the disk takes"
)]

use std::{
    fs::File,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use live::{
    StreamName,
    daemon::{
        Shutdown,
        prometheus_client::{
            metrics::{counter::Counter, gauge::Gauge},
            registry::Registry,
        },
    },
};
use serde_json::{Value, json};
use tokio::{
    sync::{Notify, Semaphore},
    task::spawn_blocking,
    time::{Instant, sleep, sleep_until},
};
use tracing::{debug, info, warn};

use super::{
    Name, News, Place, Reading, Unreadable, disk,
    queue::{Queue, Removal, Work, Write},
};
use crate::store::Store;

/// Pause after a failure.
const RETRY: Duration = Duration::from_secs(2);
/// A segment that waited so long shows that the disk is too slow; half of it shows that it is fast enough again.
const SLOW: Duration = Duration::from_secs(10);
/// Segments read at once, each with one file and one piece of it in memory. Half of the threads that may block: a disk
/// that hangs does not take them all.
const MAX_READ: usize = 256;

/// The archive, or none when there is to be no disk. Clones are one archive.
#[derive(Debug, Clone, Default)]
pub struct Archive(Option<Arc<Inner>>);

#[derive(Debug)]
struct Inner {
    place: Place,
    started: Instant,
    queue: Mutex<Queue>,
    wake: Notify,
    health: Mutex<Health>,
    reads: Arc<Semaphore>,
    counts: Counts,
}

#[derive(Debug, Default)]
struct Counts {
    segments: Counter,
    bytes: Counter,
    errors: Counter,
    read: Counter,
    missing: Counter,
    working: Gauge,
}

/// How the disk does.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Health {
    Working,
    Slow,
    Failing(String),
}

impl Archive {
    /// The archive in `place`.
    pub fn new(place: Option<Place>) -> Self {
        Self(place.map(|place| {
            let counts = Counts::default();
            counts.working.set(1);
            Arc::new(Inner {
                place,
                started: Instant::now(),
                queue: Mutex::default(),
                wake: Notify::new(),
                health: Mutex::new(Health::Working),
                reads: Arc::new(Semaphore::new(MAX_READ)),
                counts,
            })
        }))
    }

    /// Registers what is counted.
    pub fn register(&self, registry: &mut Registry) {
        let Some(inner) = &self.0 else { return };
        let Counts {
            segments,
            bytes,
            errors,
            read,
            missing,
            working,
        } = &inner.counts;
        for (name, help, counter) in [
            ("archive_segments", "Segments written to the disk", segments),
            ("archive_bytes", "Bytes written to the disk", bytes),
            ("archive_errors", "Writes and deletions that failed", errors),
            ("archive_read_segments", "Segments sent from the disk", read),
            (
                "archive_missing_segments",
                "Segments that were asked for and had vanished from the disk",
                missing,
            ),
        ] {
            registry.register(name, help, counter.clone());
        }
        registry.register(
            "archive_working",
            "1 while the disk takes segments in time",
            working.clone(),
        );
    }

    /// What happened to the segments of `stream`.
    pub fn take(&self, stream: &StreamName, news: Vec<News>) {
        let Some(inner) = self.0.as_ref().filter(|_| !news.is_empty()) else {
            return;
        };
        let now = inner.started.elapsed();
        let mut queue = lock(&inner.queue);
        for news in news {
            queue.take(stream, news, now);
        }
        drop(queue);
        inner.wake.notify_one();
    }

    /// A segment that was written, `length` bytes long.
    pub async fn read(&self, name: &Name, length: u64) -> Result<Reading, Unreadable> {
        let inner = self.0.as_ref().ok_or(Unreadable::Missing)?;
        let place = inner.reads.clone().try_acquire_owned();
        let place = place.map_err(|_| Unreadable::Busy)?;
        let path = inner.place.segment(name);
        let open = move || {
            let file = File::open(path)?;
            let whole = file.metadata()?.len() == length;
            Ok::<_, std::io::Error>((file, whole))
        };
        match spawn_blocking(open).await {
            Ok(Ok((file, true))) => {
                inner.counts.read.inc();
                Ok(Reading::new(file, length, place))
            }
            _ => {
                inner.counts.missing.inc();
                Err(Unreadable::Missing)
            }
        }
    }

    /// For `/status`.
    pub fn status(&self) -> Value {
        let Some(inner) = &self.0 else {
            return Value::Null;
        };
        let state = match &*lock(&inner.health) {
            Health::Working => "working".to_owned(),
            Health::Slow => "too slow: segments wait for the disk in memory".to_owned(),
            Health::Failing(reason) => format!("failing: {reason}"),
        };
        let queue = lock(&inner.queue);
        json!({
            "directory": inner.place.directory,
            "state": state,
            "waiting_segments": queue.len(),
            "shed_segments": queue.shed(),
            "segments": inner.counts.segments.get(),
            "bytes": inner.counts.bytes.get(),
            "errors": inner.counts.errors.get(),
            "read_segments": inner.counts.read.get(),
            "missing_segments": inner.counts.missing.get(),
        })
    }

    /// Writes and deletes until the shutdown.
    pub async fn run(self, store: Arc<Store>, shutdown: Shutdown) {
        let Some(inner) = self.0 else { return };
        tokio::select! {
            () = inner.work(&store) => {}
            () = shutdown.triggered() => {}
        }
    }
}

impl Inner {
    async fn work(&self, store: &Store) {
        let _own = self.open().await;
        let mut pause = Instant::now();
        loop {
            let paused = pause > Instant::now();
            let work = lock(&self.queue).next(!paused);
            match work {
                Some(Work::Remove(removal)) => self.remove(removal).await,
                Some(Work::Write(write)) => {
                    if !self.write(write, store).await {
                        pause = Instant::now() + RETRY;
                    }
                }
                None => tokio::select! {
                    () = self.wake.notified() => {}
                    () = sleep_until(pause), if paused => {}
                },
            }
        }
    }

    /// Makes the directory ours, however often that has to be tried.
    async fn open(&self) -> File {
        loop {
            let place = self.place.clone();
            match spawn_blocking(move || disk::open(&place)).await {
                Ok(Ok((lock, shows))) => {
                    if shows > 0 {
                        info!(shows, "what an earlier run left in the archive is deleted");
                    }
                    self.tell(Health::Working);
                    return lock;
                }
                Ok(Err(error)) => self.tell(Health::Failing(error.to_string())),
                // A panic in there is a bug that is counted.
                Err(_) => {}
            }
            sleep(RETRY).await;
        }
    }

    async fn remove(&self, removal: Removal) {
        let place = self.place.clone();
        let removed = spawn_blocking(move || disk::remove(&place, &removal)).await;
        if let Ok(Err(error)) = removed {
            self.counts.errors.inc();
            debug!(%error, "a segment cannot be deleted; it goes with its session, or at the next start");
        }
    }

    /// Whether it was written.
    async fn write(&self, write: Write, store: &Store) -> bool {
        let place = self.place.clone();
        let task = spawn_blocking(move || {
            let written = disk::write(&place, &write.name, &write.closed);
            (write, written)
        });
        let mut task = std::pin::pin!(task);
        let ended = loop {
            tokio::select! {
                ended = task.as_mut() => break ended,
                () = sleep(SLOW) => self.tell(Health::Slow),
            }
        };
        // A panic in there is a bug that is counted; the segment stays in memory.
        let Ok((write, written)) = ended else {
            lock(&self.queue).done();
            return false;
        };
        match written {
            Ok(length) => {
                lock(&self.queue).done();
                self.counts.segments.inc();
                self.counts.bytes.inc_by(length);
                let waited = self.started.elapsed().saturating_sub(write.since);
                if waited > SLOW {
                    self.tell(Health::Slow);
                } else if waited < SLOW / 2 {
                    self.tell(Health::Working);
                }
                let Name {
                    stream,
                    session,
                    rendition,
                    msn,
                } = write.name;
                if let Some(published) = store.get(&stream) {
                    published.look(|stream| stream.saved(session, rendition, msn));
                }
                true
            }
            Err(error) => {
                self.counts.errors.inc();
                lock(&self.queue).give_back(write);
                self.tell(Health::Failing(error.to_string()));
                false
            }
        }
    }

    /// Says so when it is news.
    fn tell(&self, now: Health) {
        let before = std::mem::replace(&mut *lock(&self.health), now.clone());
        if std::mem::discriminant(&before) == std::mem::discriminant(&now) {
            return;
        }
        self.counts.working.set((now == Health::Working).into());
        match now {
            Health::Working => info!("the archive's disk takes segments again, in time"),
            Health::Slow => warn!(
                "the archive's disk is too slow: segments wait in memory, and playlists become shorter when that is spent"
            ),
            Health::Failing(reason) => warn!(
                reason,
                "the archive's disk takes no segments: they wait in memory, and playlists become shorter when that is spent"
            ),
        }
    }
}

/// A panic while the lock was held is a bug that is counted elsewhere; the archive goes on.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
