//! [pure] The rules of RFC 8216bis and of Apple's authoring specification as named checks over parsed playlists.
//!
//! A finding names its rule and the place. Nothing here fetches: a caller brings one playlist, two successive fetches of
//! the same one, or all of a presentation.

mod media;
mod presentation;
mod successive;

use std::fmt;

pub use media::{media, version};
pub use presentation::{multivariant, presentation};
pub use successive::successive;

/// How much a broken rule matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Players may stall, refuse or show less.
    Should,
    /// The specification says MUST.
    Must,
}

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

macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident, $level:ident, $sentence:literal;)*) => {
        /// The rules, each with the section it comes from.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Rule {
            $(#[doc = $sentence] $(#[$doc])* $name,)*
        }

        impl Rule {
            /// Every rule.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// What the rule asks for.
            pub const fn sentence(self) -> &'static str {
                match self { $(Self::$name => $sentence,)* }
            }

            /// How much it matters.
            pub const fn level(self) -> Level {
                match self { $(Self::$name => Level::$level,)* }
            }
        }
    };
}

rules! {
    // One media playlist.
    Version, Must, "EXT-X-VERSION is as high as the content needs and no higher (8, 6.2.1)";
    SegmentOverTarget, Must, "EXTINF, rounded to the nearest second, is at most the target duration (4.4.3.1)";
    MapMissing, Must, "an fMP4 segment has an EXT-X-MAP before it (3.1.2)";
    ShortPlaylist, Must, "a live playlist is at least three target durations long (6.2.2)";
    PartInfMissing, Must, "a playlist with parts declares their target by EXT-X-PART-INF (4.4.3.7)";
    ServerControlMissing, Must, "a playlist with parts has PART-HOLD-BACK (4.4.3.8)";
    PartOverTarget, Must, "a part lasts at most PART-TARGET (4.4.4.9)";
    PartUnderTarget, Must, "a part lasts at least 85 % of PART-TARGET, but for independent ones, gaps, those before a gap and the last of a segment (4.4.4.9)";
    PartHoldBackTwice, Must, "PART-HOLD-BACK is at least twice PART-TARGET (4.4.3.8)";
    PartHoldBackThrice, Should, "PART-HOLD-BACK is at least three times PART-TARGET (4.4.3.8, Apple 14.3)";
    HoldBack, Must, "HOLD-BACK is at least three target durations (4.4.3.8)";
    CanSkipUntil, Must, "CAN-SKIP-UNTIL is at least six target durations (4.4.3.8)";
    PartsAddUp, Should, "the parts of a segment last as long as the segment, to within a frame (4.4.4.9)";
    PartsFarFromEdge, Should, "parts leave the playlist when three target durations from its end (6.2.2)";
    PartsLeftEarly, Must, "parts stay in the playlist until three target durations from its end (6.2.2)";
    PartOfGap, Must, "a part of a GAP segment is a GAP too (4.4.4.7)";
    FirstPartIndependent, Must, "the first part of an independent segment says INDEPENDENT=YES (4.4.4.9)";
    ProgramDateTimeMissing, Should, "a live playlist has EXT-X-PROGRAM-DATE-TIME (Apple 8.4)";
    ProgramDateTimeDrift, Must, "a segment's date is that of the one before plus its duration (4.4.4.6)";
    PreloadHintMissing, Should, "a live playlist with parts hints at the next part (Apple, Appendix B.1)";
    PreloadHintListed, Must, "what is hinted at is not in the playlist yet (4.4.5.3)";
    HintAfterEnd, Must, "a playlist that has ended has no preload hint and no open segment (6.2.2)";
    // Two successive fetches.
    TargetDurationChanged, Must, "the target duration never changes (6.2.1)";
    PartTargetChanged, Must, "PART-TARGET never changes (6.2.1)";
    MediaSequenceFell, Must, "the media sequence number never falls (6.2.2)";
    SegmentVanished, Must, "segments leave at the front only (6.2.2)";
    SegmentChanged, Must, "a segment in the playlist never changes (6.2.1)";
    PartChanged, Must, "a part in the playlist never changes (6.2.1)";
    DiscontinuitySequence, Must, "the discontinuity sequence grows by the discontinuities that left (6.2.2)";
    PreloadHintBroken, Must, "the part that comes is the one that was hinted at (4.4.5.3)";
    ChangedAfterEnd, Must, "a playlist that has ended never changes (6.2.1)";
    // A multivariant playlist.
    NoVariant, Must, "a multivariant playlist has a variant (4.4.6.2)";
    CodecsMissing, Should, "every variant has CODECS (4.4.6.2, Apple 9.1)";
    AverageBandwidthMissing, Should, "every variant has AVERAGE-BANDWIDTH (Apple 9.15)";
    AverageOverPeak, Must, "AVERAGE-BANDWIDTH is at most BANDWIDTH (4.4.6.2)";
    ResolutionMissing, Should, "every variant with pictures has RESOLUTION (Apple 9.13)";
    FrameRateMissing, Should, "every variant with pictures has FRAME-RATE (Apple 9.14)";
    AudioGroupUnknown, Must, "the AUDIO group of a variant is defined by an EXT-X-MEDIA (4.4.6.2)";
    LanguageMissing, Should, "every audio and subtitle rendition has LANGUAGE (Apple 8.10)";
    IndependentSegmentsMissing, Should, "the multivariant playlist has EXT-X-INDEPENDENT-SEGMENTS (Apple 9.11)";
    // All playlists of a presentation.
    TargetDurationsDiffer, Must, "all renditions have the same target duration (6.2.4)";
    ServerControlsDiffer, Must, "all renditions have the same EXT-X-SERVER-CONTROL (6.2.4)";
    DiscontinuitiesDiffer, Must, "all renditions have their discontinuities at the same segments (6.2.4)";
    ProgramDateTimesDiffer, Must, "a segment has the same date in all renditions, to within a frame (6.2.4)";
    RenditionReportMissing, Must, "a low-latency playlist reports on every other rendition (4.4.5.4, Appendix B.1)";
}

/// Collects findings.
#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    /// Notes the rule as broken unless it `holds`.
    fn need(&mut self, holds: bool, rule: Rule, place: impl FnOnce() -> String) {
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
const FRAME_MS: u64 = 50;

#[cfg(test)]
mod tests;
