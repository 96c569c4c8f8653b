//! What is told of the audience: to everybody as JSON, to the operator in `/status`, to a scrape as gauges.
//!
//! Numbers by stream and quality are all that leaves here; no viewer's number ever does.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::StatusCode;
use live::{
    Rendition, StreamName,
    daemon::prometheus_client::{
        collector::Collector,
        encoding::{DescriptorEncoder, EncodeMetric},
        metrics::{MetricType, gauge::ConstGauge},
    },
};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    audience::{Audience, Count, TOLD_FOR},
    now,
    peer::told::Viewers,
    response::{Coding, Stored},
    viewer::ViewerId,
};

/// The audience, as all connections know it. One lock for all: it is held for less than a microsecond for each media
/// playlist, so 20,000 of them a second keep it taken for one part in fifty.
#[derive(Clone, Default)]
pub(crate) struct Attendance(Arc<Mutex<Audience>>);

/// `/live/{stream}/viewers.json`.
#[derive(Debug, Serialize)]
struct Told<'a> {
    stream: &'a str,
    viewers: u64,
    renditions: BTreeMap<String, u64>,
}

impl Attendance {
    /// A media playlist of `rendition`, whose target duration is `td`, is given to `viewer`. Whether he was not here before.
    pub(crate) fn seen(
        &self,
        stream: &StreamName,
        viewer: ViewerId,
        rendition: Rendition,
        td: Duration,
    ) -> bool {
        self.audience().seen(stream, viewer, rendition, td, now())
    }

    /// Whether `viewer` watches `stream`.
    pub(crate) fn knows(&self, stream: &StreamName, viewer: ViewerId) -> bool {
        self.audience().knows(stream, viewer, now())
    }

    /// What everybody may know of `stream`, and the head it is sent with. A stream that nobody watches, or that there is
    /// not, has no viewers.
    /// `elsewhere`, so many more watch it at other distributors.
    pub(crate) fn told(
        &self,
        stream: &StreamName,
        elsewhere: &BTreeMap<Rendition, u64>,
    ) -> (Bytes, Stored<'static>) {
        let (mut count, age) = self.audience().told(stream, now());
        count.join(elsewhere);
        let told = Told {
            stream: stream.as_str(),
            viewers: count.viewers,
            renditions: by_name(&count),
        };
        // Words and numbers always have a JSON form.
        let text = Bytes::from(serde_json::to_vec(&told).unwrap_or_default());
        let stored = Stored {
            status: StatusCode::OK,
            content_type: "application/json",
            etag: None,
            length: Some(text.len() as u64),
            cache_control: format!("public, max-age={}", TOLD_FOR.as_secs()),
            age,
            cache_status: "Footlight; hit",
            coding: Coding::Only,
        };
        (text, stored)
    }

    /// How many watch, of up to `most` streams: those with the most viewers.
    pub(crate) fn by_stream(&self, most: usize) -> Viewers {
        let mut audience = self.audience();
        let mut watched: Vec<_> = audience.counts(now()).collect();
        watched.sort_by_key(|(_, count)| Reverse(count.viewers));
        let watched = watched.into_iter().take(most);
        watched
            .filter(|(_, count)| count.viewers > 0)
            .map(|(stream, count)| (stream.clone(), count.renditions.clone()))
            .collect()
    }

    /// For `/status`.
    pub(crate) fn report(&self) -> Value {
        let mut audience = self.audience();
        let mut all = 0;
        let streams: BTreeMap<String, Value> = audience
            .counts(now())
            .map(|(stream, count)| {
                all += count.viewers;
                let renditions = by_name(count);
                let Count { viewers, most, .. } = count;
                let told = json!({ "viewers": viewers, "most": most, "renditions": renditions });
                (stream.to_string(), told)
            })
            .collect();
        json!({ "viewers": all, "streams": streams })
    }

    fn audience(&self) -> MutexGuard<'_, Audience> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn by_name(count: &Count) -> BTreeMap<String, u64> {
    let renditions = count.renditions.iter();
    renditions
        .map(|(rendition, viewers)| (rendition.to_string(), *viewers))
        .collect()
}

impl fmt::Debug for Attendance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Attendance(..)")
    }
}

/// Read at each scrape.
impl Collector for Attendance {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Who watches, by stream and by the quality asked for last";
        let mut family = encoder.encode_descriptor("viewers", help, None, MetricType::Gauge)?;
        for (stream, count) in self.audience().counts(now()) {
            for (rendition, viewers) in &count.renditions {
                let rendition = rendition.to_string();
                let labels: &[(&str, &str)] =
                    &[("stream", stream.as_str()), ("rendition", &rendition)];
                let value = i64::try_from(*viewers).unwrap_or(i64::MAX);
                ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}
