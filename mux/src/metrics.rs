//! What mux measures. Streams keep plain counters; they are read when somebody asks.
//!
//! Names get the prefix `footlight_mux_`. Labels are `stream`, `output` (a transcoder's or push target's name, or
//! `players`), `class`, `role` and `finding`.

use std::{
    fmt,
    sync::{Arc, atomic::Ordering},
};

use live::daemon::prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{
        counter::{ConstCounter, Counter},
        family::Family,
        gauge::ConstGauge,
    },
    registry::Registry,
};
use rtmp::CloseReason;

use crate::{
    admission::TurnedAway,
    connection::{End, TLS_BEGINS},
    consumer::ConsumerStats,
    key::Refused,
    output::OutputState,
    push::PushState,
    stream::{Counters, State},
    streams::{SharedStream, Streams},
    transport::TransportError,
    wire::WireError,
};

mod memory;
mod publishers;

pub(crate) use memory::MemoryMetrics;

use publishers::PublisherReading;

/// The output that all RTMP players of a stream are together.
pub(crate) const PLAYERS: &str = "players";

/// How connections ended.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ends {
    ends: Family<[(&'static str, &'static str); 1], Counter>,
    refused_keys: Family<[(&'static str, &'static str); 1], Counter>,
    /// Networks found over the limit of wrong keys, once a minute each.
    pub(crate) guessers: Counter,
    /// Peers that asked for an app that is not served.
    pub(crate) refused_app: Counter,
}

impl Ends {
    /// Counts an end.
    pub(crate) fn count(&self, end: &End) {
        let class = match end {
            End::Session(reason) => class_of(reason),
            End::Wire(WireError::Transport(error)) => match error {
                TransportError::Eof => "closed_by_peer",
                TransportError::Io(_) => "network",
                TransportError::Tls(_) => "tls",
                TransportError::NotTls(_) => "not_tls",
            },
            End::Wire(WireError::Full(_) | WireError::Stalled) => "not_reading",
            End::Closed(_) => "closed_by_stream",
            End::Revoked => "revoked",
            End::Shutdown => "shutdown",
        };
        self.end(class);
    }

    /// Counts a peer that was not let in at all.
    pub(crate) fn turned_away(&self, reason: &TurnedAway) {
        self.end(reason.class());
    }

    fn end(&self, class: &'static str) {
        self.ends.get_or_create(&[("class", class)]).inc();
    }

    /// Counts a peer whose key opens nothing.
    pub(crate) fn refuse_key(&self, refused: &Refused) {
        let class = ("class", refused.class());
        self.refused_keys.get_or_create(&[class]).inc();
    }

    /// Registers the counters.
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register(
            "connections_ended",
            "Connections that ended, by why",
            self.ends.clone(),
        );
        registry.register(
            "refused_keys",
            "Peers refused for their key, by what is wrong with it",
            self.refused_keys.clone(),
        );
        registry.register(
            "guessing_networks",
            "Networks found guessing keys, once a minute each",
            self.guessers.clone(),
        );
        registry.register(
            "refused_apps",
            "Peers refused for an app that is not served",
            self.refused_app.clone(),
        );
    }
}

fn class_of(reason: &CloseReason) -> &'static str {
    match reason {
        CloseReason::Ended => "closed_by_peer",
        CloseReason::NotRtmp(TLS_BEGINS) => "tls_on_rtmp",
        CloseReason::NotRtmp(_) => "not_rtmp",
        CloseReason::Read(_) => "malformed",
        CloseReason::Flood => "flood",
        CloseReason::Deadline => "too_slow",
        CloseReason::Silent => "silent",
        CloseReason::Refused { .. } => "refused",
    }
}

/// Reads all streams at each scrape.
#[derive(Clone)]
pub(crate) struct StreamMetrics(pub(crate) Arc<Streams>);

impl fmt::Debug for StreamMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StreamMetrics")
    }
}

/// One stream at one moment.
struct Reading<'a> {
    stream: &'a SharedStream,
    state: State,
    publishers: usize,
    counters: Counters,
    ring_bytes: usize,
    ring_ms: u64,
    connected: Vec<PublisherReading<'a>>,
}

type Labels<'a> = &'a [(&'static str, &'a str)];

impl Collector for StreamMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let readings: Vec<Reading<'_>> = self.0.values().map(|stream| read(stream)).collect();
        encode_publishers(&mut encoder, &readings)?;
        publishers::encode(&mut encoder, &readings)?;
        encode_clock(&mut encoder, &readings)?;
        encode_ring(&mut encoder, &readings)?;
        encode_consumers(&mut encoder, &readings)?;
        encode_outputs(&mut encoder, &readings)
    }
}

fn read(stream: &SharedStream) -> Reading<'_> {
    stream.look(|core, now| Reading {
        stream,
        state: core.state(),
        publishers: core.publishers(),
        counters: core.counters(),
        ring_bytes: core.ring().bytes(),
        ring_ms: core.ring().span(),
        connected: publishers::read(stream, core, now),
    })
}

impl Reading<'_> {
    fn name(&self) -> &str {
        self.stream.name().as_str()
    }
}

/// A family of gauges: one value a stream.
fn gauges(
    encoder: &mut DescriptorEncoder<'_>,
    (name, help): (&str, &str),
    readings: &[Reading<'_>],
    value: impl Fn(&Reading<'_>) -> f64,
) -> fmt::Result {
    let kind = ConstGauge::new(0.0_f64).metric_type();
    let mut family = encoder.encode_descriptor(name, help, None, kind)?;
    for reading in readings {
        let labels: Labels<'_> = &[("stream", reading.name())];
        ConstGauge::new(value(reading)).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

/// A family of counters: one value a stream and class.
fn counters(
    encoder: &mut DescriptorEncoder<'_>,
    (name, help): (&str, &str),
    readings: &[Reading<'_>],
    values: impl Fn(&Counters) -> Vec<(&'static str, u64)>,
) -> fmt::Result {
    let kind = ConstCounter::new(0_u64).metric_type();
    let mut family = encoder.encode_descriptor(name, help, None, kind)?;
    for reading in readings {
        for (class, value) in values(&reading.counters) {
            let labels = [("stream", reading.name()), ("class", class)];
            let labels: Labels<'_> = if class.is_empty() {
                &labels[..1]
            } else {
                &labels
            };
            ConstCounter::new(value).encode(family.encode_family(&labels)?)?;
        }
    }
    Ok(())
}

fn encode_publishers(encoder: &mut DescriptorEncoder<'_>, readings: &[Reading<'_>]) -> fmt::Result {
    gauges(
        encoder,
        ("on_air", "1 while a publisher is on the air"),
        readings,
        |reading| f64::from(u8::from(reading.state == State::Live)),
    )?;
    gauges(
        encoder,
        (
            "held",
            "1 while the stream waits for a publisher to come back",
        ),
        readings,
        |reading| f64::from(u8::from(reading.state == State::Held)),
    )?;
    gauges(
        encoder,
        ("publishers", "Publishers connected, on the air or waiting"),
        readings,
        |reading| float(reading.publishers),
    )?;
    counters(
        encoder,
        ("received_bytes", "Bytes of media received from publishers"),
        readings,
        |counters| vec![("", counters.received)],
    )?;
    counters(
        encoder,
        ("frames", "Messages put on the air"),
        readings,
        |counters| {
            let [audio, video, data] = counters.frames;
            vec![("audio", audio), ("video", video), ("data", data)]
        },
    )?;
    counters(
        encoder,
        (
            "malformed_messages",
            "Messages of publishers that were dropped",
        ),
        readings,
        |counters| vec![("", counters.malformed)],
    )
}

fn encode_clock(encoder: &mut DescriptorEncoder<'_>, readings: &[Reading<'_>]) -> fmt::Result {
    counters(
        encoder,
        ("stamps", "Segments opened: with media, and held"),
        readings,
        |counters| vec![("segment", counters.segments), ("hold", counters.holds)],
    )?;
    counters(
        encoder,
        (
            "keyframes_overdue",
            "Segments opened without a keyframe: the encoder's interval is too long",
        ),
        readings,
        |counters| vec![("", counters.overdue)],
    )?;
    counters(
        encoder,
        ("sessions", "Sessions opened"),
        readings,
        |counters| vec![("", counters.sessions)],
    )?;
    counters(
        encoder,
        ("takeovers", "Times that a publisher went on with a session"),
        readings,
        |counters| vec![("", counters.takeovers)],
    )
}

fn encode_ring(encoder: &mut DescriptorEncoder<'_>, readings: &[Reading<'_>]) -> fmt::Result {
    gauges(
        encoder,
        ("ring_bytes", "Memory of the stream's ring"),
        readings,
        |reading| float(reading.ring_bytes),
    )?;
    gauges(
        encoder,
        ("ring_seconds", "Media in the stream's ring"),
        readings,
        |reading| float(reading.ring_ms) / 1000.0,
    )
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

/// A count as Prometheus has it.
fn float(count: impl TryInto<u64>) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a figure for a graph")]
    let float = count.try_into().unwrap_or(u64::MAX) as f64;
    float
}
