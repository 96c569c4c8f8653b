//! [pure] The rules of RFC 8216bis and of Apple's authoring specification as named checks over parsed playlists.
//!
//! A finding names its rule and the place. Nothing here fetches: a caller brings one playlist, two successive fetches of
//! the same one, or all of a presentation. The rules of media and of HTTP are named here too, and checked by who fetches.

mod date_ranges;
mod media;
mod multivariant;
mod pace;
mod presentation;
mod rule;
mod successive;
mod wording;

use std::fmt;

pub use media::{media, version};
pub use multivariant::{is_audio, multivariant};
pub use pace::Pace;
pub use presentation::{playlist_types, presentation};
pub use rule::{Group, Level, Rule};
pub use successive::successive;
pub use wording::wording;

/// A rule that was broken, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which rule.
    pub rule: Rule,
    /// The segment, part or variant, and the figures.
    pub place: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?}: {} [{}]",
            self.rule,
            self.rule.sentence(),
            self.place
        )
    }
}

/// Collects findings.
#[derive(Debug, Default)]
pub struct Findings(pub Vec<Finding>);

impl Findings {
    /// Notes the rule as broken unless it `holds`.
    pub fn need(&mut self, holds: bool, rule: Rule, place: impl FnOnce() -> String) {
        if !holds {
            self.0.push(Finding {
                rule,
                place: place(),
            });
        }
    }
}

/// How far two dates or sums of durations may be apart and still mean the same, in milliseconds: a frame of 20 pictures
/// a second, or of AAC at 22.05 kHz.
pub const FRAME_MS: u64 = 50;

#[cfg(test)]
mod tests;
