//! A made-up show for the tests: mux's messages as a publisher with B-frames and sound would cause them, stamped by the
//! real segment clock, and an encoder that is none but keeps an encoder's promises.

use bytes::Bytes;
use live::{
    Dsn, MediaTime, Msn, Rendition,
    cutter::{Cutter, LastNumbers, SegmentTarget, VideoFrame},
    daemon::Chassis,
    sound_grid::SoundGrid,
    stamp::{Stamp, StampKind},
};

use crate::{
    codec::{SoundCodec, VideoCodec},
    encoder::Encoders,
    exam::{Standing, Verdicts},
    ladder::Rung,
    part::PartTarget,
    slate::Card,
    stream::{Message, Settings},
    worker::{EncoderKind, Preset},
};

mod stage;

pub(crate) use stage::{Stage, slate};

/// x264, 640x360 at 30 frames per second, main profile.
pub(crate) const AVCC: &[u8] = b"\x01\x4d\x40\x1e\xff\xe1\x00\x18\x67\x4d\x40\x1e\xec\xa0\x50\x17\xfc\xb8\x08\x80\x00\x00\x03\x00\x80\x00\x00\x1e\x07\x8b\x16\xcb\x01\x00\x04\x68\xce\x0f\xc8";
/// x265, 640x360 at 30000/1001 frames per second, Main 10.
pub(crate) const HVCC: &[u8] = b"\x01\x02\x20\x00\x00\x00\x90\x00\x00\x00\x00\x00\x3f\xf0\x00\xfc\xfd\xfa\xfa\x00\x00\x0f\x03\x20\x00\x01\x00\x18\x40\x01\x0c\x01\xff\xff\x02\x20\x00\x00\x03\x00\x90\x00\x00\x03\x00\x00\x03\x00\x3f\x95\x94\x09\x21\x00\x01\x00\x2a\x42\x01\x01\x02\x20\x00\x00\x03\x00\x90\x00\x00\x03\x00\x00\x03\x00\x3f\xa0\x05\x02\x01\x71\xf2\xb6\x59\x59\x52\x93\x0b\xc0\x5a\x02\x00\x00\x07\xd2\x00\x00\xea\x60\x10\x22\x00\x01\x00\x06\x44\x01\xc0\x73\xc1\x89";
/// libaom, 1280x720, Main.
pub(crate) const AV1C: &[u8] =
    b"\x81\x05\x0c\x00\x0a\x0b\x00\x00\x00\x2d\x4c\xff\xb3\xcc\xaf\x90\x04";
/// The first session's start, Unix milliseconds; its low 32 bits wrap within a minute from there.
pub(crate) const START_MS: u64 = (418 << 32) - 20_000;

pub(crate) fn settings() -> Settings {
    Settings {
        parts: PartTarget::from_millis(500).unwrap(),
        window_ms: 16_000,
        memory: 64 << 20,
        ladder: vec![Rung::new(240, 400_000).unwrap()],
        source_bps: 6_000_000,
        audio_bps: 160_000,
        record: false,
        slate: Card::BuiltIn,
        pictures: true,
    }
}

/// x264, without an exam.
pub(crate) fn encoders(chassis: &Chassis) -> Encoders {
    let mut standing = Standing::new(&[EncoderKind::X264]);
    standing.trust();
    let (_, standing) = tokio::sync::watch::channel(standing);
    let verdicts = Verdicts::default();
    Encoders::new(chassis.clone(), standing, Preset::default(), verdicts)
}

pub(crate) const RUNG: Rendition = Rendition::Encoded(240);

/// What is published.
#[derive(Debug, Clone)]
pub(crate) struct Show {
    /// Frames per second as a fraction.
    pub(crate) rate: (u64, u64),
    /// Each picture comes later than that by up to so much, milliseconds.
    pub(crate) uneven_ms: u64,
    /// From so many milliseconds on, only one picture in so many comes.
    pub(crate) thinned: Option<(u64, u64)>,
    /// Frames of each GOP, over and over.
    pub(crate) gops: Vec<u64>,
    /// Two B-frames between references.
    pub(crate) b_frames: bool,
    /// Sound's samples per second; none is silence.
    pub(crate) audio_rate: Option<u64>,
    /// The sound's first frame, microseconds after the picture's.
    pub(crate) audio_phase_us: u64,
    /// Millionths that the clock of the sound is too fast.
    pub(crate) audio_drift_ppm: i64,
    /// Sound comes this much later than a picture of the same time.
    pub(crate) audio_late_ms: i64,
    /// Length.
    pub(crate) seconds: u64,
}

impl Default for Show {
    fn default() -> Self {
        Self {
            rate: (30, 1),
            uneven_ms: 0,
            thinned: None,
            gops: vec![60],
            b_frames: true,
            audio_rate: Some(48_000),
            audio_phase_us: 3_400,
            audio_drift_ppm: 0,
            audio_late_ms: 0,
            seconds: 13,
        }
    }
}

/// A frame as the publisher makes it, milliseconds from the show's start.
#[derive(Debug, Clone, Copy)]
struct Made {
    dts: u64,
    pts: u64,
    /// In whose order frames are sent.
    came: i64,
    video: bool,
    key: bool,
    number: u64,
}

/// The clock of segments and the count of sound, as in mux.
struct Clock {
    cutter: Cutter,
    sound: SoundGrid,
    /// Media is let through.
    open: bool,
}

impl Clock {
    fn stamp(&mut self, stamps: Vec<Stamp>) -> impl Iterator<Item = Message> {
        self.open |= stamps.iter().any(|stamp| stamp.kind == StampKind::Segment);
        let sound = self.sound.newest();
        let told = move |stamp| Message::Stamp(Stamp { sound, ..stamp });
        stamps.into_iter().map(told)
    }
}

impl Show {
    /// The decoder configurations, as mux sends them first.
    pub(crate) fn headers(&self) -> Vec<Message> {
        let mut headers = vec![Message::VideoConfig(
            VideoCodec::Avc,
            Bytes::from_static(AVCC),
        )];
        let config: &[u8] = match self.audio_rate {
            Some(44_100) => b"\x12\x10",
            Some(32_000) => b"\x12\x90",
            _ => b"\x11\x90",
        };
        if self.audio_rate.is_some() {
            headers.push(Message::AudioConfig(
                SoundCodec::Aac,
                Bytes::from_static(config),
            ));
        }
        headers
    }

    /// One session without its headers, and the numbers it used last.
    pub(crate) fn session(&self, start_ms: u64, last: Option<LastNumbers>) -> Vec<Message> {
        self.play(start_ms, self.made(), &mut self.clock(start_ms, last))
    }

    fn clock(&self, start_ms: u64, last: Option<LastNumbers>) -> Clock {
        let mut cutter = Cutter::new(SegmentTarget::from_millis(2000).unwrap(), last);
        cutter.start(start_ms);
        let mut sound = SoundGrid::default();
        sound.configure(self.audio_rate.map(|rate| u32::try_from(rate).unwrap()));
        Clock {
            cutter,
            sound,
            open: false,
        }
    }

    /// One session whose picture stops at `cut_ms` and whose sound stops `alone_ms` later; `away_ms` after that the
    /// publisher is back.
    pub(crate) fn interrupted(&self, cut_ms: u64, alone_ms: u64, away_ms: u64) -> Vec<Message> {
        let mut clock = self.clock(START_MS, None);
        let mut made = self.made();
        made.retain(|made| made.dts < cut_ms + if made.video { 0 } else { alone_ms });
        let mut messages = self.play(START_MS, made, &mut clock);
        let gone = START_MS + cut_ms + alone_ms;
        let back = gone + away_ms;
        let mut due = (away_ms >= 2000).then_some(gone + 2000);
        while let Some(now) = due.filter(|now| *now <= back) {
            let mut stamps = Vec::new();
            let until = MediaTime::from_millis(now);
            clock.cutter.hold(until, now, &mut stamps);
            messages.extend(clock.stamp(stamps));
            due = clock.cutter.next_hold().map(|next| next.millis() + 1);
        }
        clock.cutter.resume(false);
        clock.open = false;
        messages.extend(self.play(back, self.made(), &mut clock));
        messages
    }

    fn play(&self, start_ms: u64, made: Vec<Made>, clock: &mut Clock) -> Vec<Message> {
        let mut messages = Vec::new();
        for made in made {
            let mut stamps = Vec::new();
            let at = |ms: u64| MediaTime::from_millis(start_ms + ms);
            let now = start_ms + made.dts;
            let wire_ms = u32::try_from(now & 0xffff_ffff).unwrap();
            if made.video {
                let frame = VideoFrame {
                    dts: at(made.dts),
                    pts: at(made.pts),
                    key: made.key,
                };
                clock.cutter.video(frame, now, &mut stamps);
            } else {
                clock.cutter.audio(at(made.pts), now, &mut stamps);
            }
            messages.extend(clock.stamp(stamps));
            if !clock.open {
                continue;
            }
            messages.push(if made.video {
                Message::Video {
                    codec: VideoCodec::Avc,
                    wire_ms,
                    composition_ms: i32::try_from(made.pts - made.dts).unwrap(),
                    key: made.key,
                    bytes: payload(b"picture", made.number),
                }
            } else {
                clock.sound.frame(at(made.pts));
                Message::Audio {
                    codec: SoundCodec::Aac,
                    wire_ms,
                    bytes: payload(b"sound", made.number),
                }
            });
        }
        messages
    }

    fn made(&self) -> Vec<Made> {
        let mut made = self.pictures();
        if let Some(rate) = self.audio_rate {
            let fast = u64::try_from(1_000_000 + self.audio_drift_ppm).unwrap();
            let us = |n: u64| n * 1024 * 1_000_000 / rate * 1_000_000 / fast;
            let at = |n: u64| (self.audio_phase_us + us(n)) / 1000;
            let sounds = (0..).map(|n| (n, at(n)));
            made.extend(sounds.take_while(|(_, ms)| *ms < self.seconds * 1000).map(
                |(number, ms)| Made {
                    dts: ms,
                    pts: ms,
                    came: i64::try_from(ms).unwrap() + self.audio_late_ms,
                    video: false,
                    key: true,
                    number,
                },
            ));
        }
        made.sort_by_key(|made| (made.came, !made.video));
        made
    }

    fn pictures(&self) -> Vec<Made> {
        let (frames, seconds) = self.rate;
        let uneven = |n: u64| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) % (self.uneven_ms + 1);
        let ms = |n: u64| n * 1000 * seconds / frames + uneven(n);
        let delay = if self.b_frames { 2 } else { 0 };
        let mut made = Vec::new();
        let mut gops = self.gops.iter().cycle();
        let mut first = 0;
        while ms(first) < self.seconds * 1000 {
            let length = *gops.next().unwrap();
            let shown = order(length, self.b_frames);
            made.extend((0..).zip(shown).map(|(n, display)| Made {
                dts: ms(first + n),
                pts: ms(first + display + delay),
                came: i64::try_from(ms(first + n)).unwrap(),
                video: true,
                key: n == 0,
                number: first + n,
            }));
            first += length;
        }
        if let Some((from, every)) = self.thinned {
            made.retain(|made| made.dts < from || made.number.is_multiple_of(every));
        }
        made
    }
}

/// The display positions of a closed GOP's frames in decoding order: I P B B P B B …
fn order(length: u64, b_frames: bool) -> Vec<u64> {
    if !b_frames {
        return (0..length).collect();
    }
    let mut order = vec![0];
    let mut next = 1;
    while next < length {
        let reference = (next + 2).min(length - 1);
        order.push(reference);
        order.extend(next..reference);
        next = reference + 1;
    }
    order
}

fn payload(kind: &[u8], number: u64) -> Bytes {
    [kind, &number.to_be_bytes()].concat().into()
}

/// Stamps in `messages`, with their places.
pub(crate) fn stamps(messages: &[Message]) -> Vec<(usize, Stamp)> {
    let stamp = |(index, message): (usize, &Message)| {
        let Message::Stamp(stamp) = message else {
            return None;
        };
        Some((index, *stamp))
    };
    messages.iter().enumerate().filter_map(stamp).collect()
}

/// What mux says while nobody publishes: holds after the newest stamp of `messages`, whose media ended at `end_ms`.
pub(crate) fn holds(messages: &[Message], end_ms: u64, count: u64) -> Vec<Message> {
    let (_, open) = *stamps(messages).last().unwrap();
    (0..count)
        .map(|n| {
            let mut hold = open;
            hold.kind = StampKind::Hold;
            hold.msn = Msn(open.msn.0 + 1 + n);
            hold.pts = MediaTime::from_millis(end_ms + n * 2000);
            Message::Stamp(hold)
        })
        .collect()
}

/// Numbers that a session after `messages` goes on from.
pub(crate) fn last_numbers(messages: &[Message]) -> Option<LastNumbers> {
    let (_, stamp) = *stamps(messages).last()?;
    Some(LastNumbers {
        msn: stamp.msn,
        dsn: Dsn(stamp.dsn.0),
    })
}

/// The message as mux writes it on the wire.
pub(crate) fn wire(message: &Message) -> rtmp::Message {
    use rtmp::{
        MessageKind,
        amf0::{Value, encode},
    };
    let tag = |head: &[u8], body: &Bytes| Bytes::from([head, body].concat());
    let (kind, timestamp, payload) = match message {
        Message::VideoConfig(_, avcc) => (MessageKind::Video, 0, tag(&[0x17, 0, 0, 0, 0], avcc)),
        Message::AudioConfig(_, config) => (MessageKind::Audio, 0, tag(&[0xaf, 0], config)),
        Message::Video {
            wire_ms,
            composition_ms,
            key,
            bytes,
            ..
        } => {
            let [_, high, middle, low] = composition_ms.to_be_bytes();
            let first = if *key { 0x17 } else { 0x27 };
            let head = [first, 1, high, middle, low];
            (MessageKind::Video, *wire_ms, tag(&head, bytes))
        }
        Message::Audio { wire_ms, bytes, .. } => {
            (MessageKind::Audio, *wire_ms, tag(&[0xaf, 1], bytes))
        }
        Message::Stamp(stamp) => {
            let fields = stamp.fields().map(|(name, n)| (name, Value::Number(n)));
            let name = Value::String(stamp.message_name().to_owned());
            (
                MessageKind::DataAmf0,
                0,
                encode(&[name, Value::object(fields)]),
            )
        }
        Message::End => {
            let name = Value::String(live::stamp::ON_END.to_owned());
            (MessageKind::DataAmf0, 0, encode(&[name]))
        }
        Message::DateRange(telling) => {
            let (name, range) = telling.text();
            let numbers = telling.numbers().map(|(name, n)| (name, Value::Number(n)));
            let fields = numbers.into_iter().chain([(name, Value::String(range))]);
            let name = Value::String(live::telling::ON_DATE_RANGE.to_owned());
            (
                MessageKind::DataAmf0,
                0,
                encode(&[name, Value::object(fields)]),
            )
        }
        Message::Metadata(_) | Message::Cue(..) => unreachable!("no test sends any"),
    };
    rtmp::Message {
        timestamp,
        kind,
        stream_id: 1,
        payload,
    }
}
