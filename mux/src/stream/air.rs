//! [pure] Who is on the air, and what follows from a change: the session, the timeline's anchor, the headers, who is
//! kept warm.

use std::sync::Arc;

use live::cutter::Cutter;

use super::{Arrival, CloseCause, Event, State, Stream};
use crate::{
    election::{Ballot, Cause, PublisherId, Verdict},
    media::{MAIN, Media},
    rate::Rate,
    warm::Kept,
};

/// Media that was kept may bring the timeline this far ahead of the wall clock, milliseconds; beyond it the next
/// keyframe is waited for. Each change of encoder that repeats a few seconds adds them.
const MOST_AHEAD: u64 = 10_000;

impl Stream {
    /// Whether the message's publisher is on the air, which the message may bring about.
    pub(super) fn vote(&mut self, arrival: Arrival<'_>, media: &Media) -> bool {
        let Arrival { id, stamp, now, .. } = arrival;
        let (goes, closed) = match self.election.message(id, ballot(media), stamp, now) {
            Verdict::OnAir => return true,
            Verdict::Waits => return false,
            Verdict::Parked => {
                self.events.push_back(Event::Parked(id));
                return false;
            }
            Verdict::TakesSeat(closed) => (false, closed),
            Verdict::GoesOnAir(cause, closed) => {
                self.go_on_air(arrival, cause);
                (true, closed)
            }
        };
        for older in closed {
            self.close(older, CloseCause::TakenOver);
        }
        goes
    }

    fn go_on_air(&mut self, arrival: Arrival<'_>, cause: Cause) {
        let Arrival { id, now, .. } = arrival;
        if self.cutter.session().is_some() {
            let changed = self
                .publishers
                .iter()
                .any(|p| p.id == id && !p.headers.same_decoders(&self.headers));
            self.cutter.resume(changed);
            self.counters.takeovers += 1;
        } else {
            self.ring.clear();
            // Of a restored stream the configuration may say something new.
            self.cutter = Cutter::new(self.settings.target, self.cutter.last_numbers());
            self.cutter.start(now);
            self.state = State::Live;
            self.counters.sessions += 1;
        }
        self.cool(id);
        self.publish_headers(id);
        self.timeline
            .anchor(arrival.stamp, arrival.came, self.floor());
        self.rate = Rate::default();
        self.shut();
        if let Some(session) = self.cutter.session() {
            if self.state == State::Held {
                self.events.push_back(Event::Resumed(session));
            }
            self.events.push_back(Event::OnAir(id, session, cause));
        }
    }

    /// The earliest time that a newcomer's first frame may have.
    fn floor(&self) -> u64 {
        self.cutter.open().map_or(0, |stamp| stamp.pts.millis() + 1)
    }

    /// What goes into the ring from now on needs the headers of `id`.
    pub(super) fn publish_headers(&mut self, id: PublisherId) {
        let Some(publisher) = self.publishers.iter().find(|p| p.id == id) else {
            return;
        };
        let generation = self.headers.generation();
        if publisher.headers.numbered(generation) != *self.headers {
            self.headers = Arc::new(publisher.headers.numbered(generation.saturating_add(1)));
            self.sound.configure(self.headers.aac_rate());
        }
    }

    /// Keeps a message of a publisher that stands by.
    pub(super) fn keep_warm(&mut self, arrival: Arrival<'_>, media: &Media) {
        let join = match media {
            Media::Video { tracks, key, .. } => *key && tracks.contains(MAIN),
            Media::Audio => self.election.is_sound_alone(arrival.id, arrival.now),
            Media::Data(_) | Media::Metadata(_) | Media::Header(..) | Media::Nothing => false,
        };
        let kept = Kept {
            stamp: arrival.stamp,
            media: media.clone(),
            payload: arrival.payload.clone(),
            came: arrival.came,
        };
        if let Some(publisher) = self.publishers.iter_mut().find(|p| p.id == arrival.id) {
            publisher.warm.keep(kept, join);
        }
    }

    /// Lets go what is kept of `id`.
    pub(super) fn cool(&mut self, id: PublisherId) {
        if let Some(publisher) = self.publishers.iter_mut().find(|p| p.id == id) {
            publisher.warm.clear();
        }
    }

    /// Who stands in for the publisher on the air, and when, should nothing else come.
    pub(super) fn stand_in(&self) -> Option<(PublisherId, u64)> {
        let (id, due) = self.election.stand_in(self.hold_at())?;
        let publisher = self.publishers.iter().find(|p| p.id == id)?;
        (!publisher.warm.messages().is_empty()).then_some((id, due))
    }

    /// Puts `id` on the air, from its newest keyframe on, unless that is too far ahead: then it is kept anew.
    pub(super) fn put_stand_in(&mut self, id: PublisherId, now: u64) -> bool {
        let Some(publisher) = self.publishers.iter_mut().find(|p| p.id == id) else {
            return false;
        };
        let kept = std::mem::take(&mut publisher.warm);
        let (Some(first), Some(last)) = (kept.messages().first(), kept.messages().last()) else {
            return false;
        };
        let length = last.came.saturating_sub(first.came);
        let begin = self.timeline.first_at(first.came, self.floor());
        if begin.saturating_add(length) > now.saturating_add(MOST_AHEAD) {
            return false;
        }
        self.election.put_on_air(id, Cause::StandsIn, now);
        self.go_on_air(Arrival::of_kept(id, first, now), Cause::StandsIn);
        for kept in kept.messages() {
            self.feed(Arrival::of_kept(id, kept, now), &kept.media);
        }
        true
    }
}

impl<'a> Arrival<'a> {
    const fn of_kept(id: PublisherId, kept: &'a Kept, now: u64) -> Self {
        Self {
            id,
            stamp: kept.stamp,
            payload: &kept.payload,
            came: kept.came,
            now,
        }
    }
}

fn ballot(media: &Media) -> Ballot {
    match media {
        Media::Video {
            tracks, key: true, ..
        } if tracks.contains(MAIN) => Ballot::Key,
        Media::Video { tracks, .. } if tracks.contains(MAIN) => Ballot::Picture,
        Media::Video { .. } => Ballot::Further,
        Media::Audio => Ballot::Sound,
        Media::Data(_) | Media::Metadata(_) | Media::Header(..) | Media::Nothing => Ballot::Other,
    }
}
