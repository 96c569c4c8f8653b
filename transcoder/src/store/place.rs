//! Which streams have a place, and whose is given away.
//!
//! A stream that is over is kept so that viewers may wind back in it; a show that begins is worth more than that. One
//! whose publisher was merely lost, as mux restarts or a network breaks, keeps its place until it is withdrawn.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
};

use live::StreamName;
use tracing::info;

use super::{Published, Publisher, Store, lock, unlock};

/// The streams by name.
pub(super) type Streams = BTreeMap<StreamName, Arc<Published>>;

impl Store {
    /// Its publisher is gone, unless another has come since.
    pub fn left(&self, publisher: &Publisher) {
        let mut departures = lock(&self.departures);
        *departures += 1;
        let mut live = lock(&publisher.published.live);
        if publisher.is_newest() {
            live.left = Some(*departures);
        }
    }

    /// Whether there is a place for one more; that of a stream which is over is made free for it.
    pub(super) fn has_place(&self, streams: &mut Streams) -> bool {
        if streams.len() < self.max_streams.load(Ordering::Relaxed) {
            return true;
        }
        let over = streams.values().filter_map(|published| {
            let live = lock(&published.live);
            let over = live.stream.is_ended() || live.stream.is_withdrawn();
            Some((live.left.filter(|_| over)?, published))
        });
        let longest = over.min_by_key(|(left, _)| *left);
        let Some(published) = longest.map(|(_, published)| published.clone()) else {
            return false;
        };
        // Whoever waits to forget it later is told that it is not his any more.
        published.publisher.send_modify(|newest| *newest += 1);
        remove(streams, &published);
        true
    }

    /// Forgets a stream, unless somebody has published it since `publisher`.
    pub fn forget(&self, publisher: &Publisher) {
        let mut streams = lock(&self.streams);
        if publisher.is_newest() {
            remove(&mut streams, &publisher.published);
        }
    }
}

/// Nothing of it can be fetched any more, and nothing is encoded for it.
fn remove(streams: &mut Streams, published: &Arc<Published>) {
    streams.remove(&published.name);
    published.generation.send_replace(0);
    published.sound.send_replace(0);
    lock(&published.capacity).stopped(&published.name);
    let mut live = lock(&published.live);
    live.stream.forget();
    published.tell(&mut live);
    unlock(live);
    info!(stream = %published.name, "the stream is forgotten");
}
