//! [pure] One stream: publishers' messages in, the ring that every consumer reads out.
//!
//! Ties election, timeline and segment clock together. Always true: the ring holds media of the publisher on the air
//! alone, from a segment's keyframe on; every entry points to the headers it needs.
//! When nobody has sent media for a while the stream is *held* (see `hold`): the segment clock goes on alone, consumers
//! stay. Media comes back at a keyframe, whoever sends it.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use bytes::Bytes;
use live::{
    cutter::{Cutter, LastNumbers, SegmentTarget},
    sound_grid::SoundGrid,
    stamp::Stamp,
};
use rtmp::{Message, flv::TrackSet};

use crate::{
    election::{Election, PublisherId},
    headers::{Change, Headers, Medium, PartKey},
    health::Health,
    key::PublishRole,
    media::{self, Media, MediaError},
    rate::Rate,
    ring::{Ring, RingLimits},
    timeline::Timeline,
    warm::Warm,
};

mod air;
mod announce;
mod command;
mod feed;
mod hold;
mod publisher;
mod report;
mod saved;
mod telling;

pub(crate) use announce::AnnounceError;
pub(crate) use command::{Command, CommandError};
pub(crate) use publisher::{Publisher, Who};
pub(crate) use report::{CloseCause, Counters, Event, State};
pub(crate) use saved::SavedStream;

use announce::Announced;

/// What a stream is told by the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Settings {
    /// K.
    pub(crate) target: SegmentTarget,
    /// How long the stream outlives its publisher, milliseconds.
    pub(crate) hold: u64,
    /// How much the ring keeps.
    pub(crate) ring: RingLimits,
    /// Time between two writes to a player, at least.
    pub(crate) merge: Duration,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Stream {
    settings: Settings,
    ring: Ring,
    cutter: Cutter,
    /// Where the newest frame of sound lies.
    sound: SoundGrid,
    timeline: Timeline,
    election: Election,
    publishers: Vec<Publisher>,
    /// The set of the publisher on the air.
    headers: Arc<Headers>,
    state: State,
    /// Media is let through: the segment clock has opened a segment for the publisher on the air.
    open: bool,
    /// ... and the tracks of which a keyframe has passed since the main one's: their pictures are let through too.
    pictures: TrackSet,
    /// What an operator says beside the media.
    announced: Announced,
    /// Wall clock of the newest media of the publisher on the air, or of the session's end.
    since: u64,
    rate: Rate,
    counters: Counters,
    events: VecDeque<Event>,
    stamps: Vec<Stamp>,
}

impl Stream {
    /// A stream without a show; `last` are the numbers that it used last, as far as that is known.
    pub(crate) fn new(settings: Settings, last: Option<LastNumbers>) -> Self {
        Self {
            settings,
            ring: Ring::new(settings.ring),
            cutter: Cutter::new(settings.target, last),
            sound: SoundGrid::default(),
            timeline: Timeline::default(),
            election: Election::default(),
            publishers: Vec::new(),
            headers: Arc::default(),
            state: State::Idle,
            open: false,
            pictures: TrackSet::default(),
            announced: Announced::default(),
            since: 0,
            rate: Rate::default(),
            counters: Counters::default(),
            events: VecDeque::new(),
            stamps: Vec::new(),
        }
    }

    /// What consumers read.
    pub(crate) const fn ring(&self) -> &Ring {
        &self.ring
    }

    /// Whether there is a show.
    pub(crate) const fn state(&self) -> State {
        self.state
    }

    /// The newest stamp of the session in progress.
    pub(crate) fn newest_stamp(&self) -> Option<Stamp> {
        self.cutter.open()
    }

    /// Bits per second of the publisher on the air, over the last second or two.
    pub(crate) const fn bits_per_second(&self, now: u64) -> u64 {
        self.rate.bits_per_second(now)
    }

    /// What happened since the process started.
    pub(crate) const fn counters(&self) -> Counters {
        self.counters
    }

    /// The next thing to do, until there is none. To be drained after each call that takes `now`.
    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// A publisher with a valid key has come. Ids must rise.
    pub(crate) fn publisher_joined(&mut self, id: PublisherId, role: PublishRole) {
        if let Some(gone) = self.election.join(id, role) {
            self.close(gone, CloseCause::Crowded);
        }
        self.publishers.push(Publisher {
            id,
            warm: Warm::default(),
            headers: Headers::default(),
            told_overdue: false,
            who: None,
            health: Health::new(self.settings.target.into()),
            applied: 0,
        });
    }

    /// A publisher's connection is gone, or it stopped publishing.
    pub(crate) fn publisher_left(&mut self, id: PublisherId) {
        self.election.leave(id);
        self.publishers.retain(|publisher| publisher.id != id);
    }

    /// A media message has come from a publisher. `now` is Unix milliseconds and never falls.
    pub(crate) fn publisher_message(
        &mut self,
        id: PublisherId,
        message: &Message,
        now: u64,
    ) -> Result<(), MediaError> {
        let Some(publisher) = self.publishers.iter_mut().find(|p| p.id == id) else {
            return Ok(());
        };
        publisher.applied = publisher.applied.saturating_add(1);
        let length = u64::try_from(message.payload.len()).unwrap_or_default();
        self.counters.received = self.counters.received.saturating_add(length);
        let media = media::sort(message).inspect_err(|_| self.counters.malformed += 1)?;
        let changes = publisher.health.message(&media, message, now).into_iter();
        let changes = changes.map(|change| Event::Health(id, change));
        self.events.extend(changes);
        if self.on_air() == Some(id) {
            self.rate.add(length, now);
        }
        let mut payload = &message.payload;
        if let Media::Data(inner) = &media {
            payload = inner;
        }
        let arrival = Arrival {
            id,
            stamp: message.timestamp,
            payload,
            came: now,
            now,
        };
        match media {
            Media::Metadata(payload) => self.header(id, None, &payload),
            Media::Header(key, payload) => {
                if key.medium == Medium::Video {
                    self.election.announce_picture(id);
                }
                self.header(id, Some(key), &payload);
            }
            Media::Video { .. } | Media::Audio | Media::Data(_) => {
                if self.vote(arrival, &media) {
                    self.feed(arrival, &media);
                } else if self.election.stands_by(id) {
                    self.keep_warm(arrival, &media);
                }
            }
            Media::Nothing => {}
        }
        Ok(())
    }

    /// New metadata or configuration. It takes effect at once if its publisher is on the air.
    fn header(&mut self, id: PublisherId, key: Option<PartKey>, payload: &Bytes) {
        let Some(publisher) = self.publishers.iter_mut().find(|p| p.id == id) else {
            return;
        };
        let change = match key {
            Some(key) => publisher.headers.set(key, payload),
            None => publisher.headers.set_metadata(payload),
        };
        match change {
            Err(flood) => self.close(id, flood.into()),
            Ok(Change::Same) => {}
            Ok(_) if self.on_air() != Some(id) => {
                if key.is_some_and(PartKey::decodes_video) {
                    self.cool(id);
                }
            }
            Ok(change) => {
                self.publish_headers(id);
                // A first configuration is a change too for a track whose pictures are on the air already.
                let late = self.shows_pictures() && key.is_some_and(PartKey::decodes_video);
                if change == Change::Decoder || (change == Change::Added && late) {
                    self.cutter.resume(true);
                    self.shut();
                }
            }
        }
    }

    fn close(&mut self, id: PublisherId, cause: CloseCause) {
        self.publisher_left(id);
        self.events.push_back(Event::Close(id, cause));
    }
}

/// One message that has come.
#[derive(Clone, Copy)]
struct Arrival<'a> {
    id: PublisherId,
    stamp: u32,
    payload: &'a Bytes,
    /// Wall clock when it came: before `now` when it was kept.
    came: u64,
    now: u64,
}

#[cfg(test)]
mod tests;
