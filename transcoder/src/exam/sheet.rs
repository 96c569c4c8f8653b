//! [pure] What one encoder handed in at its exam, and what is wrong with it.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use live::{MediaTime, Rendition};

use super::{clip::Clip, likeness::Likeness};
use crate::worker::{Event, RAW};

/// Why an encoder is not used, in words for the operator. The driver's fault, the box's, or the operator's who planned
/// more than it can do.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(super) enum Fault {
    #[error("{0}")]
    Missing(String),
    #[error("{0}")]
    Failed(String),
    #[error("it took pictures and gave none within {} s", .0.as_secs_f64())]
    Hangs(Duration),
    #[error("{rung}: only {given} of {asked} pictures came out")]
    Lost {
        rung: Rendition,
        given: usize,
        asked: usize,
    },
    #[error("{rung}: the time of picture {number} moved by {moved_ms} ms")]
    Time {
        rung: Rendition,
        number: usize,
        moved_ms: i64,
    },
    #[error("{rung}: picture {number} is no key, and one was asked for")]
    NoKey { rung: Rendition, number: usize },
    #[error("{rung}: picture {number} is a key that nobody asked for")]
    OwnKey { rung: Rendition, number: usize },
    #[error("what it makes cannot be decoded: {0}")]
    Undecodable(String),
    #[error(
        "{rung}: the picture is not the source's: {db:.1} dB at picture {number}, at least {least:.1} are wanted"
    )]
    Unlike {
        rung: Rendition,
        number: usize,
        db: f64,
        least: f64,
    },
    #[error("{done:.1} frames per second, {wanted:.1} are wanted")]
    Slow { done: f64, wanted: f64 },
}

impl Fault {
    /// With advice on what the worker said.
    pub(super) fn explained(self, explain: impl FnOnce(String) -> String) -> Self {
        if let Self::Failed(reason) = self {
            return Self::Failed(explain(reason));
        }
        self
    }

    /// Good but for its speed: better than no encoder at all.
    pub(super) const fn is_slowness(&self) -> bool {
        matches!(self, Self::Slow { .. })
    }
}

/// Of decoded pictures every third is kept and compared, odd and even ones in turn: all of two clips would be 16 MB.
const COMPARED: usize = 3;

/// What came out of one worker.
#[derive(Debug, Clone, Default)]
pub(super) struct Sheet {
    pub(super) rungs: BTreeMap<Rendition, Answers>,
    /// Said by the worker.
    pub(super) failed: Option<String>,
    /// It was stopped at the limit.
    pub(super) out_of_time: bool,
}

/// What came out of one encoder.
#[derive(Debug, Clone, Default)]
pub(super) struct Answers {
    pub(super) codec_config: Bytes,
    pub(super) samples: Vec<(MediaTime, bool, Bytes)>,
    /// When the first and the newest sample came, from the worker's start.
    came: Option<(Duration, Duration)>,
}

impl Sheet {
    /// Notes an event `at` the time since the worker's start.
    pub(super) fn note(&mut self, event: Event, at: Duration) {
        match event {
            Event::Config {
                rendition,
                codec_config,
                ..
            } => self.rungs.entry(rendition).or_default().codec_config = codec_config,
            Event::Sample {
                rendition,
                pts,
                key,
                bytes,
            } => {
                let answers = self.rungs.entry(rendition).or_default();
                let bytes = if answers.codec_config == RAW {
                    let compared = answers.samples.len().is_multiple_of(COMPARED);
                    // A copy: the buffer that it came in holds others too.
                    let kept = compared.then(|| Bytes::copy_from_slice(&bytes));
                    kept.unwrap_or_default()
                } else {
                    bytes
                };
                answers.samples.push((pts, key, bytes));
                let first = answers.came.map_or(at, |(first, _)| first);
                answers.came = Some((first, at));
            }
            // Paces only of a worker in a hurry.
            Event::Picture(_)
            | Event::NoPictures { .. }
            | Event::Paced { .. }
            | Event::Used { .. } => {}
            Event::Failed { reason } => self.failed = Some(reason),
        }
    }

    /// Pictures that each of `rungs` encoders has given.
    pub(super) fn given(&self, rungs: usize) -> usize {
        if self.rungs.len() < rungs {
            return 0;
        }
        let given = self.rungs.values().map(|answers| answers.samples.len());
        given.min().unwrap_or_default()
    }

    /// How many of those that were `pushed` are still on their way. Pictures that an encoder lost are not, once it gave a
    /// later one; nor are those that it gave at another time.
    pub(super) fn lacks(&self, pushed: &[MediaTime], rungs: usize) -> usize {
        if self.rungs.len() < rungs {
            return pushed.len();
        }
        let lacks = |answers: &Answers| {
            let newest = answers.samples.last().map(|(pts, ..)| *pts);
            let later = pushed.iter().filter(|pts| Some(**pts) > newest).count();
            later.min(pushed.len().saturating_sub(answers.samples.len()))
        };
        self.rungs.values().map(lacks).max().unwrap_or_default()
    }

    /// Frames per second of the slowest encoder.
    pub(super) fn speed(&self) -> f64 {
        let speeds = self.rungs.values().filter_map(Answers::speed);
        speeds.reduce(f64::min).unwrap_or_default()
    }

    /// What is wrong, but for the pictures themselves. `wanted`: frames per second; `limit`: how long it could take.
    pub(super) fn fault(
        &self,
        clip: &Clip,
        rungs: usize,
        wanted: f64,
        limit: Duration,
    ) -> Option<Fault> {
        if let Some(reason) = &self.failed {
            return Some(Fault::Failed(reason.clone()));
        }
        let done = self.speed();
        if self.out_of_time {
            return Some(match self.given(rungs) {
                0 => Fault::Hangs(limit),
                _ => Fault::Slow { done, wanted },
            });
        }
        if self.rungs.len() < rungs {
            return Some(Fault::Failed("it ended and gave nothing at all".to_owned()));
        }
        let wrong = self.rungs.iter().find_map(|(rung, answers)| {
            let rung = *rung;
            answers
                .time_fault(rung, clip)
                .or_else(|| answers.key_fault(rung, clip))
        });
        wrong.or_else(|| (done < wanted).then_some(Fault::Slow { done, wanted }))
    }
}

impl Answers {
    fn speed(&self) -> Option<f64> {
        let (first, newest) = self.came?;
        let intervals = u32::try_from(self.samples.len().saturating_sub(1)).ok()?;
        let took = newest.saturating_sub(first).as_secs_f64();
        (intervals > 0 && took > 0.0).then(|| f64::from(intervals) / took)
    }

    fn time_fault(&self, rung: Rendition, clip: &Clip) -> Option<Fault> {
        let given = self.samples.iter().map(|(pts, ..)| *pts);
        let mut pairs = given.zip(&clip.times).enumerate();
        let moved = pairs.find(|(_, (given, asked))| given != *asked);
        if let Some((number, (given, asked))) = moved {
            let ms = |time: MediaTime| i64::try_from(time.millis()).unwrap_or(i64::MAX);
            return Some(Fault::Time {
                rung,
                number,
                moved_ms: ms(given).saturating_sub(ms(*asked)),
            });
        }
        let (given, asked) = (self.samples.len(), clip.times.len());
        (given != asked).then_some(Fault::Lost { rung, given, asked })
    }

    fn key_fault(&self, rung: Rendition, clip: &Clip) -> Option<Fault> {
        let samples = self.samples.iter().enumerate();
        let mut faults =
            samples.filter_map(
                |(number, (pts, key, _))| match (key, clip.keys.contains(pts)) {
                    (false, true) => Some(Fault::NoKey { rung, number }),
                    (true, false) => Some(Fault::OwnKey { rung, number }),
                    (true, true) | (false, false) => None,
                },
            );
        faults.next()
    }
}

/// The least likeness of what an encoder's pictures decode to, `seen`, to what the source's do; both in order.
pub(super) fn likeness(
    rung: Rendition,
    seen: &[Bytes],
    source: &[Bytes],
) -> Result<Likeness, Fault> {
    let (given, asked) = (seen.len(), source.len());
    if given != asked {
        return Err(Fault::Undecodable(format!(
            "{rung}: {given} of {asked} pictures"
        )));
    }
    let mut least = Likeness::MOST;
    let pairs = seen.iter().zip(source).enumerate();
    for (number, (one, other)) in pairs.step_by(COMPARED) {
        let like = Likeness::of(one, other)
            .ok_or_else(|| Fault::Undecodable(format!("{rung}: pictures of another size")))?;
        if like < Likeness::LEAST {
            return Err(Fault::Unlike {
                rung,
                number,
                db: like.decibels(),
                least: Likeness::LEAST.decibels(),
            });
        }
        least = least.min(like);
    }
    Ok(least)
}

#[cfg(test)]
mod tests;
