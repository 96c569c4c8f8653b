//! [pure] What the election knows of one publisher: whether it sends, for how long without a silence, and what.
//!
//! Its picture has a pace of its own: sound may go on when a capture card or an encoder has given up. One whose picture
//! is overdue is *blind*; who sends nothing at all is blind too. A publisher of sound alone never is for its picture.

use serde::{Deserialize, Serialize};

use super::{Ballot, PublisherId};
use crate::{key::PublishRole, pace::Pace};

/// Sound without any picture for this long is a publisher of sound alone, milliseconds.
const SOUND_ALONE_AFTER: u64 = 1_000;

/// One publisher.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Candidate {
    pub(super) id: PublisherId,
    pub(super) role: PublishRole,
    /// It speaks for its role.
    pub(super) seated: bool,
    /// It was said that it is parked.
    pub(super) told: bool,
    /// The operator ended the show that it was part of.
    pub(super) retired: bool,
    /// It has shown or announced pictures.
    pub(super) picture: bool,
    first_sound: Option<u64>,
    pub(super) pace: Pace,
    /// When it was heard last.
    heard: Option<u64>,
    /// The pace of its main picture.
    picture_pace: Pace,
    /// When its main picture was seen last.
    seen: Option<u64>,
    /// Since when it has not been blind.
    pub(super) clean_since: u64,
}

impl Candidate {
    pub(super) fn new(id: PublisherId, role: PublishRole) -> Self {
        Self {
            id,
            role,
            seated: false,
            told: false,
            retired: false,
            picture: false,
            first_sound: None,
            pace: Pace::default(),
            heard: None,
            picture_pace: Pace::default(),
            seen: None,
            clean_since: 0,
        }
    }

    /// A message has come. Answers whether the publisher can begin with it.
    pub(super) fn hear(&mut self, ballot: Ballot, stamp: u32, now: u64) -> bool {
        if ballot == Ballot::Other {
            return false;
        }
        if self.is_blind(now) {
            self.clean_since = now;
        }
        self.pace.note(stamp);
        self.heard = Some(now);
        if matches!(ballot, Ballot::Key | Ballot::Picture) {
            self.picture_pace.note(stamp);
            self.seen = Some(now);
        }
        match ballot {
            Ballot::Key => {
                self.picture = true;
                true
            }
            Ballot::Picture | Ballot::Further => {
                self.picture = true;
                false
            }
            Ballot::Sound => {
                self.first_sound.get_or_insert(now);
                self.is_sound_alone(now)
            }
            Ballot::Other => false,
        }
    }

    pub(super) fn is_sound_alone(&self, now: u64) -> bool {
        let long = |first| now.saturating_sub(first) >= SOUND_ALONE_AFTER;
        !self.picture && self.first_sound.is_some_and(long)
    }

    /// It was silent for long: should nothing but sound come back, sound alone is its show.
    pub(super) fn start_over(&mut self) {
        self.picture = false;
        self.picture_pace = Pace::default();
        self.seen = None;
        self.first_sound = None;
    }

    /// From when on it is silent, should nothing come.
    pub(super) fn silent_at(&self) -> u64 {
        self.heard
            .map_or(0, |heard| heard.saturating_add(self.pace.silent_after()))
    }

    pub(super) fn is_silent(&self, now: u64) -> bool {
        now >= self.silent_at()
    }

    /// From when on it is blind, should nothing come.
    pub(super) fn blind_at(&self) -> u64 {
        let wait = self.picture_pace.silent_after();
        let overdue = self.seen.map_or(u64::MAX, |seen| seen.saturating_add(wait));
        overdue.min(self.silent_at())
    }

    pub(super) fn is_blind(&self, now: u64) -> bool {
        now >= self.blind_at()
    }

    /// Whether it has shown pictures well after `other` ceased to. Two encoders of one show that stands still fall
    /// behind their pace together: neither then shows more than the other.
    pub(super) fn outshows(&self, other: &Self) -> bool {
        let margin = other.picture_pace.silent_after() / 2;
        let seen = self.seen.zip(other.seen);
        seen.is_some_and(|(mine, its)| mine >= its.saturating_add(margin))
    }

    /// Whether it sends, and has not been blind for `ms` milliseconds.
    pub(super) fn is_clean(&self, ms: u64, now: u64) -> bool {
        !self.is_blind(now) && now.saturating_sub(self.clean_since) >= ms
    }
}
