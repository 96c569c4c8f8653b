//! [pure] Findings: what is wrong with a publisher, as a sentence with advice, and when one begins and ends.
//!
//! A finding begins when its cause has been there for a while without a break, and ends when the opposite has: between
//! the two thresholds nothing changes, so that it does not flap.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How long a cause has to last, milliseconds.
const ENTER_AFTER: u64 = 5_000;
/// How long it has to be gone.
const LEAVE_AFTER: u64 = 15_000;

/// What is found. The names are for programs and stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Code {
    /// Keyframes are too far apart for the segments.
    KeyframeInterval,
    /// Keyframes come at no steady interval, and too late for some segments.
    KeyframesIrregular,
    /// Picture without sound.
    NoAudio,
    /// Sound that holds next to nothing.
    AudioSilent,
    /// Sound is cut off again and again.
    AudioGaps,
    /// Sound without the picture that was there.
    NoVideo,
    /// Sound and picture are far apart.
    AvSkew,
    /// Much less comes than before.
    BitrateCollapse,
    /// More comes than venues and viewers carry.
    BitrateHigh,
    /// The encoder leaves frames out.
    DroppedFrames,
    /// Fewer frames than the encoder promises.
    FrameRateLow,
    /// Frames come at no steady interval.
    FrameRateUneven,
    /// Media time runs slower or faster than the wall clock.
    NotRealTime,
    /// The encoder's clock is off by a little, all the time.
    ClockDrift,
    /// The encoder sets its clock anew again and again.
    ClockJumps,
    /// Media stutters on its way.
    UplinkUnsteady,
    /// A size that some players crop or refuse.
    ResolutionOdd,
    /// Pictures that browsers and phones do not decode.
    VideoProfile,
    /// A video codec that not everybody plays.
    VideoCodec,
    /// An audio codec that not everybody plays.
    AudioCodec,
}

impl Code {
    /// The name, as in `code`.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::KeyframeInterval => "keyframe_interval",
            Self::KeyframesIrregular => "keyframes_irregular",
            Self::NoAudio => "no_audio",
            Self::AudioSilent => "audio_silent",
            Self::AudioGaps => "audio_gaps",
            Self::NoVideo => "no_video",
            Self::AvSkew => "av_skew",
            Self::BitrateCollapse => "bitrate_collapse",
            Self::BitrateHigh => "bitrate_high",
            Self::DroppedFrames => "dropped_frames",
            Self::FrameRateLow => "frame_rate_low",
            Self::FrameRateUneven => "frame_rate_uneven",
            Self::NotRealTime => "not_real_time",
            Self::ClockDrift => "clock_drift",
            Self::ClockJumps => "clock_jumps",
            Self::UplinkUnsteady => "uplink_unsteady",
            Self::ResolutionOdd => "resolution_odd",
            Self::VideoProfile => "video_profile",
            Self::VideoCodec => "video_codec",
            Self::AudioCodec => "audio_codec",
        }
    }

    /// How long its cause has to last: longer where the figure behind it is jumpy.
    const fn enter_after(self) -> u64 {
        let jumpy = matches!(
            self,
            Self::BitrateCollapse
                | Self::FrameRateUneven
                | Self::FrameRateLow
                | Self::UplinkUnsteady
        );
        match (self, jumpy) {
            (Self::NotRealTime, _) => 4 * ENTER_AFTER,
            (_, true) => 2 * ENTER_AFTER,
            (_, false) => ENTER_AFTER,
        }
    }
}

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Severity {
    /// Worth knowing.
    Info,
    /// Viewers will notice, now or in some players.
    Warning,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Finding {
    /// What.
    pub(crate) code: Code,
    /// How much it matters.
    pub(crate) severity: Severity,
    /// A sentence with advice, as of when it began.
    pub(crate) text: String,
    /// When it began, Unix milliseconds.
    pub(crate) since_ms: u64,
}

/// A finding has begun or ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// Which.
    pub(crate) finding: Finding,
    /// Whether it has begun.
    pub(crate) begins: bool,
}

/// What a rule says at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Beyond the threshold.
    Bad(Severity, String),
    /// Neither: as it was.
    Between,
    /// Well within.
    Good,
}

/// All findings of one publisher, those that are coming and going included.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Findings(BTreeMap<Code, Latch>);

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Latch {
    bad_since: Option<u64>,
    good_since: Option<u64>,
    finding: Option<Finding>,
}

impl Findings {
    /// Takes a verdict of `now`, Unix milliseconds.
    pub(super) fn judge(&mut self, code: Code, verdict: Verdict, now: u64) -> Option<Change> {
        if verdict == Verdict::Good && !self.0.contains_key(&code) {
            return None;
        }
        let latch = self.0.entry(code).or_default();
        match verdict {
            Verdict::Bad(severity, text) => {
                latch.good_since = None;
                let since = *latch.bad_since.get_or_insert(now);
                if latch.finding.is_some() || now.saturating_sub(since) < code.enter_after() {
                    return None;
                }
                let finding = Finding {
                    code,
                    severity,
                    text,
                    since_ms: now,
                };
                latch.finding = Some(finding.clone());
                Some(Change {
                    finding,
                    begins: true,
                })
            }
            Verdict::Between => {
                (latch.bad_since, latch.good_since) = (None, None);
                None
            }
            Verdict::Good => {
                latch.bad_since = None;
                let since = *latch.good_since.get_or_insert(now);
                if latch.finding.is_some() && now.saturating_sub(since) < LEAVE_AFTER {
                    return None;
                }
                let finding = self.0.remove(&code)?.finding?;
                Some(Change {
                    finding,
                    begins: false,
                })
            }
        }
    }

    /// Those that are there.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Finding> {
        self.0.values().filter_map(|latch| latch.finding.as_ref())
    }
}
