//! One object as it arrives: written once by the fill, read by any number of viewers, each at its own pace.
//!
//! An entry begins empty and ends complete or failed; nothing else ever happens to it. A reader waits only for the
//! bytes it is about to send. A fill that breaks off ends every reader with an error, never with what looks like the
//! end of the object. Whoever drops the [`Writer`], by a panic even, has failed the entry: nobody waits for ever.

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, StatusCode};
use live::{StreamName, gzip};
use tokio::sync::watch;

use crate::{
    freshness::{Class, TARGET_DURATION_ASSUMED, target_duration},
    presentation::Template,
};

mod reader;

pub(crate) use reader::{Answer, Reader, Viewer};

/// Largest object. A 10 s segment of 25 Mb/s is as large; anything above is no object of ours.
pub(crate) const OBJECT_MAX: u64 = 32 << 20;
/// Bytes given to a connection at once: above this, larger writes gain nothing.
const FRAME_MAX: usize = 256 << 10;
/// What an entry costs beside its bytes: key, head, channel, and its place in the cache.
const OVERHEAD: u32 = 1024;

/// One object, or the answer that there is none.
#[derive(Debug)]
pub(crate) struct Entry {
    class: Class,
    state: watch::Sender<State>,
    /// What came, compressed for all who take it so.
    gzip: OnceLock<Bytes>,
    /// What came, as a multivariant playlist is read for all viewers.
    template: OnceLock<Option<Template>>,
}

#[derive(Debug, Default)]
struct State {
    head: Option<Head>,
    /// What has arrived: each piece with the offset of its end. One piece when complete.
    pieces: Vec<(u64, Bytes)>,
    end: Option<End>,
    /// What was good before this was asked for, kept until this is good itself: for when no origin answers.
    previous: Option<Arc<Entry>>,
}

/// How an origin began its answer.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    /// 200, or why there is nothing: 404, 400.
    pub(crate) status: StatusCode,
    /// The object's size in bytes, when known.
    pub(crate) length: Option<u64>,
    /// The origin's own, passed on.
    pub(crate) etag: Option<HeaderValue>,
    /// When the origin answered.
    pub(crate) at: Instant,
}

#[derive(Debug, Clone, Copy)]
struct End {
    at: Instant,
    result: Result<(), Failure>,
    target_duration: Duration,
}

/// Why there is no answer, or only half of one. With which status viewers are told so, if anything can still be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// No origin is reachable, or none could serve.
    #[error("no origin could serve it")]
    Unavailable,
    /// Every origin was too slow.
    #[error("no origin answered in time")]
    Late,
    /// The origin broke off, or sent more or less than it had said.
    #[error("the origin's answer was cut short")]
    Broken,
    /// As many objects as allowed are being fetched.
    #[error("as many objects as allowed are being fetched")]
    Busy,
    /// The daemon stops, and nothing has come of it: the next process may be asked at once.
    #[error("the daemon stops")]
    Stopping,
}

impl Failure {
    /// The status for a viewer who has got nothing yet.
    pub(crate) const fn status(self) -> StatusCode {
        match self {
            Self::Unavailable | Self::Busy | Self::Stopping => StatusCode::SERVICE_UNAVAILABLE,
            Self::Late => StatusCode::GATEWAY_TIMEOUT,
            Self::Broken => StatusCode::BAD_GATEWAY,
        }
    }
}

impl Entry {
    /// Nothing yet, asked for at `now`; the writer is the fill's. `previous` is what this entry takes the place of.
    pub(crate) fn new(
        class: Class,
        previous: Option<&Arc<Self>>,
        now: Instant,
    ) -> (Arc<Self>, Writer) {
        let previous = previous.filter(|_| class.is_renewed()).and_then(Self::good);
        let state = watch::Sender::new(State {
            previous,
            ..State::default()
        });
        let entry = Arc::new(Self {
            class,
            state,
            gzip: OnceLock::new(),
            template: OnceLock::new(),
        });
        (entry.clone(), Writer { entry, asked: now })
    }

    /// This one if it is good, else the good one before it: a chain is never longer than two.
    fn good(self: &Arc<Self>) -> Option<Arc<Self>> {
        let state = self.state.borrow();
        match (&state.head, state.end) {
            (Some(head), Some(end)) if head.status == StatusCode::OK && end.result.is_ok() => {
                Some(self.clone())
            }
            _ => state.previous.clone(),
        }
    }

    /// Whether the answer has counted long enough and must be asked for again. One being fetched never has.
    pub(crate) fn is_spent(&self, now: Instant) -> bool {
        let state = self.state.borrow();
        state.end.is_some_and(|end| {
            let status = match (end.result, &state.head) {
                (Ok(()), Some(head)) => head.status,
                _ => StatusCode::BAD_GATEWAY,
            };
            now.saturating_duration_since(end.at) >= self.class.kept(status, end.target_duration)
        })
    }

    /// Whether an origin's answer has begun.
    pub(crate) fn has_begun(&self) -> bool {
        self.state.borrow().head.is_some()
    }

    /// Whether all that there will be is here.
    pub(crate) fn is_over(&self) -> bool {
        self.state.borrow().end.is_some()
    }

    /// The target duration told by the playlist, or assumed.
    pub(crate) fn target_duration(&self) -> Duration {
        self.state
            .borrow()
            .end
            .map_or(TARGET_DURATION_ASSUMED, |end| end.target_duration)
    }

    /// Bytes of memory that it takes or, while it arrives, is said to take.
    pub(crate) fn weight(&self) -> u32 {
        let state = self.state.borrow();
        let arrived = state.pieces.last().map_or(0, |(end, _)| *end);
        let declared = state
            .head
            .as_ref()
            .and_then(|head| head.length)
            .unwrap_or(0);
        let own = if state.end.is_some() {
            arrived
        } else {
            arrived.max(declared)
        };
        // Text is there compressed too, which is about a tenth.
        let own = if self.class.is_sent_whole() {
            own.saturating_add(own / 8)
        } else {
            own
        };
        let previous = state
            .previous
            .as_ref()
            .map_or(0, |previous| previous.weight());
        u32::try_from(own)
            .unwrap_or(u32::MAX)
            .saturating_add(previous)
            .saturating_add(OVERHEAD)
    }

    /// All of it; none before it is complete.
    pub(crate) fn whole(&self) -> Option<Bytes> {
        let state = self.state.borrow();
        state.end.and_then(|end| end.result.ok())?;
        let whole = state.pieces.first().map(|(_, piece)| piece.clone());
        Some(whole.unwrap_or_default())
    }

    /// All of it compressed, once; none before it is complete.
    fn gzip(&self) -> Option<Bytes> {
        let whole = [self.whole()?];
        let compressed = || gzip::compress(&whole).into();
        Some(self.gzip.get_or_init(compressed).clone())
    }

    /// What each viewer's copy is written from, read once; none if it is no multivariant playlist that we understand.
    fn template(&self, stream: &StreamName) -> Option<&Template> {
        let whole = self.whole()?;
        self.template
            .get_or_init(|| Template::read(&whole, stream))
            .as_ref()
    }

    /// The daemon stops: nobody waits for it any longer. What has an end already keeps it.
    pub(crate) fn stop(&self, now: Instant) {
        self.fail(Failure::Stopping, now);
    }

    fn fail(&self, failure: Failure, at: Instant) {
        self.state.send_if_modified(|state| {
            let open = state.end.is_none();
            if open {
                state.pieces.clear();
                state.end = Some(End {
                    at,
                    result: Err(failure),
                    target_duration: TARGET_DURATION_ASSUMED,
                });
            }
            open
        });
    }

    /// Returns when no viewer is left.
    pub(crate) async fn abandoned(&self) {
        self.state.closed().await;
    }

    /// What stands at `offset`: nothing when it has not arrived, an empty piece at the end.
    fn read(&self, offset: u64) -> Option<Result<Bytes, Failure>> {
        let state = self.state.borrow();
        let at = state.pieces.partition_point(|(end, _)| *end <= offset);
        if let Some((end, piece)) = state.pieces.get(at) {
            // A piece and the distance from its end fit in memory.
            let left = usize::try_from(end - offset).unwrap_or(usize::MAX);
            let skip = piece.len().saturating_sub(left);
            let take = left.min(FRAME_MAX);
            return Some(Ok(
                piece.slice(skip..skip.saturating_add(take).min(piece.len()))
            ));
        }
        state.end.map(|end| end.result.map(|()| Bytes::new()))
    }

    /// Returns when something stands at `offset`, or nothing ever will.
    async fn arrived(self: Arc<Self>, offset: u64) {
        let mut state = self.state.subscribe();
        let more = |state: &State| {
            state.end.is_some() || state.pieces.last().is_some_and(|(end, _)| *end > offset)
        };
        let _closed = state.wait_for(more).await;
    }
}

/// The only one who writes an entry.
#[derive(Debug)]
pub(crate) struct Writer {
    entry: Arc<Entry>,
    asked: Instant,
}

impl Writer {
    /// The entry that is written.
    pub(crate) fn entry(&self) -> &Arc<Entry> {
        &self.entry
    }

    /// The origin's answer begins. Media can be answered from now on.
    pub(crate) fn begin(&self, head: Head) {
        self.entry
            .state
            .send_modify(|state| state.head = Some(head));
    }

    /// More of the object. An error when it is larger than [`OBJECT_MAX`] or than its head said.
    pub(crate) fn push(&self, bytes: Bytes) -> Result<(), Failure> {
        if bytes.is_empty() {
            return Ok(());
        }
        let mut result = Ok(());
        self.entry.state.send_modify(|state| {
            let before = state.pieces.last().map_or(0, |(end, _)| *end);
            let end = before.saturating_add(bytes.len() as u64);
            let most = state
                .head
                .as_ref()
                .and_then(|head| head.length)
                .unwrap_or(OBJECT_MAX);
            if end > most.min(OBJECT_MAX) {
                result = Err(Failure::Broken);
            } else {
                state.pieces.push((end, bytes));
            }
        });
        result
    }

    /// All of it is here; fails the entry when that is less than its head said. What a media playlist tells its target
    /// duration to be comes back.
    pub(crate) fn complete(self, now: Instant) -> Result<Option<Duration>, Failure> {
        let (whole, length) = {
            let state = self.entry.state.borrow();
            (
                concatenate(&state.pieces),
                state.head.as_ref().and_then(|head| head.length),
            )
        };
        let size = whole.len() as u64;
        if length.is_some_and(|length| length != size) {
            self.fail(Failure::Broken, now);
            return Err(Failure::Broken);
        }
        let playlist = self.entry.class.is_playlist();
        let told = playlist.then(|| target_duration(&whole)).flatten();
        let target_duration = told.unwrap_or(TARGET_DURATION_ASSUMED);
        self.entry.state.send_modify(|state| {
            state.pieces = if whole.is_empty() {
                Vec::new()
            } else {
                vec![(size, whole)]
            };
            if let Some(head) = &mut state.head {
                head.length = Some(size);
            }
            state.end = Some(End {
                at: now,
                result: Ok(()),
                target_duration,
            });
            state.previous = None;
        });
        Ok(told)
    }

    /// It will never be complete.
    pub(crate) fn fail(self, failure: Failure, now: Instant) {
        self.entry.fail(failure, now);
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.entry.fail(Failure::Broken, self.asked);
    }
}

fn concatenate(pieces: &[(u64, Bytes)]) -> Bytes {
    if let [(_, only)] = pieces {
        // A piece may be a slice of a larger read buffer, which it would keep in memory.
        return Bytes::copy_from_slice(only);
    }
    let mut whole = BytesMut::with_capacity(pieces.iter().map(|(_, piece)| piece.len()).sum());
    for (_, piece) in pieces {
        whole.extend_from_slice(piece);
    }
    whole.freeze()
}

#[cfg(test)]
mod tests;
