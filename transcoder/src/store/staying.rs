//! What stays of a stream after its last publisher is gone, and for how long.

use std::time::Duration;

use super::{Publisher, Store, lock, unlock};

impl Store {
    /// Serves no playlists of a stream any more, unless somebody has published it since `publisher`. Says for how long
    /// its media stay: as long as somebody may play from the last playlist (RFC 8216bis §6.2.2).
    pub fn withdraw(&self, publisher: &Publisher) -> Duration {
        let _none_comes = lock(&self.streams);
        let mut live = lock(&publisher.published.live);
        let stays = Duration::from_secs(live.stream.stays_s());
        if publisher.is_newest() {
            live.stream.withdraw();
            live.tell();
        }
        unlock(live);
        stays
    }

    /// How long playlists stay after a stream's last publisher is gone: when it ended, as long as they are, else until
    /// another transcoder has surely taken over.
    pub fn keep_for(&self, publisher: &Publisher) -> Duration {
        /// A mux that restarts is back in a second, and a network that broke in less than this or not soon.
        const LOST: Duration = Duration::from_secs(60);
        let live = lock(&publisher.published.live);
        match live.stream.is_ended() {
            true => Duration::from_secs(live.stream.stays_s()),
            false => LOST,
        }
    }
}
