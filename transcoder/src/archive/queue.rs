//! [pure] What has to be written to the disk and what to be deleted from it.
//!
//! A segment that waits is shared with its stream's window, and is dropped from here when the window gives it up: so the
//! queue needs no memory that the windows do not answer for, and whatever the disk does, nothing grows. Deletions come
//! first; they make room.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use live::{SessionId, StreamName};

use super::{Closed, Event, Name, News};

/// Segments that wait at most: an hour of a stream with four renditions, or a minute of [`MAX_STREAMS`] of them. One more
/// is not written; its window keeps it while it has memory.
///
/// [`MAX_STREAMS`]: crate::store::MAX_STREAMS
const MAX_WRITES: usize = 8192;
/// Deletions that wait at most. What is not deleted goes with its session's directory.
const MAX_REMOVALS: usize = 4 * MAX_WRITES;

/// Everything that waits for the disk.
#[derive(Debug, Default)]
pub(super) struct Queue {
    writes: BTreeMap<u64, Write>,
    waiting: BTreeMap<Name, u64>,
    removals: VecDeque<Removal>,
    arrived: u64,
    /// The segment that is being written, and whether it is still wanted.
    current: Option<(Name, bool)>,
    shed: u64,
}

/// A segment that is to be written.
#[derive(Debug, Clone)]
pub(super) struct Write {
    pub(super) name: Name,
    pub(super) closed: Closed,
    /// When it came.
    pub(super) since: Duration,
    order: u64,
}

/// What the disk does next.
#[derive(Debug)]
pub(super) enum Work {
    Remove(Removal),
    Write(Write),
}

/// What is to be deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Removal {
    Segment(Name),
    Show(StreamName, SessionId),
}

impl Queue {
    /// News of `stream`, at `now`.
    pub(super) fn take(&mut self, stream: &StreamName, news: News, now: Duration) {
        let session = news.session;
        let name = |rendition, msn| Name {
            stream: stream.clone(),
            session,
            rendition,
            msn,
        };
        match news.event {
            Event::Closed(closed) if closed.gap => {}
            Event::Closed(_) if self.writes.len() >= MAX_WRITES => self.shed += 1,
            Event::Closed(closed) => {
                self.arrived += 1;
                self.put(Write {
                    name: name(closed.rendition, closed.msn),
                    closed,
                    since: now,
                    order: self.arrived,
                });
            }
            Event::Gone(rendition, msn) => self.gone(name(rendition, msn)),
            Event::Ended => {}
            Event::Over => self.over(stream, session),
        }
    }

    fn put(&mut self, write: Write) {
        self.waiting.insert(write.name.clone(), write.order);
        self.writes.insert(write.order, write);
    }

    fn gone(&mut self, name: Name) {
        if let Some(order) = self.waiting.remove(&name) {
            self.writes.remove(&order);
            return;
        }
        self.unwant(|current| *current == name);
        self.remove(Removal::Segment(name));
    }

    fn over(&mut self, stream: &StreamName, session: SessionId) {
        let of_it = |name: &Name| name.stream == *stream && name.session == session;
        self.writes.retain(|_, write| !of_it(&write.name));
        self.waiting.retain(|name, _| !of_it(name));
        self.unwant(of_it);
        self.remove(Removal::Show(stream.clone(), session));
    }

    fn unwant(&mut self, which: impl Fn(&Name) -> bool) {
        if let Some((name, wanted)) = &mut self.current
            && which(name)
        {
            *wanted = false;
        }
    }

    fn remove(&mut self, removal: Removal) {
        if self.removals.len() < MAX_REMOVALS {
            self.removals.push_back(removal);
        }
    }

    /// What is to be done next; nothing is written unless `may_write`. After a segment to write tell
    /// [`done`](Self::done) or [`give_back`](Self::give_back) before the next.
    pub(super) fn next(&mut self, may_write: bool) -> Option<Work> {
        if let Some(removal) = self.removals.pop_front() {
            return Some(Work::Remove(removal));
        }
        let (_, write) = may_write.then(|| self.writes.pop_first()).flatten()?;
        self.waiting.remove(&write.name);
        self.current = Some((write.name.clone(), true));
        Some(Work::Write(write))
    }

    /// It is written.
    pub(super) fn done(&mut self) {
        self.current = None;
    }

    /// It could not be written: it is the next again, unless nobody wants it any more.
    pub(super) fn give_back(&mut self, write: Write) {
        if self.current.take().is_some_and(|(_, wanted)| wanted) {
            self.put(write);
        }
    }

    /// Segments that wait.
    pub(super) fn len(&self) -> usize {
        self.writes.len()
    }

    /// Segments that were not taken because too many waited.
    pub(super) const fn shed(&self) -> u64 {
        self.shed
    }
}

#[cfg(test)]
mod tests;
