//! [pure] Which of a stream's publishers is on the air.
//!
//! At most one is. Each role, primary and backup, has one *seat*; whoever is on the air has one.
//! - A newcomer with a valid key is never refused: it waits for its first keyframe (a publisher of sound alone for its
//!   first second) and takes its role's seat then; everyone older of that role is closed. Two encoders that keep
//!   throwing each other out would cost viewers a seam every few seconds: after [`MAX_TAKEOVERS`] takeovers of a live
//!   publisher's seat within [`TAKEOVER_WINDOW`] the next newcomer is parked until the window has passed or the other
//!   is silent or gone.
//! - The primary goes on the air at a keyframe when nobody is; the backup too, when no primary is about to.
//! - Is the one on the air silent (see `pace`) or gone, the other seat goes on the air if it has been *clean*, without
//!   a silence of its own, for [`HEALTHY_AFTER`]; else when the stream would be held. Is its picture alone silent, so
//!   does the other if that one's pictures have gone on since.
//! - The primary gets the air back at a keyframe when it has been clean for [`HAND_BACK_AFTER`], doubled for each
//!   time that it failed again within [`FAILURE_WINDOW`]. Not after an operator's switch to the backup, until that is
//!   lost or the operator switches again.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::key::PublishRole;

mod candidate;
mod standing;

use candidate::Candidate;
pub(crate) use standing::{NoSwitch, Standing};

/// Most publishers of one stream at a time; the oldest that waits makes room for one more.
pub(crate) const MAX_PUBLISHERS: usize = 4;
/// See the head of this file.
const MAX_TAKEOVERS: usize = 3;
/// Milliseconds.
const TAKEOVER_WINDOW: u64 = 60_000;
/// Milliseconds: a stall of the uplink that two encoders share ends for both within this time.
const HEALTHY_AFTER: u64 = 2_000;
/// Milliseconds.
const HAND_BACK_AFTER: u64 = 10_000;
/// Most doublings of it: 160 s.
const MAX_DOUBLINGS: usize = 4;
/// Milliseconds.
const FAILURE_WINDOW: u64 = 600_000;
/// How long a backup leaves the first keyframe to a primary that has begun to send, milliseconds: longer than the
/// keyframe interval that encoders are told to have.
const PRIMARY_FIRST: u64 = 3_000;

/// One connection that publishes; unique for the life of the process, rising.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct PublisherId(pub(crate) u64);

/// What a message is to the election.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ballot {
    /// A picture that decoding can start at.
    Key,
    /// Any other picture.
    Picture,
    /// A picture of a further track.
    Further,
    /// Sound.
    Sound,
    /// Neither: it changes nothing.
    Other,
}

/// Why a publisher goes on the air.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Nobody else was.
    Free,
    /// It is newer than the one on the air, and of the same role.
    Newer,
    /// The one on the air fell silent or left.
    StandsIn,
    /// It is the primary and has been clean for long enough.
    HandedBack,
    /// The operator wants it.
    Switched,
}

/// What becomes of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Its publisher is on the air.
    OnAir,
    /// Its publisher goes on the air with this message; these older ones are to be closed.
    GoesOnAir(Cause, Vec<PublisherId>),
    /// Its publisher takes the seat of its role, off the air; these older ones are to be closed.
    TakesSeat(Vec<PublisherId>),
    /// Its publisher waits.
    Waits,
    /// Its publisher is parked: it would be one takeover too many. Said once; then it just waits.
    Parked,
}

/// The publishers of one stream.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Election {
    on_air: Option<PublisherId>,
    /// All of them, in order of arrival.
    candidates: Vec<Candidate>,
    /// When live publishers were taken over from, newest last.
    takeovers: VecDeque<(PublishRole, u64)>,
    /// When another had to stand in, newest last.
    failures: VecDeque<u64>,
    /// Whom the operator wants on the air.
    wanted: Option<PublisherId>,
    /// The operator put the backup on the air.
    pinned: bool,
    /// The operator wants nobody on the air.
    suspended: bool,
}

impl Election {
    /// The publisher on the air.
    pub(crate) const fn on_air(&self) -> Option<PublisherId> {
        self.on_air
    }

    /// How many there are.
    pub(crate) const fn len(&self) -> usize {
        self.candidates.len()
    }

    /// A publisher has come. Answers with the one that makes room for it, to be closed.
    pub(crate) fn join(&mut self, id: PublisherId, role: PublishRole) -> Option<PublisherId> {
        let full = self.len() >= MAX_PUBLISHERS;
        // One that has a seat is worth more than one that has not.
        let unseated = || self.candidates.iter().find(|c| !c.seated);
        let waits = || self.candidates.iter().find(|c| Some(c.id) != self.on_air);
        let gone = full
            .then(|| unseated().or_else(waits).map(|c| c.id))
            .flatten();
        if let Some(gone) = gone {
            self.leave(gone);
        }
        self.candidates.push(Candidate::new(id, role));
        gone
    }

    /// A publisher has gone.
    pub(crate) fn leave(&mut self, id: PublisherId) {
        self.candidates.retain(|candidate| candidate.id != id);
        if self.on_air == Some(id) {
            self.on_air = None;
            self.pinned = false;
        }
        if self.wanted == Some(id) {
            self.wanted = None;
        }
    }

    /// The stream is held or over: from now on everybody waits for a keyframe.
    pub(crate) fn silence(&mut self) {
        if let Some(candidate) = self.on_air.take().and_then(|id| self.find_mut(id)) {
            candidate.start_over();
        }
        self.pinned = false;
        self.wanted = None;
    }

    /// A picture's configuration has come from `id`: it is no publisher of sound alone.
    pub(crate) fn announce_picture(&mut self, id: PublisherId) {
        if let Some(candidate) = self.find_mut(id) {
            candidate.picture = true;
        }
    }

    /// Whether `id` is a publisher of sound alone, which can begin anywhere.
    pub(crate) fn is_sound_alone(&self, id: PublisherId, now: u64) -> bool {
        self.find(id)
            .is_some_and(|candidate| candidate.is_sound_alone(now))
    }

    /// Whether `id` has its role's seat and is not on the air: it is kept warm.
    pub(crate) fn stands_by(&self, id: PublisherId) -> bool {
        !self.suspended && self.on_air != Some(id) && self.find(id).is_some_and(|c| c.seated)
    }

    /// Milliseconds after the newest message of the one on the air from which on it is silent.
    pub(crate) fn silent_after(&self) -> Option<u64> {
        let candidate = self.find(self.on_air?)?;
        Some(candidate.pace.silent_after())
    }

    /// A message stamped `stamp` has come from `id`.
    pub(crate) fn message(
        &mut self,
        id: PublisherId,
        ballot: Ballot,
        stamp: u32,
        now: u64,
    ) -> Verdict {
        let (on_air, suspended) = (self.on_air == Some(id), self.suspended);
        let Some(candidate) = self.find_mut(id) else {
            return Verdict::Waits;
        };
        let ready = candidate.hear(ballot, stamp, now);
        if on_air {
            return Verdict::OnAir;
        }
        if !ready || suspended || candidate.retired {
            return Verdict::Waits;
        }
        let closed = if candidate.seated {
            Vec::new()
        } else {
            match self.take_seat(id, now) {
                Ok(closed) => closed,
                Err(parked) => return parked,
            }
        };
        match self.cause_to_go(id, now) {
            Some(cause) => {
                self.put_on_air(id, cause, now);
                Verdict::GoesOnAir(cause, closed)
            }
            None if closed.is_empty() => Verdict::Waits,
            None => Verdict::TakesSeat(closed),
        }
    }

    /// Gives `id` the seat of its role and forgets everyone older there, unless that is one takeover too many.
    fn take_seat(&mut self, id: PublisherId, now: u64) -> Result<Vec<PublisherId>, Verdict> {
        let Some(role) = self.find(id).map(|candidate| candidate.role) else {
            return Err(Verdict::Waits);
        };
        let holder = self.seat(role).map(|c| (c.id, c.is_silent(now)));
        if let Some((_, false)) = holder {
            if self.is_fight(role, now) && self.wanted != Some(id) {
                let told = self
                    .find_mut(id)
                    .map(|c| std::mem::replace(&mut c.told, true));
                return Err(match told {
                    Some(false) => Verdict::Parked,
                    Some(true) | None => Verdict::Waits,
                });
            }
            self.takeovers.push_back((role, now));
        }
        // One whose show was ended is left alone: closed, it would come again, and as the newest.
        let older = |c: &Candidate| c.role == role && c.id < id && !c.retired;
        let closed: Vec<PublisherId> = self
            .candidates
            .iter()
            .filter(|c| older(c))
            .map(|c| c.id)
            .collect();
        self.candidates.retain(|c| !older(c));
        if let Some(candidate) = self.find_mut(id) {
            candidate.seated = true;
            candidate.told = false;
        }
        Ok(closed)
    }

    /// Why `id`, which is at a place to begin, has a seat and is not on the air, goes on the air; if it does.
    fn cause_to_go(&self, id: PublisherId, now: u64) -> Option<Cause> {
        let candidate = self.find(id)?;
        let Some(on_air) = self.on_air else {
            let gives_way = self
                .primary_comes_until(candidate)
                .is_some_and(|until| now < until);
            return (!gives_way).then_some(Cause::Free);
        };
        let Some(other) = self.find(on_air) else {
            // It was closed for this one.
            return Some(Cause::Newer);
        };
        let primary = candidate.role == PublishRole::Primary;
        if self.wanted == Some(id) {
            Some(Cause::Switched)
        } else if (other.is_silent(now) || (other.is_blind(now) && candidate.outshows(other)))
            && candidate.is_clean(HEALTHY_AFTER, now)
        {
            Some(Cause::StandsIn)
        } else if primary && !self.pinned && candidate.is_clean(self.hand_back_after(now), now) {
            Some(Cause::HandedBack)
        } else {
            None
        }
    }

    /// Until when `backup` leaves the air to a primary that has begun to send.
    fn primary_comes_until(&self, backup: &Candidate) -> Option<u64> {
        let primaries = self.candidates.iter().filter(|c| {
            backup.role == PublishRole::Backup && c.role == PublishRole::Primary && !c.retired
        });
        let until = |c: &Candidate| {
            c.silent_at()
                .min(c.clean_since.saturating_add(PRIMARY_FIRST))
        };
        primaries.map(until).max()
    }

    /// Who goes on the air without a keyframe of this moment, from what is kept of it, and when, should nothing else
    /// come: the one on the air is silent or gone then. At `hold_at` the stream would be held.
    pub(crate) fn stand_in(&self, hold_at: u64) -> Option<(PublisherId, u64)> {
        if self.suspended {
            return None;
        }
        let waits = |c: &&Candidate| c.seated && Some(c.id) != self.on_air;
        let candidate = self.candidates.iter().find(waits)?;
        let healthy_at = candidate.clean_since.saturating_add(HEALTHY_AFTER);
        let due = |free_at: u64| free_at.max(healthy_at.min(hold_at));
        let other = self.on_air.and_then(|id| self.find(id));
        let shows = other
            .filter(|other| candidate.outshows(other))
            .map(|other| due(other.blind_at()))
            .filter(|due| *due < candidate.blind_at());
        let sends = || {
            let free_at = match other {
                Some(other) => other.silent_at(),
                None => self.primary_comes_until(candidate).unwrap_or_default(),
            };
            Some(due(free_at)).filter(|due| *due < candidate.silent_at())
        };
        Some((candidate.id, shows.or_else(sends)?))
    }

    /// Puts `id` on the air.
    pub(crate) fn put_on_air(&mut self, id: PublisherId, cause: Cause, now: u64) {
        if cause == Cause::StandsIn {
            self.forget_failures(now);
            if self.failures.len() > MAX_DOUBLINGS {
                self.failures.pop_front();
            }
            self.failures.push_back(now);
        }
        self.on_air = Some(id);
        self.wanted = None;
        let backup = self.find(id).is_some_and(|c| c.role == PublishRole::Backup);
        self.pinned =
            backup && (cause == Cause::Switched || (self.pinned && cause == Cause::Newer));
    }

    /// How long the primary must be clean, milliseconds.
    fn hand_back_after(&self, now: u64) -> u64 {
        let recent = |at: &&u64| now.saturating_sub(**at) <= FAILURE_WINDOW;
        let failures = self.failures.iter().filter(recent).count();
        HAND_BACK_AFTER << failures.saturating_sub(1).min(MAX_DOUBLINGS)
    }

    fn forget_failures(&mut self, now: u64) {
        self.failures
            .retain(|at| now.saturating_sub(*at) <= FAILURE_WINDOW);
    }

    /// Whether one more takeover of this role's seat would be one too many.
    fn is_fight(&mut self, role: PublishRole, now: u64) -> bool {
        self.takeovers
            .retain(|(_, at)| now.saturating_sub(*at) <= TAKEOVER_WINDOW);
        self.takeovers.iter().filter(|(of, _)| *of == role).count() >= MAX_TAKEOVERS
    }

    fn seat(&self, role: PublishRole) -> Option<&Candidate> {
        self.candidates.iter().find(|c| c.seated && c.role == role)
    }

    fn find(&self, id: PublisherId) -> Option<&Candidate> {
        self.candidates.iter().find(|candidate| candidate.id == id)
    }

    fn find_mut(&mut self, id: PublisherId) -> Option<&mut Candidate> {
        self.candidates
            .iter_mut()
            .find(|candidate| candidate.id == id)
    }
}

#[cfg(test)]
mod tests;
