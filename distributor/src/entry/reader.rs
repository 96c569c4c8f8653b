//! A viewer's side of an entry: an answer that can be given, and the place in it that the viewer has reached.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;

use super::{Entry, Failure, Head};
use crate::freshness::Class;

/// An entry that can be answered with.
#[derive(Debug)]
pub(crate) struct Answer {
    /// How it begins.
    pub(crate) head: Head,
    /// It is the previous one, since no origin gave a newer.
    pub(crate) stale: bool,
    pub(super) entry: Arc<Entry>,
}

impl Answer {
    /// Reads from byte `start` up to before byte `end`, or to the object's own end.
    pub(crate) fn read(self, start: u64, end: Option<u64>) -> Reader {
        Reader {
            entry: self.entry,
            offset: start,
            end: end.or(self.head.length),
            wait: None,
        }
    }

    /// Its class, for how long it counts.
    pub(crate) fn class(&self) -> Class {
        self.entry.class
    }

    /// Its target duration, for how long it counts.
    pub(crate) fn target_duration(&self) -> Duration {
        self.entry.target_duration()
    }
}

/// One viewer's place in an entry.
pub(crate) struct Reader {
    entry: Arc<Entry>,
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
            match self.entry.read(self.offset) {
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
            let arrived = || Box::pin(self.entry.clone().arrived(self.offset)) as _;
            let wait = self.wait.get_or_insert_with(arrived);
            ready!(wait.as_mut().poll(cx));
            self.wait = None;
        }
    }
}
