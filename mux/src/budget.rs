//! [pure] Memory, promised before it is used: every connection and every stream on the air takes its share of one
//! budget, and whoever comes when it is spent is refused. What was promised is never taken back.
//!
//! The shares are what each may come to at the worst, whatever its peer does:
//!
//! | who | share |
//! |---|---|
//! | mux itself | [`BASE`] |
//! | a connection that has shown no key | [`STRANGER`] |
//! | a publisher | [`PUBLISHER`] |
//! | a player | [`PLAYER`] |
//! | each of these under TLS | [`TLS`] more |
//! | a stream on the air | [`on_air`] |

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use rtmp::reader::Limits;

use crate::warm;

const KIB: u64 = 1024;

/// The program, its tasks, its log and its admin listener; measured 15 MiB with 1,000 connections' worth of allocator.
pub(crate) const BASE: u64 = 24 * 1024 * KIB;
/// A connection's task, session and header cache.
const SESSION: u64 = 24 * KIB;
/// Answers that a peer does not read (`outbox::CONTROL_MAX`).
const ANSWERS: u64 = 64 * KIB;
/// A turn of a consumer that the ring has dropped since (`consumer::TURN`).
const TURN: u64 = 256 * KIB;
/// Messages of one read, while they are given to the stream.
const READ: u64 = 64 * KIB;
/// What rustls holds: a handshake's messages, then a record in and `transport::UNSENT` out.
pub(crate) const TLS: u64 = 96 * KIB;

/// A peer that has shown no key yet.
pub(crate) const STRANGER: u64 = SESSION + ANSWERS + Limits::STRANGER.unfinished_bytes as u64;
/// One that publishes: what it may leave unfinished, beside the ring.
pub(crate) const PUBLISHER: u64 =
    SESSION + ANSWERS + READ + Limits::ADMITTED.unfinished_bytes as u64;
/// One that plays.
pub(crate) const PLAYER: u64 = STRANGER + TURN;

/// A stream on the air with `outputs`: its ring, the same again on the tape of its players, and again when a hand-over
/// writes it down for the next process; the newest pictures of an encoder that waits; and a turn for each output.
pub(crate) fn on_air(ring: usize, outputs: usize) -> u64 {
    let whole = |count| u64::try_from(count).unwrap_or(u64::MAX);
    whole(ring)
        .saturating_mul(3)
        .saturating_add(whole(warm::MAX_BYTES))
        .saturating_add(whole(outputs).saturating_mul(SESSION + ANSWERS + TURN + TLS))
}

/// All of it. Shared by whoever takes from it.
#[derive(Debug)]
pub(crate) struct Budget {
    total: u64,
    used: AtomicU64,
}

/// A part of the budget; it is given back on drop.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Arc<Budget>,
    bytes: u64,
}

/// There is not enough left. The operator's affair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the memory budget is spent; raise [memory] budget if the machine has more")]
pub(crate) struct Spent;

impl Budget {
    /// `total` bytes, of which [`BASE`] are mux's own.
    pub(crate) fn new(total: u64) -> Arc<Self> {
        Arc::new(Self {
            total,
            used: AtomicU64::new(BASE),
        })
    }

    /// All of it, bytes.
    pub(crate) const fn total(&self) -> u64 {
        self.total
    }

    /// What is promised, bytes.
    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Takes `bytes` of it.
    pub(crate) fn take(self: &Arc<Self>, bytes: u64) -> Result<Share, Spent> {
        self.add(bytes)?;
        Ok(Share {
            budget: Arc::clone(self),
            bytes,
        })
    }

    fn add(&self, bytes: u64) -> Result<(), Spent> {
        let more = |used: u64| used.checked_add(bytes).filter(|sum| *sum <= self.total);
        let added = self
            .used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        added.map(|_| ()).map_err(|_| Spent)
    }

    fn give_back(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Share {
    /// Makes it `bytes`, if there is enough for that; else it stays what it is.
    pub(crate) fn resize(&mut self, bytes: u64) -> Result<(), Spent> {
        match bytes.checked_sub(self.bytes) {
            Some(more) => self.budget.add(more)?,
            None => self.budget.give_back(self.bytes.saturating_sub(bytes)),
        }
        self.bytes = bytes;
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.give_back(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_newest_is_refused_and_room_comes_back() {
        let budget = Budget::new(BASE + PUBLISHER + STRANGER);
        let mut first = budget.take(STRANGER).unwrap();
        first.resize(PUBLISHER).unwrap();
        let mut second = budget.take(STRANGER).unwrap();
        assert_eq!(second.resize(PLAYER), Err(Spent));
        assert_eq!(budget.take(1).unwrap_err(), Spent);
        drop(first);
        second.resize(PLAYER).unwrap();
        assert_eq!(budget.used(), BASE + PLAYER);
        drop(second);
        assert_eq!(budget.used(), BASE);
    }

    proptest! {
        #[test]
        fn what_is_used_is_what_is_held_and_never_more_than_all(
            steps in prop::collection::vec((0..4_usize, 0..500_u64, any::<bool>()), 0..100)
        ) {
            let budget = Budget::new(BASE + 1000);
            let mut shares: [Option<Share>; 4] = Default::default();
            for (place, bytes, release) in steps {
                match &mut shares[place] {
                    share if release => *share = None,
                    Some(share) => { let _kept_as_it_was = share.resize(bytes); }
                    share => *share = budget.take(bytes).ok(),
                }
                let held: u64 = shares.iter().flatten().map(|share| share.bytes).sum();
                prop_assert_eq!(budget.used(), BASE + held);
                prop_assert!(budget.used() <= budget.total());
            }
        }
    }
}
