//! Keeps an encoder running for sound that players do not take.
//!
//! The stream never waits for it. While there is none, the `audio` rendition is silent.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use super::{Encoders, listen};
use crate::{codec::ForeignSound, store::Published, worker::Process};

/// First pause before an encoder that ended is started anew; doubles up to [`PAUSE_MAX`].
const PAUSE_MIN: Duration = Duration::from_millis(500);
/// Longest pause: sound that no decoder takes costs two processes a minute.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// An encoder that ran so long had no trouble with its source: the next pause is the first again.
const RAN_WELL: Duration = Duration::from_secs(60);

impl Encoders {
    /// Encodes `sound` until the stream wants another generation.
    pub(crate) fn start_sound(
        &self,
        published: Arc<Published>,
        generation: u64,
        sound: ForeignSound,
    ) {
        let shutdown = self.chassis.shutdown().clone();
        let name = format!("encoder of the sound of {}", published.name());
        // Detached: it ends by itself, and the chassis drains it.
        drop(self.chassis.spawn(name, async move {
            tokio::select! {
                () = keep(&published, generation, &sound) => {}
                () = published.sound_unwanted(generation) => {}
                () = shutdown.triggered() => {}
            }
            published.sound_down(generation);
        }));
    }
}

async fn keep(published: &Published, generation: u64, sound: &ForeignSound) {
    let mut pause = PAUSE_MIN;
    loop {
        let started = Instant::now();
        let reason = match Process::spawn_sound(sound) {
            Ok((feed, output)) => {
                info!(stream = %published.name(), codec = %sound.codec, "sound is encoded to AAC");
                published.sound_up(generation, feed);
                listen(published, generation, output, None).await
            }
            Err(error) => format!("it cannot be started: {error}"),
        };
        published.sound_down(generation);
        if started.elapsed() >= RAN_WELL {
            pause = PAUSE_MIN;
        }
        warn!(
            stream = %published.name(),
            reason,
            again_in = ?pause,
            "the encoder of sound ended; there is silence, pictures go on"
        );
        sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}
