//! [pure] Which of a stream's publishers is on the air.
//!
//! At most one is. A newcomer with a valid key is never refused: it waits, and goes on the air with its first keyframe;
//! then everyone older is closed. A publisher that sends sound alone goes on the air [`SOUND_ALONE_AFTER`] after its
//! first sound. One that fell silent waits like a newcomer: it needs a keyframe to come back.
//! Two encoders that keep throwing each other out would cost viewers a seam every few seconds: after [`MAX_TAKEOVERS`]
//! takeovers from a live publisher within [`TAKEOVER_WINDOW`] the next newcomer is parked until the window has passed
//! or the one on the air is silent or gone.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// Most publishers of one stream at a time; the oldest that waits makes room for one more.
pub(crate) const MAX_PUBLISHERS: usize = 4;
/// Sound without any picture for this long is a publisher of sound alone, milliseconds.
const SOUND_ALONE_AFTER: u64 = 1_000;
/// See the head of this file.
const MAX_TAKEOVERS: usize = 3;
/// Milliseconds.
const TAKEOVER_WINDOW: u64 = 60_000;

/// One connection that publishes; unique for the life of the process, rising.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct PublisherId(pub(crate) u64);

/// What a message is to the election.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ballot {
    /// A picture that decoding can start at.
    Key,
    /// Any other picture, or a picture's configuration.
    Picture,
    /// Sound.
    Sound,
    /// Neither: it changes nothing.
    Other,
}

/// What becomes of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Its publisher is on the air.
    OnAir,
    /// Its publisher goes on the air with this message; these older ones are to be closed.
    GoesOnAir(Vec<PublisherId>),
    /// Its publisher waits.
    Waits,
    /// Its publisher is parked: it would be one takeover too many. Said once; then it just waits.
    Parked,
}

/// The publishers of one stream.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Election {
    on_air: Option<PublisherId>,
    /// In order of arrival.
    waiting: Vec<Waiting>,
    /// When live publishers were taken over from, newest last.
    takeovers: VecDeque<u64>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Waiting {
    id: PublisherId,
    first_sound: Option<u64>,
    picture: bool,
    told: bool,
}

impl Election {
    /// The publisher on the air.
    pub(crate) const fn on_air(&self) -> Option<PublisherId> {
        self.on_air
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len() + usize::from(self.on_air.is_some())
    }

    /// A publisher has come. Answers with the one that makes room for it, to be closed.
    pub(crate) fn join(&mut self, id: PublisherId) -> Option<PublisherId> {
        let gone = (self.len() >= MAX_PUBLISHERS && !self.waiting.is_empty())
            .then(|| self.waiting.remove(0).id);
        self.wait(id);
        gone
    }

    /// A publisher has gone.
    pub(crate) fn leave(&mut self, id: PublisherId) {
        self.waiting.retain(|waiting| waiting.id != id);
        if self.on_air == Some(id) {
            self.on_air = None;
        }
    }

    /// The publisher on the air has fallen silent: from now on it waits.
    pub(crate) fn silence(&mut self) {
        if let Some(id) = self.on_air.take() {
            self.wait(id);
            self.waiting.sort_by_key(|waiting| waiting.id);
        }
    }

    /// A message has come from `id`.
    pub(crate) fn message(&mut self, id: PublisherId, ballot: Ballot, now: u64) -> Verdict {
        if self.on_air == Some(id) {
            return Verdict::OnAir;
        }
        let fight = self.is_fight(now);
        let Some(waiting) = self.waiting.iter_mut().find(|waiting| waiting.id == id) else {
            return Verdict::Waits;
        };
        if !waiting.is_ready(ballot, now) {
            return Verdict::Waits;
        }
        if fight {
            return if std::mem::replace(&mut waiting.told, true) {
                Verdict::Waits
            } else {
                Verdict::Parked
            };
        }
        if self.on_air.is_some() {
            self.takeovers.push_back(now);
        }
        Verdict::GoesOnAir(self.elect(id))
    }

    /// Puts `id` on the air and forgets everyone older.
    fn elect(&mut self, id: PublisherId) -> Vec<PublisherId> {
        let mut closed: Vec<PublisherId> = self.on_air.replace(id).into_iter().collect();
        closed.extend(
            self.waiting
                .iter()
                .map(|w| w.id)
                .filter(|older| *older < id),
        );
        self.waiting.retain(|waiting| waiting.id > id);
        closed
    }

    fn wait(&mut self, id: PublisherId) {
        self.waiting.push(Waiting {
            id,
            first_sound: None,
            picture: false,
            told: false,
        });
    }

    /// Whether one more takeover from the publisher on the air would be one too many.
    fn is_fight(&mut self, now: u64) -> bool {
        while let Some(oldest) = self.takeovers.front()
            && now.saturating_sub(*oldest) > TAKEOVER_WINDOW
        {
            self.takeovers.pop_front();
        }
        self.on_air.is_some() && self.takeovers.len() >= MAX_TAKEOVERS
    }
}

impl Waiting {
    fn is_ready(&mut self, ballot: Ballot, now: u64) -> bool {
        match ballot {
            Ballot::Key => true,
            Ballot::Picture => {
                self.picture = true;
                false
            }
            Ballot::Sound => {
                let first = *self.first_sound.get_or_insert(now);
                !self.picture && now.saturating_sub(first) >= SOUND_ALONE_AFTER
            }
            Ballot::Other => false,
        }
    }
}

#[cfg(test)]
mod tests;
