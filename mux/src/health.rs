//! [pure] How well a publisher sends: figures, and findings with advice.
//!
//! One [`Health`] for each publisher, on the air or not. It is fed every message at a constant cost, judges once a
//! second, and holds some ten KiB whatever comes. It never looks into pictures or sound: stamps, lengths, arrival times
//! and configurations tell it all.

use rtmp::{Message, flv};
use serde::{Deserialize, Serialize};

use crate::{
    headers::Medium,
    media::{MAIN, Media},
    metadata::Metadata,
};

mod arrival;
mod cadence;
mod figures;
mod finding;
mod format;
mod keyframes;
mod rules;
mod seconds;
mod source;
mod usual;

pub(crate) use figures::Figures;
pub(crate) use finding::{Change, Code, Finding};
pub(crate) use format::Format;
pub(crate) use keyframes::SegmentWants;

use arrival::Arrival;
use cadence::Cadence;
use finding::Findings;
use keyframes::Keyframes;
use rules::Case;
use seconds::Seconds;
use source::{SourceClock, Step};
use usual::Usual;

/// Nothing is judged before, milliseconds: encoders start with bursts, and windows fill.
const GRACE: u64 = 10_000;
/// Arrival times are not looked at before, milliseconds: what was buffered while connecting comes at once.
const SETTLING: u64 = 3_000;
/// Silence that is a stall, milliseconds.
const STALL: u64 = 1_000;
/// A hole in the sound, milliseconds: a dozen AAC frames.
const AUDIO_GAP: u32 = 250;

/// See the module.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Health {
    wants: SegmentWants,
    /// When the first and the newest media came, Unix milliseconds.
    begun: Option<u64>,
    arrived: u64,
    seconds: Seconds,
    video: SourceClock,
    audio: SourceClock,
    cadence: Cadence,
    keyframes: Keyframes,
    arrival: Arrival,
    usual: Usual,
    format: Format,
    totals: Totals,
    findings: Findings,
}

/// What happened since the publisher came.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Totals {
    frames: u64,
    dropped: u64,
    late: u64,
    audio_gaps: u64,
    jumps: u64,
}

impl Health {
    /// Of a publisher who has sent nothing.
    pub(crate) fn new(wants: SegmentWants) -> Self {
        Self {
            wants,
            begun: None,
            arrived: 0,
            seconds: Seconds::default(),
            video: SourceClock::default(),
            audio: SourceClock::default(),
            cadence: Cadence::default(),
            keyframes: Keyframes::default(),
            arrival: Arrival::default(),
            usual: Usual::default(),
            format: Format::default(),
            totals: Totals::default(),
            findings: Findings::default(),
        }
    }

    /// A message has come. `sorted` is what it is, `now` Unix milliseconds that never fall. Answers with the findings
    /// that begin or end.
    pub(crate) fn message(&mut self, sorted: &Media, message: &Message, now: u64) -> Vec<Change> {
        let changes = if self.seconds.advance(now) {
            self.judge(now)
        } else {
            Vec::new()
        };
        let length = u64::try_from(message.payload.len()).unwrap_or_default();
        match sorted {
            Media::Metadata(payload) => self.format.metadata(&Metadata::parse(payload)),
            Media::Header(key, payload) => self.format.payload(key.medium, payload),
            Media::Video { tracks, key, .. } => {
                self.arrive(now);
                let second = &mut self.seconds.open;
                second.video_bytes = second.video_bytes.saturating_add(length);
                if tracks.contains(MAIN) {
                    self.picture(message, *key, now);
                }
            }
            Media::Audio => {
                self.arrive(now);
                let second = &mut self.seconds.open;
                second.audio_bytes = second.audio_bytes.saturating_add(length);
                if is_main_audio(&message.payload) {
                    self.sound(message, now);
                }
            }
            Media::Data(_) | Media::Nothing => {}
        }
        changes
    }

    /// What is wrong.
    pub(crate) fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter()
    }

    /// The figures at `now`.
    pub(crate) fn figures(&self, now: u64) -> Figures {
        let mut seconds = self.seconds.clone();
        seconds.advance(now);
        Figures::of(self, &seconds)
    }

    /// What is sent.
    pub(crate) const fn format(&self) -> &Format {
        &self.format
    }

    fn arrive(&mut self, now: u64) {
        let silent = now.saturating_sub(self.arrived);
        if self.begun.is_some() && silent >= STALL {
            self.seconds.open.stalls += 1;
        }
        self.begun.get_or_insert(now);
        self.arrived = now;
    }

    fn picture(&mut self, message: &Message, key: bool, now: u64) {
        if self.format.video.is_none() {
            self.format.payload(Medium::Video, &message.payload);
        }
        if self.totals.frames == 0 {
            // Until now the sound's clock counted.
            self.forget_arrivals();
        }
        self.totals.frames = self.totals.frames.saturating_add(1);
        self.seconds.open.video_frames += 1;
        match self.video.step(message.timestamp, now) {
            Step::First => {}
            Step::Ahead(distance) => {
                let missing = self.cadence.frame(distance);
                let second = &mut self.seconds.open;
                second.missing = second.missing.saturating_add(missing);
                self.totals.dropped = self.totals.dropped.saturating_add(missing.into());
            }
            Step::Back => self.totals.late = self.totals.late.saturating_add(1),
            Step::Jump => self.jump(),
        }
        let Some(at) = self.video.newest() else {
            return;
        };
        if key {
            self.keyframe(at);
        }
        if let Some(sound) = self.audio.newest() {
            let skew = sound.saturating_sub(at);
            let nearest = &mut self.seconds.open.skew;
            *nearest =
                Some(nearest.map_or(skew, |old| if old.abs() < skew.abs() { old } else { skew }));
        }
        self.time(at, now);
    }

    fn keyframe(&mut self, at: i64) {
        let Some(interval) = self.keyframes.keyframe(at, self.wants) else {
            return;
        };
        let second = &mut self.seconds.open;
        let length = Some(interval.length);
        second.longest_interval = second.longest_interval.max(length);
        second.shortest_interval = second.shortest_interval.or(length).min(length);
        second.late_boundaries += u32::from(interval.is_late);
    }

    fn sound(&mut self, message: &Message, now: u64) {
        if self.format.audio.is_none() {
            self.format.payload(Medium::Audio, &message.payload);
        }
        self.seconds.open.audio_messages += 1;
        match self.audio.step(message.timestamp, now) {
            Step::Ahead(distance) if distance > AUDIO_GAP => {
                self.totals.audio_gaps = self.totals.audio_gaps.saturating_add(1);
                self.seconds.open.audio_gaps += 1;
            }
            Step::First | Step::Ahead(_) => {}
            Step::Back => self.totals.late = self.totals.late.saturating_add(1),
            // The picture's clock counts; without a picture the sound's does.
            Step::Jump if self.totals.frames == 0 => self.jump(),
            Step::Jump => {}
        }
        if self.totals.frames == 0
            && let Some(at) = self.audio.newest()
        {
            self.time(at, now);
        }
    }

    /// Media of `at` milliseconds on the source's clock has come.
    fn time(&mut self, at: i64, now: u64) {
        let begun = self.begun.unwrap_or(now);
        if now.saturating_sub(begun) < SETTLING {
            return;
        }
        let offset = i64::try_from(now).unwrap_or(i64::MAX).saturating_sub(at);
        let least = &mut self.seconds.open.offset;
        *least = Some(least.map_or(offset, |least| least.min(offset)));
        self.arrival.message(offset, now);
    }

    /// The source has set its clock anew.
    fn jump(&mut self) {
        self.totals.jumps = self.totals.jumps.saturating_add(1);
        self.seconds.open.jumps += 1;
        self.keyframes.forget();
        self.forget_arrivals();
    }

    fn forget_arrivals(&mut self) {
        self.seconds.forget_offsets();
        self.arrival = Arrival::default();
    }

    /// Milliseconds of media since the newest keyframe.
    fn keyframe_age(&self) -> Option<u32> {
        self.keyframes.age(self.video.newest()?)
    }

    /// A second has passed.
    fn judge(&mut self, now: u64) -> Vec<Change> {
        let last = self.seconds.last(1).next();
        let bytes = last.map_or(0, |s| s.video_bytes.saturating_add(s.audio_bytes));
        self.usual.second(bytes);
        self.cadence.settle();
        let begun = self.begun.unwrap_or(now);
        if now.saturating_sub(begun) < GRACE {
            return Vec::new();
        }
        let figures = Figures::of(self, &self.seconds);
        let case = Case {
            figures: &figures,
            format: &self.format,
            wants: self.wants,
        };
        let verdicts = case.verdicts().into_iter();
        verdicts
            .filter_map(|(code, verdict)| self.findings.judge(code, verdict, now))
            .collect()
    }
}

fn is_main_audio(payload: &[u8]) -> bool {
    let tag = flv::audio(payload);
    tag.is_ok_and(|tag| matches!(tag.track, flv::Track::One(0) | flv::Track::Many(_)))
}

#[cfg(test)]
mod tests;
