//! [pure] A ring's slots in a file that is only added to, and freed from its beginning as the ring lets go.
//!
//! A slot is written once, when it comes: never again, and never over another. What lies before the oldest that is
//! wanted is given back to the system. A set of headers is written before the first slot that needs it, and again at the
//! end when what lies before it is freed.

use std::{collections::VecDeque, ops::Range, sync::Arc};

use bytes::Bytes;
use live::{SessionId, stamp::Stamp};
use serde::{Deserialize, Serialize};

use crate::{
    headers::Headers,
    ring::{Entry, Frame, Ring, Seq, Slot},
    timeline::MediaKind,
};

/// This much is freed at a time.
const FREED_AT_ONCE: u64 = 1 << 20;
/// Length of what follows, in front of each record.
const PREFIX: usize = 4;
/// No record is longer: a message has at most 8 MiB.
const MAX_RECORD: usize = 16 << 20;

/// See the module. Positions are bytes since the log began; it is saved with the stream's state.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Log {
    /// Where the next record goes.
    end: u64,
    /// Number of the oldest slot, and where it is.
    tail: Seq,
    first: u64,
    /// Where each slot is, from the oldest on; found again by reading them.
    #[serde(skip)]
    slots: VecDeque<u64>,
    /// Where the sets of headers are that the slots need, by generation.
    headers: VecDeque<(u64, Range<u64>)>,
    /// What lies before is given back.
    freed: u64,
}

#[derive(Serialize, Deserialize)]
enum Record {
    Headers(Headers),
    Frame {
        about: About,
        kind: MediaKind,
        at: u64,
    },
    Stamp(About, Stamp),
    End(About, SessionId),
    Telling(About, u64),
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct About {
    generation: u64,
    arrived: u64,
    join: bool,
}

impl Log {
    /// Where the next record goes.
    pub(crate) const fn end(&self) -> u64 {
        self.end
    }

    /// Number of the oldest slot.
    pub(crate) const fn tail(&self) -> Seq {
        self.tail
    }

    /// Follows the ring: adds to `new` what is to be written from [`Self::end`] on.
    pub(crate) fn follow(&mut self, ring: &Ring, new: &mut Vec<u8>) {
        let start = self.end;
        let written = self.tail.0 + count(self.slots.len());
        for seq in (written.max(ring.tail().0)..ring.head().0).map(Seq) {
            let Some(slot) = ring.get(seq) else { break };
            if self.slots.is_empty() {
                self.tail = seq;
            }
            let generation = slot.headers.generation();
            if !self.headers.iter().any(|(known, _)| *known == generation) {
                let range = self.put(&Record::Headers(slot.headers.as_ref().clone()), &[], new);
                self.headers.push_back((generation, range));
            }
            let range = self.put_slot(slot, new);
            self.slots.push_back(range.start);
        }
        while self.tail < ring.tail() && self.slots.pop_front().is_some() {
            self.tail = self.tail.next();
        }
        if self.slots.is_empty() {
            self.tail = ring.tail();
        }
        self.first = self.slots.front().copied().unwrap_or(self.end);
        self.forget_headers(ring, new);
        debug_assert_eq!(count(new.len()), self.end - start);
    }

    /// What may be given back once the state is saved.
    pub(crate) fn free(&mut self) -> Option<Range<u64>> {
        let headers = self.headers.iter().map(|(_, range)| range.start);
        let wanted = headers.fold(self.first, u64::min);
        if wanted - self.freed < FREED_AT_ONCE {
            return None;
        }
        let range = self.freed..wanted;
        self.freed = wanted;
        Some(range)
    }

    /// What to read in order to [`Self::replay`]: each set of headers, then all slots.
    pub(crate) fn wanted(&self) -> Vec<Range<u64>> {
        let headers = self.headers.iter().map(|(_, range)| range.clone());
        let slots = self.first..self.end;
        headers.chain(std::iter::once(slots)).collect()
    }

    /// The slots, from what was read; `None` if it is not what was written.
    pub(crate) fn replay(&mut self, read: &[Bytes]) -> Option<VecDeque<Slot>> {
        let (slots, headers) = read.split_last()?;
        let mut known = Vec::new();
        for bytes in headers {
            let mut rest = bytes.clone();
            let (Record::Headers(set), _) = take(&mut rest)? else {
                return None;
            };
            known.push(Arc::new(set));
        }
        let mut rest = slots.clone();
        let mut replayed = VecDeque::new();
        self.slots.clear();
        while !rest.is_empty() {
            let at = self.end.checked_sub(count(rest.len()))?;
            let (record, payload) = take(&mut rest)?;
            if let Some(slot) = record.into_slot(payload, &mut known)? {
                self.slots.push_back(at);
                replayed.push_back(slot);
            }
        }
        Some(replayed)
    }

    fn put_slot(&mut self, slot: &Slot, new: &mut Vec<u8>) -> Range<u64> {
        let about = About {
            generation: slot.headers.generation(),
            arrived: slot.arrived,
            join: slot.join,
        };
        match &slot.entry {
            Entry::Frame(frame) => {
                let record = Record::Frame {
                    about,
                    kind: frame.kind,
                    at: frame.at,
                };
                self.put(&record, &frame.payload, new)
            }
            Entry::Stamp(stamp) => self.put(&Record::Stamp(about, *stamp), &[], new),
            Entry::Telling { at, payload } => self.put(&Record::Telling(about, *at), payload, new),
            Entry::End(session) => self.put(&Record::End(about, *session), &[], new),
        }
    }

    fn put(&mut self, record: &Record, payload: &[u8], new: &mut Vec<u8>) -> Range<u64> {
        let from = new.len();
        new.extend_from_slice(&[0; PREFIX]);
        // Writing plain data into memory does not fail; if it did, nothing could be restored from it.
        *new = postcard::to_extend(record, std::mem::take(new)).unwrap_or_default();
        new.extend_from_slice(payload);
        let length = new.len().saturating_sub(from);
        let body = u32::try_from(length.saturating_sub(PREFIX)).unwrap_or(u32::MAX);
        if let Some(prefix) = new.get_mut(from..from + PREFIX) {
            prefix.copy_from_slice(&body.to_le_bytes());
        }
        let start = self.end;
        self.end += count(length);
        start..self.end
    }

    /// Lets go of sets that no slot needs, and moves those to the end that alone keep a long beginning alive.
    fn forget_headers(&mut self, ring: &Ring, new: &mut Vec<u8>) {
        let oldest = ring.get(ring.tail()).map(|slot| slot.headers.generation());
        // Generations rise from slot to slot.
        while let Some((generation, range)) = self.headers.front().cloned() {
            if oldest.is_none_or(|oldest| generation < oldest) {
                self.headers.pop_front();
                continue;
            }
            if self.first.saturating_sub(range.start) < FREED_AT_ONCE {
                break;
            }
            let slot = (self.tail.0..ring.head().0)
                .filter_map(|seq| ring.get(Seq(seq)))
                .find(|slot| slot.headers.generation() == generation);
            let Some(slot) = slot else { break };
            let range = self.put(&Record::Headers(slot.headers.as_ref().clone()), &[], new);
            if let Some(front) = self.headers.front_mut() {
                front.1 = range;
            }
            break;
        }
    }
}

impl Record {
    /// The slot; nothing for a set of headers, which is noted as known.
    #[expect(clippy::option_option, reason = "outside: damaged; inside: no slot")]
    fn into_slot(self, payload: Bytes, known: &mut Vec<Arc<Headers>>) -> Option<Option<Slot>> {
        let (about, entry) = match self {
            Self::Headers(set) => {
                known.push(Arc::new(set));
                return Some(None);
            }
            Self::Frame { about, kind, at } => (about, Entry::Frame(Frame { kind, at, payload })),
            Self::Stamp(about, stamp) => (about, Entry::Stamp(stamp)),
            Self::End(about, session) => (about, Entry::End(session)),
            Self::Telling(about, at) => (about, Entry::Telling { at, payload }),
        };
        let headers = known
            .iter()
            .find(|set| set.generation() == about.generation)?;
        Some(Some(Slot {
            entry,
            headers: Arc::clone(headers),
            arrived: about.arrived,
            join: about.join,
        }))
    }
}

/// Takes one record off, and the payload behind it.
fn take(rest: &mut Bytes) -> Option<(Record, Bytes)> {
    let length = u32::from_le_bytes(*rest.first_chunk::<PREFIX>()?);
    let length = usize::try_from(length)
        .ok()
        .filter(|length| *length <= MAX_RECORD)?;
    if rest.len() < PREFIX + length {
        return None;
    }
    let body = rest.split_to(PREFIX + length).split_off(PREFIX);
    let (record, payload) = postcard::take_from_bytes(&body).ok()?;
    Some((record, body.slice_ref(payload)))
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
