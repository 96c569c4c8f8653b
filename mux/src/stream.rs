//! [pure] One stream: publishers' messages in, the ring that every consumer reads out.
//!
//! Ties election, timeline and segment clock together. Always true: the ring holds media of the publisher on the air
//! alone, from a segment's keyframe on; every entry points to the headers it needs.
//! When nobody has sent media for a while the stream is *held* (see `hold`): the segment clock goes on alone, consumers
//! stay. Media comes back at a keyframe, whoever sends it.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use bytes::Bytes;
use live::{
    MediaTime,
    cutter::{Cutter, LastNumbers, SegmentTarget, VideoFrame},
    stamp::{Stamp, StampKind},
};
use rtmp::Message;
use serde::{Deserialize, Serialize};

use crate::{
    election::{Ballot, Election, PublisherId, Verdict},
    headers::{Change, Headers, Medium, PartKey},
    key::PublishRole,
    media::{self, Media, MediaError},
    rate::Rate,
    ring::{Entry, Frame, Ring, RingLimits, Slot},
    timeline::{MediaKind, Timeline},
};

mod hold;
mod report;
#[cfg_attr(not(test), expect(dead_code, reason = "nothing saves yet"))]
mod saved;
mod telling;

pub(crate) use report::{CloseCause, Counters, Event, State};

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
    timeline: Timeline,
    election: Election,
    publishers: Vec<Publisher>,
    /// The set of the publisher on the air.
    headers: Arc<Headers>,
    state: State,
    /// Media is let through: the segment clock has opened a segment for the publisher on the air.
    open: bool,
    /// ... and a keyframe of that publisher has passed, so pictures are let through too.
    pictures: bool,
    /// Wall clock of the newest media of the publisher on the air, or of the session's end.
    since: u64,
    rate: Rate,
    counters: Counters,
    events: VecDeque<Event>,
    stamps: Vec<Stamp>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Publisher {
    id: PublisherId,
    role: PublishRole,
    headers: Headers,
    told_overdue: bool,
}

impl Stream {
    /// A stream without a show; `last` are the numbers that it used last, as far as that is known.
    pub(crate) fn new(settings: Settings, last: Option<LastNumbers>) -> Self {
        Self {
            settings,
            ring: Ring::new(settings.ring),
            cutter: Cutter::new(settings.target, last),
            timeline: Timeline::default(),
            election: Election::default(),
            publishers: Vec::new(),
            headers: Arc::default(),
            state: State::Idle,
            open: false,
            pictures: false,
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

    /// The set of the publisher on the air, or of the last one.
    pub(crate) fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The publisher on the air.
    pub(crate) const fn on_air(&self) -> Option<PublisherId> {
        self.election.on_air()
    }

    /// What the key of the publisher on the air is for.
    pub(crate) fn role_on_air(&self) -> Option<PublishRole> {
        let on_air = self.on_air()?;
        let publisher = self.publishers.iter().find(|p| p.id == on_air)?;
        Some(publisher.role)
    }

    /// How many publishers are connected.
    pub(crate) fn publishers(&self) -> usize {
        self.election.len()
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
        if let Some(gone) = self.election.join(id) {
            self.close(gone, CloseCause::Crowded);
        }
        self.publishers.push(Publisher {
            id,
            role,
            headers: Headers::default(),
            told_overdue: false,
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
        if !self.publishers.iter().any(|publisher| publisher.id == id) {
            return Ok(());
        }
        let length = u64::try_from(message.payload.len()).unwrap_or_default();
        self.counters.received = self.counters.received.saturating_add(length);
        let sorted = media::sort(message).inspect_err(|_| self.counters.malformed += 1)?;
        if self.on_air() == Some(id) {
            self.rate.add(length, now);
        }
        let arrival = Arrival {
            id,
            stamp: message.timestamp,
            payload: &message.payload,
            now,
        };
        match sorted {
            Media::Metadata(payload) => self.header(id, None, &payload),
            Media::Header(key, payload) => {
                if key.medium == Medium::Video {
                    self.election.message(id, Ballot::Picture, now);
                }
                self.header(id, Some(key), &payload);
            }
            Media::Video {
                main,
                key,
                composition_time,
            } => {
                let ballot = if key && main {
                    Ballot::Key
                } else {
                    Ballot::Picture
                };
                if self.vote(arrival, ballot) {
                    self.video(arrival, main, key, composition_time);
                }
            }
            Media::Audio => {
                if self.vote(arrival, Ballot::Sound) {
                    self.audio(arrival);
                }
            }
            Media::Data(payload) => {
                if self.vote(arrival, Ballot::Other) && self.open {
                    let arrival = Arrival {
                        payload: &payload,
                        ..arrival
                    };
                    self.data(arrival);
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
            Ok(_) if self.on_air() != Some(id) => {}
            Ok(change) => {
                self.publish_headers(id);
                // A first configuration is a change too for a track whose pictures are on the air already.
                let late = self.pictures && key.is_some_and(PartKey::decodes_video);
                if change == Change::Decoder || (change == Change::Added && late) {
                    self.cutter.resume(true);
                    self.shut();
                }
            }
        }
    }

    /// Whether the message's publisher is on the air, which the message may bring about.
    fn vote(&mut self, arrival: Arrival<'_>, ballot: Ballot) -> bool {
        match self.election.message(arrival.id, ballot, arrival.now) {
            Verdict::OnAir => true,
            Verdict::Waits => false,
            Verdict::Parked => {
                self.events.push_back(Event::Parked(arrival.id));
                false
            }
            Verdict::GoesOnAir(older) => {
                self.go_on_air(arrival);
                for id in older {
                    self.close(id, CloseCause::TakenOver);
                }
                true
            }
        }
    }

    fn go_on_air(&mut self, arrival: Arrival<'_>) {
        let Arrival { id, stamp, now, .. } = arrival;
        let goes_on = self.cutter.session().is_some();
        if goes_on {
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
            self.timeline = Timeline::default();
            self.state = State::Live;
            self.counters.sessions += 1;
        }
        self.publish_headers(id);
        let floor = self.cutter.open().map_or(0, |stamp| stamp.pts.millis() + 1);
        self.timeline.anchor(stamp, now, floor);
        self.rate = Rate::default();
        self.shut();
        if let Some(session) = self.cutter.session() {
            self.events.push_back(Event::OnAir(id, session));
        }
    }

    /// What goes into the ring from now on needs the headers of `id`.
    fn publish_headers(&mut self, id: PublisherId) {
        let Some(publisher) = self.publishers.iter().find(|p| p.id == id) else {
            return;
        };
        let generation = self.headers.generation();
        if publisher.headers.numbered(generation) != *self.headers {
            self.headers = Arc::new(publisher.headers.numbered(generation.saturating_add(1)));
        }
    }

    fn video(&mut self, arrival: Arrival<'_>, main: bool, key: bool, composition_time: i32) {
        let Some(at) = self.place(arrival, MediaKind::Video) else {
            return;
        };
        if main {
            let frame = VideoFrame {
                dts: MediaTime::from_millis(at),
                pts: MediaTime::from_millis(at.saturating_add_signed(composition_time.into())),
                key,
            };
            self.cutter.video(frame, arrival.now, &mut self.stamps);
            let overdue = !key && self.stamps.iter().any(opens_media);
            self.push_stamps(arrival.now);
            if overdue {
                self.overdue(arrival.id);
            }
        }
        let join = main && key;
        self.pictures |= join && self.open;
        if self.pictures {
            self.push_frame(arrival, MediaKind::Video, at, join);
        }
    }

    fn audio(&mut self, arrival: Arrival<'_>) {
        let Some(at) = self.place(arrival, MediaKind::Audio) else {
            return;
        };
        self.cutter
            .audio(MediaTime::from_millis(at), arrival.now, &mut self.stamps);
        self.push_stamps(arrival.now);
        let sound_alone = !self.pictures && !self.headers.has_video();
        self.push_frame(arrival, MediaKind::Audio, at, sound_alone);
    }

    fn data(&mut self, arrival: Arrival<'_>) {
        if let Some(at) = self.place(arrival, MediaKind::Data) {
            self.push_frame(arrival, MediaKind::Data, at, false);
        }
    }

    /// The frame's absolute time; `None` when its publisher is thrown out.
    fn place(&mut self, arrival: Arrival<'_>, kind: MediaKind) -> Option<u64> {
        match self.timeline.map(kind, arrival.stamp, arrival.now) {
            Ok(at) => {
                if kind != MediaKind::Data {
                    self.since = arrival.now;
                }
                Some(at)
            }
            Err(too_fast) => {
                self.close(arrival.id, too_fast.into());
                None
            }
        }
    }

    fn push_frame(&mut self, arrival: Arrival<'_>, kind: MediaKind, at: u64, join: bool) {
        if !self.open {
            return;
        }
        self.counters.frames[kind as usize] += 1;
        let frame = Frame {
            kind,
            at,
            payload: arrival.payload.clone(),
        };
        self.push(Entry::Frame(frame), arrival.now, join);
    }

    fn push_stamps(&mut self, now: u64) {
        let stamps = std::mem::take(&mut self.stamps);
        for stamp in &stamps {
            match stamp.kind {
                StampKind::Segment => {
                    self.open = true;
                    self.state = State::Live;
                    self.counters.segments += 1;
                }
                StampKind::Hold => self.counters.holds += 1,
            }
            self.push(Entry::Stamp(*stamp), now, false);
        }
        if !stamps.is_empty() {
            let numbers = self.cutter.last_numbers();
            self.events.extend(numbers.map(Event::Numbers));
        }
        // The buffer is used again: no allocation per frame.
        self.stamps = stamps;
        self.stamps.clear();
    }

    fn push(&mut self, entry: Entry, arrived: u64, join: bool) {
        self.ring.push(Slot {
            entry,
            headers: Arc::clone(&self.headers),
            arrived,
            join,
        });
    }

    /// Media waits for the segment clock.
    const fn shut(&mut self) {
        self.open = false;
        self.pictures = false;
    }

    fn overdue(&mut self, id: PublisherId) {
        self.counters.overdue += 1;
        if let Some(publisher) = self.publishers.iter_mut().find(|p| p.id == id)
            && !std::mem::replace(&mut publisher.told_overdue, true)
        {
            self.events.push_back(Event::KeyframeOverdue(id));
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
    now: u64,
}

fn opens_media(stamp: &Stamp) -> bool {
    stamp.kind == StampKind::Segment
}

#[cfg(test)]
mod tests;
