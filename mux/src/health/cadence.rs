//! [pure] The distance of a publisher's frames by its own stamps: frame rate, evenness, and frames that are missing.
//!
//! Stamps are whole milliseconds, so 29.97 frames a second come 33 or 34 apart. Where most distances are multiples of
//! one interval, a longer one tells how many frames were left out. Where they are not, the rate is variable and nothing
//! is missing.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// Distances that are kept: 8 s at 30 frames a second.
const KEPT: usize = 256;
/// Fewest distances that an interval is read from.
const ENOUGH: usize = 24;
/// Media time that the frame rate is measured over, milliseconds.
const RATE_WINDOW: u32 = 5_000;
/// Share of distances that have to be multiples of the interval.
const EVEN_SHARE: f64 = 0.9;

/// See the module.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Cadence {
    /// Milliseconds, newest last.
    distances: VecDeque<u32>,
    /// Between two frames when none is missing, milliseconds; none while the rate is variable or not known.
    interval: Option<f64>,
    uneven: bool,
}

impl Cadence {
    /// A frame has come, `distance` milliseconds after the one before. Answers how many are missing between the two.
    pub(super) fn frame(&mut self, distance: u32) -> u32 {
        while self.distances.len() >= KEPT {
            self.distances.pop_front();
        }
        self.distances.push_back(distance);
        self.interval
            .map_or(0, |interval| multiple(distance, interval).saturating_sub(1))
    }

    /// Reads the interval anew; once a second is enough.
    pub(super) fn settle(&mut self) {
        let mut sorted: Vec<u32> = self.distances.iter().copied().collect();
        sorted.sort_unstable();
        if sorted.len() < ENOUGH {
            return;
        }
        // With every third frame missing, half the distances are still those of two neighbours.
        let near = sorted.get(sorted.len() / 5).copied().unwrap_or_default();
        let (low, high) = (f64::from(near) * 0.5, f64::from(near) * 1.5);
        let like_it = sorted.iter().map(|distance| f64::from(*distance));
        let (sum, count) = like_it
            .filter(|distance| (low..high).contains(distance))
            .fold((0.0, 0.0), |(sum, count), distance| {
                (sum + distance, count + 1.0)
            });
        let interval: f64 = if count > 0.0 { sum / count } else { 0.0 };
        if interval < 1.0 {
            (self.interval, self.uneven) = (None, true);
            return;
        }
        let tolerance = (interval * 0.1).max(1.6);
        let even = sorted.iter().filter(|distance| {
            let whole = f64::from(multiple(**distance, interval)) * interval;
            whole > 0.0 && (f64::from(**distance) - whole).abs() <= tolerance
        });
        #[expect(clippy::cast_precision_loss, reason = "at most 256")]
        let share = even.count() as f64 / sorted.len() as f64;
        self.uneven = share < EVEN_SHARE;
        self.interval = (!self.uneven).then_some(interval);
    }

    /// Frames that came per second of media, measured over some seconds.
    pub(super) fn frame_rate(&self) -> Option<f64> {
        let (mut frames, mut ms) = (0_u32, 0_u32);
        for distance in self.distances.iter().rev() {
            if ms >= RATE_WINDOW {
                break;
            }
            frames += 1;
            ms = ms.saturating_add(*distance);
        }
        (ms > 0).then(|| f64::from(frames) * 1000.0 / f64::from(ms))
    }

    /// Whether frames come at no steady interval.
    pub(super) const fn is_uneven(&self) -> bool {
        self.uneven
    }
}

/// The whole number of intervals that is nearest to `distance`.
fn multiple(distance: u32, interval: f64) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "casts of floats saturate"
    )]
    let whole = (f64::from(distance) / interval).round() as u32;
    whole
}
