//! What mux measures. Streams keep plain counters; they are read when somebody asks.
//!
//! Names get the prefix `footlight_mux_`. Labels are `stream`, `output` (a transcoder's or push target's name, or
//! `players`), `class`, `outcome`, `role` and `finding`.

use std::{fmt, sync::Arc};

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
    key::Refused,
    stream::{Counters, State},
    streams::{SharedStream, Streams},
    transport::TransportError,
    wire::WireError,
};

mod handover;
mod memory;
mod outputs;
mod publishers;

pub(crate) use handover::HandoverMetrics;
pub(crate) use memory::MemoryMetrics;
pub(crate) use outputs::PLAYERS;
use publishers::PublisherReading;

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
        outputs::encode(&mut encoder, &readings)
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

/// A count as Prometheus has it.
fn float(count: impl TryInto<u64>) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a figure for a graph")]
    let float = count.try_into().unwrap_or(u64::MAX) as f64;
    float
}
