//! What is taken over while streams are published. No show is touched: each goes on as it began.

use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::Ordering},
};

use live::StreamName;
use tracing::info;

use super::{Published, Store, lock};
use crate::stream::{Changes, Settings, SettingsByName};

impl Store {
    /// The settings from each stream's next show on, and what changes is said; the places and the room for encoders from
    /// now on. Who has a place keeps it, and what is encoded goes on.
    pub fn reconfigure(&self, settings: SettingsByName, max_streams: usize, processors: u64) {
        self.max_streams.store(max_streams, Ordering::Relaxed);
        lock(&self.capacity).resize(processors);
        let others = settings.others().clone();
        let (old, changed) = self.replace(settings);
        for (name, changes) in changed {
            let said = changes.said_of(&format!("'{name}'"));
            info!(stream = %name, "{said} with its next show");
        }
        let changes = old.others().changes(&others);
        if !changes.is_empty() {
            let said = changes.said_of("every stream without a [[stream]] of its own");
            info!("{said} with its next show");
        }
    }

    /// Gives what was there before, and the streams whose next show will be otherwise.
    fn replace(&self, settings: SettingsByName) -> (SettingsByName, Vec<(StreamName, Changes)>) {
        // No stream comes meanwhile.
        let streams = lock(&self.streams);
        let old = std::mem::replace(&mut *lock(&self.settings), settings.clone());
        let names = [&old, &settings]
            .into_iter()
            .flat_map(SettingsByName::names);
        let names: BTreeSet<&StreamName> = names.chain(streams.keys()).collect();
        let changes = |name: &StreamName| match streams.get(name) {
            Some(published) => published.reconfigure(settings.of(name).clone()),
            None => old.of(name).changes(settings.of(name)),
        };
        let changed: Vec<_> = names
            .into_iter()
            .map(|name| (name.clone(), changes(name)))
            .filter(|(_, changes)| !changes.is_empty())
            .collect();
        (old, changed)
    }
}

impl Published {
    /// From the next show on; says what that changes.
    fn reconfigure(&self, settings: Arc<Settings>) -> Changes {
        let stream = &mut lock(&self.live).stream;
        stream.reconfigure(settings);
        stream.changes()
    }
}
