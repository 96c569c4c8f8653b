//! What a published stream has to do with its encoder.

use std::sync::Arc;

use tracing::debug;

use super::{Live, Published, lock, unlock};
use crate::{
    stream::Action,
    worker::{Encoder, Event, Feed},
};

impl Published {
    pub(super) fn act(self: &Arc<Self>, live: &mut Live, action: Action) {
        match action {
            Action::Start(generation, plan) => {
                live.feed = None;
                self.generation.send_replace(generation);
                lock(&self.capacity).started(&self.name, live.stream.encoding_cost());
                self.encoders.start(self.clone(), generation, plan);
            }
            Action::Encode(input) => live.encode(input),
            Action::Stop => {
                live.feed = None;
                live.counts.process = None;
                self.generation.send_replace(0);
                lock(&self.capacity).stopped(&self.name);
            }
            Action::StartSound(generation, sound) => {
                live.sound = None;
                self.sound.send_replace(generation);
                self.encoders.start_sound(self.clone(), generation, sound);
            }
            Action::EncodeSound(input) => live.encode_sound(input),
            Action::StopSound => {
                live.sound = None;
                self.sound.send_replace(0);
            }
        }
    }

    /// Returns once the encoder of `generation` is not wanted any more.
    pub(crate) async fn unwanted(&self, generation: u64) {
        let mut wanted = self.generation.subscribe();
        let _closed = wanted.wait_for(|wanted| *wanted != generation).await;
    }

    /// The encoder of `generation` is up in a process. What it is fed first goes in before anything else does.
    pub(crate) fn encoder_up(
        &self,
        generation: u64,
        feed: Feed,
        (encoder, process): (Encoder, Option<u32>),
    ) {
        let mut live = lock(&self.live);
        if *self.generation.borrow() != generation {
            return;
        }
        live.feed = Some(feed);
        live.counts.encoders += 1;
        live.counts.encoder = Some(encoder);
        live.counts.process = process;
        for input in live.stream.encoder_started(generation) {
            live.encode(input);
        }
    }

    /// The encoder of `generation` is gone.
    pub(crate) fn encoder_down(&self, generation: u64) {
        let mut live = lock(&self.live);
        if *self.generation.borrow() == generation {
            live.feed = None;
            live.counts.process = None;
        }
        live.stream.encoder_stopped(generation);
        lock(&self.capacity).sheds(&self.name, false);
        self.tell(&mut live);
        unlock(live);
    }

    /// The stream has gone on to its next encoder.
    pub(crate) fn encoder_changed(&self) {
        lock(&self.live).counts.encoder_changes += 1;
    }

    /// The encoder of `generation` says something.
    pub(crate) fn encoded(&self, generation: u64, event: Event) {
        let mut live = lock(&self.live);
        self.hear_of_faults(&mut live, generation, &event);
        live.counts.shed += u64::from(matches!(
            event,
            Event::Paced {
                lag_ms: Some(_),
                ..
            }
        ));
        if let Event::Used { millicores } = event {
            lock(&self.capacity).measured(&self.name, millicores);
        }
        let paced = matches!(event, Event::Paced { .. });
        let outcome = live.stream.encoded(generation, event);
        self.tell(&mut live);
        if paced {
            let shed = !live.stream.shortfalls().is_empty();
            lock(&self.capacity).sheds(&self.name, shed);
        }
        unlock(live);
        if let Err(error) = outcome {
            debug!(stream = %self.name, %error, "an encoded frame is not published");
        }
    }
}
