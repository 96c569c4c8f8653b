//! What a stream has to do with the encoder of its sound.

use tracing::info;

use super::{EncoderFull, Live, Published, lock};
use crate::worker::{Event, Feed, Input};

impl Published {
    /// Returns once the encoder of `generation` is not wanted any more.
    pub(crate) async fn sound_unwanted(&self, generation: u64) {
        let mut wanted = self.sound.subscribe();
        let _closed = wanted.wait_for(|wanted| *wanted != generation).await;
    }

    /// The encoder of `generation` is up. What it is fed first goes in before anything else does.
    pub(crate) fn sound_up(&self, generation: u64, feed: Feed) {
        let mut live = lock(&self.live);
        if *self.sound.borrow() != generation {
            return;
        }
        live.sound = Some(feed);
        live.counts.encoders += 1;
        for input in live.stream.encoder_started(generation) {
            live.encode_sound(input);
        }
    }

    /// The encoder of `generation` is gone.
    pub(crate) fn sound_down(&self, generation: u64) {
        let mut live = lock(&self.live);
        if *self.sound.borrow() == generation {
            live.sound = None;
        }
        live.stream.encoder_stopped(generation);
    }

    /// An encoder, of pictures or of sound, says that it cannot go on, or that it goes well.
    pub(super) fn hear_of_faults(&self, live: &mut Live, generation: u64, event: &Event) {
        let fault = match event {
            Event::Failed { reason } => Some(reason.clone()),
            Event::Config { .. } => None,
            Event::Sample { .. }
            | Event::Picture(_)
            | Event::NoPictures { .. }
            | Event::Paced { .. }
            | Event::Used { .. } => return,
        };
        let news = if generation == *self.sound.borrow() {
            live.faults.sound_encoder(fault)
        } else if generation == *self.generation.borrow() {
            live.faults.encoder(fault)
        } else {
            None
        };
        if let Some(news) = news {
            info!(stream = %self.name, "{news}");
        }
    }
}

impl Live {
    pub(super) fn encode_sound(&mut self, input: Input) {
        let Some(feed) = &mut self.sound else { return };
        match feed.push(input) {
            Ok(()) | Err(EncoderFull::Gone) => {}
            Err(EncoderFull::Full | EncoderFull::AwaitingKey | EncoderFull::Unfit) => {
                self.counts.not_encoded += 1;
            }
        }
    }
}
