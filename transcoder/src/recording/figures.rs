//! What an operator sees of the recordings: in `/status`, and as metrics with the prefix `footlight_transcoder_`.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use live::{
    SessionId, StreamName,
    daemon::prometheus_client::{
        metrics::{counter::Counter, gauge::Gauge},
        registry::Registry,
    },
};
use serde::Serialize;

/// Counts, and what is going on now.
#[derive(Debug, Default)]
pub struct Figures {
    pub(super) segments: Counter,
    pub(super) bytes: Counter,
    pub(super) gaps: Counter,
    pub(super) dropped: Counter,
    pub(super) failures: Counter,
    pub(super) free: Gauge,
    pub(super) films: Counter,
    pub(super) uploads: Counter,
    pub(super) upload_bytes: Counter,
    pub(super) upload_failures: Counter,
    pub(super) removed: Counter,
    waiting: Gauge,
    now: Mutex<Now>,
}

/// In `/status` under `recording`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Now {
    /// What keeps anything from being recorded, in words.
    pub fault: Option<String>,
    /// Bytes free on the disk.
    pub free_bytes: Option<u64>,
    /// What is recorded now, by stream.
    pub shows: BTreeMap<String, ShowFigures>,
    /// Shows that are over and not in the bucket yet.
    pub waiting_for_upload: usize,
    /// What keeps the first of them, in words.
    pub upload_fault: Option<String>,
}

/// One recording under way.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ShowFigures {
    /// Its session.
    pub session: u64,
    /// Segments kept, all renditions together, since the transcoder started.
    pub segments: u64,
    /// GAPs, likewise.
    pub gaps: u64,
    /// Bytes kept, likewise.
    pub bytes: u64,
}

impl Figures {
    /// Registers what is counted.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "recording_segments",
            "Segments kept in recordings",
            self.segments.clone(),
        );
        registry.register(
            "recording_bytes",
            "Bytes kept in recordings",
            self.bytes.clone(),
        );
        registry.register(
            "recording_gaps",
            "Segments that are a GAP in recordings",
            self.gaps.clone(),
        );
        registry.register(
            "recording_dropped",
            "Segments that the disk was too slow to take",
            self.dropped.clone(),
        );
        registry.register(
            "recording_failures",
            "Writes of recordings that failed",
            self.failures.clone(),
        );
        registry.register(
            "recording_films",
            "Shows of which one file was made",
            self.films.clone(),
        );
        registry.register(
            "recording_uploads",
            "Shows brought to the bucket",
            self.uploads.clone(),
        );
        registry.register(
            "recording_upload_bytes",
            "Bytes brought to the bucket",
            self.upload_bytes.clone(),
        );
        registry.register(
            "recording_upload_failures",
            "Tries to bring a show to the bucket that failed",
            self.upload_failures.clone(),
        );
        registry.register(
            "recording_uploads_waiting",
            "Shows that are over and not in the bucket yet",
            self.waiting.clone(),
        );
        registry.register(
            "recording_removed",
            "Shows that were not kept any longer",
            self.removed.clone(),
        );
        registry.register(
            "recording_free_bytes",
            "Bytes free on the recordings' disk",
            self.free.clone(),
        );
    }

    /// As it is now.
    pub fn now(&self) -> Now {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn free(&self, bytes: u64) {
        self.free.set(i64::try_from(bytes).unwrap_or(i64::MAX));
        self.lock().free_bytes = Some(bytes);
    }

    /// Whether that is news.
    pub(super) fn fault(&self, fault: Option<String>) -> bool {
        let mut now = self.lock();
        let changed = now.fault != fault;
        now.fault = fault;
        changed
    }

    pub(super) fn kept(&self, stream: &StreamName, session: SessionId, bytes: Option<u64>) {
        let mut now = self.lock();
        let show = now.shows.entry(stream.to_string()).or_default();
        show.session = session.0;
        match bytes {
            Some(bytes) => {
                self.segments.inc();
                self.bytes.inc_by(bytes);
                show.segments += 1;
                show.bytes += bytes;
            }
            None => {
                self.gaps.inc();
                show.gaps += 1;
            }
        }
    }

    pub(super) fn waiting(&self, shows: usize) {
        self.waiting.set(i64::try_from(shows).unwrap_or(i64::MAX));
        self.lock().waiting_for_upload = shows;
    }

    /// A try went well; `whole` when the show is all there.
    pub(super) fn uploaded(&self, whole: bool) {
        self.uploads.inc_by(whole.into());
        self.lock().upload_fault = None;
    }

    /// Whether it is the first since the last show that went well.
    pub(super) fn upload_failed(&self, words: String) -> bool {
        self.upload_failures.inc();
        self.lock().upload_fault.replace(words).is_none()
    }

    pub(super) fn over(&self, stream: &StreamName) {
        self.lock().shows.remove(stream.as_str());
    }
}
