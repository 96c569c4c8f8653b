//! [pure] When figures are bad, and what to say then: thresholds to enter and to leave, and advice by the names that
//! OBS 29 to 31 gives its settings.

use super::{
    figures::Figures,
    finding::{
        Code,
        Severity::{self, Info, Warning},
        Verdict::{self, Bad, Between, Good},
    },
    format::Format,
    keyframes::SegmentWants,
};

/// Keyframes are a steady interval apart when the longest is at most this much longer than the shortest.
const STEADY_INTERVAL: f64 = 1.2;
/// Bits per second of sound that is all silence; AAC writes some 3,000 then, speech never under 16,000.
const SILENT: (u64, u64) = (8_000, 12_000);
/// Milliseconds between sound and picture.
const SKEW: (u64, u64) = (1_000, 500);
/// Share of the usual rate, percent.
const COLLAPSE: (u64, u64) = (40, 60);
/// Bits per second that a venue's uplink and viewers seldom carry.
const HIGH_RATE: (u64, u64) = (20_000_000, 18_000_000);
/// Share of frames, within 30 s.
const DROPPED: (f64, f64) = (0.01, 0.002);
/// Share of the promised frame rate.
const LOW_RATE: (f64, f64) = (0.9, 0.95);
/// Media time per wall time.
const SLOW: (f64, f64) = (0.97, 0.985);
const FAST: (f64, f64) = (1.05, 1.02);
/// Milliseconds a minute: 100 and 50 parts in a million.
const DRIFT: (f64, f64) = (6.0, 3.0);
/// Milliseconds in all, below which a drift may be the network's.
const LEAST_DRIFT: u64 = 25;
/// Milliseconds that one message in a hundred is late by.
const JITTER: (u32, u32) = (700, 450);
/// Of one minute: silences, holes in the sound, clocks set anew.
const OFTEN: u64 = 3;

/// Where OBS keeps the encoder's settings.
const OUTPUT: &str = "in OBS: Settings, Output, Output Mode 'Advanced', Streaming";

/// What is judged.
pub(super) struct Case<'a> {
    pub(super) figures: &'a Figures,
    pub(super) format: &'a Format,
    pub(super) wants: SegmentWants,
}

impl Case<'_> {
    /// A verdict for every code.
    pub(super) fn verdicts(&self) -> [(Code, Verdict); 20] {
        let (interval, irregular) = self.keyframes();
        [
            (Code::KeyframeInterval, interval),
            (Code::KeyframesIrregular, irregular),
            (Code::NoAudio, self.no_audio()),
            (Code::AudioSilent, self.audio_silent()),
            (Code::AudioGaps, self.audio_gaps()),
            (Code::NoVideo, self.no_video()),
            (Code::AvSkew, self.av_skew()),
            (Code::BitrateCollapse, self.bitrate_collapse()),
            (Code::BitrateHigh, self.bitrate_high()),
            (Code::DroppedFrames, self.dropped_frames()),
            (Code::FrameRateLow, self.frame_rate_low()),
            (Code::FrameRateUneven, self.frame_rate_uneven()),
            (Code::NotRealTime, self.not_real_time()),
            (Code::ClockDrift, self.clock_drift()),
            (Code::ClockJumps, self.clock_jumps()),
            (Code::UplinkUnsteady, self.uplink_unsteady()),
            (Code::ResolutionOdd, self.resolution_odd()),
            (Code::VideoProfile, self.video_profile()),
            (Code::VideoCodec, self.video_codec()),
            (Code::AudioCodec, self.audio_codec()),
        ]
    }

    fn keyframes(&self) -> (Verdict, Verdict) {
        let figures = self.figures;
        let Some(longest) = figures.keyframe_interval_longest_ms else {
            return (Between, Between);
        };
        let target = seconds(self.wants.nominal);
        let advice = format!("set 'Keyframe Interval' to {target} s ({OUTPUT})");
        if longest > self.wants.longest {
            let text = match figures.keyframe_interval_ms {
                Some(_) => format!("Keyframes come every {} s; {advice}", seconds(longest)),
                None => format!(
                    "No second keyframe has come for {} s; {advice}",
                    seconds(longest)
                ),
            };
            return (Bad(Warning, text), Between);
        }
        if figures.keyframes_late == 0 {
            return (Good, Good);
        }
        if figures.keyframes_late < 2 {
            return (Between, Between);
        }
        let shortest = figures.keyframe_interval_shortest_ms.unwrap_or(longest);
        if f64::from(longest) <= f64::from(shortest) * STEADY_INTERVAL {
            let every = seconds(longest);
            let text = format!(
                "Keyframes come every {every} s, which does not divide segments of {target} s; {advice}"
            );
            return (Bad(Warning, text), Good);
        }
        let text = format!(
            "Keyframes come irregularly, {} to {} s apart, and some segments begin late; {advice}, and with x264 add \
             scenecut=0 to 'x264 Options'",
            seconds(shortest),
            seconds(longest),
        );
        (Good, Bad(Warning, text))
    }

    fn no_audio(&self) -> Verdict {
        match (self.figures.video_present, self.figures.audio_present) {
            (_, true) => Good,
            (true, false) => Bad(
                Warning,
                "No sound comes with the picture; check the encoder's audio input (OBS sends sound even when all is muted)"
                    .to_owned(),
            ),
            (false, false) => Between,
        }
    }

    fn audio_silent(&self) -> Verdict {
        let rate = self.figures.audio_bits_per_second_30s;
        if !self.figures.audio_present || self.figures.seconds < 30 {
            return if self.figures.seconds < 30 {
                Between
            } else {
                Good
            };
        }
        below(rate, SILENT, || {
            let text = "The sound is silent: next to nothing is in it; check the mixer, and that no microphone is muted";
            Bad(Info, text.to_owned())
        })
    }

    fn audio_gaps(&self) -> Verdict {
        often(self.figures.audio_gaps_lately, || {
            let times = self.figures.audio_gaps_lately;
            let text = format!(
                "The sound was cut off {times} times within a minute; check the audio device, and the load of the encoder's computer"
            );
            Bad(Warning, text)
        })
    }

    fn no_video(&self) -> Verdict {
        let figures = self.figures;
        match (figures.video_present, figures.audio_present) {
            (true, _) => Good,
            (false, true) if figures.frames > 0 => Bad(
                Warning,
                "Sound comes, but the picture has stopped; restart the stream in the encoder"
                    .to_owned(),
            ),
            (false, _) => Between,
        }
    }

    fn av_skew(&self) -> Verdict {
        let Some(skew) = self.figures.av_skew_ms else {
            return Between;
        };
        let direction = if skew < 0 { "behind" } else { "ahead of" };
        above(skew.unsigned_abs(), SKEW, || {
            let by = seconds(u32::try_from(skew.unsigned_abs()).unwrap_or(u32::MAX));
            let text = format!(
                "The sound is {by} s {direction} the picture; restart the encoder, and check its audio delay (OBS: Advanced Audio Properties, 'Sync Offset')"
            );
            Bad(Warning, text)
        })
    }

    fn bitrate_collapse(&self) -> Verdict {
        let figures = self.figures;
        let Some(usual) = figures.usual_bits_per_second else {
            return Between;
        };
        if !figures.video_present || figures.bits_per_second == 0 {
            return Between;
        }
        let percent = figures.bits_per_second.saturating_mul(100) / usual.max(1);
        below(percent, COLLAPSE, || {
            let (from, to) = (megabits(usual), megabits(figures.bits_per_second));
            let text = format!(
                "The bitrate fell from {from} to {to} Mb/s; unless the picture stands still, the uplink carries no more: lower 'Bitrate' ({OUTPUT}), or use a cable"
            );
            Bad(self.evidence(), text)
        })
    }

    /// Whether anything else speaks for a bad uplink.
    fn evidence(&self) -> Severity {
        let figures = self.figures;
        let late = figures.jitter_ms.is_some_and(|jitter| jitter > JITTER.1);
        if figures.frames_dropped_share > 0.0 || late || figures.stalls > 0 {
            Warning
        } else {
            Info
        }
    }

    fn bitrate_high(&self) -> Verdict {
        let rate = self.figures.bits_per_second_30s;
        if self.figures.seconds < 30 {
            return Between;
        }
        above(rate, HIGH_RATE, || {
            let text = format!(
                "The encoder sends {} Mb/s, more than many uplinks and viewers carry; 6 to 8 Mb/s do for 1080p ('Bitrate', {OUTPUT})",
                megabits(rate)
            );
            Bad(Info, text)
        })
    }

    fn dropped_frames(&self) -> Verdict {
        let share = self.figures.frames_dropped_share;
        above(share, DROPPED, || {
            let text = format!(
                "{:.1} % of the frames are missing: the encoder left them out. OBS, Stats, says why: with 'Dropped Frames (Network)' lower 'Bitrate' ({OUTPUT}) or use a cable; with 'encoding lag' choose a faster preset",
                share * 100.0
            );
            Bad(Warning, text)
        })
    }

    fn frame_rate_low(&self) -> Verdict {
        let promised = self.format.promised_frame_rate;
        let Some((promised, is)) = promised.zip(self.figures.frame_rate) else {
            return Good;
        };
        if self.figures.frame_rate_uneven || self.figures.frames_dropped_share > DROPPED.1 {
            return Between;
        }
        below(is / promised, LOW_RATE, || {
            let text = format!(
                "{is:.1} frames a second come where the encoder promises {promised:.1}; its computer may be overloaded: choose a faster preset or a smaller size"
            );
            Bad(Warning, text)
        })
    }

    fn frame_rate_uneven(&self) -> Verdict {
        if !self.figures.frame_rate_uneven {
            return Good;
        }
        let text = "Frames come at no steady interval (variable frame rate); motion may look uneven: set a fixed frame rate (OBS: Settings, Video, 'Common FPS Values'; x264: no 'Variable Framerate')";
        Bad(Info, text.to_owned())
    }

    fn not_real_time(&self) -> Verdict {
        let Some(pace) = self.figures.pace else {
            return Between;
        };
        if pace > 1.0 {
            return above(pace, FAST, || {
                let text = format!(
                    "Media comes {pace:.2} times as fast as real time; with ffmpeg, publish with -re"
                );
                Bad(Warning, text)
            });
        }
        below(pace, SLOW, || {
            let text = format!(
                "Media comes at {pace:.2} of real time: the encoder's computer or its uplink cannot keep up; choose a faster preset, a smaller size or a lower 'Bitrate' ({OUTPUT})"
            );
            Bad(Warning, text)
        })
    }

    fn clock_drift(&self) -> Verdict {
        let figures = self.figures;
        let (Some(rate), Some(total)) = (figures.drift_ms_per_minute, figures.drift_ms) else {
            return Between;
        };
        let verdict = above(rate.abs(), DRIFT, || {
            let direction = if rate > 0.0 { "fast" } else { "slow" };
            let ppm = rate.abs() / 0.06;
            let text = format!(
                "The encoder's clock is {ppm:.0} parts in a million {direction} ({:.0} ms a minute); harmless for some hours, in a longer show restart the stream in a break",
                rate.abs()
            );
            Bad(Info, text)
        });
        match verdict {
            Bad(..) if !figures.drift_is_steady || total.unsigned_abs() < LEAST_DRIFT => Between,
            Bad(..) | Between | Good => verdict,
        }
    }

    fn clock_jumps(&self) -> Verdict {
        often(self.figures.clock_jumps_lately, || {
            let times = self.figures.clock_jumps_lately;
            let text = format!(
                "The encoder's time stamps jumped {times} times within a minute; restart the encoder, and update it if that does not help"
            );
            Bad(Warning, text)
        })
    }

    fn uplink_unsteady(&self) -> Verdict {
        // Who is slower than real time is late as well: that is said once.
        if self.figures.pace.is_some_and(|pace| pace < SLOW.1) {
            return Between;
        }
        let Some(jitter) = self.figures.jitter_ms else {
            return Between;
        };
        let say = || {
            let late = seconds(jitter);
            let text = format!(
                "Media stutters on its way, up to {late} s late; use a cable instead of Wi-Fi, or lower 'Bitrate' ({OUTPUT})"
            );
            Bad(Warning, text)
        };
        match (above(jitter, JITTER, say), often(self.figures.stalls, say)) {
            (Good, Good) => Good,
            (Bad(severity, text), _) | (_, Bad(severity, text)) => Bad(severity, text),
            _ => Between,
        }
    }

    fn resolution_odd(&self) -> Verdict {
        let video = self.format.video.as_ref();
        let size = video.and_then(|video| video.width.zip(video.height));
        match size {
            Some((width, height)) if !(width.is_multiple_of(8) && height.is_multiple_of(2)) => {
                let text = format!(
                    "The picture is {width}x{height}, which some decoders crop or blur; choose 1920x1080 or 1280x720 (OBS: Settings, Video, 'Output (Scaled) Resolution')"
                );
                Bad(Info, text)
            }
            _ => Good,
        }
    }

    fn video_profile(&self) -> Verdict {
        let Some(video) = self.format.video.as_ref().filter(|v| v.codec == "H.264") else {
            return Good;
        };
        let deep = video.bit_depth.is_some_and(|bits| bits > 8);
        let chroma = video.chroma.as_deref().unwrap_or("4:2:0");
        if !deep && chroma == "4:2:0" {
            return Good;
        }
        let profile = video.profile.as_deref().unwrap_or("an unusual profile");
        let text = format!(
            "The picture is H.264 {profile}, which browsers and phones do not show; set 'Color Format' to NV12 (OBS: Settings, Advanced, Video)"
        );
        Bad(Warning, text)
    }

    fn video_codec(&self) -> Verdict {
        match &self.format.video {
            Some(video) if video.codec != "H.264" => {
                let codec = &video.codec;
                let text = format!(
                    "The picture is {codec}, which not every player shows; H.264 plays everywhere ('Video Encoder', {OUTPUT})"
                );
                Bad(Info, text)
            }
            _ => Good,
        }
    }

    fn audio_codec(&self) -> Verdict {
        match &self.format.audio {
            Some(audio) if audio.codec != "AAC" => {
                let codec = &audio.codec;
                let text = format!(
                    "The sound is {codec}, which not every player plays; AAC plays everywhere ('Audio Encoder', {OUTPUT})"
                );
                Bad(Info, text)
            }
            _ => Good,
        }
    }
}

/// Bad above the first threshold, good at most at the second.
fn above<T: PartialOrd>(
    value: T,
    (enter, leave): (T, T),
    bad: impl FnOnce() -> Verdict,
) -> Verdict {
    if value > enter {
        bad()
    } else if value <= leave {
        Good
    } else {
        Between
    }
}

/// Bad below the first threshold, good at least at the second.
fn below<T: PartialOrd>(
    value: T,
    (enter, leave): (T, T),
    bad: impl FnOnce() -> Verdict,
) -> Verdict {
    if value < enter {
        bad()
    } else if value >= leave {
        Good
    } else {
        Between
    }
}

/// Of what should not happen at all: bad when often, good when never.
fn often(times: u64, bad: impl FnOnce() -> Verdict) -> Verdict {
    match times {
        0 => Good,
        times if times >= OFTEN => bad(),
        _ => Between,
    }
}

/// `8.3` for 8333 milliseconds, `2` for 2000.
fn seconds(ms: u32) -> String {
    let tenths = ms.saturating_add(50) / 100;
    match (tenths / 10, tenths % 10) {
        (whole, 0) => whole.to_string(),
        (whole, tenth) => format!("{whole}.{tenth}"),
    }
}

fn megabits(bits: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let megabits = bits as f64 / 1_000_000.0;
    format!("{megabits:.1}")
}
