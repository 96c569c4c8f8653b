//! Keeps an encoder running for each stream that wants one: starts its process, listens to it, starts it anew.
//!
//! The stream never waits for it. While there is none, the encoded rungs show GAP.

#![expect(
    clippy::disallowed_methods,
    reason = "the shell that knows how long an encoder ran"
)]

use std::{fmt, sync::Arc, time::Duration};

use live::daemon::Chassis;
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use crate::{
    store::Published,
    worker::{Encoder, Event, Output, Plan, Preset, Process},
};

/// First pause before an encoder that ended is started anew; doubles up to [`PAUSE_MAX`].
const PAUSE_MIN: Duration = Duration::from_millis(500);
/// Longest pause: a source that no decoder takes costs two processes a minute.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// An encoder that ran so long had no trouble with its source: the next pause is the first again.
const RAN_WELL: Duration = Duration::from_secs(60);

/// Starts encoders.
#[derive(Clone)]
pub struct Encoders(Chassis);

impl fmt::Debug for Encoders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Encoders")
    }
}

impl Encoders {
    /// Their tasks belong to `chassis`.
    pub const fn new(chassis: Chassis) -> Self {
        Self(chassis)
    }

    /// Encodes by `plan` until the stream wants another generation.
    pub(crate) fn start(&self, published: Arc<Published>, generation: u64, plan: Plan) {
        let shutdown = self.0.shutdown().clone();
        let name = format!("encoder of {}", published.name());
        // Detached: it ends by itself, and the chassis drains it.
        drop(self.0.spawn(name, async move {
            tokio::select! {
                () = keep(&published, generation, plan) => {}
                () = published.unwanted(generation) => {}
                () = shutdown.triggered() => {}
            }
            published.encoder_down(generation);
        }));
    }
}

async fn keep(published: &Published, generation: u64, plan: Plan) {
    let mut pause = PAUSE_MIN;
    let recipe = Encoder::X264.recipe(Preset::default());
    loop {
        let started = Instant::now();
        let reason = match Process::spawn(&recipe, &plan) {
            Ok((feed, output)) => {
                info!(stream = %published.name(), generation, "the encoder starts");
                published.encoder_up(generation, feed);
                listen(published, generation, output).await
            }
            Err(error) => format!("it cannot be started: {error}"),
        };
        published.encoder_down(generation);
        if started.elapsed() >= RAN_WELL {
            pause = PAUSE_MIN;
        }
        warn!(
            stream = %published.name(),
            reason,
            again_in = ?pause,
            "the encoder ended; its rungs show gaps, source and sound go on"
        );
        sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// Until the process is gone; says why, as far as it told.
async fn listen(published: &Published, generation: u64, mut output: Output) -> String {
    let mut why = String::from("its process is gone");
    while let Some(event) = output.recv().await {
        if let Event::Failed { reason } = &event {
            why.clone_from(reason);
        }
        published.encoded(generation, event);
    }
    why
}
