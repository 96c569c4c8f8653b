//! [pure] The distributors as this box sees them, and what follows for a stream: which of them is its home, where new
//! viewers are sent, and in which order a viewer may use them.
//!
//! A stream's home is the first of its ranks that is up and not drained; the others ask it, and it asks the transcoders.
//! A box that is asked by a peer takes itself for the home and asks no peer, whatever it thinks of the others: where two
//! boxes do not agree on who is up, a stream is fetched once more, and no request ever goes round in a circle. This box
//! itself is always up; when nobody else is, it does everything alone.
//!
//! New viewers go to the first of the stream's ranks that has room: less than [`ABOVE_MEAN`] percent of the mean load,
//! less than [`LOAD_MOST`], and a line that is not filling up. Nobody who watches is moved, unless his box goes or is drained.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

use live::{
    Rendition, StreamName,
    placement::{self, Member},
};
use serde::{Deserialize, Serialize};

use crate::admission::Level;
use told::Viewers;

pub(crate) mod told;

/// How often each box asks each other how it is, and how long the answer may take.
pub(crate) const STATE_EVERY: Duration = Duration::from_millis(500);
/// So many states missed in a row, and the box is down.
const MISSED_MAX: u32 = 3;
/// A box that was down is trusted again when it has been well for so long.
const REJOIN: Duration = Duration::from_secs(3);
/// In percent of the mean load of all: a box with less takes new viewers.
const ABOVE_MEAN: u64 = 115;
/// In thousandths of what a box can do: one with more takes new viewers only if all have more.
const LOAD_MOST: u64 = 850;
/// In thousandths: a box with no more is never too full, whatever the mean. A few viewers stay together that way.
const LOAD_LITTLE: u64 = 50;
/// For so long after a peer has asked for a stream this box asks no peer for it: longer than any request is held.
const SERVES_FOR: Duration = Duration::from_secs(60);
/// Streams that peers ask for here: as many as origins are remembered for. When full, the one asked for longest ago is
/// forgotten.
const SERVED_MAX: usize = 4096;

/// What a box tells of itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    /// What its viewers are sent, in bits per second; and what those who have just come are expected to need.
    pub(crate) egress: u64,
    /// The most that it may send them, where that is known.
    #[serde(default)]
    pub(crate) budget: Option<u64>,
    /// Its viewers' connections.
    pub(crate) connections: u64,
    /// The most that there may be.
    pub(crate) limit: u64,
    /// What it gives newcomers.
    #[serde(default)]
    pub(crate) level: Level,
    /// It takes no new viewers and wants to be rid of those it has.
    pub(crate) drained: bool,
}

impl State {
    /// In thousandths of what the box can do: the larger of the two.
    pub(crate) fn load(&self) -> u64 {
        let of = |part: u64, whole: u64| part.saturating_mul(1000) / whole.max(1);
        let egress = self.budget.map_or(0, |budget| of(self.egress, budget));
        // However wrong a peer's figures are, the sum of all stays a number.
        egress
            .max(of(self.connections, self.limit))
            .min(u64::from(u32::MAX))
    }
}

/// What is known of all boxes, this one included. Boxes are named by their index in the configuration.
#[derive(Debug)]
pub(crate) struct Peers {
    members: Vec<Member>,
    own: usize,
    seen: Vec<Seen>,
    served: HashMap<StreamName, Instant>,
}

#[derive(Debug, Clone, Default)]
struct Seen {
    health: Health,
    state: State,
    viewers: Viewers,
    heard: Option<Instant>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Health {
    /// Not heard of since this box started.
    #[default]
    New,
    /// In use; so many of its last states were missed.
    Up { missed: u32 },
    /// Out of use; well again since then.
    Down { well: Option<Instant> },
}

impl Peers {
    /// Nothing is known of `members` yet but that this box is the one at `own`.
    pub(crate) fn new(members: Vec<Member>, own: usize) -> Self {
        let mut seen = vec![Seen::default(); members.len()];
        if let Some(own) = seen.get_mut(own) {
            own.health = Health::Up { missed: 0 };
        }
        Self {
            members,
            own,
            seen,
            served: HashMap::new(),
        }
    }

    /// How this box is.
    pub(crate) fn set_own(&mut self, state: State) {
        if let Some(own) = self.seen.get_mut(self.own) {
            own.state = state;
        }
    }

    /// A box told how it is. One that was down must have told so for [`REJOIN`] without a miss.
    pub(crate) fn heard(&mut self, peer: usize, state: State, now: Instant) {
        let Some(seen) = self.seen.get_mut(peer) else {
            return;
        };
        (seen.state, seen.heard) = (state, Some(now));
        seen.health = match seen.health {
            Health::New | Health::Up { .. } => Health::Up { missed: 0 },
            Health::Down { well } => {
                let since = well.unwrap_or(now);
                if now.saturating_duration_since(since) >= REJOIN {
                    Health::Up { missed: 0 }
                } else {
                    Health::Down { well: Some(since) }
                }
            }
        };
    }

    /// So many watch at a box.
    pub(crate) fn watched(&mut self, peer: usize, viewers: Viewers) {
        if let Some(seen) = self.seen.get_mut(peer) {
            seen.viewers = viewers;
        }
    }

    /// How many watch `stream` at the other boxes that are up.
    pub(crate) fn elsewhere(&self, stream: &StreamName) -> BTreeMap<Rendition, u64> {
        let mut all = BTreeMap::new();
        let others = (0..self.seen.len()).filter(|peer| *peer != self.own && self.is_up(*peer));
        let others = others.filter_map(|peer| self.seen.get(peer)?.viewers.get(stream));
        for (rendition, count) in others.flatten() {
            let sum: &mut u64 = all.entry(*rendition).or_default();
            *sum = sum.saturating_add(*count);
        }
        all
    }

    /// A box did not tell in time.
    pub(crate) fn missed(&mut self, peer: usize) {
        if let Some(seen) = self.seen.get_mut(peer) {
            seen.health = match seen.health {
                Health::New => Health::New,
                Health::Up { missed } if missed.saturating_add(1) < MISSED_MAX => Health::Up {
                    missed: missed.saturating_add(1),
                },
                Health::Up { .. } | Health::Down { .. } => Health::Down { well: None },
            };
        }
    }

    /// A box cannot be reached, or does not know us.
    pub(crate) fn refused(&mut self, peer: usize) {
        if let Some(seen) = self.seen.get_mut(peer).filter(|_| peer != self.own)
            && seen.health != Health::New
        {
            seen.health = Health::Down { well: None };
        }
    }

    /// Whether the box is in use.
    pub(crate) fn is_up(&self, peer: usize) -> bool {
        self.seen
            .get(peer)
            .is_some_and(|seen| matches!(seen.health, Health::Up { .. }))
    }

    /// Whether the box is out of use: it was heard of, and is no more.
    pub(crate) fn is_down(&self, peer: usize) -> bool {
        self.seen
            .get(peer)
            .is_some_and(|seen| matches!(seen.health, Health::Down { .. }))
    }

    /// How a box was when it was last heard of, and when that was.
    pub(crate) fn state(&self, peer: usize) -> Option<(State, Option<Instant>)> {
        self.seen.get(peer).map(|seen| (seen.state, seen.heard))
    }

    /// Whom to ask for what is missing of `stream` before the transcoders; nobody where this box is its home.
    pub(crate) fn home(&self, stream: &StreamName, now: Instant) -> Option<usize> {
        if self.serves(stream, now) {
            return None;
        }
        let mut ranks = placement::ranks(stream, &self.members).into_iter();
        ranks
            .find(|peer| self.is_open(*peer))
            .filter(|home| *home != self.own)
    }

    /// Whether what `peer` was asked for of `stream` may still be waited for.
    pub(crate) fn may_wait(&self, stream: &StreamName, peer: usize, now: Instant) -> bool {
        self.is_up(peer) && !self.serves(stream, now)
    }

    /// A peer asks for `stream` here. Whether that is news.
    pub(crate) fn serve(&mut self, stream: &StreamName, now: Instant) -> bool {
        let news = !self.serves(stream, now);
        if self.served.len() >= SERVED_MAX && !self.served.contains_key(stream) {
            let oldest = self.served.iter().min_by_key(|(_, asked)| **asked);
            if let Some(oldest) = oldest.map(|(name, _)| name.clone()) {
                self.served.remove(&oldest);
            }
        }
        self.served.insert(stream.clone(), now);
        news
    }

    /// Where a new viewer of `stream` is sent, and where next.
    pub(crate) fn choose(&self, stream: &StreamName) -> (usize, Option<usize>) {
        let mut open = placement::ranks(stream, &self.members);
        open.retain(|peer| self.is_open(*peer));
        let sum: u64 = open.iter().map(|peer| self.load(*peer)).sum();
        let count = open.len() as u64;
        let has_room = |peer: &usize| {
            let load = self.load(*peer);
            // load < mean * 115 %, without a fraction.
            let below_mean = load.saturating_mul(100).saturating_mul(count) < sum * ABOVE_MEAN;
            let fills_up = self.level(*peer) >= Level::Steer;
            load < LOAD_MOST && !fills_up && (load <= LOAD_LITTLE || below_mean)
        };
        let with_room = open.iter().copied().find(has_room);
        let least = || open.iter().copied().min_by_key(|peer| self.load(*peer));
        let first = with_room.or_else(least).unwrap_or(self.own);
        (first, open.into_iter().find(|peer| *peer != first))
    }

    /// The boxes that a viewer of `stream` who is at `current` may use, best first: the one he is at while it is open,
    /// then the others, for each viewer in an order of his own so that those who lose their box go to all others alike,
    /// and last those that are drained. Who does not say who he is gets the stream's order.
    pub(crate) fn order(
        &self,
        stream: &StreamName,
        viewer: Option<&StreamName>,
        current: Option<usize>,
    ) -> Vec<usize> {
        let mut order = placement::ranks(viewer.unwrap_or(stream), &self.members);
        order.retain(|peer| self.is_up(*peer));
        order.sort_by_key(|peer| (!self.is_open(*peer), Some(*peer) != current));
        order
    }

    /// The box of this name.
    pub(crate) fn named(&self, name: &str) -> Option<usize> {
        self.members.iter().position(|member| member.name() == name)
    }

    fn serves(&self, stream: &StreamName, now: Instant) -> bool {
        self.served
            .get(stream)
            .is_some_and(|asked| now.saturating_duration_since(*asked) < SERVES_FOR)
    }

    fn is_open(&self, peer: usize) -> bool {
        self.is_up(peer) && self.seen.get(peer).is_some_and(|seen| !seen.state.drained)
    }

    /// What a box gives newcomers.
    pub(crate) fn level(&self, peer: usize) -> Level {
        let seen = self.seen.get(peer);
        seen.map_or(Level::All, |seen| seen.state.level)
    }

    fn load(&self, peer: usize) -> u64 {
        self.seen.get(peer).map_or(0, |seen| seen.state.load())
    }
}

#[cfg(test)]
mod tests;
