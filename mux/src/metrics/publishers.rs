//! How well publishers send: gauges by stream and role. While two of one role are connected the one on the air is meant,
//! else the newest.

use std::{collections::BTreeMap, fmt};

use live::daemon::prometheus_client::{
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
};

use super::{Labels, Reading, SharedStream, float};
use crate::{
    health::{Code, Figures},
    stream::{Publisher, Stream},
};

/// One publisher at one moment.
pub(super) struct PublisherReading<'a> {
    stream: &'a SharedStream,
    role: &'static str,
    figures: Figures,
    findings: Vec<Code>,
}

/// Reads those that count.
pub(super) fn read<'a>(
    shared: &'a SharedStream,
    core: &Stream,
    now: u64,
) -> Vec<PublisherReading<'a>> {
    let mut of_role: BTreeMap<&'static str, &Publisher> = BTreeMap::new();
    for publisher in core.connected() {
        let Some(role) = core.role_of(publisher.id) else {
            continue;
        };
        let chosen = of_role.entry(role.as_str()).or_insert(publisher);
        if core.on_air() != Some(chosen.id) {
            *chosen = publisher;
        }
    }
    let readings = of_role
        .into_iter()
        .map(|(role, publisher)| PublisherReading {
            stream: shared,
            role,
            figures: publisher.health.figures(now),
            findings: publisher.health.findings().map(|f| f.code).collect(),
        });
    readings.collect()
}

/// A gauge: what it is called, what it says, and its value where it is known.
type Gauge = (&'static str, &'static str, fn(&Figures) -> Option<f64>);

const GAUGES: [Gauge; 10] = [
    (
        "publisher_bits_per_second",
        "Media that the publisher sends, over two seconds",
        |figures| Some(float(figures.bits_per_second)),
    ),
    (
        "publisher_frame_rate",
        "Frames per second by the publisher's stamps",
        |figures| figures.frame_rate,
    ),
    (
        "publisher_keyframe_interval_seconds",
        "Longest distance of two keyframes within the last minute",
        |figures| Some(f64::from(figures.keyframe_interval_longest_ms?) / 1_000.0),
    ),
    (
        "publisher_jitter_seconds",
        "How late 99 of 100 messages come at most",
        |figures| Some(f64::from(figures.jitter_ms?) / 1_000.0),
    ),
    (
        "publisher_drift_ppm",
        "How fast the encoder's clock is, in parts in a million",
        |figures| Some(figures.drift_ms_per_minute? / 0.06),
    ),
    (
        "publisher_pace",
        "Media time per wall time: 1 is real time",
        |figures| figures.pace,
    ),
    (
        "publisher_av_skew_seconds",
        "Sound minus picture, by the publisher's stamps",
        |figures| {
            let skew = figures.av_skew_ms?;
            let size = float(skew.unsigned_abs()) / 1_000.0;
            Some(if skew < 0 { -size } else { size })
        },
    ),
    (
        "publisher_audio_present",
        "1 while sound comes",
        |figures| Some(f64::from(u8::from(figures.audio_present))),
    ),
    (
        "publisher_video_present",
        "1 while pictures come",
        |figures| Some(f64::from(u8::from(figures.video_present))),
    ),
    (
        "publisher_dropped_frames_share",
        "Share of frames that the encoder left out, over 30 s",
        |figures| Some(figures.frames_dropped_share),
    ),
];

pub(super) fn encode(encoder: &mut DescriptorEncoder<'_>, all: &[Reading<'_>]) -> fmt::Result {
    let readings: Vec<_> = all.iter().flat_map(|one| &one.connected).collect();
    let gauge = ConstGauge::new(0.0_f64).metric_type();
    let counter = ConstCounter::new(0_u64).metric_type();
    for (name, help, value) in GAUGES {
        let mut family = encoder.encode_descriptor(name, help, None, gauge)?;
        for reading in &readings {
            if let Some(value) = value(&reading.figures) {
                let labels: Labels<'_> = &reading.labels();
                ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
            }
        }
    }
    let help = "Frames that the encoder left out, by its stamps";
    let mut family = encoder.encode_descriptor("publisher_dropped_frames", help, None, counter)?;
    for reading in &readings {
        let labels: Labels<'_> = &reading.labels();
        ConstCounter::new(reading.figures.frames_dropped).encode(family.encode_family(&labels)?)?;
    }
    let help = "1 while something is found to be wrong with a publisher";
    let mut family = encoder.encode_descriptor("health_finding", help, None, gauge)?;
    for reading in &readings {
        for finding in &reading.findings {
            let [stream, role] = reading.labels();
            let labels: Labels<'_> = &[stream, role, ("finding", finding.as_str())];
            ConstGauge::new(1.0).encode(family.encode_family(&labels)?)?;
        }
    }
    Ok(())
}

impl PublisherReading<'_> {
    fn labels(&self) -> [(&'static str, &str); 2] {
        [("stream", self.stream.name().as_str()), ("role", self.role)]
    }
}
