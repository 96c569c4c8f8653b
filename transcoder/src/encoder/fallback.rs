//! [pure] Which encoder comes next when one has failed.
//!
//! The one that failed gets a second chance, then it is the next one's turn, both at once: no more than the open segment
//! is lost. Nobody returns to an encoder that was given up; a new show begins with the best again.

use std::time::Duration;

use crate::worker::Encoder;

/// First pause before the last encoder is started anew; doubles up to [`PAUSE_MAX`].
const PAUSE_MIN: Duration = Duration::from_millis(500);
/// Longest pause: a source that no decoder takes costs two processes a minute.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// An encoder that ran so long gets its second chance again. Long, as each failure costs viewers a segment.
const RAN_WELL: Duration = Duration::from_secs(600);

/// The encoders of one show, and how they fared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fallback {
    current: Encoder,
    /// Those that failed; at most one of each.
    given_up: Vec<Encoder>,
    /// Failures of the current one in a row.
    failures: u32,
}

/// What to do after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Next {
    /// Start this one.
    pub(super) encoder: Encoder,
    /// It is another one than the one that failed.
    pub(super) changed: bool,
    /// After this pause.
    pub(super) pause: Duration,
}

impl Fallback {
    /// `usable`: best first. Without any, x264.
    pub(super) fn new(usable: &[Encoder]) -> Self {
        Self {
            current: usable.first().copied().unwrap_or(Encoder::X264),
            given_up: Vec::new(),
            failures: 0,
        }
    }

    /// The one to start.
    pub(super) const fn current(&self) -> Encoder {
        self.current
    }

    /// The current one has failed after it ran that long. `usable`: as far as is known by now.
    pub(super) fn failed(&mut self, ran: Duration, usable: &[Encoder]) -> Next {
        if ran >= RAN_WELL {
            self.failures = 0;
        }
        self.failures = self.failures.saturating_add(1);
        let untried =
            |encoder: &&Encoder| **encoder != self.current && !self.given_up.contains(encoder);
        let next = usable.iter().find(untried).copied();
        let next = next.filter(|_| self.failures > 1);
        if let Some(next) = next {
            self.given_up
                .push(std::mem::replace(&mut self.current, next));
            self.failures = 0;
        }
        let doublings = self.failures.saturating_sub(2).min(16);
        Next {
            encoder: self.current,
            changed: next.is_some(),
            pause: match self.failures {
                0 | 1 => Duration::ZERO,
                _ => PAUSE_MIN.saturating_mul(1 << doublings).min(PAUSE_MAX),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: [Encoder; 2] = [Encoder::Va, Encoder::X264];
    const SHORT: Duration = Duration::from_secs(1);

    fn next(encoder: Encoder, changed: bool, ms: u64) -> Next {
        Next {
            encoder,
            changed,
            pause: Duration::from_millis(ms),
        }
    }

    #[test]
    fn each_has_a_second_chance_and_then_the_next_comes_at_once() {
        let mut it = Fallback::new(&BOTH);
        assert_eq!(it.current(), Encoder::Va);
        assert_eq!(it.failed(SHORT, &BOTH), next(Encoder::Va, false, 0));
        assert_eq!(it.failed(SHORT, &BOTH), next(Encoder::X264, true, 0));
        assert_eq!(it.failed(SHORT, &BOTH), next(Encoder::X264, false, 0));
        assert_eq!(it.failed(SHORT, &BOTH), next(Encoder::X264, false, 500));
        assert_eq!(it.failed(SHORT, &BOTH), next(Encoder::X264, false, 1000));
        for _ in 0..40 {
            it.failed(SHORT, &BOTH);
        }
        assert_eq!(it.failed(SHORT, &BOTH), next(Encoder::X264, false, 30_000));
        assert_eq!(it.failed(RAN_WELL, &BOTH), next(Encoder::X264, false, 0));
    }

    #[test]
    fn one_that_ran_well_is_not_given_up_for_one_failure() {
        let mut it = Fallback::new(&BOTH);
        for _ in 0..3 {
            assert_eq!(it.failed(RAN_WELL, &BOTH), next(Encoder::Va, false, 0));
        }
        assert_eq!(it.failed(SHORT, &BOTH), next(Encoder::X264, true, 0));
    }

    #[test]
    fn one_that_passed_its_exam_since_is_tried_too() {
        let mut it = Fallback::new(&[Encoder::X264]);
        assert_eq!(
            it.failed(SHORT, &[Encoder::X264]),
            next(Encoder::X264, false, 0)
        );
        assert_eq!(it.failed(SHORT, &BOTH), next(Encoder::Va, true, 0));
        assert_eq!(it.failed(SHORT, &BOTH), next(Encoder::Va, false, 0));
        // x264 had its chances.
        assert_eq!(it.failed(SHORT, &BOTH), next(Encoder::Va, false, 500));
    }

    #[test]
    fn there_is_always_one() {
        assert_eq!(Fallback::new(&[]).current(), Encoder::X264);
    }
}
