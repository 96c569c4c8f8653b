//! [pure] The media of one rendition by name: initialization sections, segments and parts.
//!
//! Segments lie without holes in their numbers, the open one last, so that each is found by counting. What was stored
//! under a name never changes.

use std::collections::VecDeque;

use bytes::Bytes;
use live::{Dsn, InitHash, MediaTime, Msn, PartIndex};

use super::Found;

/// Everything of one rendition that can be fetched, but its playlist.
#[derive(Debug, Clone, Default)]
pub(super) struct Objects {
    inits: VecDeque<(InitHash, Bytes)>,
    segments: VecDeque<Stored>,
    bytes: usize,
    /// Whole segments that were forgotten since somebody asked.
    gone: Vec<Msn>,
}

#[derive(Debug, Clone)]
struct Stored {
    msn: Msn,
    dsn: Dsn,
    parts: Vec<Bytes>,
    tags: Vec<InitHash>,
    /// The whole segment can be fetched: it is over and no GAP.
    complete: bool,
    /// It is in no playlist any more, and stays until the segments start later than this.
    until: Option<MediaTime>,
}

impl Objects {
    /// Initialization sections kept: the one in use, and those of a few configurations before.
    const INITS: usize = 8;

    pub(super) fn configure(&mut self, init: Bytes) {
        let hash = InitHash::of(&init);
        self.inits.retain(|(known, _)| *known != hash);
        self.inits.push_back((hash, init));
        if self.inits.len() > Self::INITS {
            self.inits.pop_front();
        }
    }

    /// The initialization section in use.
    pub(super) fn init(&self) -> Option<&(InitHash, Bytes)> {
        self.inits.back()
    }

    /// A segment begins. Numbers without holes are what finding rests on, and the tracks see to it; should they ever
    /// fail, what was before the hole is forgotten.
    pub(super) fn begin(&mut self, msn: Msn, dsn: Dsn) {
        if self
            .segments
            .back()
            .is_some_and(|last| last.msn.next() != msn)
        {
            while !self.segments.is_empty() {
                self.forget();
            }
        }
        self.segments.push_back(Stored {
            msn,
            dsn,
            parts: Vec::new(),
            tags: Vec::new(),
            complete: false,
            until: None,
        });
    }

    /// The next part of the newest segment.
    pub(super) fn push(&mut self, part: Bytes) {
        if let Some(newest) = self.segments.back_mut() {
            self.bytes += part.len();
            newest.tags.push(InitHash::of(&part));
            newest.parts.push(part);
        }
    }

    /// The newest segment is complete: its parts.
    pub(super) fn complete(&mut self) -> Vec<Bytes> {
        self.segments.back_mut().map_or_else(Vec::new, |newest| {
            newest.complete = true;
            newest.parts.clone()
        })
    }

    /// The newest segment's discontinuity sequence number; none before the first.
    pub(super) fn newest_dsn(&self) -> Option<Dsn> {
        self.segments.back().map(|newest| newest.dsn)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// Bytes of media held.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// A segment has left the playlist and stays until the segments start later than `until`.
    pub(super) fn retire(&mut self, msn: Msn, until: MediaTime) {
        if let Some(stored) = self.index(msn).and_then(|n| self.segments.get_mut(n)) {
            stored.until = Some(until);
        }
    }

    /// Segments start at `now`: forgets those whose time is over.
    pub(super) fn expire(&mut self, now: MediaTime) {
        while self
            .segments
            .front()
            .is_some_and(|oldest| oldest.until.is_some_and(|until| until < now))
        {
            self.forget();
        }
    }

    /// Forgets the oldest segment if it is in no playlist any more; says whether it did.
    pub(super) fn forget_retired(&mut self) -> bool {
        let retired = self.segments.front().is_some_and(|s| s.until.is_some());
        if retired {
            self.forget();
        }
        retired
    }

    fn forget(&mut self) {
        if let Some(oldest) = self.segments.pop_front() {
            self.bytes -= oldest.size();
            if oldest.complete {
                self.gone.push(oldest.msn);
            }
        }
    }

    /// Whole segments that can be fetched no more, each told once.
    pub(super) fn gone(&mut self) -> Vec<Msn> {
        std::mem::take(&mut self.gone)
    }

    fn index(&self, msn: Msn) -> Option<usize> {
        let first = self.segments.front()?.msn;
        usize::try_from(msn.0.checked_sub(first.0)?).ok()
    }

    pub(super) fn find_init(&self, hash: InitHash) -> Option<Found> {
        let (hash, init) = self.inits.iter().find(|(known, _)| *known == hash)?;
        Some(Found::Bytes(vec![init.clone()], *hash))
    }

    pub(super) fn find_segment(&self, msn: Msn) -> Option<Found> {
        let stored = self.segments.get(self.index(msn)?)?;
        let tags: String = stored.tags.iter().map(ToString::to_string).collect();
        stored
            .complete
            .then(|| Found::Bytes(stored.parts.clone(), InitHash::of(tags.as_bytes())))
    }

    pub(super) fn find_part(&self, msn: Msn, part: PartIndex) -> Option<Found> {
        let stored = self.segments.get(self.index(msn)?)?;
        let part = usize::try_from(part.0).ok()?;
        let bytes = stored.parts.get(part)?.clone();
        Some(Found::Bytes(vec![bytes], *stored.tags.get(part)?))
    }
}

impl Stored {
    fn size(&self) -> usize {
        self.parts.iter().map(Bytes::len).sum()
    }
}
