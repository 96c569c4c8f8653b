//! [pure] Media of the publisher on the air: its place on the timeline, the stamps before it, its slot in the ring.

use std::sync::Arc;

use live::{
    MediaTime,
    cutter::VideoFrame,
    stamp::{Stamp, StampKind},
};
use rtmp::flv::TrackSet;

use super::{Arrival, Event, State, Stream, announce::REPEAT};
use crate::{
    election::PublisherId,
    media::{self, MAIN, Media},
    ring::{Entry, Frame, Slot},
    timeline::MediaKind,
};

impl Stream {
    pub(super) fn feed(&mut self, arrival: Arrival<'_>, media: &Media) {
        match *media {
            Media::Video {
                tracks,
                key,
                composition_time,
            } => self.video(arrival, tracks, key, composition_time),
            Media::Audio => self.audio(arrival),
            Media::Data(_) => self.data(arrival),
            Media::Metadata(_) | Media::Header(..) | Media::Nothing => {}
        }
    }

    fn video(&mut self, arrival: Arrival<'_>, tracks: TrackSet, key: bool, composition_time: i32) {
        let main = tracks.contains(MAIN);
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
        if key && self.open && (main || self.shows_pictures()) {
            self.pictures = self.pictures.with(tracks);
        }
        if self.shows_pictures() && (main || tracks.is_within(self.pictures)) {
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
        if self.open && media::is_main_aac(arrival.payload) {
            self.sound.frame(MediaTime::from_millis(at));
        }
        let sound_alone = !self.shows_pictures() && !self.headers.has_video();
        self.push_frame(arrival, MediaKind::Audio, at, sound_alone);
    }

    fn data(&mut self, arrival: Arrival<'_>) {
        if self.open
            && let Some(at) = self.place(arrival, MediaKind::Data)
        {
            self.push_frame(arrival, MediaKind::Data, at, false);
        }
    }

    /// The frame's absolute time; `None` when its publisher is thrown out.
    fn place(&mut self, arrival: Arrival<'_>, kind: MediaKind) -> Option<u64> {
        match self.timeline.map(kind, arrival.stamp, arrival.came) {
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
        self.announce_again(arrival.now);
    }

    pub(super) fn push_stamps(&mut self, now: u64) {
        let stamps = std::mem::take(&mut self.stamps);
        for stamp in &stamps {
            match stamp.kind {
                StampKind::Segment => {
                    self.open = true;
                    self.state = State::Live;
                    self.counters.segments += 1;
                    // After the keyframe, which stands right behind its stamp.
                    self.announced.due |=
                        stamp.msn.0.is_multiple_of(REPEAT) || self.announced.holds();
                }
                StampKind::Hold => self.counters.holds += 1,
            }
            let stamp = Stamp {
                sound: self.sound.newest(),
                ..*stamp
            };
            self.push(Entry::Stamp(stamp), now, false);
            if stamp.kind == StampKind::Hold && self.state == State::Held {
                self.announce_hold(&stamp, now);
            }
        }
        if !stamps.is_empty() {
            let numbers = self.cutter.last_numbers();
            self.events.extend(numbers.map(Event::Numbers));
        }
        // The buffer is used again: no allocation per frame.
        self.stamps = stamps;
        self.stamps.clear();
    }

    pub(super) fn push(&mut self, entry: Entry, arrived: u64, join: bool) {
        self.ring.push(Slot {
            entry,
            headers: Arc::clone(&self.headers),
            arrived,
            join,
        });
    }

    /// Media waits for the segment clock.
    pub(super) fn shut(&mut self) {
        self.open = false;
        self.pictures = TrackSet::default();
    }

    /// Whether the main picture is let through.
    pub(super) fn shows_pictures(&self) -> bool {
        self.pictures.contains(MAIN)
    }

    fn overdue(&mut self, id: PublisherId) {
        self.counters.overdue += 1;
        if let Some(publisher) = self.publishers.iter_mut().find(|p| p.id == id)
            && !std::mem::replace(&mut publisher.told_overdue, true)
        {
            self.events.push_back(Event::KeyframeOverdue(id));
        }
    }
}

fn opens_media(stamp: &Stamp) -> bool {
    stamp.kind == StampKind::Segment
}
