//! [pure] The newest group of pictures of a publisher that waits, so that it can go on the air without waiting for its
//! next keyframe.
//!
//! Always true: what is kept begins where decoding can begin, and nothing is missing from there on. A group that exceeds
//! [`MAX_BYTES`] is let go, and the next keyframe waited for. At most one publisher of a stream is kept warm.
//! A restart lets it go too.

use bytes::Bytes;

use crate::media::Media;

/// Most bytes, bookkeeping included: more than 8 s at 8 Mb/s.
pub(crate) const MAX_BYTES: usize = 8 << 20;
/// What a message costs besides its payload. It also bounds their number.
const MESSAGE_COST: usize = 128;

/// One message that was kept.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    /// The publisher's own time stamp.
    pub(crate) stamp: u32,
    /// What it is.
    pub(crate) media: Media,
    /// Its body.
    pub(crate) payload: Bytes,
    /// Wall clock when it came, Unix milliseconds.
    pub(crate) came: u64,
}

/// See the module.
#[derive(Debug, Clone, Default)]
pub(crate) struct Warm {
    messages: Vec<Kept>,
    bytes: usize,
}

impl Warm {
    /// Keeps a message; `join` says that decoding can begin with it.
    pub(crate) fn keep(&mut self, message: Kept, join: bool) {
        if join {
            self.clear();
        } else if self.messages.is_empty() {
            return;
        }
        let cost = MESSAGE_COST.saturating_add(message.payload.len());
        self.bytes = self.bytes.saturating_add(cost);
        if self.bytes > MAX_BYTES {
            self.clear();
        } else {
            self.messages.push(message);
        }
    }

    /// Lets everything go.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Bytes kept, bookkeeping included.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// What is kept, oldest first: nothing, or a place to begin and all after it.
    pub(crate) fn messages(&self) -> &[Kept] {
        &self.messages
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(stamp: u32, length: usize) -> Kept {
        Kept {
            stamp,
            media: Media::Audio,
            payload: Bytes::from(vec![0; length]),
            came: 0,
        }
    }

    fn stamps(warm: &Warm) -> Vec<u32> {
        warm.messages().iter().map(|kept| kept.stamp).collect()
    }

    #[test]
    fn it_begins_at_the_newest_keyframe() {
        let mut warm = Warm::default();
        warm.keep(kept(0, 1), false);
        assert!(warm.messages().is_empty());
        for (stamp, join) in [(1, true), (2, false), (3, true), (4, false), (5, false)] {
            warm.keep(kept(stamp, 1), join);
        }
        assert_eq!(stamps(&warm), [3, 4, 5]);
    }

    #[test]
    fn what_is_too_large_is_let_go_until_the_next_keyframe() {
        let mut warm = Warm::default();
        warm.keep(kept(0, 1_000), true);
        for stamp in 1..100 {
            warm.keep(kept(stamp, MAX_BYTES / 50), false);
            assert!(warm.bytes() <= MAX_BYTES);
        }
        assert!(warm.messages().is_empty());
        warm.keep(kept(100, 1_000), true);
        warm.keep(kept(101, 1_000), false);
        assert_eq!(stamps(&warm), [100, 101]);
        warm.keep(kept(102, MAX_BYTES), true);
        assert!(warm.messages().is_empty());
    }
}
