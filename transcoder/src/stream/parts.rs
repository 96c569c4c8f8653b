//! [pure] A session's PART-TARGET: decided before its first part, and again when mux tells of another cadence.
//!
//! Mux tells how far apart the pictures are with the second stamp, and with every stamp after that (DESIGN §4), so that
//! whoever joins later decides the same. Until then samples wait: there is no playlist for players before the second
//! stamp anyway. Where the cadence is another from some stamp on, so is PART-TARGET from that segment on, in the same
//! playlist: the draft has no such change (§6.2.1), but parts that do not fit their pictures break it for hours, and
//! players that are at it go on without a pause, which they do not at a playlist that begins anew.

use super::run::Run;
use crate::part::PartTarget;

/// What a session waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waits {
    /// Its first stamp did not say; so many bytes came since.
    Told(usize),
    /// Nothing: it is decided.
    Nothing,
}

impl Waits {
    /// Most that waits; a segment of 250 Mbit/s is no longer waited for.
    const MOST: usize = 64 << 20;
    /// What a sample costs beside its bytes.
    const SAMPLE: usize = 128;
}

impl Run {
    /// A stamp tells, or says nothing.
    pub(super) fn decide_parts(&mut self, told: Option<PartTarget>) {
        let parts = told.unwrap_or(self.limits.parts);
        self.limits.parts = parts;
        if std::mem::replace(&mut self.waits, Waits::Nothing) == Waits::Nothing {
            // The tracks learn of it with the boundary.
            return;
        }
        if let Some(source) = &mut self.source {
            source.decide_parts(parts);
        }
        if let Some(audio) = &mut self.audio {
            audio.decide_parts(parts);
        }
        for rung in self.rungs.values_mut() {
            rung.track.decide_parts(parts);
        }
    }

    /// A frame comes, and may have to wait.
    pub(super) fn wait(&mut self, bytes: usize) {
        if let Waits::Told(waiting) = &mut self.waits {
            *waiting = waiting.saturating_add(bytes).saturating_add(Waits::SAMPLE);
            if *waiting > Waits::MOST {
                self.decide_parts(None);
            }
        }
    }

    /// PART-TARGET for a track that comes now.
    pub(super) fn parts(&self) -> Option<PartTarget> {
        (self.waits == Waits::Nothing).then_some(self.limits.parts)
    }
}
