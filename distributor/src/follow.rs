//! [pure] Following one rendition that somebody watches: what to ask for next, what to fetch, and what to let go.
//!
//! While it is watched one reload is held at the origin; with each playlist that comes, what is new at the live edge is
//! fetched, each object once, before any viewer asks for it; and what has left the playlist for longer than a target
//! duration is let go. When nobody has asked for the playlist for a while, or nothing will be added to it, it is over.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use http::StatusCode;
use live::{Directives, Msn, Object, ObjectPath, Rendition, StreamName};

use crate::{
    route::Key,
    window::{Window, place},
};

mod pump;
mod version;

pub(crate) use pump::{Come, Followers};

/// Target durations without a viewer's reload after which nobody watches: a player reloads every one or two (RFC
/// 8216bis §6.3.4), and one that plays on asks again within three, when what it waited for did not come about.
const WATCHED: u32 = 4;
/// Before the same is tried again: a part, so that nobody sees it a part too late.
const PAUSE: Duration = Duration::from_millis(500);
/// Failures in a row after which it is given up: viewers who are still there begin it anew.
const FAILURES: u32 = 8;
/// Objects held in memory for one rendition: the live edge and a target duration of what has left it, twice over.
/// When there are more, the oldest go first.
const HELD_MAX: usize = 128;

/// One rendition that is followed.
#[derive(Debug)]
pub(crate) struct Following {
    path: ObjectPath,
    /// The playlist that came last, and whether it was newer than the one before.
    window: Option<Window>,
    advanced: bool,
    failures: u32,
    /// The newest that was ever fetched: parts and segments apart.
    newest: [Option<(Msn, u32)>; 2],
    /// What is held for viewers; since when the playlist does not name it any more.
    held: HashMap<Object, Option<Instant>>,
}

/// What a new playlist brings about.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    /// To fetch, the most urgent first.
    pub(crate) fetch: Vec<Key>,
    /// No more at the live edge, but still in the playlist: for those who watch from further back.
    pub(crate) release: Vec<Key>,
    /// Named by no playlist any more.
    pub(crate) forget: Vec<Key>,
}

impl Following {
    /// Nothing known yet of `rendition` of `stream`.
    pub(crate) fn new(stream: StreamName, rendition: Rendition) -> Self {
        Self {
            path: ObjectPath {
                stream,
                object: Object::Media(rendition),
            },
            window: None,
            advanced: false,
            failures: 0,
            newest: [None; 2],
            held: HashMap::new(),
        }
    }

    /// Which playlist to ask for next and how long to wait before, when a viewer asked for it last at `watched`. None:
    /// it is over.
    pub(crate) fn next(&self, watched: Instant, now: Instant) -> Option<(Duration, Key)> {
        let window = self.window.as_ref().filter(|window| !window.is_ended())?;
        let unwatched = now.saturating_duration_since(watched);
        if unwatched >= window.target_duration() * WATCHED || self.failures >= FAILURES {
            return None;
        }
        let (msn, part) = window.next();
        let (pause, block) = if self.advanced && self.failures == 0 {
            (Duration::ZERO, Some((msn, Some(part))))
        } else {
            // As it is now, by whichever origin.
            (PAUSE, None)
        };
        let directives = Directives { block, skip: None };
        Some((pause, Key::new(self.path.clone(), directives)))
    }

    /// A playlist came.
    pub(crate) fn heard(&mut self, window: Window, now: Instant) -> Changes {
        let next = |window: &Window| window.next();
        self.advanced = self.window.as_ref().map(next) != Some(window.next());
        self.failures = 0;
        let fetch = self.fetch(&window);
        let (release, forget) = self.let_go(&window, now);
        self.window = Some(window);
        Changes {
            fetch,
            release,
            forget,
        }
    }

    /// An origin answered with `status`, or none could serve. Whether there is any use in going on.
    pub(crate) fn failed(&mut self, status: StatusCode) -> bool {
        self.failures = self.failures.saturating_add(1);
        status != StatusCode::NOT_FOUND
    }

    /// Everything that is held, since it is over.
    pub(crate) fn holding(self) -> Vec<Key> {
        let path = self.path.clone();
        let held = self.held.into_keys();
        held.map(|object| key(&path, object)).collect()
    }

    /// What was never fetched and is newer than all that was.
    fn fetch(&mut self, window: &Window) -> Vec<Key> {
        let before = self.newest;
        let mut fetch = Vec::new();
        for object in window.edge() {
            let is_new = match (place(object), before.get(kind(object)).copied().flatten()) {
                (Some(place), Some(newest)) => place > newest,
                (Some(_), None) => true,
                (None, _) => true,
            };
            if !is_new || self.held.contains_key(&object) {
                continue;
            }
            if let (Some(place), Some(newest)) = (place(object), self.newest.get_mut(kind(object)))
            {
                *newest = (*newest).max(Some(place));
            }
            self.held.insert(object, None);
            fetch.push(key(&self.path, object));
        }
        fetch
    }

    /// What left the live edge a target duration ago: still in the playlist, and not.
    fn let_go(&mut self, window: &Window, now: Instant) -> (Vec<Key>, Vec<Key>) {
        let mut gone: Vec<Object> = Vec::new();
        let edge: HashSet<Object> = window.edge().collect();
        self.held.retain(|object, left| {
            *left = (!edge.contains(object)).then(|| left.unwrap_or(now));
            let stays = left
                .is_none_or(|left| now.saturating_duration_since(left) < window.target_duration());
            if !stays {
                gone.push(*object);
            }
            stays
        });
        let over = self.held.len().saturating_sub(HELD_MAX);
        if over > 0 {
            let mut all: Vec<Object> = self.held.keys().copied().collect();
            // Initialization sections have no place, and go last.
            all.sort_by_key(|object| (place(*object).is_none(), place(*object)));
            for object in all.into_iter().take(over) {
                self.held.remove(&object);
                gone.push(object);
            }
        }
        let (release, forget): (Vec<_>, Vec<_>) =
            gone.into_iter().partition(|object| window.names(*object));
        let keys = |objects: Vec<Object>| {
            objects
                .into_iter()
                .map(|object| key(&self.path, object))
                .collect()
        };
        (keys(release), keys(forget))
    }
}

fn key(path: &ObjectPath, object: Object) -> Key {
    let path = ObjectPath {
        stream: path.stream.clone(),
        object,
    };
    Key::new(path, Directives::default())
}

const fn kind(object: Object) -> usize {
    matches!(object, Object::Segment(..)) as usize
}

#[cfg(test)]
mod tests;
