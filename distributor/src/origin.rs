//! [pure] Which origin to ask for a stream.
//!
//! Origins are asked in the stream's rank order. One that cannot be reached is left out until its pause is over, and
//! then one request tries it for all. A stream stays with the origin that answered it until that one fails it: another
//! rank may hold the same numbers with other encoded bytes, so going back and forth would cost viewers a glitch each.
//! At most [`ATTEMPTS`] origins are asked for one object, each once.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use http::StatusCode;
use live::{
    Object, StreamName,
    placement::{self, Member},
};

use crate::freshness::TARGET_DURATION_ASSUMED;

/// Origins asked for one object: the stream's two (DESIGN §5), and the next two for when those are down.
pub(crate) const ATTEMPTS: usize = 4;
/// First pause for an origin that cannot be reached; doubles up to [`PAUSE_MAX`].
const PAUSE_MIN: Duration = Duration::from_millis(500);
/// Longest pause: how long a healed origin may stay unused when there is no other.
const PAUSE_MAX: Duration = Duration::from_secs(8);
/// Streams remembered; far above what the transcoders of one appliance can carry. When full, the one asked for
/// longest ago is forgotten, which costs it only its place at an origin.
const STREAMS: usize = 4096;

/// How an origin answered one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It has the object.
    Served,
    /// It has no such object: 404.
    Missing,
    /// It says that this cannot be answered: 400, or 503 for what did not come about in time. Every other origin
    /// would say the same.
    Refused,
    /// It is there but did not serve: 5xx, too late, cut short, or not what HTTP allows.
    Failed,
    /// It began to serve, and broke off when it was too late to ask another.
    CutShort,
    /// It cannot be reached, or does not know us.
    Unreachable,
}

/// What is known of all origins.
#[derive(Debug)]
pub(crate) struct Origins {
    members: Vec<Member>,
    health: Vec<Health>,
    streams: HashMap<StreamName, Known>,
}

#[derive(Debug, Clone, Default)]
struct Health {
    /// Times in a row that it could not be reached.
    failures: u32,
    /// While it is down: when the next request may try it.
    retry: Option<Instant>,
}

/// A stream that was served.
#[derive(Debug)]
struct Known {
    origin: usize,
    /// The origin failed the stream since: the next one to serve it takes over.
    failed: bool,
    target_duration: Duration,
    used: Instant,
}

impl Origins {
    /// The origins of the configuration, all thought well of.
    pub(crate) fn new(members: Vec<Member>) -> Self {
        Self {
            health: vec![Health::default(); members.len()],
            members,
            streams: HashMap::new(),
        }
    }

    /// The next origin to ask for an object of `stream`, by its index in the configuration; `asked` have been, for
    /// this object. None when there is nobody left to ask.
    pub(crate) fn next(
        &mut self,
        stream: &StreamName,
        asked: &[usize],
        now: Instant,
    ) -> Option<usize> {
        if asked.len() >= ATTEMPTS {
            return None;
        }
        let chosen = self.choose(stream, asked, now)?;
        if let Some(health) = self.health.get_mut(chosen)
            && health.retry.is_some()
        {
            // This request is the one that tries for all.
            health.retry = Some(now + pause(health.failures));
        }
        Some(chosen)
    }

    fn choose(&mut self, stream: &StreamName, asked: &[usize], now: Instant) -> Option<usize> {
        let held = self.streams.get_mut(stream).map(|known| {
            known.used = now;
            (known.origin, known.failed)
        });
        let may = |origin: &usize| !asked.contains(origin) && self.may_ask(*origin, now);
        if let Some((origin, false)) = held
            && may(&origin)
        {
            return Some(origin);
        }
        let ranks = placement::ranks(stream, &self.members);
        let held = held.map(|(origin, _)| origin);
        // The one that failed the stream comes last.
        let others = ranks.into_iter().filter(|origin| Some(*origin) != held);
        others.chain(held).find(may)
    }

    /// Takes down how `origin` answered a request for `object` of `stream`.
    pub(crate) fn report(
        &mut self,
        stream: &StreamName,
        object: Object,
        origin: usize,
        answer: Answer,
        now: Instant,
    ) {
        if let Some(health) = self.health.get_mut(origin) {
            if answer == Answer::Unreachable {
                health.failures = health.failures.saturating_add(1);
                health.retry = Some(now + pause(health.failures));
            } else {
                *health = Health::default();
            }
        }
        match answer {
            Answer::Served => self.served(stream, origin, now),
            Answer::Missing if !object.is_immutable() => self.forget(stream, origin),
            Answer::CutShort => {
                // Else a stream that nobody has served whole would be asked for there again and again.
                if !self.streams.contains_key(stream) {
                    self.served(stream, origin, now);
                }
                self.failed(stream, origin);
            }
            Answer::Failed | Answer::Unreachable => self.failed(stream, origin),
            Answer::Missing | Answer::Refused => {}
        }
    }

    /// What to answer when every origin that could be asked says 404: that there is nothing, unless the stream's own
    /// origin could not be heard, since then nobody knows.
    pub(crate) fn missing(&self, stream: &StreamName) -> StatusCode {
        match self.streams.get(stream) {
            Some(known) if known.failed || self.is_down(known.origin) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            _ => StatusCode::NOT_FOUND,
        }
    }

    /// The stream's playlist declares this target duration.
    pub(crate) fn learn(&mut self, stream: &StreamName, target_duration: Duration) {
        if let Some(known) = self.streams.get_mut(stream) {
            known.target_duration = target_duration;
        }
    }

    /// The stream's target duration, assumed until a playlist told it.
    pub(crate) fn target_duration(&self, stream: &StreamName) -> Duration {
        self.streams
            .get(stream)
            .map_or(TARGET_DURATION_ASSUMED, |known| known.target_duration)
    }

    /// Whether the last attempts to reach the origin failed.
    pub(crate) fn is_down(&self, origin: usize) -> bool {
        self.health
            .get(origin)
            .is_some_and(|health| health.retry.is_some())
    }

    /// The streams that were served and the index of the origin each stays with.
    pub(crate) fn streams(&self) -> impl Iterator<Item = (&StreamName, usize)> {
        self.streams
            .iter()
            .map(|(stream, known)| (stream, known.origin))
    }

    fn failed(&mut self, stream: &StreamName, origin: usize) {
        let known = self.streams.get_mut(stream);
        if let Some(known) = known.filter(|known| known.origin == origin) {
            known.failed = true;
        }
    }

    fn may_ask(&self, origin: usize, now: Instant) -> bool {
        self.health
            .get(origin)
            .is_some_and(|health| health.retry.is_none_or(|retry| now >= retry))
    }

    fn served(&mut self, stream: &StreamName, origin: usize, now: Instant) {
        if let Some(known) = self.streams.get_mut(stream) {
            known.used = now;
            if known.failed || known.origin == origin {
                (known.origin, known.failed) = (origin, false);
            }
            return;
        }
        if self.streams.len() >= STREAMS
            && let Some(oldest) = self
                .streams
                .iter()
                .min_by_key(|(_, known)| known.used)
                .map(|(name, _)| name.clone())
        {
            self.streams.remove(&oldest);
        }
        let known = Known {
            origin,
            failed: false,
            target_duration: TARGET_DURATION_ASSUMED,
            used: now,
        };
        self.streams.insert(stream.clone(), known);
    }

    /// The stream is over there.
    fn forget(&mut self, stream: &StreamName, origin: usize) {
        if self
            .streams
            .get(stream)
            .is_some_and(|known| known.origin == origin)
        {
            self.streams.remove(stream);
        }
    }
}

fn pause(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    PAUSE_MIN.saturating_mul(1 << doublings).min(PAUSE_MAX)
}

#[cfg(test)]
mod tests;
