//! [pure] How each publisher stands, for people, and what an operator may want of the election.

use std::fmt;

use super::{Candidate, Election, PublisherId};
use crate::key::PublishRole;

/// Whether a publisher is on the air, else why not. Displays as a sentence without its subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is.
    OnAir,
    /// It stands by, warm.
    StandsBy,
    /// The primary: it gets the air back when it has been clean for as many milliseconds more.
    Recovers(u64),
    /// The operator switched to the other one.
    SwitchedAway,
    /// It has sent no keyframe yet.
    NoKeyframe,
    /// It sends nothing.
    Silent,
    /// It sends, but its picture is overdue.
    NoPicture,
    /// One takeover more would be too many.
    Parked,
    /// The operator ended the show that it was part of.
    Ended,
    /// The operator holds the stream.
    OnHold,
}

impl Standing {
    /// As the status says it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::OnAir => "on_air",
            Self::StandsBy => "stands_by",
            Self::Recovers(_) => "recovers",
            Self::SwitchedAway => "switched_away",
            Self::NoKeyframe => "no_keyframe",
            Self::Silent => "silent",
            Self::NoPicture => "no_picture",
            Self::Parked => "parked",
            Self::Ended => "ended",
            Self::OnHold => "on_hold",
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OnAir => "is on the air",
            Self::StandsBy => "stands by for the one on the air",
            Self::Recovers(0) => "goes on the air with its next keyframe",
            Self::Recovers(ms) => {
                let seconds = ms.div_ceil(1_000);
                return write!(
                    f,
                    "goes on the air when it has sent without a gap for {seconds} s more"
                );
            }
            Self::SwitchedAway => "waits: an operator switched to the other one",
            Self::NoKeyframe => "waits for its first keyframe",
            Self::Silent => "sends nothing",
            Self::NoPicture => "sends no picture",
            Self::Parked => {
                "waits: two encoders keep taking over from each other; stop one of them"
            }
            Self::Ended => "is not heard: the show was ended; let it publish anew, or resume",
            Self::OnHold => "waits: an operator holds the stream; resume it",
        })
    }
}

/// The operator's fault: there is nobody to switch to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoSwitch {
    /// One publisher.
    #[error("no other publisher is connected: start a second encoder, with a backup key")]
    NobodyElse,
    /// It sends nothing, or no keyframe yet.
    #[error(
        "the other publisher cannot go on the air: it sends nothing, or no keyframe has come from it yet"
    )]
    NotReady,
}

impl Election {
    /// Every publisher, in order of arrival.
    pub(crate) fn standings(
        &self,
        now: u64,
    ) -> impl Iterator<Item = (PublisherId, PublishRole, Standing)> {
        self.candidates
            .iter()
            .map(move |candidate| (candidate.id, candidate.role, self.standing(candidate, now)))
    }

    fn standing(&self, candidate: &Candidate, now: u64) -> Standing {
        if self.on_air == Some(candidate.id) {
            Standing::OnAir
        } else if candidate.retired {
            Standing::Ended
        } else if candidate.is_silent(now) {
            Standing::Silent
        } else if self.suspended {
            Standing::OnHold
        } else if candidate.told {
            Standing::Parked
        } else if !candidate.seated {
            Standing::NoKeyframe
        } else if candidate.is_blind(now) {
            Standing::NoPicture
        } else if candidate.role == PublishRole::Backup || self.on_air.is_none() {
            Standing::StandsBy
        } else if self.pinned {
            Standing::SwitchedAway
        } else {
            let clean = now.saturating_sub(candidate.clean_since);
            Standing::Recovers(self.hand_back_after(now).saturating_sub(clean))
        }
    }

    /// The role of a publisher.
    pub(crate) fn role(&self, id: PublisherId) -> Option<PublishRole> {
        self.find(id).map(|candidate| candidate.role)
    }

    /// Whether nobody may go on the air.
    pub(crate) const fn is_suspended(&self) -> bool {
        self.suspended
    }

    /// Has the other publisher go on the air at its next keyframe.
    pub(crate) fn switch(&mut self, now: u64) -> Result<(), NoSwitch> {
        let others = || {
            let other = |c: &&Candidate| Some(c.id) != self.on_air && !c.retired;
            self.candidates.iter().filter(other)
        };
        let ready = |c: &&Candidate| (c.seated || c.told) && !c.is_silent(now);
        let wanted = others().filter(ready).max_by_key(|c| (c.seated, c.id));
        match wanted.map(|c| c.id) {
            Some(id) => {
                self.wanted = Some(id);
                Ok(())
            }
            None if others().next().is_some() => Err(NoSwitch::NotReady),
            None => Err(NoSwitch::NobodyElse),
        }
    }

    /// Nobody is on the air until [`Self::resume`].
    pub(crate) const fn suspend(&mut self) {
        self.on_air = None;
        self.wanted = None;
        self.pinned = false;
        self.suspended = true;
    }

    /// Everybody who is connected may go on the air again. Answers whether somebody might not.
    pub(crate) fn resume(&mut self) -> bool {
        let mut changed = std::mem::take(&mut self.suspended);
        for candidate in &mut self.candidates {
            changed |= std::mem::take(&mut candidate.retired);
        }
        changed
    }

    /// None of those who are connected is heard until [`Self::resume`].
    pub(crate) fn retire(&mut self) {
        self.on_air = None;
        for candidate in &mut self.candidates {
            candidate.retired = true;
            candidate.seated = false;
            candidate.told = false;
        }
    }
}
