//! Keeps an encoder running for each stream that wants one: starts its process, listens to it, starts it anew or the next.
//!
//! The stream never waits for it. While there is none, the encoded rungs show GAP.

#![expect(
    clippy::disallowed_methods,
    reason = "the shell that knows how long an encoder ran"
)]

mod fallback;
mod slate;
mod sound;

use std::{
    collections::BTreeMap,
    fmt,
    future::{Future, pending},
    pin::Pin,
    sync::Arc,
};

use live::{Rendition, daemon::Chassis};
use tokio::{
    sync::watch,
    task::spawn_blocking,
    time::{Instant, sleep},
};
use tracing::{info, warn};

use crate::{
    exam::{Standing, Verdicts},
    store::Published,
    worker::{Encoder, Event, Output, Pace, Plan, Preset, Process, Recipe},
};
use fallback::Fallback;

/// Starts encoders.
#[derive(Clone)]
pub struct Encoders {
    chassis: Chassis,
    standing: watch::Receiver<Standing>,
    preset: Preset,
    verdicts: Verdicts,
}

impl fmt::Debug for Encoders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Encoders")
    }
}

impl Encoders {
    /// Those of `standing`, which rests on `verdicts`; their tasks belong to `chassis`.
    pub const fn new(
        chassis: Chassis,
        standing: watch::Receiver<Standing>,
        preset: Preset,
        verdicts: Verdicts,
    ) -> Self {
        Self {
            chassis,
            standing,
            preset,
            verdicts,
        }
    }

    /// Encodes by `plan` until the stream wants another generation.
    pub(crate) fn start(&self, published: Arc<Published>, generation: u64, plan: Plan) {
        let shutdown = self.chassis.shutdown().clone();
        let name = format!("encoder of {}", published.name());
        let encoders = self.clone();
        // Detached: it ends by itself, and the chassis drains it.
        drop(self.chassis.spawn(name, async move {
            tokio::select! {
                () = encoders.keep(&published, generation, &plan) => {}
                () = published.unwanted(generation) => {}
                () = shutdown.triggered() => {}
            }
            published.encoder_down(generation);
        }));
    }

    /// What a show may be encoded with, as far as is known by now.
    fn usable(&self) -> Vec<Encoder> {
        self.standing.borrow().usable()
    }

    async fn keep(&self, published: &Published, generation: u64, plan: &Plan) {
        let stream = published.name();
        let mut fallback = Fallback::new(&self.usable());
        loop {
            let encoder = fallback.current();
            let started = Instant::now();
            let recipe = encoder.recipe(self.preset);
            let reason = match Process::spawn(&recipe, plan) {
                Ok((feed, output)) => {
                    info!(%stream, generation, %encoder, "the encoder starts");
                    published.encoder_up(generation, feed, (encoder, output.process()));
                    listen(published, generation, output, Some((&recipe, plan))).await
                }
                Err(error) => format!("it cannot be started: {error}"),
            };
            published.encoder_down(generation);
            let next = fallback.failed(started.elapsed(), &self.usable());
            if next.changed {
                published.encoder_changed();
                let verdicts = self.verdicts.clone();
                // Detached: it logs what goes wrong.
                drop(spawn_blocking(move || verdicts.doubt()));
                warn!(
                    %stream, from = %encoder, to = %next.encoder, reason,
                    "the encoder failed twice, another one goes on"
                );
            } else {
                warn!(
                    %stream, %encoder, reason, again_in = ?next.pause,
                    "the encoder ended; its rungs show gaps, source and sound go on"
                );
            }
            sleep(next.pause).await;
        }
    }
}

fn tell(published: &Published, rendition: Rendition, pace: Pace, lag_ms: Option<u64>) {
    let stream = published.name();
    match (pace, lag_ms) {
        (Pace::Suspended, Some(lag_ms)) => warn!(
            %stream, %rendition, lag_ms,
            "the box is too slow for this rung: it is suspended and shows gaps; source and sound go on"
        ),
        (_, Some(lag_ms)) => warn!(
            %stream, %rendition, lag_ms,
            "the box is too slow for this rung: it has half its pictures from now on"
        ),
        (_, None) => {
            info!(%stream, %rendition, pace = pace.name(), "the encoder was in time, the rung gets more again")
        }
    }
}

/// Until the process is gone; says why, as far as it told.
async fn listen(
    published: &Published,
    generation: u64,
    mut output: Output,
    pictures_of: Option<(&Recipe, &Plan)>,
) -> String {
    let mut why = String::from("its process is gone");
    let mut pictures = BTreeMap::new();
    let mut slates: Pin<Box<dyn Future<Output = ()> + Send + '_>> = Box::pin(pending());
    loop {
        let event = tokio::select! {
            biased;
            event = output.recv() => event,
            () = &mut slates => {
                slates = Box::pin(pending());
                continue;
            }
        };
        let Some(event) = event else { return why };
        match &event {
            Event::Failed { reason } => why.clone_from(reason),
            Event::Paced {
                rendition,
                pace,
                lag_ms,
            } => tell(published, *rendition, *pace, *lag_ms),
            Event::Config {
                rendition,
                pictures: caps,
                ..
            } => {
                pictures.insert(*rendition, caps.clone());
            }
            Event::NoPictures { reason } => warn!(
                stream = %published.name(), reason,
                "there is no poster and no storyboard from now on; the show goes on"
            ),
            Event::Picture(_) | Event::Sample { .. } | Event::Used { .. } => {}
        }
        let of = pictures_of.filter(|(_, plan)| {
            matches!(event, Event::Config { .. }) && pictures.len() == plan.rungs.len()
        });
        published.encoded(generation, event);
        if let Some((recipe, plan)) = of {
            let pictures = std::mem::take(&mut pictures);
            slates = Box::pin(slate::make(published, generation, recipe, plan, pictures));
        }
    }
}
