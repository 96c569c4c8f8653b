//! [pure] Settings that change while a stream runs. A show keeps those that it began with, whatever it goes through:
//! players never read its multivariant playlist again, and two transcoders that were fed from its start agree. The next
//! one begins with the newest.

use std::sync::Arc;

use live::SessionId;

use super::{Changes, Settings, Stream, run::Run};

impl Stream {
    /// From the next show on.
    pub fn reconfigure(&mut self, settings: Arc<Settings>) {
        self.settings = settings;
    }

    /// What is otherwise in the next show.
    pub fn changes(&self) -> Changes {
        self.in_force().changes(&self.settings)
    }

    /// Those of the show there is; before any, of the one that comes.
    pub(super) fn in_force(&self) -> &Arc<Settings> {
        let run = self.run.as_ref();
        run.map_or(&self.settings, |run| &run.settings)
    }

    /// Whether a session is to be recorded. One that is over already was told of before.
    pub fn is_recorded(&self, session: SessionId) -> bool {
        self.sessions()
            .find(|run| run.id == session)
            .is_none_or(|run| run.settings.record)
    }

    /// How long what can be fetched stays at least, in seconds: the length of a playlist (RFC 8216bis §6.2.2).
    pub fn stays_s(&self) -> u64 {
        let lengths = self.sessions().map(|run| run.settings.window_ms);
        let longest = lengths.max().unwrap_or(self.settings.window_ms);
        longest.div_ceil(1000)
    }

    /// That there is, and the one before it.
    fn sessions(&self) -> impl Iterator<Item = &Run> {
        let former = self.former.iter().map(|former| &former.run);
        self.run.iter().chain(former)
    }
}
