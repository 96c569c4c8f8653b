//! [pure] The media of one rendition by name: initialization sections, segments and parts.
//!
//! Segments lie without holes in their numbers, the open one last, so that each is found by counting. What was stored
//! under a name never changes. The oldest may be on disk alone: of those only the length is held.

use std::collections::VecDeque;

use bytes::Bytes;
use live::{Dsn, InitHash, MediaTime, Msn, PartIndex};

use super::Found;

/// Everything of one rendition that can be fetched, but its playlist.
#[derive(Debug, Clone, Default)]
pub(super) struct Objects {
    inits: VecDeque<(InitHash, Bytes)>,
    segments: VecDeque<Stored>,
    /// So many of the oldest hold no media in memory.
    light: usize,
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
    /// Length and hash of the whole segment. It can be fetched: it is over, no GAP, and not lost.
    whole: Option<(u64, InitHash)>,
    /// It is on disk.
    saved: bool,
    /// It is in no playlist any more, and stays until the segments start later than this.
    until: Option<MediaTime>,
}

/// The oldest segment that has media in memory.
#[derive(Debug, Clone, Copy)]
pub(super) struct Oldest {
    pub(super) msn: Msn,
    /// It is on disk too.
    pub(super) saved: bool,
    /// It is in no playlist any more.
    pub(super) retired: bool,
    /// Segments after it.
    pub(super) newer: usize,
}

impl Objects {
    /// Initialization sections kept, the one in use included: a publisher that is configured anew so often in one
    /// window loses its oldest. Each is less than a kilobyte.
    const INITS: usize = 64;

    pub(super) fn configure(&mut self, hash: InitHash, init: Bytes) {
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
            whole: None,
            saved: false,
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

    /// The newest segment is complete: its parts, and their length together.
    pub(super) fn complete(&mut self) -> (Vec<Bytes>, u64) {
        let Some(newest) = self.segments.back_mut() else {
            return (Vec::new(), 0);
        };
        let tags: String = newest.tags.iter().map(ToString::to_string).collect();
        let length = u64::try_from(newest.size()).unwrap_or(u64::MAX);
        newest.whole = Some((length, InitHash::of(tags.as_bytes())));
        (newest.parts.clone(), length)
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

    /// A segment is on disk, and may be fetched from there.
    pub(super) fn saved(&mut self, msn: Msn) {
        if let Some(stored) = self.index(msn).and_then(|n| self.segments.get_mut(n)) {
            stored.saved = stored.whole.is_some();
        }
    }

    /// Takes media out of memory that are on disk, but for the newest `keep` segments; says whether there were any.
    pub(super) fn release(&mut self, keep: usize) -> bool {
        let before = self.bytes;
        let end = self.segments.len().saturating_sub(keep);
        while self.light < end
            && let Some(oldest) = self.segments.get_mut(self.light)
            && (oldest.saved || oldest.whole.is_none())
        {
            self.bytes -= oldest.lighten();
            self.light += 1;
        }
        self.bytes < before
    }

    pub(super) fn oldest_in_memory(&self) -> Option<Oldest> {
        let mut held = self.segments.iter().enumerate().skip(self.light);
        let (index, stored) = held.find(|(_, stored)| !stored.parts.is_empty())?;
        Some(Oldest {
            msn: stored.msn,
            saved: stored.saved,
            retired: stored.until.is_some(),
            newer: self.segments.len().saturating_sub(index).saturating_sub(1),
        })
    }

    /// A segment that is in no playlist can be fetched no more. What is older on disk still can.
    pub(super) fn lose(&mut self, msn: Msn) {
        if let Some(stored) = self.index(msn).and_then(|n| self.segments.get_mut(n)) {
            self.bytes -= stored.lighten();
            if stored.whole.take().is_some() {
                self.gone.push(msn);
            }
        }
    }

    fn forget(&mut self) {
        if let Some(oldest) = self.segments.pop_front() {
            self.bytes -= oldest.size();
            self.light = self.light.saturating_sub(1);
            if oldest.whole.is_some() {
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
        let (length, tag) = stored.whole?;
        Some(if stored.parts.is_empty() {
            Found::Saved(length, tag)
        } else {
            Found::Bytes(stored.parts.clone(), tag)
        })
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

    /// Takes its media out of memory: how many bytes.
    fn lighten(&mut self) -> usize {
        self.tags = Vec::new();
        std::mem::take(&mut self.parts).iter().map(Bytes::len).sum()
    }
}
