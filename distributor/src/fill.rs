//! Fetches what is asked for: one fetch for an object however many want it, in a task of its own.
//!
//! A fetch outlives the viewer who caused it and never waits for any viewer. While nothing has come of an object, or not
//! all of a playlist, the next origin is asked; once bytes have gone out, a fetch that breaks off is an error for all who
//! read it. Where there
//! are several distributors, the stream's home among them is asked first (`home`).

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use live::daemon::Chassis;
use tokio::time::timeout;
use tracing::{debug, info, warn};

use crate::{
    cache::Cache,
    entry::{Entry, Failure, Head, OBJECT_MAX, Viewer, Writer},
    freshness::{Class, is_playlist},
    metrics::Metrics,
    now,
    origin::{Answer, Origins},
    route::Key,
    routing::Routing,
    slots::Slots,
    upstream::{Object, Upstream, UpstreamError},
};

mod home;

/// Objects fetched at once, in all and for one stream: a live edge needs a handful, a viewer who goes back in time a few
/// more. At 2 s each when an origin is at its worst.
const FETCHES_MAX: (usize, usize) = (256, 64);
/// Playlists and parts that origins may hold at once, each a connection; counted apart, so that waiting ones never keep
/// segments out. A stream needs four for each rendition: the next part, and the playlist whole and as both deltas.
const HELD_MAX: (usize, usize) = (512, 64);
/// Objects that are followed, whatever they are: the live edge of every rendition that is watched, as it is when the
/// first viewer comes. Counted apart, so that no viewer's request keeps them out.
const FOLLOWED_MAX: (usize, usize) = (1024, 256);

/// Largest object that is sent only when it is whole: the largest playlist that can be read, and a large picture.
const WHOLE_MAX: usize = live::playlist::MAX_BYTES;

/// All objects of all streams: those in memory and those that must be fetched.
pub(crate) struct Objects {
    cache: Cache,
    upstream: Arc<Upstream>,
    origins: Mutex<Origins>,
    names: Vec<String>,
    /// None where this is the only distributor.
    routing: Option<Arc<Routing>>,
    fetches: Slots,
    held: Slots,
    followed: Slots,
    chassis: Chassis,
    metrics: Metrics,
}

/// How an entry was come by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// It was there, whole.
    Hit,
    /// Somebody else's fetch is under way.
    Waiting,
    /// This request caused a fetch.
    Filling,
}

impl Objects {
    /// Nothing in memory yet. `names` are the origins' names, by index.
    pub(crate) fn new(
        cache: Cache,
        upstream: Arc<Upstream>,
        (origins, names): (Origins, Vec<String>),
        routing: Option<Arc<Routing>>,
        chassis: Chassis,
        metrics: Metrics,
    ) -> Arc<Self> {
        Arc::new(Self {
            cache,
            upstream,
            origins: Mutex::new(origins),
            names,
            routing,
            fetches: Slots::new(FETCHES_MAX.0, FETCHES_MAX.1),
            held: Slots::new(HELD_MAX.0, HELD_MAX.1),
            followed: Slots::new(FOLLOWED_MAX.0, FOLLOWED_MAX.1),
            chassis,
            metrics,
        })
    }

    /// One more viewer of the entry for `key`, which is being filled if it is not there.
    pub(crate) fn find(self: &Arc<Self>, key: &Key) -> (Viewer, Found) {
        let (entry, writer) = self.cache.find(key, now());
        let found = match writer {
            Some(_) => Found::Filling,
            None if entry.is_over() => Found::Hit,
            None => Found::Waiting,
        };
        // A viewer before the fetch begins, so that a drain does not take it for abandoned.
        let viewer = Viewer::of(entry);
        self.start(key, writer, false);
        (viewer, found)
    }

    /// As [`Self::find`], for an entry that stays until it is released or forgotten.
    pub(crate) fn keep(self: &Arc<Self>, key: &Key) -> (Arc<Entry>, Viewer) {
        let (entry, writer) = self.cache.keep(key, now());
        let viewer = Viewer::of(entry.clone());
        self.start(key, writer, true);
        (entry, viewer)
    }

    fn start(self: &Arc<Self>, key: &Key, writer: Option<Writer>, followed: bool) {
        if let Some(writer) = writer {
            let (objects, key) = (self.clone(), key.clone());
            self.chassis.spawn("fetch", async move {
                objects.fill_unless_stopped(&key, writer, followed).await;
            });
        }
    }

    /// What is in memory.
    pub(crate) fn cache(&self) -> &Cache {
        &self.cache
    }

    /// What is known of the origins.
    pub(crate) fn origins(&self) -> MutexGuard<'_, Origins> {
        self.origins.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// During a drain a fetch ends when its last viewer has gone. What an origin may hold back is not waited for at all:
    /// it may take seconds, and whoever comes again finds the next process waiting for it.
    async fn fill_unless_stopped(&self, key: &Key, writer: Writer, followed: bool) {
        let entry = writer.entry().clone();
        let stopped = async {
            self.chassis.shutdown().triggered().await;
            if Class::of(key).is_held() && !entry.has_begun() {
                entry.stop(now());
            } else {
                entry.abandoned().await;
            }
        };
        tokio::select! {
            () = self.fill(key, writer, followed) => {}
            // Whoever comes still begins it anew.
            () = stopped => self.cache.forget(key),
        }
    }

    async fn fill(&self, key: &Key, writer: Writer, followed: bool) {
        let room = match (followed, Class::of(key).is_held()) {
            (true, _) => &self.followed,
            (false, true) => &self.held,
            (false, false) => &self.fetches,
        };
        let Some(_slot) = room.take(key.stream()) else {
            writer.fail(Failure::Busy, now());
            return;
        };
        let entry = writer.entry().clone();
        match self.ask(key, &writer).await {
            Ok(()) => {
                if let Ok(Some(told)) = writer.complete(now()) {
                    self.origins().learn(key.stream(), told);
                }
            }
            Err(failure) => {
                debug!(stream = %key.stream(), %key, %failure, "an object could not be fetched");
                writer.fail(failure, now());
            }
        }
        self.cache.weigh(key, &entry);
    }

    /// Asks the stream's home among the distributors, then the origins.
    async fn ask(&self, key: &Key, writer: &Writer) -> Result<(), Failure> {
        match self.ask_home(key, writer).await {
            Some(done) => done,
            None => self.ask_origins(key, writer).await,
        }
    }

    /// Asks one origin after the other, until one has begun to serve or has said that there is nothing.
    async fn ask_origins(&self, key: &Key, writer: &Writer) -> Result<(), Failure> {
        let mut asked = Vec::new();
        let mut missing = false;
        let mut failure = Failure::Unavailable;
        let class = Class::of(key);
        let td = self.origins().target_duration(key.stream());
        let until = now() + class.patience(td);
        loop {
            let now = now();
            let left = until.saturating_duration_since(now);
            let next = self.origins().next(key.stream(), &asked, now);
            let Some(origin) = next.filter(|_| !left.is_zero()) else {
                break;
            };
            asked.push(origin);
            match self.fetch(key, origin, td, left, writer).await {
                Ok(()) => return Ok(()),
                Err(UpstreamError::Missing) => missing = true,
                Err(UpstreamError::Refused) => {
                    writer.begin(nothing(StatusCode::BAD_REQUEST));
                    return Ok(());
                }
                Err(UpstreamError::Withheld) => return Err(Failure::Unavailable),
                Err(_) if writer.entry().has_begun() => return Err(Failure::Broken),
                Err(UpstreamError::Late(_)) => failure = Failure::Late,
                Err(_) => {}
            }
        }
        if missing && self.origins().missing(key.stream()) == StatusCode::NOT_FOUND {
            writer.begin(nothing(StatusCode::NOT_FOUND));
            return Ok(());
        }
        Err(failure)
    }

    /// One request to one origin, which has at most what is `left` of the time, and its outcome taken down.
    async fn fetch(
        &self,
        key: &Key,
        origin: usize,
        td: Duration,
        left: Duration,
        writer: &Writer,
    ) -> Result<(), UpstreamError> {
        let (class, asked) = (Class::of(key), now());
        let deadline = class.first_byte(td).min(left);
        let fetched = match self.upstream.get(origin, key, deadline).await {
            Ok(mut object) => self.copy(key, &mut object, writer).await,
            Err(error) => Err(error),
        };
        let held_out = class.is_held() && now().duration_since(asked) >= class.hold(td);
        let fetched = match fetched {
            // Earlier than that, the origin is stopping or full, and another may do better.
            Err(UpstreamError::Status(StatusCode::SERVICE_UNAVAILABLE)) if held_out => {
                Err(UpstreamError::Withheld)
            }
            fetched => fetched,
        };
        let answer = match &fetched {
            Ok(()) => Answer::Served,
            Err(_) if writer.entry().has_begun() => Answer::CutShort,
            Err(error) => error.answer(),
        };
        self.metrics.fetched(answer);
        let (before, after) = {
            let mut origins = self.origins();
            let before = origins.is_down(origin);
            origins.report(key.stream(), key.object(), origin, answer, now());
            (before, origins.is_down(origin))
        };
        self.tell(origin, (before, after), fetched.as_ref().err());
        fetched
    }

    /// The body into the entry, which has a time in which it must be there.
    async fn copy(
        &self,
        key: &Key,
        object: &mut Object,
        writer: &Writer,
    ) -> Result<(), UpstreamError> {
        let most = Class::last_byte(self.origins().target_duration(key.stream()));
        let copied = if Class::of(key).is_sent_whole() {
            timeout(most, self.copy_whole(key, object, writer)).await
        } else {
            timeout(most, self.copy_through(key, object, writer)).await
        };
        copied.unwrap_or(Err(UpstreamError::Late(most)))
    }

    /// All bytes at once, so that until the last of them another origin can serve.
    async fn copy_whole(
        &self,
        key: &Key,
        object: &mut Object,
        writer: &Writer,
    ) -> Result<(), UpstreamError> {
        let mut whole = BytesMut::new();
        while let Some(bytes) = object.next().await? {
            self.metrics.fetched_bytes(bytes.len());
            whole.extend_from_slice(&bytes);
            if whole.len() > WHOLE_MAX {
                return Err(UpstreamError::Status(StatusCode::PAYLOAD_TOO_LARGE));
            }
        }
        if Class::of(key).is_playlist() && !is_playlist(&whole) {
            return Err(UpstreamError::NoPlaylist);
        }
        writer.begin(Head {
            status: StatusCode::OK,
            length: Some(whole.len() as u64),
            etag: object.etag.take(),
            at: now(),
        });
        push(writer, whole.freeze())
    }

    /// Bytes as they come. The entry begins with the first of them, so that until then another origin can serve.
    async fn copy_through(
        &self,
        key: &Key,
        object: &mut Object,
        writer: &Writer,
    ) -> Result<(), UpstreamError> {
        if object.length.is_some_and(|length| length > OBJECT_MAX) {
            return Err(UpstreamError::Status(StatusCode::PAYLOAD_TOO_LARGE));
        }
        let first = object.next().await?;
        let (length, etag) = (object.length, object.etag.take());
        writer.begin(Head {
            status: StatusCode::OK,
            length,
            etag,
            at: now(),
        });
        // Counted with its declared size from now on, so that what it will take is free when it comes.
        self.cache.weigh(key, writer.entry());
        let mut next = first;
        while let Some(bytes) = next {
            self.metrics.fetched_bytes(bytes.len());
            push(writer, bytes)?;
            next = object.next().await?;
        }
        Ok(())
    }

    /// Tells the operator when an origin goes and when it comes back, once each.
    fn tell(&self, origin: usize, (before, after): (bool, bool), error: Option<&UpstreamError>) {
        let name = self.names.get(origin).map_or("", String::as_str);
        match (before, after, error) {
            (false, true, Some(error)) => warn!(origin = name, "the origin is out of use: {error}"),
            (true, false, _) => info!(origin = name, "the origin is in use again"),
            (_, _, Some(error)) => debug!(origin = name, "{error}"),
            (_, _, None) => {}
        }
    }
}

fn push(writer: &Writer, bytes: Bytes) -> Result<(), UpstreamError> {
    let pushed = writer.push(bytes);
    pushed.map_err(|failure| UpstreamError::Broken(failure.to_string()))
}

/// The head of an answer without an object.
fn nothing(status: StatusCode) -> Head {
    Head {
        status,
        length: Some(0),
        etag: None,
        at: now(),
    }
}
