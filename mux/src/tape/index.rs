//! [pure] What lies where on a tape: whole messages, how old they are, and where playing can begin.
//!
//! Always true: messages lie in the ring's order, and what the ring let go before it was laid down is followed by a
//! keyframe. What no player can be sent any more is forgotten: what the ring has let go, and what lies before the newest
//! keyframe and is older than [`PLAYER_LAG`].
//!
//! Nobody is sent a picture of a further video track before a keyframe of that track: those who joined since pass over
//! such messages, which lie there for the others.

use std::{collections::VecDeque, ops::Range, sync::Arc};

use bytes::Bytes;
use rtmp::{MessageKind, writer::MediaHeader};

use crate::{
    cursor::{PLAYER_LAG, Place},
    headers::Headers,
    media,
    ring::{Entry, Ring, Seq, Slot},
    timeline::MediaKind,
};

/// The message stream that a tape's messages are on: what the first createStream of a connection is answered with.
pub(crate) const STREAM_ID: u32 = 1;
/// The chunk size that a tape is written in.
pub(crate) const CHUNK_SIZE: u32 = 1 << 20;
/// A turn begins no message beyond so many bytes: about what the kernel takes at a time.
const TURN: u64 = 256 * 1024;

/// See the module. Positions are bytes since the tape began.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// The ring's entry to lay down next; none before the first.
    next: Option<Seq>,
    marks: VecDeque<Mark>,
    /// Where the next message will lie.
    end: u64,
    newest_join: Option<Beginning>,
    /// The configuration in force at the end.
    headers: Option<Arc<Headers>>,
    /// Absolute time that is 0 on the players' clock: the low 32 bits of absolute time would wrap in mid-show.
    base: Option<u64>,
    over: bool,
}

/// One message, and the configuration that had to be sent before it.
#[derive(Debug)]
struct Mark {
    at: u64,
    /// Where the message itself lies, behind its configuration.
    body: u64,
    seq: Seq,
    /// It is for those who began at this place or before (see `ring`).
    begun_by: Seq,
    /// Generations of the configuration before it, and of its own.
    held: u64,
    generation: u64,
    /// Wall clock when it came, Unix milliseconds.
    arrived: u64,
}

/// A place where decoding can begin.
#[derive(Debug, Clone)]
pub(super) struct Beginning {
    /// The keyframe.
    pub(super) from: Position,
    headers: Arc<Headers>,
    timestamp: u32,
}

/// Where a player is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    /// It has had, or passed over, all that lies before.
    pub(crate) at: u64,
    /// The keyframe that it began with.
    since: Seq,
}

impl Position {
    /// The same player, further on.
    pub(crate) const fn moved(self, at: u64) -> Self {
        Self { at, ..self }
    }
}

/// What a player is to be sent.
#[derive(Debug)]
pub(super) enum Step {
    /// It begins there, or jumps there.
    Begin(Beginning),
    /// Whole messages.
    Send(Range<u64>),
    /// Nothing yet.
    Wait,
    /// Nothing ever: it had the session's end.
    Over,
}

impl Index {
    /// Lays down what is new in the ring; its bytes are added to `laid`.
    pub(super) fn extend(&mut self, ring: &Ring, now: u64, laid: &mut Vec<u8>) {
        let in_ring = self.next.filter(|next| *next >= ring.tail());
        let begin = || ring.newest_join().filter(|join| self.next <= Some(*join));
        let Some(mut next) = in_ring.or_else(begin) else {
            return;
        };
        while let Some(slot) = ring.get(next)
            && !self.over
        {
            self.lay((next, ring.begun_by(next)), slot, laid);
            next = next.next();
        }
        self.next = Some(next);
        self.forget(ring.tail(), now);
    }

    /// An index on the clock of `place`, which lays down all that is in the ring.
    pub(super) fn going_on(ring: &Ring, place: Place) -> Self {
        Self {
            next: Some(ring.tail()),
            base: place.base(),
            ..Self::default()
        }
    }

    /// The place of a cursor that has sent what lies before `position`.
    pub(super) fn place(&self, Position { at, since }: Position) -> Place {
        let after = self.marks.partition_point(|mark| mark.at <= at);
        let mark = after.checked_sub(1).and_then(|mark| self.marks.get(mark));
        match mark.filter(|_| at < self.end) {
            Some(mark) if mark.at == at => {
                Place::playing(since, Some(mark.seq), mark.held, self.base)
            }
            // Behind the configuration that lies before the message.
            Some(mark) => Place::playing(since, Some(mark.seq), mark.generation, self.base),
            None => {
                let held = self.headers.as_ref().map_or(0, |held| held.generation());
                Place::playing(since, self.next, held, self.base)
            }
        }
    }

    /// Where a player is who has the place of such a cursor; `None` if it is not here.
    pub(super) fn find(&self, place: Place) -> Option<Position> {
        let since = place.since()?;
        let next = place.next().filter(|_| place.base() == self.base)?;
        let first = self.marks.front().map_or(self.next?, |mark| mark.seq);
        let mark = self.marks.partition_point(|mark| mark.seq < next);
        let at = self.marks.get(mark).map_or(self.end, |mark| mark.at);
        let position = Position { at, since };
        (next >= first && self.place(position).held() == place.held()).then_some(position)
    }

    /// Where the next message will lie.
    pub(super) const fn end(&self) -> u64 {
        self.end
    }

    /// The oldest position that is still known.
    pub(super) fn start(&self) -> u64 {
        self.marks.front().map_or(self.end, |mark| mark.at)
    }

    /// When the first message came that lies at `at` or behind it, Unix milliseconds.
    pub(super) fn arrived(&self, at: u64) -> Option<u64> {
        let first = self.marks.partition_point(|mark| mark.at < at);
        self.marks.get(first).map(|mark| mark.arrived)
    }

    /// Whether the session's end was laid down.
    pub(super) const fn is_over(&self) -> bool {
        self.over
    }

    /// What a player gets that is at `from`, or has had nothing.
    pub(super) fn step(&self, from: Option<Position>, now: u64) -> Step {
        let found = from.map(|from| self.seek(from));
        let waiting = found.and_then(|(_, first)| self.marks.get(first));
        let gone = from.is_none_or(|from| from.at < self.start());
        let late = waiting.is_some_and(|mark| now.saturating_sub(mark.arrived) > PLAYER_LAG);
        if (gone || late)
            && let Some(join) = &self.newest_join
            && from.is_none_or(|from| from.at < join.from.at)
        {
            return Step::Begin(join.clone());
        }
        match (from, found) {
            (Some(from), Some((at, first))) if at < self.end => {
                Step::Send(at..self.until(at, first, from.since))
            }
            (Some(_), _) if self.over => Step::Over,
            _ => Step::Wait,
        }
    }

    /// The first place from `from` on that is for that player, and the number of the mark that it lies in.
    fn seek(&self, from: Position) -> (u64, usize) {
        if from.at >= self.end {
            return (from.at, self.marks.len());
        }
        let (mut at, after) = (from.at, |mark: &Mark| mark.at <= from.at);
        let mut first = self.marks.partition_point(after).saturating_sub(1);
        while let Some(mark) = self.marks.get(first)
            && mark.begun_by < from.since
            && mark.body <= at
        {
            first += 1;
            at = self.marks.get(first).map_or(self.end, |mark| mark.at);
        }
        (at, first)
    }

    /// How far one can be sent what lies from `at` on, in the mark numbered `first`, whose pictures began at `since`.
    fn until(&self, at: u64, first: usize, since: Seq) -> u64 {
        // Before the first mark lies what is forgotten, and still on its reel.
        let mut until = self.marks.get(first).map_or(self.end, |mark| mark.at);
        for (number, mark) in self.marks.iter().enumerate().skip(first) {
            if mark.at > at + TURN {
                break;
            }
            if mark.begun_by < since {
                // Its configuration is for all.
                return mark.body;
            }
            until = self.marks.get(number + 1).map_or(self.end, |next| next.at);
        }
        until
    }

    fn lay(&mut self, (seq, begun_by): (Seq, Seq), slot: &Slot, laid: &mut Vec<u8>) {
        let frame = match &slot.entry {
            Entry::Frame(frame) => frame,
            Entry::Stamp(_) | Entry::Telling { .. } => return,
            Entry::End(_) => {
                self.over = true;
                return;
            }
        };
        let base = *self.base.get_or_insert(frame.at);
        let time = frame.at.saturating_sub(base) & u64::from(u32::MAX);
        let timestamp = u32::try_from(time).unwrap_or_default();
        let at = self.end;
        let held = self.headers.replace(Arc::clone(&slot.headers));
        let generation = slot.headers.generation();
        // Whoever begins is given its configuration then.
        if let Some(held) = held.as_ref().filter(|held| held.generation() != generation) {
            self.end += put_headers(&slot.headers, Some(held), timestamp, laid);
        }
        self.marks.push_back(Mark {
            at,
            body: self.end,
            seq,
            begun_by,
            held: held.map_or(generation, |held| held.generation()),
            generation,
            arrived: slot.arrived,
        });
        if slot.join {
            self.newest_join = Some(Beginning {
                from: Position {
                    at: self.end,
                    since: seq,
                },
                headers: Arc::clone(&slot.headers),
                timestamp,
            });
        }
        self.end += put(frame.kind, timestamp, &frame.payload, laid);
    }

    fn forget(&mut self, tail: Seq, now: u64) {
        let join = self.newest_join.as_ref().map_or(0, |join| join.from.at);
        while let Some(oldest) = self.marks.front() {
            let old = now.saturating_sub(oldest.arrived) > PLAYER_LAG;
            let before_join = self.marks.get(1).is_some_and(|next| next.at <= join);
            if oldest.seq >= tail && !(old && before_join) {
                break;
            }
            self.marks.pop_front();
        }
        let start = self.start();
        self.newest_join.take_if(|join| join.from.at < start);
    }
}

impl Beginning {
    /// What has to be sent before the keyframe, as it is written.
    pub(super) fn headers(&self) -> Bytes {
        let mut bytes = Vec::new();
        put_headers(&self.headers, None, self.timestamp, &mut bytes);
        bytes.into()
    }
}

fn put_headers(
    headers: &Headers,
    held: Option<&Arc<Headers>>,
    timestamp: u32,
    laid: &mut Vec<u8>,
) -> u64 {
    let mut length = 0;
    for (kind, payload) in headers.missing(held) {
        let payload = match kind {
            MediaKind::Data => media::metadata_for_player(&payload),
            MediaKind::Audio | MediaKind::Video => Some(payload),
        };
        if let Some(payload) = payload {
            length += put(kind, timestamp, &payload, laid);
        }
    }
    length
}

/// Writes one message; answers with its length.
fn put(kind: MediaKind, timestamp: u32, payload: &Bytes, laid: &mut Vec<u8>) -> u64 {
    let before = laid.len();
    let kind = MessageKind::from(kind);
    let header = MediaHeader::new(timestamp, kind, payload.len(), STREAM_ID);
    for piece in header.pieces(payload, CHUNK_SIZE, 0) {
        laid.extend_from_slice(piece);
    }
    u64::try_from(laid.len() - before).unwrap_or_default()
}

#[cfg(test)]
mod tests;
