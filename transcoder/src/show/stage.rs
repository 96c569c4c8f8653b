//! A stream and its encoder, as the shell would tie them together; and a slate for it.

use bytes::Bytes;
use live::{MediaTime, Rendition};

use super::{AVCC, RUNG, payload};
use crate::{
    slate::Slate,
    stream::{Action, FeedError, Message, Settings, Stream},
    worker::{Event, Input, Plan},
};

mod sound;

/// A stream with an encoder that delivers each picture as soon as it is its turn to be shown.
pub(crate) struct Stage {
    pub(crate) stream: Stream,
    pub(crate) encoder: Option<Encoder>,
    /// What the encoder holds back, however much it was fed.
    pub(crate) stuck: bool,
    pub(crate) no_encoder: bool,
    /// The encoder that was to be started and was not.
    pub(crate) wanted: Option<(u64, Plan)>,
    /// Frames that an encoder was to take.
    pub(crate) fed: u64,
    /// The generation of the encoder of sound.
    sound: Option<u64>,
}

pub(crate) struct Encoder {
    generation: u64,
    plan: Plan,
    configured: bool,
    waiting: Vec<(MediaTime, bool, Bytes)>,
    forced: Vec<MediaTime>,
    dts: MediaTime,
}

impl Stage {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            stream: Stream::new(settings.into()),
            encoder: None,
            stuck: false,
            no_encoder: false,
            wanted: None,
            fed: 0,
            sound: None,
        }
    }

    pub(crate) fn feed(&mut self, messages: &[Message]) {
        for message in messages {
            self.feed_one(message.clone());
        }
    }

    pub(crate) fn feed_one(&mut self, message: Message) {
        self.try_feed_one(message).unwrap();
    }

    pub(crate) fn try_feed_one(&mut self, message: Message) -> Result<(), FeedError> {
        let mut actions = Vec::new();
        let outcome = self.stream.feed(message, &mut actions);
        self.act(actions);
        outcome
    }

    pub(crate) fn act(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Start(generation, plan) if !self.no_encoder => self.start(generation, plan),
                Action::Start(generation, plan) => {
                    self.encoder = None;
                    self.wanted = Some((generation, plan));
                }
                Action::Stop => self.encoder = None,
                Action::Encode(input) => self.encode(input),
                Action::StartSound(generation, _) => self.start_sound(generation),
                Action::EncodeSound(input) => self.encode_sound(input),
                Action::StopSound => self.sound = None,
            }
        }
    }

    /// The encoder crashes with all that it holds.
    pub(crate) fn crash(&mut self) -> (u64, Plan) {
        let encoder = self.encoder.take().unwrap();
        self.stream.encoder_stopped(encoder.generation);
        (encoder.generation, encoder.plan)
    }

    /// The slate of the encoder there is has been made.
    pub(crate) fn slate(&mut self, slate: Slate) -> bool {
        let generation = self.encoder.as_ref().unwrap().generation;
        self.stream.set_slate(generation, RUNG, slate)
    }

    /// An encoder starts, at first or anew.
    pub(crate) fn start(&mut self, generation: u64, plan: Plan) {
        self.encoder = Some(Encoder {
            generation,
            plan,
            configured: false,
            waiting: Vec::new(),
            forced: Vec::new(),
            dts: MediaTime::default(),
        });
        let inputs = self.stream.encoder_started(generation);
        inputs.into_iter().for_each(|input| self.encode(input));
    }

    fn encode(&mut self, input: Input) {
        self.fed += u64::from(matches!(input, Input::Frame { .. }));
        let Some(encoder) = &mut self.encoder else {
            return;
        };
        match input {
            Input::ForceKey { pts } => encoder.forced.push(pts),
            Input::Drain => encoder.dts = MediaTime::from_ticks(u64::MAX),
            Input::Frame {
                pts,
                dts,
                key,
                bytes,
            } => {
                encoder.dts = dts;
                encoder.waiting.push((pts, key, bytes));
            }
        }
        self.deliver();
    }

    /// Delivers what is due.
    pub(crate) fn deliver(&mut self) {
        let Some(encoder) = self.encoder.as_mut().filter(|_| !self.stuck) else {
            return;
        };
        let mut events = Vec::new();
        let rungs: Vec<Rendition> = encoder.plan.rungs.iter().map(|r| r.rendition).collect();
        if !encoder.configured {
            encoder.configured = true;
            events.extend(rungs.iter().map(|rendition| Event::Config {
                pictures: String::new(),
                rendition: *rendition,
                codec_config: Bytes::from_static(AVCC),
                width: 426,
                height: 240,
            }));
        }
        encoder.waiting.sort_by_key(|(pts, ..)| *pts);
        let due = encoder
            .waiting
            .partition_point(|(pts, ..)| *pts <= encoder.dts);
        for (pts, key, bytes) in encoder.waiting.drain(..due) {
            let forced = encoder.forced.iter().any(|force| *force <= pts);
            encoder.forced.retain(|force| *force > pts);
            events.extend(rungs.iter().map(|rendition| Event::Sample {
                rendition: *rendition,
                pts,
                key: key || forced,
                bytes: bytes.slice(..bytes.len() - 1),
            }));
        }
        let generation = encoder.generation;
        for event in events {
            self.stream.encoded(generation, event).unwrap();
        }
    }
}

/// Two seconds of a slate for a rung of [`Stage`].
pub(crate) fn slate((frames, seconds): (u64, u64)) -> Slate {
    let at = |n: u64| n * MediaTime::HZ * seconds / frames;
    let count = (23 * frames).div_ceil(10 * seconds) + 1;
    let picture = |n: u64| (at(n), n == 0, payload(b"slate", n));
    Slate::new(Bytes::from_static(AVCC), (0..count).map(picture).collect()).unwrap()
}
