//! [pure] A stream's state as plain data, for the process that takes the show over.
//!
//! All of it but the ring's slots and what the shell has not fetched yet: to be taken when no event is left. A restored
//! stream goes on where it was: consumers that were up to date miss nothing, all others go on at the next keyframe.

use std::{collections::VecDeque, sync::Arc};

use live::cutter::Cutter;
use serde::{Deserialize, Serialize};

use super::{Counters, Publisher, Settings, State, Stream};
use crate::{
    election::Election,
    headers::Headers,
    rate::Rate,
    ring::{Ring, Seq},
    timeline::Timeline,
};

/// See the module.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SavedStream {
    head: Seq,
    cutter: Cutter,
    timeline: Timeline,
    election: Election,
    publishers: Vec<Publisher>,
    headers: Headers,
    state: State,
    open: bool,
    pictures: bool,
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
            timeline,
            election,
            publishers,
            headers,
            state,
            open,
            pictures,
            since,
            rate,
            counters,
            events: _,
            stamps: _,
        } = self;
        SavedStream {
            head: ring.head(),
            cutter: cutter.clone(),
            timeline: timeline.clone(),
            election: election.clone(),
            publishers: publishers.clone(),
            headers: Headers::clone(headers),
            state: *state,
            open: *open,
            pictures: *pictures,
            since: *since,
            rate: *rate,
            counters: *counters,
        }
    }

    /// The stream that was saved. What `settings` say of the ring and the hold counts at once, the segment's length
    /// from the next session on.
    pub(crate) fn restore(settings: Settings, saved: SavedStream) -> Self {
        Self {
            settings,
            ring: Ring::starting_at(saved.head, settings.ring),
            cutter: saved.cutter,
            timeline: saved.timeline,
            election: saved.election,
            publishers: saved.publishers,
            headers: Arc::new(saved.headers),
            state: saved.state,
            open: saved.open,
            pictures: saved.pictures,
            since: saved.since,
            rate: saved.rate,
            counters: saved.counters,
            events: VecDeque::new(),
            stamps: Vec::new(),
        }
    }
}
