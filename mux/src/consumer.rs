//! One consumer of a stream: its cursor, what it is to write next, and what it has cost.
//!
//! Nothing is queued for it: one turn of at most [`TURN`] is taken from the ring when the last is written, so a batch
//! is what was already waiting, and a slow consumer holds no memory but its turn.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use live::{
    SessionId, StreamName,
    stamp::{ON_END, Stamp, VERSION},
};
use rtmp::{
    MessageKind,
    amf0::{self, Value},
    writer::MediaHeader,
};
use tokio::{sync::watch, task::yield_now};

use crate::{
    cursor::{Audience, Budget, Cursor, Item, Place},
    handover::Unwritten,
    outbox::{Outbox, SLICES},
    ring::Seq,
    streams::SharedStream,
};

/// What is taken at a time: two slices a message, and no more bytes than the kernel's buffer holds.
const TURN: Budget = Budget {
    messages: SLICES / 2,
    bytes: 256 * 1024,
};

/// What was being sent is no longer in the ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("what was being sent is gone")]
pub(crate) struct NotThere;

/// What consumers have had.
#[derive(Debug, Default)]
pub(crate) struct ConsumerStats {
    /// Connected now.
    pub(crate) connected: AtomicU64,
    /// Bytes written, headers included.
    pub(crate) sent: AtomicU64,
    /// Jumps over what could not be sent in time.
    pub(crate) skips: AtomicU64,
}

/// See the module.
pub(crate) struct Consumer {
    stream: Arc<SharedStream>,
    head: watch::Receiver<Seq>,
    cursor: Cursor,
    stats: Arc<ConsumerStats>,
    stream_id: u32,
    chunk_size: u32,
    items: Vec<Item>,
    /// There may be more in the ring than was taken.
    behind: bool,
    ended: bool,
}

impl Consumer {
    /// A consumer that may be sent media on `stream_id`, in chunks of `chunk_size`.
    pub(crate) fn new(
        stream: Arc<SharedStream>,
        audience: Audience,
        stats: Arc<ConsumerStats>,
        (stream_id, chunk_size): (u32, u32),
    ) -> Self {
        stats.connected.fetch_add(1, Ordering::Relaxed);
        Self {
            head: stream.head(),
            stream,
            cursor: Cursor::new(audience),
            stats,
            stream_id,
            chunk_size,
            items: Vec::new(),
            behind: true,
            ended: false,
        }
    }

    /// Whether the session's end was sent: nothing more will come.
    pub(crate) const fn ended(&self) -> bool {
        self.ended
    }

    /// The stream it reads.
    pub(crate) fn stream(&self) -> &StreamName {
        self.stream.name()
    }

    /// Where it is.
    pub(crate) fn place(&self) -> Place {
        self.cursor.place(self.ended)
    }

    /// The stream it reads.
    pub(crate) const fn shared(&self) -> &Arc<SharedStream> {
        &self.stream
    }

    /// Its message stream and chunk size.
    pub(crate) const fn written_as(&self) -> (u32, u32) {
        (self.stream_id, self.chunk_size)
    }

    /// How long its next message has been waiting, milliseconds.
    pub(crate) fn lag(&self) -> u64 {
        self.stream
            .look(|stream, now| self.cursor.lag(stream.ring(), now))
    }

    /// Returns when there may be more to send.
    pub(crate) async fn more(&mut self) {
        if self.behind {
            // A long backlog: others on this thread have waited for their turn.
            return yield_now().await;
        }
        // The stream lives as long as `self`, so waiting cannot fail.
        let _closed = self.head.changed().await;
        self.behind = true;
    }

    /// `bytes` were written.
    pub(crate) fn sent(&self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or_default();
        self.stats.sent.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Goes on where a process left off that was sending: at its place, with a turn made again that was not written.
    pub(crate) fn carry_on(
        &mut self,
        unwritten: &Unwritten,
        outbox: &mut Outbox,
    ) -> Result<(), NotThere> {
        let Some(place) = unwritten.place else {
            return Ok(());
        };
        let audience = self.cursor.audience();
        let mut items = Vec::new();
        let cursor = self.stream.look(|stream, _now| {
            if let Some((before, after)) = unwritten.turn {
                let mut cursor = Cursor::at(audience, before, stream);
                if !cursor.take_again(stream.ring(), after, &mut items) {
                    return Err(NotThere);
                }
            }
            Ok(Cursor::at(audience, place, stream))
        })?;
        self.cursor = cursor;
        for item in items {
            self.put(item, outbox);
        }
        self.ended = place.ended;
        if unwritten.turn.is_none() || outbox.bytes() == unwritten.turn_bytes {
            Ok(())
        } else {
            Err(NotThere)
        }
    }

    /// Takes one turn into an empty outbox. Answers with the place before it and the one after.
    pub(crate) fn fill(&mut self, outbox: &mut Outbox) -> Option<(Place, Place)> {
        let behind = self.behind || self.head.has_changed().unwrap_or(false);
        if !behind || self.ended {
            return None;
        }
        // Before the look: what comes after it counts as new.
        self.head.mark_unchanged();
        let skips = self.cursor.skips();
        let (cursor, items) = (&mut self.cursor, &mut self.items);
        let before;
        (before, self.behind) = self.stream.look(|stream, now| {
            cursor.find_place(stream.ring(), now);
            let before = cursor.place(false);
            (before, cursor.take(stream.ring(), TURN, items))
        });
        let skipped = self.cursor.skips().saturating_sub(skips);
        self.stats.skips.fetch_add(skipped, Ordering::Relaxed);
        // The buffer is used again: no allocation per turn.
        let mut items = std::mem::take(&mut self.items);
        for item in items.drain(..) {
            self.put(item, outbox);
        }
        self.items = items;
        Some((before, self.cursor.place(self.ended)))
    }

    fn put(&mut self, item: Item, outbox: &mut Outbox) {
        if self.ended {
            return;
        }
        let (kind, timestamp, payload) = match item {
            Item::Message {
                kind,
                timestamp,
                payload,
            } => (kind.into(), timestamp, payload),
            Item::Stamp { timestamp, stamp } => {
                (MessageKind::DataAmf0, timestamp, encode_stamp(&stamp))
            }
            Item::End(session) => {
                self.ended = true;
                if self.cursor.audience() != Audience::Transcoder {
                    return;
                }
                (MessageKind::DataAmf0, 0, encode_end(session))
            }
        };
        let header = MediaHeader::new(timestamp, kind, payload.len(), self.stream_id);
        outbox.push_media(header, payload, self.chunk_size);
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.stats.connected.fetch_sub(1, Ordering::Relaxed);
    }
}

fn encode_stamp(stamp: &Stamp) -> Bytes {
    let fields = stamp
        .fields()
        .map(|(name, value)| (name.to_owned(), value.into()));
    let fields = Value::Object(fields.collect());
    amf0::encode(&[stamp.message_name().into(), fields])
}

fn encode_end(session: SessionId) -> Bytes {
    #[expect(clippy::cast_precision_loss, reason = "both are below 2^53")]
    let fields = [("v", VERSION as f64), ("session", session.0 as f64)];
    let fields = fields.map(|(name, value)| (name.to_owned(), value.into()));
    amf0::encode(&[ON_END.into(), Value::Object(fields.into())])
}
