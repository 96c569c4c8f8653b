//! [pure] The figures of one publisher at one moment, for status, metrics and rules.

use serde::Serialize;

use super::{
    Health,
    seconds::{KEPT, Second, Seconds},
};

/// Seconds of the quick and of the steady window.
const QUICK: usize = 2;
const STEADY: usize = 30;
/// Seconds within which sound or picture counts as there.
pub(super) const PRESENT: usize = 5;
/// Seconds that a pace is told from: the earliest arrival of the first few against that of the last few.
const PACE_EDGE: usize = 3;
const FEWEST_FOR_PACE: usize = 10;

/// See the module. "2 s" windows where nothing else is said.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Figures {
    /// Whole seconds that windows are read from, up to 60.
    pub(crate) seconds: usize,
    /// Picture and sound.
    pub(crate) bits_per_second: u64,
    /// Picture.
    pub(crate) video_bits_per_second: u64,
    /// Sound.
    pub(crate) audio_bits_per_second: u64,
    /// Picture and sound over 30 s.
    pub(crate) bits_per_second_30s: u64,
    /// Picture over 30 s.
    pub(crate) video_bits_per_second_30s: u64,
    /// Sound over 30 s.
    pub(crate) audio_bits_per_second_30s: u64,
    /// What came over the last minutes, as far as it was steady.
    pub(crate) usual_bits_per_second: Option<u64>,
    /// From the stamps.
    pub(crate) frame_rate: Option<f64>,
    /// Frames come at no steady interval.
    pub(crate) frame_rate_uneven: bool,
    /// Between the last two keyframes, milliseconds of media.
    pub(crate) keyframe_interval_ms: Option<u32>,
    /// Longest of the last minute, one that is not over yet included.
    pub(crate) keyframe_interval_longest_ms: Option<u32>,
    /// Shortest of the last minute.
    pub(crate) keyframe_interval_shortest_ms: Option<u32>,
    /// Keyframes of the last minute that came too late for their segment.
    pub(crate) keyframes_late: u64,
    /// Media time per wall time, over up to 30 s: 1 is real time.
    pub(crate) pace: Option<f64>,
    /// How fast media time runs away from the wall clock; above 0 the encoder's clock is fast. From 5 minutes on.
    pub(crate) drift_ms_per_minute: Option<f64>,
    /// The same in all, over up to 30 minutes.
    pub(crate) drift_ms: Option<i64>,
    /// The drift has one direction.
    #[serde(skip)]
    pub(crate) drift_is_steady: bool,
    /// How much later than the earliest 99 of 100 messages come at most.
    pub(crate) jitter_ms: Option<u32>,
    /// Silences of a second or more within the last minute.
    pub(crate) stalls: u64,
    /// Frames that came.
    pub(crate) frames: u64,
    /// Frames that the encoder left out, by its stamps.
    pub(crate) frames_dropped: u64,
    /// Share of those within 30 s, 0 to 1.
    pub(crate) frames_dropped_share: f64,
    /// Messages stamped before one that came earlier.
    pub(crate) frames_late: u64,
    /// Picture came within 5 s.
    pub(crate) video_present: bool,
    /// Sound came within 5 s.
    pub(crate) audio_present: bool,
    /// Holes in the sound's stamps.
    pub(crate) audio_gaps: u64,
    /// Of the last minute.
    #[serde(skip)]
    pub(crate) audio_gaps_lately: u64,
    /// Sound minus picture, by the stamps of what has come; the value nearest to 0 of the last seconds.
    pub(crate) av_skew_ms: Option<i64>,
    /// Times that the encoder set its clock anew.
    pub(crate) clock_jumps: u64,
    /// Of the last minute.
    #[serde(skip)]
    pub(crate) clock_jumps_lately: u64,
}

const fn video(second: &Second) -> u64 {
    second.video_bytes
}

const fn audio(second: &Second) -> u64 {
    second.audio_bytes
}

const fn both(second: &Second) -> u64 {
    second.video_bytes.saturating_add(second.audio_bytes)
}

impl Figures {
    /// From what is known and a minute that was brought up to the moment.
    pub(super) fn of(health: &Health, seconds: &Seconds) -> Self {
        let minute = |value: fn(&Second) -> u32| seconds.sum(KEPT, |s| u64::from(value(s)));
        let drift = health.arrival.drift();
        let longest = seconds.last(KEPT).filter_map(|s| s.longest_interval).max();
        Self {
            seconds: seconds.len(),
            bits_per_second: seconds.rate(QUICK, both),
            video_bits_per_second: seconds.rate(QUICK, video),
            audio_bits_per_second: seconds.rate(QUICK, audio),
            bits_per_second_30s: seconds.rate(STEADY, both),
            video_bits_per_second_30s: seconds.rate(STEADY, video),
            audio_bits_per_second_30s: seconds.rate(STEADY, audio),
            usual_bits_per_second: health.usual.bits_per_second(),
            frame_rate: health.cadence.frame_rate().map(|rate| rounded(rate, 100.0)),
            frame_rate_uneven: health.cadence.is_uneven(),
            keyframe_interval_ms: health.keyframes.interval(),
            keyframe_interval_longest_ms: longest.max(health.keyframe_age()),
            keyframe_interval_shortest_ms: seconds
                .last(KEPT)
                .filter_map(|s| s.shortest_interval)
                .min(),
            keyframes_late: minute(|s| s.late_boundaries),
            pace: pace(seconds).map(|pace| rounded(pace, 1_000.0)),
            drift_ms_per_minute: drift.map(|drift| rounded(drift.per_minute, 10.0)),
            drift_ms: drift.map(|drift| drift.total),
            drift_is_steady: drift.is_some_and(|drift| drift.is_steady),
            jitter_ms: health.arrival.jitter(),
            stalls: minute(|s| s.stalls),
            frames: health.totals.frames,
            frames_dropped: health.totals.dropped,
            frames_dropped_share: dropped_share(seconds),
            frames_late: health.totals.late,
            video_present: seconds.count(PRESENT, |s| s.video_frames > 0) > 0,
            audio_present: seconds.count(PRESENT, |s| s.audio_messages > 0) > 0,
            audio_gaps: health.totals.audio_gaps,
            audio_gaps_lately: minute(|s| s.audio_gaps),
            av_skew_ms: seconds
                .last(PRESENT)
                .filter_map(|s| s.skew)
                .min_by_key(|skew| skew.abs()),
            clock_jumps: health.totals.jumps,
            clock_jumps_lately: minute(|s| s.jumps),
        }
    }
}

fn dropped_share(seconds: &Seconds) -> f64 {
    let dropped = seconds.sum(STEADY, |s| s.missing.into());
    let came = seconds.sum(STEADY, |s| s.video_frames.into());
    #[expect(clippy::cast_precision_loss, reason = "a share")]
    let share = dropped as f64 / (dropped.saturating_add(came)).max(1) as f64;
    rounded(share, 10_000.0)
}

fn pace(seconds: &Seconds) -> Option<f64> {
    let window = seconds.with_offsets(STEADY);
    if window < FEWEST_FOR_PACE {
        return None;
    }
    let now = seconds.least_offset(0, PACE_EDGE)?;
    let then = seconds.least_offset(window - PACE_EDGE, PACE_EDGE)?;
    #[expect(clippy::cast_precision_loss, reason = "a ratio for people")]
    let slower = now.saturating_sub(then) as f64 / ((window - PACE_EDGE) * 1_000) as f64;
    Some(1.0 - slower)
}

fn rounded(value: f64, per_one: f64) -> f64 {
    (value * per_one).round() / per_one
}
