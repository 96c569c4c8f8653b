//! [pure] What came from a peer, so that nothing of it is lost or done twice: a snapshot of its session now and then, and
//! every byte since.
//!
//! The socket is read straight into the journal. Between two snapshots a session only ever gave media, whose messages
//! are counted: whoever reads the journal again knows which of them the stream has had. A snapshot is taken before the
//! session does anything else that somebody could notice, and when the journal is full.

use std::ops::DerefMut;

use super::{
    cell::{self, TooLong},
    slot::{JOURNALS, LARGE, SMALL},
};

/// Most that is read at a time: the journal always has room for it.
pub(crate) const READ: usize = 32 * 1024;

/// See the module.
#[derive(Debug)]
pub(crate) struct Reading<M> {
    memory: M,
    /// Snapshots taken.
    number: u64,
    /// Byte of the connection at which the journal begins.
    start: u64,
    used: usize,
}

impl<M: DerefMut<Target = [u8]>> Reading<M> {
    /// Of a connection from which nothing was read.
    pub(super) const fn new(memory: M) -> Self {
        Self {
            memory,
            number: 0,
            start: 0,
            used: 0,
        }
    }

    /// What a process left from whose socket `read` bytes were taken; `at` tells where in the connection a snapshot
    /// stands. `None` if it does not fit together.
    pub(super) fn restore(memory: M, read: u64, at: impl Fn(&[u8]) -> Option<u64>) -> Option<Self> {
        let places = SMALL.into_iter().chain(LARGE);
        let found = places.filter_map(|place| cell::get(memory.get(place)?));
        let (number, snapshot) = found.max_by_key(|(number, _)| *number)?;
        let start = at(snapshot)?;
        let used = usize::try_from(read.checked_sub(start)?).ok()?;
        (used <= JOURNALS.len()).then_some(Self {
            memory,
            number,
            start,
            used,
        })
    }

    /// The newest snapshot.
    pub(super) fn snapshot(&self) -> Option<&[u8]> {
        let places = SMALL.into_iter().chain(LARGE);
        let found = places.filter_map(|place| cell::get(self.memory.get(place)?));
        let newest = found.max_by_key(|(number, _)| *number)?;
        Some(newest.1)
    }

    /// What came since the newest snapshot.
    pub(super) fn journal(&self) -> &[u8] {
        let journal = self.memory.get(JOURNALS).unwrap_or_default();
        journal.get(..self.used).unwrap_or_default()
    }

    /// Where the next bytes are to be read to.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        let journal = self.memory.get_mut(JOURNALS).unwrap_or_default();
        let room = journal.get_mut(self.used..).unwrap_or_default();
        let most = READ.min(room.len());
        room.split_at_mut(most).0
    }

    /// `count` bytes were read; they are these.
    pub(crate) fn took(&mut self, count: usize) -> &[u8] {
        let from = self.used;
        self.used = from.saturating_add(count).min(JOURNALS.len());
        self.journal().get(from..).unwrap_or_default()
    }

    /// Whether a snapshot is due, for want of room.
    pub(crate) const fn is_full(&self) -> bool {
        self.used + READ > JOURNALS.end - JOURNALS.start
    }

    /// Byte of the connection at which a snapshot taken now stands.
    pub(crate) fn at(&self) -> u64 {
        self.start
            .saturating_add(u64::try_from(self.used).unwrap_or(u64::MAX))
    }

    /// Keeps a snapshot taken now; the journal begins anew.
    pub(crate) fn save(&mut self, snapshot: &[u8]) -> Result<(), TooLong> {
        let number = self.number + 1;
        let place = usize::from(number % 2 == 1);
        let fits = SMALL[place].len() - cell::HEAD;
        let places = if snapshot.len() <= fits { SMALL } else { LARGE };
        let place = places.into_iter().nth(place).unwrap_or_default();
        let place = self.memory.get_mut(place).unwrap_or_default();
        cell::put(place, number, snapshot)?;
        self.start = self.at();
        (self.number, self.used) = (number, 0);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handover::slot::SLOT;

    fn at(snapshot: &[u8]) -> Option<u64> {
        Some(u64::from_le_bytes(*snapshot.first_chunk()?))
    }

    /// Reads numbered bytes, snapshots at times, and dies between any two steps.
    #[test]
    fn what_came_is_there_whenever_the_process_dies() {
        let mut reading = Reading::new(vec![0; usize::try_from(SLOT).unwrap()]);
        reading.save(&0_u64.to_le_bytes()).unwrap();
        let byte = |at: u64| u8::try_from(at % 251).unwrap();
        let mut came = 0_u64;
        for step in 0..400_usize {
            if reading.is_full() || step % 7 == 0 {
                // Every other one is of a session with half a message.
                let mut snapshot = reading.at().to_le_bytes().to_vec();
                snapshot.resize(if step % 2 == 0 { 8 } else { 50_000 }, 1);
                reading.save(&snapshot).unwrap();
            }
            let room = reading.room();
            let count = (step * 7919 % READ).min(room.len());
            for slot in &mut room[..count] {
                *slot = byte(came);
                came += 1;
            }
            // Dead before it could note what the kernel gave it.
            let found = Reading::restore(std::mem::take(&mut reading.memory), came, at).unwrap();
            let journal = found.journal();
            let from = came - journal.len() as u64;
            assert_eq!(at(found.snapshot().unwrap()), Some(from));
            assert!((from..).zip(journal).all(|(at, found)| byte(at) == *found));
            reading = found;
        }
        assert!(came > 4 << 20);
        assert!(Reading::restore(reading.memory, came + (1 << 20), at).is_none());
    }
}
