//! [pure] How much of a ladder a box can encode beside what it encodes already.
//!
//! A rung costs by its pixels per second. What the encoders that run really take corrects that: the box, the preset and
//! hardware are in it then. The source and the sound are always published; of a ladder that does not fit the largest
//! rungs are left out, all if need be. Costs are in thousandths of a processor.

use std::collections::BTreeMap;

use live::StreamName;

use crate::worker::RungPlan;

/// Before anything was measured: encoding and scaling a million pixels per second by x264's `veryfast`, on a processor
/// of 2023; and decoding them.
const ENCODE: u64 = 12;
const DECODE: u64 = 3;
/// Thousandths of a frame per second, where nobody says.
const FRAME_RATE: u64 = 30_000;
/// Percent of the box for encoders when there is more than one: the rest is for a picture that is hard to encode, for
/// serving, and for the encoder of a stream that comes back.
const SHARED: u64 = 70;
/// How far a measured correction may go, in thousandths: hardware down to 2 %, a slow box with a slow preset 5 times.
const CORRECTION: (u64, u64) = (20, 5000);
/// A measured cost that falls is followed slowly, by this part of it each time: a show that is held comes back.
const FORGETTING: u64 = 64;

/// What a newcomer may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    free: u64,
    /// Real cost over estimated, in thousandths.
    correction: u64,
}

impl Default for Allowance {
    /// All.
    fn default() -> Self {
        Self {
            free: u64::MAX,
            correction: 1000,
        }
    }
}

/// What of a ladder there was no room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Cut {
    /// Nothing.
    #[default]
    Nothing,
    /// So many of its largest rungs.
    Top(usize),
    /// All rungs.
    All,
}

impl Cut {
    /// As `/status` has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Top(_) => "top",
            Self::All => "all",
        }
    }
}

/// Size and thousandths of a frame per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    /// Pixels.
    pub size: (u16, u16),
    /// As far as it is known.
    pub frame_rate: Option<u64>,
}

impl Source {
    /// What it costs to encode these rungs of it, as far as that can be known beforehand.
    pub fn cost(&self, rungs: &[RungPlan]) -> u64 {
        if rungs.is_empty() {
            return 0;
        }
        let rate = self.frame_rate.unwrap_or(FRAME_RATE);
        let rung = |rung: &RungPlan| {
            let rate = if rung.halved { rate / 2 } else { rate };
            pixels((rung.width, rung.height), rate).saturating_mul(ENCODE)
        };
        let encoding = rungs.iter().map(rung).fold(0, u64::saturating_add);
        let decoding = pixels(self.size, rate).saturating_mul(DECODE);
        encoding.saturating_add(decoding) / 1_000_000
    }

    /// As much of a ladder, tall to small, as may be.
    pub fn admit(&self, mut rungs: Vec<RungPlan>, allowance: Allowance) -> (Vec<RungPlan>, Cut) {
        let fits = |rungs: &[RungPlan]| {
            let cost = u128::from(self.cost(rungs)) * u128::from(allowance.correction) / 1000;
            cost <= u128::from(allowance.free)
        };
        // None at all costs nothing.
        let left_out = (0..=rungs.len()).find(|top| rungs.get(*top..).is_some_and(fits));
        let left_out = left_out.unwrap_or(rungs.len());
        let cut = match left_out {
            0 => Cut::Nothing,
            _ if left_out == rungs.len() => Cut::All,
            _ => Cut::Top(left_out),
        };
        (rungs.split_off(left_out), cut)
    }
}

/// Per second.
fn pixels((width, height): (u16, u16), rate: u64) -> u64 {
    (u64::from(width) * u64::from(height)).saturating_mul(rate) / 1000
}

/// What the encoders of a box take.
#[derive(Debug)]
pub struct Capacity {
    processors: u64,
    /// One for each stream that has an encoder.
    streams: BTreeMap<StreamName, Load>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Load {
    estimate: u64,
    measured: Option<u64>,
    /// It is given up on what it should encode, as the box is too slow.
    shed: bool,
}

impl Capacity {
    /// Of a box with so many thousandths of a processor.
    pub const fn new(processors: u64) -> Self {
        Self {
            processors,
            streams: BTreeMap::new(),
        }
    }

    /// The box has so many thousandths of a processor from now on. What is encoded stays.
    pub const fn resize(&mut self, processors: u64) {
        self.processors = processors;
    }

    /// What a stream may take, itself left out of what is taken.
    pub fn allowance(&self, newcomer: &StreamName) -> Allowance {
        let correction = self.correction();
        let others = self.streams.iter().filter(|(name, _)| *name != newcomer);
        let others: Vec<Load> = others.map(|(_, load)| *load).collect();
        let percent = if others.is_empty() { 100 } else { SHARED };
        let most = self.processors.saturating_mul(percent) / 100;
        let free = match others.iter().any(|load| load.shed) {
            true => 0,
            false => most.saturating_sub(total(&others, correction)),
        };
        Allowance { free, correction }
    }

    /// Thousandths of a processor that all encoders take.
    pub fn taken(&self) -> u64 {
        let all: Vec<Load> = self.streams.values().copied().collect();
        total(&all, self.correction())
    }

    /// The same for the encoder of one stream.
    pub fn taken_by(&self, name: &StreamName) -> u64 {
        let one: Vec<Load> = self.streams.get(name).copied().into_iter().collect();
        total(&one, self.correction())
    }

    /// An encoder is started.
    pub fn started(&mut self, name: &StreamName, estimate: u64) {
        let load = self.streams.entry(name.clone()).or_default();
        *load = Load {
            estimate,
            ..Load::default()
        };
    }

    /// What it took lately, while it encoded all that it should.
    pub fn measured(&mut self, name: &StreamName, cost: u64) {
        if let Some(load) = self.streams.get_mut(name)
            && !load.shed
        {
            let before = load.measured.unwrap_or_default();
            load.measured = Some(cost.max(before - before / FORGETTING));
        }
    }

    /// Whether a stream is given up on something.
    pub fn sheds(&mut self, name: &StreamName, shed: bool) {
        if let Some(load) = self.streams.get_mut(name) {
            load.shed = shed;
        }
    }

    /// It has no encoder any more.
    pub fn stopped(&mut self, name: &StreamName) {
        self.streams.remove(name);
    }

    fn correction(&self) -> u64 {
        let measured = self.streams.values().filter(|load| load.estimate > 0);
        let measured = measured.filter_map(|load| Some((load.estimate, load.measured?)));
        let (estimated, real) = measured.fold((0, 0), |(e, r), (estimate, measured)| {
            (e + estimate, r + measured)
        });
        match estimated {
            0 => 1000,
            _ => (real * 1000 / estimated).clamp(CORRECTION.0, CORRECTION.1),
        }
    }
}

fn total(loads: &[Load], correction: u64) -> u64 {
    let cost = |load: &Load| {
        let corrected = load.estimate.saturating_mul(correction) / 1000;
        load.measured.unwrap_or(corrected)
    };
    loads.iter().map(cost).sum()
}

#[cfg(test)]
mod tests;
