//! A viewer's side of an entry: waiting for an answer, the answer, and the place in it that the viewer has reached.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use bytes::Bytes;
use live::StreamName;
use tokio::sync::watch;

use super::{Entry, Failure, Head, State};
use crate::presentation::Template;

/// One who wants what an entry holds. While there is one, the entry is not abandoned.
#[derive(Debug)]
pub(crate) struct Viewer {
    entry: Arc<Entry>,
    state: watch::Receiver<State>,
}

impl Viewer {
    /// One more viewer of `entry`.
    pub(crate) fn of(entry: Arc<Entry>) -> Self {
        let state = entry.state.subscribe();
        Self { entry, state }
    }

    /// Waits until there is an answer: media from its first byte on, a playlist when it is whole, so that it is never
    /// sent as half of one. A fill that failed before that falls back on a playlist that is still useful.
    pub(crate) async fn answer(mut self, now: impl Fn() -> Instant) -> Result<Answer, Failure> {
        let whole = self.entry.class.is_sent_whole();
        let ready = |state: &State| state.end.is_some() || (!whole && state.head.is_some());
        let result = match self.state.wait_for(ready).await.as_deref() {
            Ok(State { end: Some(end), .. }) if end.result.is_err() => end.result.map(|()| None),
            Ok(state) => Ok(state.head.clone()),
            // The sender lives as long as the entry.
            Err(_) => Ok(None),
        };
        match result {
            Ok(Some(head)) => Ok(Answer {
                head,
                stale: false,
                viewer: self,
            }),
            // An entry that is not failed has a head once it is ready.
            Ok(None) => Err(Failure::Broken),
            Err(failure) => self.stale(now()).ok_or(failure),
        }
    }

    fn stale(&self, now: Instant) -> Option<Answer> {
        let entry = self.state.borrow().previous.clone()?;
        let head = entry.state.borrow().head.clone()?;
        let useful = entry.class.useful(entry.target_duration());
        (now.saturating_duration_since(head.at) < useful).then(|| Answer {
            head,
            stale: true,
            viewer: Self::of(entry),
        })
    }
}

/// What can be answered with.
#[derive(Debug)]
pub(crate) struct Answer {
    /// How it begins.
    pub(crate) head: Head,
    /// It is the previous one, since no origin gave a newer.
    pub(crate) stale: bool,
    viewer: Viewer,
}

impl Answer {
    /// Reads from byte `start` up to before byte `end`, or to the object's own end.
    pub(crate) fn read(self, start: u64, end: Option<u64>) -> Reader {
        Reader {
            viewer: self.viewer,
            offset: start,
            end: end.or(self.head.length),
            wait: None,
        }
    }

    /// The whole of it compressed, once for all who ask.
    pub(crate) fn gzip(&self) -> Option<Bytes> {
        self.viewer.entry.gzip()
    }

    /// What a viewer's copy of a multivariant playlist is written from.
    pub(crate) fn template(&self, stream: &StreamName) -> Option<&Template> {
        self.viewer.entry.template(stream)
    }

    /// Its target duration, for how long it counts.
    pub(crate) fn target_duration(&self) -> Duration {
        self.viewer.entry.target_duration()
    }
}

/// A viewer's place in an entry.
pub(crate) struct Reader {
    viewer: Viewer,
    offset: u64,
    end: Option<u64>,
    wait: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Reader {
    /// Bytes still to come, when known.
    pub(crate) fn left(&self) -> Option<u64> {
        self.end.map(|end| end.saturating_sub(self.offset))
    }

    /// The next piece; none at the end, an error when the rest will never come.
    pub(crate) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Failure>>> {
        loop {
            if self.left() == Some(0) {
                return Poll::Ready(None);
            }
            match self.viewer.entry.read(self.offset) {
                Some(Ok(piece)) if piece.is_empty() => return Poll::Ready(None),
                Some(Ok(mut piece)) => {
                    if let Some(left) = self.left().and_then(|left| usize::try_from(left).ok()) {
                        piece.truncate(left);
                    }
                    self.offset += piece.len() as u64;
                    return Poll::Ready(Some(Ok(piece)));
                }
                Some(Err(failure)) => return Poll::Ready(Some(Err(failure))),
                None => {}
            }
            let arrived = || Box::pin(self.viewer.entry.clone().arrived(self.offset)) as _;
            let wait = self.wait.get_or_insert_with(arrived);
            ready!(wait.as_mut().poll(cx));
            self.wait = None;
        }
    }
}
