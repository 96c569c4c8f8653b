//! [pure] How many watch, by stream and by quality, without a cookie and without an address.
//!
//! A viewer is a number that a multivariant playlist gave out ([`ViewerId`]) and that came back with a media playlist
//! twice for the same quality: whoever only looks whether there is a show reloads nothing and is nobody. He is at the
//! video that he asked for last, or at the sound if he asks for nothing else, and has gone when three target durations
//! have passed without a request. So people who share an address are as many as they are, one who changes the quality
//! is one, and one who opens the page anew is two for those seconds.
//!
//! Who asks for a media playlist without a number cannot be told from the next one, and is not counted.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, HashMap, hash_map::Entry},
    time::{Duration, Instant},
};

use live::{Rendition, StreamName};

use crate::viewer::ViewerId;

/// Numbers remembered at once, of all streams: more than the viewers' connections that there may be, so that only
/// invented ones can fill it. When full, a newcomer is not counted until others have gone.
const SITTINGS_MAX: usize = 1 << 16;
/// Streams remembered: as many as origins are remembered for. When full, a new one is not counted.
const STREAMS_MAX: usize = 4096;
/// Target durations without a request after which a viewer has gone.
const GONE_AFTER: u32 = 3;
/// Those who have gone are noticed at each request, so that a crowd that leaves at once costs nobody a pause. Each
/// request brings at most one, so that two are enough to keep up.
const NOTICED_PER_REQUEST: usize = 2;
/// While there is no room, those who have gone from streams that nobody asks for are looked for this often.
const CLEARED_EVERY: Duration = Duration::from_secs(1);
/// A stream that nobody has watched for so long is forgotten, and the most that it ever had.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(600);
/// What is told to everybody is counted anew after this.
pub(crate) const TOLD_FOR: Duration = Duration::from_secs(5);

/// All who watch.
#[derive(Debug, Default)]
pub(crate) struct Audience {
    streams: HashMap<StreamName, House>,
    /// In all houses.
    sittings: usize,
    /// When all who had gone were noticed for want of room.
    cleared: Option<Instant>,
}

/// How many watch one stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// All of them.
    pub(crate) viewers: u64,
    /// The most that there were at once since the stream was last without anybody for ten minutes.
    pub(crate) most: u64,
    /// By quality, where there is one at least.
    pub(crate) renditions: BTreeMap<Rendition, u64>,
}

/// Those who watch one stream.
#[derive(Debug)]
struct House {
    sittings: HashMap<ViewerId, Sitting>,
    /// For each sitting, a time before which it cannot be over.
    ends: BinaryHeap<Reverse<(Instant, ViewerId)>>,
    count: Count,
    told: Option<(Instant, Count)>,
    used: Instant,
}

/// One who watches, or may be found to.
#[derive(Debug)]
struct Sitting {
    rendition: Rendition,
    /// Asked for the same again, and so counted.
    stays: bool,
    /// When a video was asked for last.
    video: Option<Instant>,
    over: Instant,
}

impl Audience {
    /// A media playlist of `rendition`, whose target duration is `td`, was given to `viewer` at `now`. Whether he was not
    /// here before.
    pub(crate) fn seen(
        &mut self,
        stream: &StreamName,
        viewer: ViewerId,
        rendition: Rendition,
        td: Duration,
        now: Instant,
    ) -> bool {
        if !self.streams.contains_key(stream) {
            if self.streams.len() >= STREAMS_MAX {
                self.settle(now);
                self.forget(now);
            }
            if self.streams.len() >= STREAMS_MAX {
                return false;
            }
            self.streams.insert(stream.clone(), House::new(now));
        }
        let Some(house) = self.streams.get_mut(stream) else {
            return false;
        };
        house.used = now;
        let before = house.sittings.len();
        house.notice(now, NOTICED_PER_REQUEST);
        let others = self.sittings.saturating_sub(before);
        let room = others + house.sittings.len() < SITTINGS_MAX;
        let arrives = house.seen(viewer, rendition, td * GONE_AFTER, now, room);
        self.sittings = others + house.sittings.len();
        let may_clear = |at: Instant| now.saturating_duration_since(at) >= CLEARED_EVERY;
        if !room && self.cleared.is_none_or(may_clear) {
            self.cleared = Some(now);
            self.settle(now);
        }
        arrives
    }

    /// Whether `viewer` was given a media playlist of `stream` of late.
    pub(crate) fn knows(&self, stream: &StreamName, viewer: ViewerId, now: Instant) -> bool {
        let house = self.streams.get(stream);
        let sitting = house.and_then(|house| house.sittings.get(&viewer));
        sitting.is_some_and(|sitting| sitting.over > now)
    }

    /// How many watch `stream` at `now`.
    #[cfg(test)]
    fn count(&mut self, stream: &StreamName, now: Instant) -> Count {
        self.settle(now);
        let house = self.streams.get(stream);
        house.map(|house| house.count.clone()).unwrap_or_default()
    }

    /// How many watch `stream`, the same for everybody for [`TOLD_FOR`]; and how long ago that was counted.
    pub(crate) fn told(&mut self, stream: &StreamName, now: Instant) -> (Count, Duration) {
        let Some(house) = self.streams.get_mut(stream) else {
            return (Count::default(), Duration::ZERO);
        };
        let fresh = |at: &Instant| now.saturating_duration_since(*at) < TOLD_FOR;
        if let Some((at, count)) = house.told.as_ref().filter(|(at, _)| fresh(at)) {
            return (count.clone(), now.saturating_duration_since(*at));
        }
        let before = house.sittings.len();
        house.notice(now, usize::MAX);
        self.sittings -= before - house.sittings.len();
        house.told = Some((now, house.count.clone()));
        (house.count.clone(), Duration::ZERO)
    }

    /// How many watch each stream that somebody watched of late, at `now`.
    pub(crate) fn counts(&mut self, now: Instant) -> impl Iterator<Item = (&StreamName, &Count)> {
        self.settle(now);
        self.forget(now);
        self.streams
            .iter()
            .map(|(stream, house)| (stream, &house.count))
    }

    /// Notices all who have gone.
    fn settle(&mut self, now: Instant) {
        for house in self.streams.values_mut() {
            house.notice(now, usize::MAX);
        }
        let sittings = self.streams.values().map(|house| house.sittings.len());
        self.sittings = sittings.sum();
    }

    fn forget(&mut self, now: Instant) {
        self.streams.retain(|_, house| {
            let unused = now.saturating_duration_since(house.used) >= FORGOTTEN_AFTER;
            !(unused && house.sittings.is_empty())
        });
    }
}

impl House {
    fn new(now: Instant) -> Self {
        Self {
            sittings: HashMap::new(),
            ends: BinaryHeap::new(),
            count: Count::default(),
            told: None,
            used: now,
        }
    }

    fn seen(
        &mut self,
        viewer: ViewerId,
        rendition: Rendition,
        stay: Duration,
        now: Instant,
        room: bool,
    ) -> bool {
        let over = now + stay;
        let video = (rendition != Rendition::Audio).then_some(now);
        let new = Sitting {
            rendition,
            stays: false,
            video,
            over,
        };
        let sitting = match self.sittings.entry(viewer) {
            Entry::Vacant(_) if !room => return false,
            Entry::Vacant(vacant) => {
                vacant.insert(new);
                self.ends.push(Reverse((over, viewer)));
                return true;
            }
            Entry::Occupied(occupied) => occupied.into_mut(),
        };
        if sitting.over <= now {
            // He had gone, which was not noticed yet.
            let gone = std::mem::replace(sitting, new);
            self.count.leave(&gone);
            return true;
        }
        sitting.over = over.max(sitting.over);
        let recent = |at: Instant| now.saturating_duration_since(at) < stay;
        if rendition == Rendition::Audio && sitting.video.is_some_and(recent) {
            // The sound of the video that he is at.
            return false;
        }
        sitting.video = video;
        let before = std::mem::replace(&mut sitting.rendition, rendition);
        if sitting.stays && before != rendition {
            self.count.remove(before);
            self.count.add(rendition);
        } else if !sitting.stays && before == rendition {
            sitting.stays = true;
            self.count.add(rendition);
        }
        false
    }

    /// Takes out up to `most` who have gone.
    fn notice(&mut self, now: Instant, most: usize) {
        for _ in 0..most {
            let Some(Reverse((_, viewer))) = self.ends.peek().filter(|end| end.0.0 <= now) else {
                return;
            };
            let viewer = *viewer;
            self.ends.pop();
            let Entry::Occupied(sitting) = self.sittings.entry(viewer) else {
                continue;
            };
            if sitting.get().over > now {
                self.ends.push(Reverse((sitting.get().over, viewer)));
                continue;
            }
            self.count.leave(&sitting.remove());
        }
    }
}

impl Count {
    fn add(&mut self, rendition: Rendition) {
        self.viewers += 1;
        self.most = self.most.max(self.viewers);
        *self.renditions.entry(rendition).or_default() += 1;
    }

    /// So many more are there.
    pub(crate) fn join(&mut self, others: &BTreeMap<Rendition, u64>) {
        for (rendition, more) in others {
            self.viewers = self.viewers.saturating_add(*more);
            let count = self.renditions.entry(*rendition).or_default();
            *count = count.saturating_add(*more);
        }
    }

    fn leave(&mut self, gone: &Sitting) {
        if gone.stays {
            self.remove(gone.rendition);
        }
    }

    fn remove(&mut self, rendition: Rendition) {
        self.viewers = self.viewers.saturating_sub(1);
        if let Some(count) = self.renditions.get_mut(&rendition) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.renditions.remove(&rendition);
            }
        }
    }
}

#[cfg(test)]
mod tests;
