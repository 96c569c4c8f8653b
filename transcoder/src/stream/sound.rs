//! [pure] The way of sound that players do not take: to an encoder, from which the `audio` rendition comes then.
//!
//! Pictures never wait for it, and neither does a boundary for longer than the `audio` rendition allows. An encoder that
//! starts begins with the newest segment. Whatever the sound, what is encoded has one configuration: a change of codec,
//! rate or channels is no discontinuity.

use bytes::Bytes;
use live::{MediaTime, Rendition};

use super::{Action, encoder::Encoder, run::Run};
use crate::{
    codec::{AacTrack, ForeignSound, SoundTrack},
    sample::Sample,
    track::AudioTrack,
    wire_time,
    worker::Input,
};

/// What is done with the sound.
#[derive(Debug, Clone, Default)]
pub(super) struct Sound {
    foreign: Option<ForeignSound>,
    /// There is no encoder yet for what was configured last.
    is_new: bool,
    encoder: Option<Encoder>,
    /// Presentation time of the newest frame.
    newest: Option<MediaTime>,
}

impl Sound {
    /// A configuration; gives that of the `audio` rendition.
    pub(super) fn configure(&mut self, track: SoundTrack) -> AacTrack {
        self.is_new = true;
        match track {
            SoundTrack::Aac(track) => {
                self.foreign = None;
                track
            }
            SoundTrack::Foreign(foreign) => {
                self.foreign = Some(foreign);
                AacTrack::encoded()
            }
        }
    }

    /// Starts and stops encoders, when the configuration is new.
    pub(super) fn start(&mut self, generation: &mut u64, actions: &mut Vec<Action>) {
        if !std::mem::take(&mut self.is_new) {
            return;
        }
        let had = self.encoder.take().is_some();
        if let Some(foreign) = &self.foreign {
            *generation += 1;
            let mut encoder = Encoder::new(*generation);
            encoder.restart_here();
            self.encoder = Some(encoder);
            actions.push(Action::StartSound(*generation, foreign.clone()));
        } else if had {
            actions.push(Action::StopSound);
        }
    }

    /// A segment begins: whoever starts may start with it.
    pub(super) fn restart_here(&mut self) {
        if let Some(encoder) = &mut self.encoder {
            encoder.restart_here();
        }
    }

    /// Whether frames go through an encoder.
    pub(super) const fn is_foreign(&self) -> bool {
        self.foreign.is_some()
    }

    /// A frame for the encoder. `false` when it goes back in time.
    pub(super) fn feed(&mut self, sample: Sample, actions: &mut Vec<Action>) -> bool {
        if self.newest.is_some_and(|newest| sample.pts <= newest) {
            return false;
        }
        self.newest = Some(sample.pts);
        let frame = self.encoder.as_mut().and_then(|encoder| {
            encoder.feed(Input::Frame {
                pts: sample.pts,
                dts: sample.dts,
                key: true,
                bytes: sample.bytes().clone(),
            })
        });
        actions.extend(frame.map(Action::EncodeSound));
        true
    }

    pub(super) const fn encoder_mut(&mut self) -> Option<&mut Encoder> {
        self.encoder.as_mut()
    }

    /// Whether `generation` is that of the encoder.
    pub(super) fn is_encoded_by(&self, generation: u64) -> bool {
        self.encoder
            .as_ref()
            .is_some_and(|encoder| encoder.generation == generation)
    }
}

impl Run {
    /// A sound configuration.
    pub(super) fn audio_config(&mut self, track: SoundTrack) {
        let codec = self.sound.configure(track);
        match &mut self.audio {
            Some(track) => track.configure(codec),
            None => {
                let window = self.new_window(Rendition::Audio, codec.sample_rate());
                self.audio = Some(AudioTrack::new(window, self.parts(), codec));
            }
        }
    }

    /// A frame of sound. `false` when it is of no use.
    pub(super) fn sound(&mut self, wire_ms: u32, bytes: Bytes, actions: &mut Vec<Action>) -> bool {
        let pts = wire_time::absolute(wire_ms, self.edge);
        self.wait(bytes.len());
        let (Some(audio), Ok(sample)) = (&mut self.audio, Sample::new(pts, pts, true, bytes))
        else {
            return false;
        };
        if self.closed.is_some() {
            return false;
        }
        self.edge = self.edge.max(pts);
        if self.sound.is_foreign() {
            return self.sound.feed(sample, actions);
        }
        audio.push(sample);
        true
    }

    /// A new configuration of sound that players do not take: a new encoder.
    pub(super) fn start_sound(&mut self, generation: &mut u64, actions: &mut Vec<Action>) {
        self.sound.start(generation, actions);
    }
}
