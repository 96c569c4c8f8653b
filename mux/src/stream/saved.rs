//! [pure] A stream's state as plain data, for the process that takes the show over.
//!
//! All of it but the ring's slots and what the shell has not fetched yet: to be taken when no event is left. A restored
//! stream goes on where it was: consumers that were up to date miss nothing, all others go on at the next keyframe.

use std::{collections::VecDeque, sync::Arc};

use live::{
    cutter::{Cutter, LastNumbers},
    sound_grid::SoundGrid,
};
use rtmp::flv::TrackSet;
use serde::{Deserialize, Serialize};

use super::{Announced, Counters, Publisher, Settings, State, Stream, announce::SavedAnnounced};
use crate::{
    election::{Election, PublisherId},
    headers::Headers,
    rate::Rate,
    ring::{Ring, Seq, Slot},
    timeline::Timeline,
};

/// See the module.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SavedStream {
    head: Seq,
    cutter: Cutter,
    sound: SoundGrid,
    timeline: Timeline,
    election: Election,
    publishers: Vec<Publisher>,
    headers: Headers,
    state: State,
    open: bool,
    pictures: TrackSet,
    announced: SavedAnnounced,
    since: u64,
    rate: Rate,
    counters: Counters,
}

impl Stream {
    /// Its state now. Payloads are shared, not copied.
    pub(crate) fn save(&self) -> SavedStream {
        let Self {
            settings: _,
            ring,
            cutter,
            sound,
            timeline,
            election,
            publishers,
            headers,
            state,
            open,
            pictures,
            announced,
            since,
            rate,
            counters,
            events: _,
            stamps: _,
        } = self;
        SavedStream {
            head: ring.head(),
            cutter: cutter.clone(),
            sound: *sound,
            timeline: timeline.clone(),
            election: election.clone(),
            publishers: publishers.clone(),
            headers: Headers::clone(headers),
            state: *state,
            open: *open,
            pictures: *pictures,
            announced: announced.save(),
            since: *since,
            rate: *rate,
            counters: *counters,
        }
    }

    /// Puts the ring's slots back, from the one numbered `tail` on.
    pub(crate) fn refill(&mut self, tail: Seq, slots: impl IntoIterator<Item = Slot>) {
        self.ring = Ring::starting_at(tail, self.settings.ring);
        for slot in slots {
            self.ring.push(slot);
        }
    }

    /// The set of this generation, if it is the newest or the ring still needs it.
    pub(crate) fn headers_of(&self, generation: u64) -> Option<Arc<Headers>> {
        let mut slots = (self.ring.tail().0..self.ring.head().0).rev();
        let in_ring = slots
            .find_map(|seq| {
                let slot = self.ring.get(Seq(seq))?;
                (slot.headers.generation() <= generation).then_some(&slot.headers)
            })
            .filter(|headers| headers.generation() == generation);
        let newest = Some(&self.headers).filter(|set| set.generation() == generation);
        newest.or(in_ring).cloned()
    }

    /// The numbers used last.
    pub(crate) const fn last_numbers(&self) -> Option<LastNumbers> {
        self.cutter.last_numbers()
    }

    /// How many messages of this publisher were taken in; `None` if it is no longer one.
    pub(crate) fn applied(&self, id: PublisherId) -> Option<u64> {
        let publisher = self.publishers.iter().find(|p| p.id == id)?;
        Some(publisher.applied)
    }

    /// The publishers, on the air or not.
    pub(crate) fn publisher_ids(&self) -> Vec<PublisherId> {
        self.publishers.iter().map(|p| p.id).collect()
    }

    /// The stream that was saved, its ring still empty. What `settings` say of the ring and the hold counts at once, the segment's length
    /// from the next session on.
    pub(crate) fn restore(settings: Settings, saved: SavedStream) -> Self {
        Self {
            settings,
            ring: Ring::starting_at(saved.head, settings.ring),
            cutter: saved.cutter,
            sound: saved.sound,
            timeline: saved.timeline,
            election: saved.election,
            publishers: saved.publishers,
            headers: Arc::new(saved.headers),
            state: saved.state,
            open: saved.open,
            pictures: saved.pictures,
            announced: Announced::restore(&saved.announced),
            since: saved.since,
            rate: saved.rate,
            counters: saved.counters,
            events: VecDeque::new(),
            stamps: Vec::new(),
        }
    }
}
