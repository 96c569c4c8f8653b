//! [pure] When consumers are told that there is more to send.
//!
//! At once for a picture, a stamp or an end. Sound rides with the next picture, so that a consumer costs one system
//! call a picture and not two or three: a player shows them together anyway, and a transcoder commits sound only when
//! the picture's clock has passed it. No sound waits longer than [`SOUND_WAITS`] while more of it comes.

use crate::{
    ring::{Entry, Ring, Seq},
    timeline::MediaKind,
};

/// Longest that sound waits for a picture, milliseconds: a little more than one picture at 25 frames a second.
const SOUND_WAITS: u64 = 45;

/// What consumers have been told.
#[derive(Debug, Default)]
pub(crate) struct Wake {
    told: Seq,
    /// Unix milliseconds.
    at: u64,
}

impl Wake {
    /// Whether to tell them now of what the ring holds.
    pub(crate) fn due(&mut self, ring: &Ring, now: u64) -> bool {
        let head = ring.head();
        let mut news = self.told.max(ring.tail());
        let mut urgent = news < head && now.saturating_sub(self.at) >= SOUND_WAITS;
        while news < head && !urgent {
            urgent = !ring.get(news).is_some_and(|slot| is_sound(&slot.entry));
            news = news.next();
        }
        if urgent {
            *self = Self {
                told: head,
                at: now,
            };
        }
        urgent
    }
}

fn is_sound(entry: &Entry) -> bool {
    matches!(entry, Entry::Frame(frame) if frame.kind == MediaKind::Audio)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use live::SessionId;

    use super::*;
    use crate::ring::{Frame, RingLimits, Slot};

    fn push(ring: &mut Ring, kind: Option<MediaKind>) {
        let frame = |kind| {
            Entry::Frame(Frame {
                kind,
                at: 0,
                payload: Bytes::new(),
            })
        };
        ring.push(Slot {
            entry: kind.map_or(Entry::End(SessionId(1)), frame),
            headers: Arc::default(),
            arrived: 0,
            join: false,
        });
    }

    #[test]
    fn sound_rides_with_the_next_picture_but_not_for_ever() {
        let mut ring = Ring::new(RingLimits {
            bytes: 1 << 20,
            span: 1000,
        });
        let mut wake = Wake::default();
        assert!(!wake.due(&ring, 1000), "nothing is no news");
        for (at, kind, told) in [
            (1000, Some(MediaKind::Video), true),
            (1010, Some(MediaKind::Audio), false),
            (1030, Some(MediaKind::Audio), false),
            (1033, Some(MediaKind::Video), true),
            (1040, Some(MediaKind::Audio), false),
            (1061, Some(MediaKind::Audio), false),
            (1083, Some(MediaKind::Audio), true),
            (1084, Some(MediaKind::Data), true),
            (1085, None, true),
        ] {
            push(&mut ring, kind);
            assert_eq!(wake.due(&ring, at), told, "{kind:?} at {at}");
            assert!(!wake.due(&ring, at) || !told, "told once");
        }
    }
}
