//! What the transcoder measures of its streams, read at each scrape.
//!
//! Names get the prefix `footlight_transcoder_`. Labels are `stream` and `rendition`.

use std::{fmt, sync::Arc};

use live::daemon::prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
};

use crate::{
    store::{Counts, Store},
    stream::{RenditionStatus, StreamStatus},
};

/// Reads all streams at each scrape.
#[derive(Debug)]
pub struct StreamMetrics(pub Arc<Store>);

struct Reading {
    name: String,
    status: Option<StreamStatus>,
    counts: Counts,
    waiting: usize,
}

#[derive(Clone, Copy)]
enum Kind {
    Counter,
    Gauge,
}

impl From<Kind> for MetricType {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Counter => Self::Counter,
            Kind::Gauge => Self::Gauge,
        }
    }
}

type Labels<'a> = &'a [(&'static str, &'a str)];

impl Collector for StreamMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let readings: Vec<Reading> = self
            .0
            .all()
            .iter()
            .map(|stream| {
                let (status, counts) = stream.status();
                Reading {
                    name: stream.name().to_string(),
                    status,
                    counts,
                    waiting: stream.waiting(),
                }
            })
            .collect();
        let all = encoder.encode_descriptor(
            "encoding_millicores",
            "Thousandths of a processor that all encoders take, measured where they run long enough",
            None,
            MetricType::Gauge,
        )?;
        ConstGauge::new(signed(self.0.encoding_millicores())).encode(all)?;
        encode_shell(&mut encoder, &readings)?;
        encode_streams(&mut encoder, &readings)?;
        encode_renditions(&mut encoder, &readings)
    }
}

fn encode_shell(encoder: &mut DescriptorEncoder<'_>, readings: &[Reading]) -> fmt::Result {
    let per_stream = |value: fn(&Reading) -> u64| {
        readings
            .iter()
            .map(move |reading| (reading, value(reading)))
    };
    gauges(
        encoder,
        "waiting_requests",
        "Requests that wait for a part or a playlist",
        per_stream(|r| u64::try_from(r.waiting).unwrap_or(u64::MAX)),
    )?;
    counters(
        encoder,
        "publishers",
        "Publishers that came",
        per_stream(|r| r.counts.publishers),
    )?;
    counters(
        encoder,
        "unreadable_messages",
        "Messages of publishers that could not be read",
        per_stream(|r| r.counts.unreadable),
    )?;
    counters(
        encoder,
        "encoder_starts",
        "Encoders started",
        per_stream(|r| r.counts.encoders),
    )?;
    counters(
        encoder,
        "encoder_changes",
        "Encoders that were given up in mid-show for the next in order",
        per_stream(|r| r.counts.encoder_changes),
    )?;
    counters(
        encoder,
        "shed_steps",
        "Times that a rung was given half its pictures, or none, as the box was too slow",
        per_stream(|r| r.counts.shed),
    )?;
    counters(
        encoder,
        "encoder_dropped_frames",
        "Source frames that the encoder was too slow to take",
        per_stream(|r| r.counts.not_encoded),
    )
}

fn encode_streams(encoder: &mut DescriptorEncoder<'_>, readings: &[Reading]) -> fmt::Result {
    let per_stream = |value: fn(&StreamStatus) -> u64| {
        readings
            .iter()
            .filter_map(move |reading| Some((reading, value(reading.status.as_ref()?))))
    };
    gauges(
        encoder,
        "msn",
        "Media sequence number of the newest segment",
        per_stream(|s| s.msn),
    )?;
    gauges(
        encoder,
        "held",
        "1 while nobody publishes to mux",
        per_stream(|s| s.held.into()),
    )?;
    gauges(
        encoder,
        "source_offered",
        "1 when players are offered the source",
        per_stream(|s| s.source_offered.into()),
    )?;
    gauges(
        encoder,
        "encoder_running",
        "1 while the encoder runs",
        per_stream(|s| (s.encoder == "running").into()),
    )?;
    gauges(
        encoder,
        "ladder_cut",
        "What of the ladder the box had no room for: 0 nothing, 1 its largest rungs, 2 all",
        per_stream(|s| match s.ladder_cut {
            "nothing" => 0,
            "top" => 1,
            _ => 2,
        }),
    )?;
    counters(
        encoder,
        "pictures",
        "Pictures taken for the poster and the storyboard",
        per_stream(|s| s.pictures),
    )?;
    counters(
        encoder,
        "dropped_frames",
        "Frames that came twice, too late, out of order or without a stamp",
        per_stream(|s| s.dropped_frames),
    )?;
    counters(
        encoder,
        "stale_stamps",
        "Stamps that did not move on",
        per_stream(|s| s.stale_stamps),
    )
}

fn encode_renditions(encoder: &mut DescriptorEncoder<'_>, readings: &[Reading]) -> fmt::Result {
    let mut all = |name, help, kind: Kind, value: fn(&RenditionStatus) -> Option<u64>| {
        let mut encoder = encoder.encode_descriptor(name, help, None, kind.into())?;
        for reading in readings {
            let renditions = reading.status.iter().flat_map(|status| &status.renditions);
            for rendition in renditions {
                let labels: Labels<'_> =
                    &[("stream", &reading.name), ("rendition", &rendition.name)];
                let Some(value) = value(rendition) else {
                    continue;
                };
                let encoder = encoder.encode_family(&labels)?;
                match kind {
                    Kind::Counter => ConstCounter::new(value).encode(encoder)?,
                    Kind::Gauge => ConstGauge::new(signed(value)).encode(encoder)?,
                }
            }
        }
        Ok(())
    };
    all("gaps", "Segments published as GAP", Kind::Counter, |r| {
        Some(r.gaps)
    })?;
    all(
        "late_segments",
        "Segments that the encoder was too late for",
        Kind::Counter,
        |r| Some(r.late),
    )?;
    all(
        "playlist_renders",
        "Times that the playlist was written, however many asked",
        Kind::Counter,
        |r| Some(r.renders),
    )?;
    all(
        "window_bytes",
        "Bytes of media in memory",
        Kind::Gauge,
        |r| u64::try_from(r.bytes).ok(),
    )?;
    all(
        "window_segments",
        "Segments in the playlist",
        Kind::Gauge,
        |r| u64::try_from(r.segments).ok(),
    )?;
    all(
        "shed",
        "What an encoded rung gives up: 0 nothing, 1 every second picture, 2 all",
        Kind::Gauge,
        |r| match r.pace? {
            "full" => Some(0),
            "half" => Some(1),
            _ => Some(2),
        },
    )?;
    all(
        "lag_milliseconds",
        "How far the encoder is behind the source",
        Kind::Gauge,
        |r| r.lag_ms,
    )
}

fn gauges<'a>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    values: impl Iterator<Item = (&'a Reading, u64)>,
) -> fmt::Result {
    let mut encoder = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (reading, value) in values {
        let labels: Labels<'_> = &[("stream", &reading.name)];
        ConstGauge::new(signed(value)).encode(encoder.encode_family(&labels)?)?;
    }
    Ok(())
}

fn counters<'a>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    values: impl Iterator<Item = (&'a Reading, u64)>,
) -> fmt::Result {
    let mut encoder = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (reading, value) in values {
        let labels: Labels<'_> = &[("stream", &reading.name)];
        ConstCounter::new(value).encode(encoder.encode_family(&labels)?)?;
    }
    Ok(())
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
