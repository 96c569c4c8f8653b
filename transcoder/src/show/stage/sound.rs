//! An encoder of sound that is none, but keeps its promises.

use live::{MediaTime, Rendition};

use super::Stage;
use crate::worker::{Event, Input};

impl Stage {
    pub(super) fn start_sound(&mut self, generation: u64) {
        self.sound = Some(generation);
        let inputs = self.stream.encoder_started(generation);
        inputs
            .into_iter()
            .for_each(|input| self.encode_sound(input));
    }

    /// A frame for each that goes in, on the grid of 1024 samples at 48 kHz.
    pub(super) fn encode_sound(&mut self, input: Input) {
        const FRAME: u64 = 1920;
        let (Some(generation), Input::Frame { pts, bytes, .. }) = (self.sound, input) else {
            return;
        };
        let event = Event::Sample {
            rendition: Rendition::Audio,
            pts: MediaTime::from_ticks(pts.ticks() / FRAME * FRAME),
            key: true,
            bytes,
        };
        self.stream.encoded(generation, event).unwrap();
    }
}
