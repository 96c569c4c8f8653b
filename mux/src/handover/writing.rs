//! [pure] What a peer is being sent, noted before any of it is: so that what the kernel has not taken can be made again.
//!
//! Noted is how many bytes were written before all that waits, then what waits: at most one turn of media, as the
//! consumer's place before and after it, and behind it the bytes of the session. Media is not copied: the same place in
//! the same ring gives the same bytes.

use std::ops::DerefMut;

use serde::{Deserialize, Serialize};

use super::{
    cell::{self, TooLong},
    slot::{CONTROLS, OUTPUT},
};
use crate::cursor::Place;

/// Longest note: a place of the slot less its head.
const NOTE: usize = 256 - cell::HEAD;

/// See the module.
#[derive(Debug)]
pub(crate) struct Writing<M> {
    memory: M,
    number: u64,
    note: Note,
}

/// What is noted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    /// Bytes written before what waits.
    base: u64,
    /// Bytes of media that wait, or waited.
    turn: u64,
    /// Bytes of the session behind them.
    control: usize,
    /// How many times the session has said something.
    said: u64,
    /// The consumer's place before the turn, and after it.
    before: Option<Place>,
    after: Option<Place>,
}

/// What waited to be written when a process died.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unwritten {
    /// The turn of media, if some of it was not written: the consumer's place before it and after it.
    pub(crate) turn: Option<(Place, Place)>,
    /// Its length.
    pub(crate) turn_bytes: u64,
    /// Bytes of the session behind it.
    pub(crate) control: Vec<u8>,
    /// How much of both is written.
    pub(crate) done: u64,
    /// The consumer's place when all is written.
    pub(crate) place: Option<Place>,
    /// How many times the session has said something.
    pub(crate) said: u64,
}

impl<M: DerefMut<Target = [u8]>> Writing<M> {
    /// Of a connection to which nothing was written.
    pub(super) fn new(memory: M) -> Self {
        Self {
            memory,
            number: 0,
            note: Note::default(),
        }
    }

    /// What a process left that had written `written` bytes; `None` if it does not fit together.
    pub(super) fn restore(memory: M, written: u64) -> Option<(Self, Unwritten)> {
        let [a, b] = OUTPUT.map(|place| memory.get(place).unwrap_or_default());
        let (number, note) = match cell::newest([a, b]) {
            Some((number, body)) => (number, postcard::from_bytes::<Note>(body).ok()?),
            None => (0, Note::default()),
        };
        let done = written.checked_sub(note.base)?;
        let controls = memory.get(CONTROLS)?.get(..note.control)?;
        let control_bytes = u64::try_from(controls.len()).ok()?;
        if done > note.turn.checked_add(control_bytes)? {
            return None;
        }
        let turn = note.before.zip(note.after).filter(|_| done < note.turn);
        if turn.is_none() && done < note.turn {
            return None;
        }
        let unwritten = Unwritten {
            turn,
            turn_bytes: note.turn,
            control: controls.to_vec(),
            done,
            place: note.after,
            said: note.said,
        };
        let writing = Self {
            memory,
            number,
            note,
        };
        Some((writing, unwritten))
    }

    /// A turn of `bytes` is about to be written, which brings the consumer from `before` to `after`. Nothing waits.
    pub(crate) fn turn(&mut self, before: Place, after: Place, bytes: u64) -> Result<(), TooLong> {
        self.rebase();
        self.note.turn = bytes;
        (self.note.before, self.note.after) = (Some(before), Some(after));
        self.save()
    }

    /// The session has said `bytes`, which go behind what waits; `none_waits` if nothing does.
    pub(crate) fn control(&mut self, bytes: &[u8], none_waits: bool) -> Result<(), TooLong> {
        if none_waits {
            self.rebase();
            self.note.turn = 0;
        }
        self.add(bytes)?;
        self.note.said = self.note.said.saturating_add(1);
        self.save()
    }

    fn add(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        let room = self.memory.get_mut(CONTROLS).unwrap_or_default();
        let end = self.note.control.saturating_add(bytes.len());
        let room = room.get_mut(self.note.control..end).ok_or(TooLong)?;
        room.copy_from_slice(bytes);
        self.note.control = end;
        Ok(())
    }

    /// Bytes of media, which are few, are about to be written as they are, and bring the consumer to `after`. Nothing
    /// waits.
    pub(crate) fn written(&mut self, bytes: &[u8], after: Place) -> Result<(), TooLong> {
        self.rebase();
        self.note.turn = 0;
        (self.note.before, self.note.after) = (None, Some(after));
        self.add(bytes)?;
        self.save()
    }

    /// Nothing noted counts any more: whoever restores this finds that it does not fit together.
    pub(crate) fn void(&mut self) {
        for place in OUTPUT {
            self.memory.get_mut(place).unwrap_or_default().fill(0);
        }
    }

    /// The consumer is gone.
    pub(crate) fn forget_place(&mut self) -> Result<(), TooLong> {
        (self.note.before, self.note.after) = (None, None);
        self.save()
    }

    /// All that was noted is written.
    fn rebase(&mut self) {
        let control = u64::try_from(self.note.control).unwrap_or(u64::MAX);
        self.note.base = self
            .note
            .base
            .saturating_add(self.note.turn)
            .saturating_add(control);
        self.note.control = 0;
    }

    fn save(&mut self) -> Result<(), TooLong> {
        let mut body = [0; NOTE];
        let body = postcard::to_slice(&self.note, &mut body).map_err(|_| TooLong)?;
        let number = self.number + 1;
        let place = OUTPUT.into_iter().nth(usize::from(number % 2 == 1));
        let place = self
            .memory
            .get_mut(place.unwrap_or_default())
            .unwrap_or_default();
        cell::put(place, number, body)?;
        self.number = number;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
