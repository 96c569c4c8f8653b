//! What goes out: consumers of all kinds, and how each transcoder and push target stands.

use std::{fmt, sync::atomic::Ordering};

use live::daemon::prometheus_client::{
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
};

use super::{Labels, Reading, float};
use crate::{consumer::ConsumerStats, output::OutputState, push::PushState};

/// The output that all RTMP players of a stream are together.
pub(crate) const PLAYERS: &str = "players";

pub(super) fn encode(encoder: &mut DescriptorEncoder<'_>, readings: &[Reading<'_>]) -> fmt::Result {
    encode_consumers(encoder, readings)?;
    encode_latency(encoder, readings)?;
    encode_outputs(encoder, readings)
}

fn encode_consumers(encoder: &mut DescriptorEncoder<'_>, readings: &[Reading<'_>]) -> fmt::Result {
    let gauge = ConstGauge::new(0.0_f64).metric_type();
    let counter = ConstCounter::new(0_u64).metric_type();
    let mut family = encoder.encode_descriptor(
        "consumers",
        "Consumers that are sent the stream now",
        None,
        gauge,
    )?;
    each_output(readings, |labels, stats| {
        let connected = float(stats.connected.load(Ordering::Relaxed));
        ConstGauge::new(connected).encode(family.encode_family(&labels)?)
    })?;
    let mut family =
        encoder.encode_descriptor("sent_bytes", "Bytes written to consumers", None, counter)?;
    each_output(readings, |labels, stats| {
        ConstCounter::new(stats.sent.load(Ordering::Relaxed)).encode(family.encode_family(&labels)?)
    })?;
    let help = "Jumps of consumers that were too slow; one of a transcoder is an alarm";
    let mut family = encoder.encode_descriptor("skips", help, None, counter)?;
    each_output(readings, |labels, stats| {
        ConstCounter::new(stats.skips.load(Ordering::Relaxed))
            .encode(family.encode_family(&labels)?)
    })
}

/// Of the players that are sent the same bytes and keep up.
fn encode_latency(encoder: &mut DescriptorEncoder<'_>, readings: &[Reading<'_>]) -> fmt::Result {
    let help = "From a message's arrival to its having been written to players; one of each pass";
    let name = "fanout_latency_seconds";
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
    for reading in readings {
        let labels: Labels<'_> = &[("stream", reading.name())];
        let latency = &reading.stream.rows.latency;
        latency.encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

fn each_output(
    readings: &[Reading<'_>],
    mut encode: impl FnMut(Labels<'_>, &ConsumerStats) -> fmt::Result,
) -> fmt::Result {
    for reading in readings {
        let stream = ("stream", reading.name());
        encode(&[stream, ("output", PLAYERS)], &reading.stream.players)?;
        for output in &reading.stream.outputs {
            encode(&[stream, ("output", &output.name)], &output.stats)?;
        }
        for push in reading.stream.pushes.list() {
            encode(&[stream, ("output", push.name())], &push.stats)?;
        }
    }
    Ok(())
}

/// A transcoder or a push target at one moment.
struct OutputReading<'a> {
    stream: &'a str,
    name: String,
    up: bool,
    lag_ms: u64,
    failures: u64,
    /// A push target's.
    state: Option<PushState>,
}

impl OutputReading<'_> {
    fn labels(&self) -> [(&'static str, &str); 2] {
        [("stream", self.stream), ("output", &self.name)]
    }
}

fn outputs<'a>(reading: &Reading<'a>) -> Vec<OutputReading<'a>> {
    let stream = reading.stream;
    let name = stream.name().as_str();
    let transcoders = stream.outputs.iter().map(|output| OutputReading {
        stream: name,
        name: output.name.clone(),
        up: output.state() == OutputState::Publishing,
        lag_ms: output.lag.load(Ordering::Relaxed),
        failures: output.failures.load(Ordering::Relaxed),
        state: None,
    });
    let pushes = stream.pushes.list();
    let pushes = pushes.iter().map(|push| OutputReading {
        stream: name,
        name: push.name().to_owned(),
        up: matches!(push.state(), PushState::Live | PushState::Stalled),
        lag_ms: push.lag.load(Ordering::Relaxed),
        failures: push.failures.load(Ordering::Relaxed),
        state: Some(push.state()),
    });
    transcoders.chain(pushes).collect()
}

fn encode_outputs(encoder: &mut DescriptorEncoder<'_>, readings: &[Reading<'_>]) -> fmt::Result {
    let gauge = ConstGauge::new(0.0_f64).metric_type();
    let counter = ConstCounter::new(0_u64).metric_type();
    let outputs: Vec<OutputReading<'_>> = readings.iter().flat_map(outputs).collect();
    let help = "1 while the transcoder or push target takes the stream";
    let mut family = encoder.encode_descriptor("output_up", help, None, gauge)?;
    for output in &outputs {
        let up = f64::from(u8::from(output.up));
        ConstGauge::new(up).encode(family.encode_family(&output.labels())?)?;
    }
    let help = "How long the output's next message has been waiting";
    let mut family = encoder.encode_descriptor("output_lag_seconds", help, None, gauge)?;
    for output in &outputs {
        let lag = float(output.lag_ms) / 1000.0;
        ConstGauge::new(lag).encode(family.encode_family(&output.labels())?)?;
    }
    let help = "Connections to the output that failed or were refused";
    let mut family = encoder.encode_descriptor("output_failures", help, None, counter)?;
    for output in &outputs {
        ConstCounter::new(output.failures).encode(family.encode_family(&output.labels())?)?;
    }
    let help = "1 for the state, named by class, that a push target is in";
    let mut family = encoder.encode_descriptor("output_state", help, None, gauge)?;
    for output in &outputs {
        let Some(now) = output.state else { continue };
        for state in PushState::ALL {
            let [stream, name] = output.labels();
            let labels = [stream, name, ("class", state.as_str())];
            let is = f64::from(u8::from(now == state));
            ConstGauge::new(is).encode(family.encode_family(&labels)?)?;
        }
    }
    Ok(())
}
