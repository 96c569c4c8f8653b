//! [pure] How many things may be under way at once: in all, and for one stream.
//!
//! The second bound is what keeps the viewers of one stream, however they ask, from costing those of another anything.
//! Rule when full: the request is answered 503 at once; nothing waits for a slot.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use live::StreamName;

/// Slots that are taken and given back.
#[derive(Debug)]
pub(crate) struct Slots {
    /// In all.
    most: usize,
    /// For one stream.
    each: usize,
    taken: Mutex<HashMap<StreamName, usize>>,
}

/// One slot, given back when dropped.
#[derive(Debug)]
pub(crate) struct Slot<'a> {
    slots: &'a Slots,
    stream: StreamName,
}

impl Slots {
    /// `most` slots, of which one stream may have `each`.
    pub(crate) fn new(most: usize, each: usize) -> Self {
        Self {
            most,
            each,
            taken: Mutex::default(),
        }
    }

    /// A slot for `stream`, if there is one.
    pub(crate) fn take(&self, stream: &StreamName) -> Option<Slot<'_>> {
        let mut taken = self.taken();
        let all: usize = taken.values().sum();
        let own = taken.get(stream).copied().unwrap_or_default();
        if all >= self.most || own >= self.each {
            return None;
        }
        taken.insert(stream.clone(), own + 1);
        Some(Slot {
            slots: self,
            stream: stream.clone(),
        })
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<StreamName, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        let mut taken = self.slots.taken();
        if let Some(own) = taken.get_mut(&self.stream) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                taken.remove(&self.stream);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_stream_never_has_them_all_and_what_is_given_back_can_be_taken_again() {
        let [a, b, c]: [StreamName; 3] = ["a", "b", "c"].map(|name| name.parse().unwrap());
        let slots = Slots::new(3, 2);
        let first = slots.take(&a).unwrap();
        let _second = slots.take(&a).unwrap();
        assert!(slots.take(&a).is_none(), "it has its share");
        let _third = slots.take(&b).unwrap();
        assert!(slots.take(&b).is_none(), "there are no more");
        assert!(slots.take(&c).is_none());
        drop(first);
        assert!(slots.take(&c).is_some());
        assert!(slots.take(&a).is_some());
    }

    #[test]
    fn nothing_is_kept_of_a_stream_without_slots() {
        let slots = Slots::new(2, 2);
        for n in 0..10 {
            let stream = format!("s{n}").parse().unwrap();
            drop(slots.take(&stream));
        }
        assert!(slots.taken().is_empty());
    }
}
