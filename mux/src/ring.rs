//! [pure] The newest few seconds of a stream, by sequence number.
//!
//! Bounded by bytes and by time; the oldest goes first, whoever may still want it. A consumer is a number into the ring
//! and owns nothing in it. Frames are shared, never copied.
//!
//! While the stream is held its last pictures stay for longer than that, as bytes allow: a transcoder that comes in the
//! hold begins with them, and so learns how the show is coded, what its slates must be like, and of every segment since.
//!
//! Consumers begin at keyframes of the main picture. A further track (Enhanced RTMP) has its keyframes elsewhere, so the
//! ring knows of each picture who can decode it: whoever's pictures began no later than the keyframe that it rests on.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use bytes::Bytes;
use live::{
    SessionId,
    stamp::{Stamp, StampKind},
};
use serde::{Deserialize, Serialize};

use crate::{
    headers::Headers,
    media::{self, MAIN},
    timeline::MediaKind,
};

/// What a slot costs besides its payload: the slot, the shared count, the allocator. It also bounds the number of slots.
const SLOT_COST: usize = 200;

/// Number of a slot since the stream began; never reused.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub(crate) struct Seq(pub(crate) u64);

impl Seq {
    /// The number after this one.
    #[must_use]
    pub(crate) const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// Later than any place to begin at.
const ANYBODY: Seq = Seq(u64::MAX);

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RingLimits {
    /// Payload and bookkeeping, bytes. The newest entry is kept even when it alone is larger.
    pub(crate) bytes: usize,
    /// Milliseconds of media.
    pub(crate) span: u64,
}

/// One message of the stream, as it came from the publisher but for its time.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    /// Sound, picture or data.
    pub(crate) kind: MediaKind,
    /// Absolute decoding time, milliseconds.
    pub(crate) at: u64,
    /// The message's body, byte for byte.
    pub(crate) payload: Bytes,
}

/// What a slot holds.
#[derive(Debug, Clone)]
pub(crate) enum Entry {
    /// Media.
    Frame(Frame),
    /// A segment begins; for transcoders.
    Stamp(Stamp),
    /// Something is so from now on or for a while, beside the media; for transcoders.
    Telling {
        /// Absolute time of its place among the media, milliseconds.
        at: u64,
        /// The message's body.
        payload: Bytes,
    },
    /// The session is over.
    End(SessionId),
}

/// An entry and what it takes to begin there.
#[derive(Debug, Clone)]
pub(crate) struct Slot {
    /// What it holds.
    pub(crate) entry: Entry,
    /// The set that the entry belongs to.
    pub(crate) headers: Arc<Headers>,
    /// Wall clock when it came, Unix milliseconds.
    pub(crate) arrived: u64,
    /// Whether a player can begin here.
    pub(crate) join: bool,
}

impl Slot {
    fn cost(&self) -> usize {
        match &self.entry {
            Entry::Frame(Frame { payload, .. }) | Entry::Telling { payload, .. } => {
                SLOT_COST.saturating_add(payload.len())
            }
            Entry::Stamp(_) | Entry::End(_) => SLOT_COST,
        }
    }

    /// Absolute time of the entry, milliseconds; an end has none.
    fn at(&self) -> Option<u64> {
        match &self.entry {
            Entry::Frame(Frame { at, .. }) | Entry::Telling { at, .. } => Some(*at),
            Entry::Stamp(stamp) => Some(stamp.pts.millis()),
            Entry::End(_) => None,
        }
    }
}

/// The ring of one stream.
#[derive(Debug)]
pub(crate) struct Ring {
    limits: RingLimits,
    /// Each with the answer of [`Self::begun_by`].
    slots: VecDeque<(Slot, Seq)>,
    /// The newest keyframe of each further video track; at most one for each of 255.
    keys: BTreeMap<u8, Seq>,
    /// Number of the oldest slot.
    tail: Seq,
    bytes: usize,
    newest_at: u64,
    newest_join: Option<Seq>,
    newest_stamp: Option<Seq>,
    newest_stamped_join: Option<Seq>,
    /// The newest stamp is that of a hold.
    is_held: bool,
}

impl Ring {
    /// An empty ring.
    pub(crate) const fn new(limits: RingLimits) -> Self {
        Self {
            limits,
            slots: VecDeque::new(),
            keys: BTreeMap::new(),
            tail: Seq(0),
            bytes: 0,
            newest_at: 0,
            newest_join: None,
            newest_stamp: None,
            newest_stamped_join: None,
            is_held: false,
        }
    }

    /// An empty ring whose first slot will be numbered `head`.
    pub(crate) const fn starting_at(head: Seq, limits: RingLimits) -> Self {
        let mut ring = Self::new(limits);
        ring.tail = head;
        ring
    }

    /// The most it may hold, bytes.
    pub(crate) const fn capacity(&self) -> usize {
        self.limits.bytes
    }

    /// The number that the next slot will bear.
    pub(crate) fn head(&self) -> Seq {
        Seq(self
            .tail
            .0
            .saturating_add(u64::try_from(self.slots.len()).unwrap_or(u64::MAX)))
    }

    /// The oldest number that is still there; the head when the ring is empty.
    pub(crate) const fn tail(&self) -> Seq {
        self.tail
    }

    /// Bytes held, bookkeeping included.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Milliseconds of media held.
    pub(crate) fn span(&self) -> u64 {
        let oldest = self.slots.iter().find_map(|(slot, _)| slot.at());
        oldest.map_or(0, |oldest| self.newest_at.saturating_sub(oldest))
    }

    /// The slot numbered `seq`, if it is still or already there.
    pub(crate) fn get(&self, seq: Seq) -> Option<&Slot> {
        let index = usize::try_from(seq.0.checked_sub(self.tail.0)?).ok()?;
        self.slots.get(index).map(|(slot, _)| slot)
    }

    /// The entry numbered `seq` is for those alone whose pictures began at this place or before: the keyframe that it
    /// rests on, if it is a picture of a further track, else the end of all numbers. A picture that shares its message
    /// with the main one goes where that goes.
    pub(crate) fn begun_by(&self, seq: Seq) -> Seq {
        let index = seq.0.checked_sub(self.tail.0);
        let index = index.and_then(|index| usize::try_from(index).ok());
        let held = index.and_then(|index| self.slots.get(index));
        held.map_or(ANYBODY, |(_, begun_by)| *begun_by)
    }

    /// Where a player begins: the newest place that decoding can start at, if it is not long past.
    pub(crate) fn newest_join(&self) -> Option<Seq> {
        let newest = self.newest_join.filter(|seq| *seq >= self.tail);
        newest.filter(|_| self.span() <= self.limits.span)
    }

    /// Where a transcoder begins: the newest stamp that a keyframe follows; without one the newest stamp (the stream is
    /// held, or its keyframes are further apart than the ring is long).
    pub(crate) fn newest_boundary(&self) -> Option<Seq> {
        let there = |seq: &Seq| *seq >= self.tail;
        self.newest_stamped_join
            .filter(there)
            .or_else(|| self.newest_stamp.filter(there))
    }

    /// Adds an entry and lets the oldest ones go that exceed a limit.
    pub(crate) fn push(&mut self, slot: Slot) {
        let seq = self.head();
        match &slot.entry {
            Entry::Frame(_) if slot.join => {
                self.newest_join = Some(seq);
                let before = Seq(seq.0.saturating_sub(1));
                if self.get(before).is_some_and(opens_media) {
                    self.newest_stamped_join = Some(before);
                }
            }
            Entry::Stamp(stamp) => {
                self.newest_stamp = Some(seq);
                self.is_held = stamp.kind == StampKind::Hold;
            }
            Entry::End(_) => self.is_held = false,
            Entry::Frame(_) | Entry::Telling { .. } => {}
        }
        self.newest_at = self.newest_at.max(slot.at().unwrap_or_default());
        self.bytes = self.bytes.saturating_add(slot.cost());
        let begun_by = match &slot.entry {
            Entry::Frame(frame) if frame.kind == MediaKind::Video => self.picture(seq, frame),
            Entry::Frame(_) | Entry::Stamp(_) | Entry::Telling { .. } | Entry::End(_) => ANYBODY,
        };
        self.slots.push_back((slot, begun_by));
        while self.slots.len() > 1 && self.is_over() {
            self.drop_oldest();
        }
    }

    /// Lets everything go; numbers go on.
    pub(crate) fn clear(&mut self) {
        self.tail = self.head();
        self.slots = VecDeque::new();
        self.bytes = 0;
        self.newest_at = 0;
    }

    /// Who can decode a picture, as [`Self::begun_by`] says it.
    fn picture(&mut self, seq: Seq, frame: &Frame) -> Seq {
        let Some((tracks, key)) = media::picture(&frame.payload) else {
            return ANYBODY;
        };
        let main = tracks.contains(MAIN);
        if main && !key {
            return ANYBODY;
        }
        // Of a ring that was filled again the keyframe may be missing: it lay before the first slot.
        let before = Seq(self.tail.0.saturating_sub(1));
        let known = |track| self.keys.get(&track).copied().unwrap_or(before);
        let begun_by = if key {
            seq
        } else {
            tracks.iter().map(known).min().unwrap_or(ANYBODY)
        };
        // What follows in any of these tracks rests on this message, so on the oldest of its keyframes.
        for track in tracks.iter().filter(|track| *track != MAIN) {
            self.keys.insert(track, begun_by);
        }
        if main { ANYBODY } else { begun_by }
    }

    fn is_over(&self) -> bool {
        let oldest = self.slots.front().and_then(|(slot, _)| slot.at());
        let is_past = |at| self.newest_at.saturating_sub(at) > self.limits.span;
        let awaited = self.is_held && self.newest_stamped_join == Some(self.tail);
        self.bytes > self.limits.bytes || !awaited && oldest.is_some_and(is_past)
    }

    fn drop_oldest(&mut self) {
        if let Some((slot, _)) = self.slots.pop_front() {
            self.bytes = self.bytes.saturating_sub(slot.cost());
            self.tail = self.tail.next();
        }
    }
}

fn opens_media(slot: &Slot) -> bool {
    matches!(
        slot.entry,
        Entry::Stamp(Stamp {
            kind: StampKind::Segment,
            ..
        })
    )
}

#[cfg(test)]
mod tests;
