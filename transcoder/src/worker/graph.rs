//! [pure] From a [`Plan`] and a [`Recipe`] to the text of a GStreamer pipeline.
//!
//! The text is a function of the two alone. In software every thread count is a constant and every encoder has one
//! thread: x264's rate control under a VBV reads how far its other threads have come, so with two threads the same input
//! gives other bytes each time (measured; `x264_ratecontrol_mb`). Rungs run beside each other on threads of their own.
//!
//! The picture is decoded once and each rung is scaled from the next larger one, which costs less than scaling each
//! from the source.

use std::{collections::BTreeSet, ops::RangeInclusive};

use super::{Plan, Recipe, RungPlan};
use crate::codec::VideoCodec;

/// Most rungs of a plan: every one is an encoder.
pub(super) const MAX_RUNGS: usize = 8;
/// Longest configuration record in bytes: of H.264 at most 31 SPS and 255 PPS, in practice below 100 bytes.
pub(super) const MAX_CODEC_CONFIG: usize = 64 << 10;
/// Width and height in pixels; the upper end is H.264 level 6.2's.
const SIZES: RangeInclusive<u16> = 16..=8192;
/// Bits per second of a rung.
const BITRATES: RangeInclusive<u32> = 32_000..=240_000_000;

/// Coded frames that wait before the decoder. Few: what waits here is latency, and the feed has a queue already.
const CODED_FRAMES: u32 = 8;
/// Raw pictures that wait before each encoder or scaler: 3 MB each at 1080p.
const RAW_PICTURES: u32 = 4;

/// Why a plan cannot be built. Our own fault, or that of the operator's ladder.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// No rung or more than [`MAX_RUNGS`].
    #[error("{0} encoded rungs; a worker takes 1 to {MAX_RUNGS}")]
    Rungs(usize),
    /// A name twice.
    #[error("rung {0} is planned twice")]
    Twice(live::Rendition),
    /// `source` or `audio`.
    #[error("{0} is no rung to encode")]
    NotEncoded(live::Rendition),
    /// Odd, too small or too large.
    #[error("a picture of {0}x{1}; each side has 16 to 8192 pixels, an even number in a rung")]
    Size(u16, u16),
    /// Out of range.
    #[error("a bitrate of {0} bit/s; there must be 32 kbit/s to 240 Mbit/s")]
    Bitrate(u32),
    /// Not such a record, or too long.
    #[error("the source's decoder configuration is no {0} record of up to 64 KiB")]
    CodecConfig(VideoCodec),
}

/// A pipeline as text, and what is behind its names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Graph {
    /// For `gst_parse_launch`.
    pub(super) description: String,
    /// Rung `n` has elements `encoder{n}` and `sink{n}`. Large to small.
    pub(super) rungs: Vec<RungPlan>,
    /// Elements that get every second picture only.
    pub(super) halved: Vec<String>,
    /// The element that pictures of the show are taken from, if they are wanted: it gets all of the smallest rung.
    pub(super) camera: Option<String>,
}

impl Graph {
    /// The name of the element that takes the source's access units.
    pub(super) const SOURCE: &str = "source";

    /// The name of rung `n`'s encoder.
    pub(super) fn encoder(n: usize) -> String {
        format!("encoder{n}")
    }

    /// The name of rung `n`'s end.
    pub(super) fn sink(n: usize) -> String {
        format!("sink{n}")
    }

    pub(super) fn new(recipe: &Recipe, plan: &Plan) -> Result<Self, PlanError> {
        check(plan)?;
        let mut rungs = plan.rungs.clone();
        rungs.sort_by_key(|rung| {
            let area = u32::from(rung.width) * u32::from(rung.height);
            (std::cmp::Reverse(area), rung.rendition)
        });
        let halving = Halving::new(&rungs);
        let mut halved = Vec::new();
        let mut queue = |from: &str, halve: bool| {
            let name = halve.then(|| format!("halved{}", halved.len()));
            let text = queue(from, name.as_deref());
            halved.extend(name);
            text
        };
        let mut description = source(recipe, plan);
        for (n, rung) in rungs.iter().enumerate() {
            let from = n.checked_sub(1).map(|larger| format!("\nscaled{larger}."));
            description.push_str(&queue(&from.unwrap_or_default(), halving.at_scaler(n)));
            description.push_str(&scaler(recipe, n, rung));
            description.push_str(&queue(&format!("\nscaled{n}."), halving.at_encoder(n)));
            description.push_str(&encoder(recipe, n, rung));
        }
        let smallest = rungs.len().saturating_sub(1);
        Ok(Self {
            description,
            rungs,
            halved,
            camera: plan.pictures.then(|| format!("scaled{smallest}")),
        })
    }
}

/// Where pictures are left out: before the scaler from which on all rungs are halved, as it is work saved, and before
/// the encoders of those above it.
struct Halving {
    halved: Vec<bool>,
    /// The first of those at the end that are all halved.
    tail: usize,
}

impl Halving {
    fn new(rungs: &[RungPlan]) -> Self {
        let halved: Vec<bool> = rungs.iter().map(|rung| rung.halved).collect();
        let tail = halved.iter().rposition(|halved| !halved);
        Self {
            halved,
            tail: tail.map_or(0, |last| last + 1),
        }
    }

    const fn at_scaler(&self, n: usize) -> bool {
        n == self.tail
    }

    fn at_encoder(&self, n: usize) -> bool {
        n < self.tail && self.halved.get(n).is_some_and(|halved| *halved)
    }
}

fn check(plan: &Plan) -> Result<(), PlanError> {
    if plan.rungs.is_empty() || plan.rungs.len() > MAX_RUNGS {
        return Err(PlanError::Rungs(plan.rungs.len()));
    }
    let record = &plan.codec_config;
    // The length of the record's fixed fields, and its version.
    let (least, version) = match plan.codec {
        VideoCodec::Avc => (7, 1),
        VideoCodec::Hevc => (23, 1),
        VideoCodec::Av1 => (4, 0x81),
    };
    if !(least..=MAX_CODEC_CONFIG).contains(&record.len()) || record.first() != Some(&version) {
        return Err(PlanError::CodecConfig(plan.codec));
    }
    if !SIZES.contains(&plan.width) || !SIZES.contains(&plan.height) {
        return Err(PlanError::Size(plan.width, plan.height));
    }
    let mut names = BTreeSet::new();
    for rung in &plan.rungs {
        let sides = [rung.width, rung.height];
        if !matches!(rung.rendition, live::Rendition::Encoded(_)) {
            return Err(PlanError::NotEncoded(rung.rendition));
        }
        if !names.insert(rung.rendition) {
            return Err(PlanError::Twice(rung.rendition));
        }
        if sides.iter().any(|n| !SIZES.contains(n) || n % 2 != 0) {
            return Err(PlanError::Size(rung.width, rung.height));
        }
        if !BITRATES.contains(&rung.bitrate_bps) {
            return Err(PlanError::Bitrate(rung.bitrate_bps));
        }
    }
    Ok(())
}

/// `block=true`: when the encoders are slower than the source, the reader of the socket stands still, and the daemon's
/// feed drops whole GOPs. What is left out is left out by a gate, so no quality-of-service events either.
fn source(recipe: &Recipe, plan: &Plan) -> String {
    let (caps, parser) = coded(plan.codec);
    let mut text = format!(
        "appsrc name={} is-live=true format=time block=true \
         max-buffers={CODED_FRAMES} max-bytes=0 max-time=0 \
         caps=\"{caps},codec_data=(buffer)",
        Graph::SOURCE
    );
    for byte in &plan.codec_config {
        text.push_str(&format!("{byte:02x}"));
    }
    let decoder = recipe.decoder(plan.codec);
    text.push_str(&format!("\"\n! {parser}\n! {decoder}"));
    text
}

/// How the source's access units come, and who reads their headers.
const fn coded(codec: VideoCodec) -> (&'static str, &'static str) {
    match codec {
        VideoCodec::Avc => (
            "video/x-h264,stream-format=(string)avc,alignment=(string)au",
            "h264parse",
        ),
        VideoCodec::Hevc => (
            "video/x-h265,stream-format=(string)hvc1,alignment=(string)au",
            "h265parse",
        ),
        VideoCodec::Av1 => (
            "video/x-av1,stream-format=(string)obu-stream,alignment=(string)tu",
            "av1parse",
        ),
    }
}

fn queue(from: &str, name: Option<&str>) -> String {
    let name = name.map(|name| format!("name={name} ")).unwrap_or_default();
    format!(
        "{from}\n! queue {name}max-size-buffers={RAW_PICTURES} max-size-bytes=0 max-size-time=0"
    )
}

fn scaler(recipe: &Recipe, n: usize, rung: &RungPlan) -> String {
    format!(
        "\n! {}\n! {},width={},height={},pixel-aspect-ratio=1/1\n! tee name=scaled{n}",
        recipe.scaler, recipe.pictures, rung.width, rung.height
    )
}

fn encoder(recipe: &Recipe, n: usize, rung: &RungPlan) -> String {
    format!(
        "\n! {}\n! {}\n! appsink name={} sync=false async=false max-buffers=2",
        recipe.encoder(&Graph::encoder(n), rung.bitrate_bps),
        recipe.coded,
        Graph::sink(n),
    )
}

#[cfg(test)]
mod tests;
