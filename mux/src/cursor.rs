//! [pure] A consumer's place in a stream's ring, and what it is to be sent next.
//!
//! Always true of what one consumer gets: it begins where decoding can begin, with the headers it needs; then every
//! message once and in order, or a jump ahead to a place where decoding can begin again. A player or platform that is more than
//! [`PLAYER_LAG`] late jumps to the newest keyframe. A transcoder never does while what it wants is in the ring.
//! Where the beginning is a stamp without a keyframe, pictures are left out until one comes; those of a further video
//! track until that track's own.

use std::sync::Arc;

use bytes::Bytes;
use live::{SessionId, stamp::Stamp};
use serde::{Deserialize, Serialize};

use crate::{
    headers::Headers,
    media,
    ring::{Entry, Ring, Seq, Slot},
    stream::Stream,
    timeline::MediaKind,
};

/// A player this late (wall clock, milliseconds) is brought to the newest keyframe.
pub(crate) const PLAYER_LAG: u64 = 2_000;

/// Who is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Sees media alone, on a clock that starts at 0: the low 32 bits of absolute time would wrap in mid-show.
    Player,
    /// The same for a server that is published to, which wants metadata as a publisher sends it.
    Platform,
    /// Sees the segment clock's stamps, and absolute time.
    Transcoder,
}

/// A cursor as plain data: where it is, and what the next message depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    next: Option<Seq>,
    /// Generation of the set it was sent last.
    held: Option<u64>,
    /// The keyframe that its pictures began with.
    since: Option<Seq>,
    base: Option<u64>,
    skips: u64,
    /// It has had the session's end.
    pub(crate) ended: bool,
}

/// One message for the consumer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Item {
    /// Metadata, configuration or media.
    Message {
        /// Sound, picture or data.
        kind: MediaKind,
        /// RTMP time stamp, milliseconds.
        timestamp: u32,
        /// The body.
        payload: Bytes,
    },
    /// A segment begins.
    Stamp {
        /// RTMP time stamp, milliseconds.
        timestamp: u32,
        /// The segment.
        stamp: Stamp,
    },
    /// The session is over.
    End(SessionId),
}

/// How much to take in one turn, so that one consumer does not starve the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Budget {
    /// Messages, beyond which none is begun.
    pub(crate) messages: usize,
    /// Bytes of payload, beyond which none is begun.
    pub(crate) bytes: usize,
}

/// The place of one consumer.
#[derive(Debug, Clone)]
pub(crate) struct Cursor {
    audience: Audience,
    next: Option<Seq>,
    /// The set it was sent last.
    held: Option<Arc<Headers>>,
    /// The keyframe that its pictures began with, this time; none while they wait for it.
    since: Option<Seq>,
    /// Absolute time that is 0 on a player's clock.
    base: Option<u64>,
    skips: u64,
}

impl Place {
    /// A player's place: it began at the keyframe `since`, was sent what lies before `next`, and the configuration of
    /// generation `held`.
    pub(crate) const fn playing(
        since: Seq,
        next: Option<Seq>,
        held: u64,
        base: Option<u64>,
    ) -> Self {
        Self {
            next,
            held: Some(held),
            since: Some(since),
            base,
            skips: 0,
            ended: false,
        }
    }

    /// What comes next.
    pub(crate) const fn next(&self) -> Option<Seq> {
        self.next
    }

    /// The keyframe that its pictures began with; none while they wait for it.
    pub(crate) const fn since(&self) -> Option<Seq> {
        self.since
    }

    /// Generation of the configuration that was sent last.
    pub(crate) const fn held(&self) -> Option<u64> {
        self.held
    }

    /// Absolute time that is 0 on the player's clock.
    pub(crate) const fn base(&self) -> Option<u64> {
        self.base
    }
}

impl Cursor {
    /// A consumer that has had nothing.
    pub(crate) const fn new(audience: Audience) -> Self {
        Self {
            audience,
            next: None,
            held: None,
            since: None,
            base: None,
            skips: 0,
        }
    }

    /// A cursor at `place`. A set that the stream has no more is sent again.
    pub(crate) fn at(audience: Audience, place: Place, stream: &Stream) -> Self {
        let held = place.held.and_then(|held| stream.headers_of(held));
        Self {
            audience,
            next: place.next,
            held,
            since: place.since,
            base: place.base,
            skips: place.skips,
        }
    }

    /// Where it is.
    pub(crate) fn place(&self, ended: bool) -> Place {
        Place {
            next: self.next,
            held: self.held.as_ref().map(|held| held.generation()),
            since: self.since,
            base: self.base,
            skips: self.skips,
            ended,
        }
    }

    /// Takes again what lies before `end`. Answers whether all of it was still there.
    pub(crate) fn take_again(&mut self, ring: &Ring, end: Place, items: &mut Vec<Item>) -> bool {
        let (Some(mut next), Some(end)) = (self.next, end.next) else {
            return false;
        };
        while next < end
            && let Some(slot) = ring.get(next)
        {
            self.emit(ring, next, slot, items);
            next = next.next();
        }
        self.next = Some(next);
        next == end
    }

    /// Who is served.
    pub(crate) const fn audience(&self) -> Audience {
        self.audience
    }

    /// How often it had to jump.
    pub(crate) const fn skips(&self) -> u64 {
        self.skips
    }

    /// How long its next message has been waiting, milliseconds.
    pub(crate) fn lag(&self, ring: &Ring, now: u64) -> u64 {
        self.next
            .and_then(|next| ring.get(next.max(ring.tail())))
            .map_or(0, |slot| now.saturating_sub(slot.arrived))
    }

    /// Takes what waits from the place found, up to `budget`. Answers whether that ended it: there may be more.
    pub(crate) fn take(&mut self, ring: &Ring, budget: Budget, items: &mut Vec<Item>) -> bool {
        let Some(mut next) = self.next else {
            return false;
        };
        let (mut messages, mut bytes) = (0, 0);
        while let Some(slot) = ring.get(next) {
            if messages >= budget.messages || bytes >= budget.bytes {
                self.next = Some(next);
                return true;
            }
            let before = items.len();
            self.emit(ring, next, slot, items);
            messages += items.len() - before;
            bytes += items.iter().skip(before).map(Item::len).sum::<usize>();
            next = next.next();
        }
        self.next = Some(next);
        false
    }

    /// Begins, goes on, or jumps.
    pub(crate) fn find_place(&mut self, ring: &Ring, now: u64) {
        let Some(next) = self.next else {
            self.next = self.beginning(ring);
            self.since = None;
            return;
        };
        let fallen_out = next < ring.tail();
        let late = self.audience != Audience::Transcoder && self.lag(ring, now) > PLAYER_LAG;
        if !fallen_out && !late {
            return;
        }
        match self.beginning(ring).filter(|place| *place > next) {
            Some(place) => {
                self.next = Some(place);
                self.since = None;
                self.skips += 1;
            }
            // Nothing to go on with until the next keyframe: forget the place and wait for it.
            None if fallen_out => {
                self.next = None;
                self.skips += 1;
            }
            None => {}
        }
    }

    fn beginning(&self, ring: &Ring) -> Option<Seq> {
        match self.audience {
            Audience::Player | Audience::Platform => ring.newest_join(),
            Audience::Transcoder => ring.newest_boundary(),
        }
    }

    fn emit(&mut self, ring: &Ring, seq: Seq, slot: &Slot, items: &mut Vec<Item>) {
        match &slot.entry {
            Entry::Frame(frame) => {
                if slot.join {
                    self.since.get_or_insert(seq);
                }
                let video = frame.kind == MediaKind::Video;
                if video && self.since.is_none_or(|since| ring.begun_by(seq) < since) {
                    return;
                }
                let timestamp = self.timestamp(frame.at);
                self.emit_headers(slot, timestamp, items);
                items.push(Item::Message {
                    kind: frame.kind,
                    timestamp,
                    payload: frame.payload.clone(),
                });
            }
            Entry::Stamp(stamp) => {
                if self.audience == Audience::Transcoder {
                    let timestamp = self.timestamp(stamp.pts.millis());
                    self.emit_headers(slot, timestamp, items);
                    items.push(Item::Stamp {
                        timestamp,
                        stamp: *stamp,
                    });
                }
            }
            Entry::Telling { at, payload } => {
                if self.audience == Audience::Transcoder {
                    let timestamp = self.timestamp(*at);
                    items.push(Item::Message {
                        kind: MediaKind::Data,
                        timestamp,
                        payload: payload.clone(),
                    });
                }
            }
            Entry::End(session) => {
                self.held = None;
                self.base = None;
                items.push(Item::End(*session));
            }
        }
    }

    fn emit_headers(&mut self, slot: &Slot, timestamp: u32, items: &mut Vec<Item>) {
        let held = self.held.as_ref();
        if held.is_some_and(|held| held.generation() == slot.headers.generation()) {
            return;
        }
        for (kind, payload) in slot.headers.missing(held) {
            let payload = match (self.audience, kind) {
                (Audience::Player, MediaKind::Data) => media::metadata_for_player(&payload),
                _ => Some(payload),
            };
            items.extend(payload.map(|payload| Item::Message {
                kind,
                timestamp,
                payload,
            }));
        }
        self.held = Some(Arc::clone(&slot.headers));
    }

    /// The low 32 bits of the time on the consumer's clock.
    fn timestamp(&mut self, at: u64) -> u32 {
        let time = match self.audience {
            Audience::Transcoder => at,
            Audience::Player | Audience::Platform => {
                at.saturating_sub(*self.base.get_or_insert(at))
            }
        };
        u32::try_from(time & u64::from(u32::MAX)).unwrap_or_default()
    }
}

impl Item {
    fn len(&self) -> usize {
        match self {
            Self::Message { payload, .. } => payload.len(),
            Self::Stamp { .. } | Self::End(_) => 0,
        }
    }
}

#[cfg(test)]
mod tests;
