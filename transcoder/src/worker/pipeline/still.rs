//! Pipelines of a worker for a slate: one that decodes the picture and fits it into the rung, and one that encodes it
//! over and over.
//!
//! The encoder's pictures have the very caps of those of the show, and its properties are the same: so is its avcC.

use gstreamer::{self as gst, prelude::*};
use gstreamer_app::{AppSink, AppSrc};

use super::{Pipeline, deliver, element, failed, parse, reason};
use crate::worker::{
    Recipe,
    child::{Voice, WorkerError},
    graph::Graph,
    still::{Still, StillFormat},
};

/// How long the decoding of a picture may take: a large one on a busy box.
const DECODING: gst::ClockTime = gst::ClockTime::from_seconds(20);
/// What of the caps says what a picture looks like; the rest is of the stream that it is in.
const LOOKS: [&str; 6] = [
    "format",
    "width",
    "height",
    "pixel-aspect-ratio",
    "colorimetry",
    "chroma-site",
];
/// The finest quantizer that a slate is coded with: text is sharp, and once all pictures have it there is nothing to
/// refine. Without it an encoder with an average to reach spends it, on what nobody sees.
const FINEST: u32 = 22;
/// What the encoders that have an average to reach call it; openh264 stops by itself. It is in no parameter set.
const FINEST_OF: [(&str, &str); 3] = [
    ("x264enc", "qp-min"),
    ("vah264enc", "min-qp"),
    ("vah264lpenc", "min-qp"),
];
const NANOSECONDS: u64 = 1_000_000_000;

/// Makes the slate and hands it to the daemon.
pub(in crate::worker) fn encode(
    recipe: &Recipe,
    still: &Still,
    voice: &Voice,
) -> Result<(), WorkerError> {
    gst::init().map_err(failed)?;
    let caps: gst::Caps = still.pictures.parse().map_err(failed)?;
    let picture = fit(still, &caps)?;

    let upload = upload(&caps)?;
    let encoder = recipe.encoder(&Graph::encoder(0), still.rung.bitrate_bps);
    let pipeline = parse(&format!(
        "appsrc name=source format=time ! {upload} ! capsfilter name=caps ! {encoder} ! {} \
         ! appsink name=sink sync=false async=false max-buffers=2",
        recipe.coded
    ))?;
    let source: AppSrc = element(&pipeline, "source")?;
    source.set_caps(Some(&in_memory(&caps)));
    element::<gst::Element>(&pipeline, "caps")?.set_property("caps", &caps);
    let encoder = element(&pipeline, &Graph::encoder(0))?;
    spend_no_more_than_needed(&encoder);
    let sink = element(&pipeline, "sink")?;
    deliver(&sink, &encoder, &still.rung, voice)?;
    pipeline.set_state(gst::State::Playing).map_err(failed)?;

    let rate = rate(&caps).unwrap_or(still.rate);
    let time = |n: u64| {
        let ns = n * NANOSECONDS * u64::from(rate.1) / u64::from(rate.0.max(1));
        gst::ClockTime::from_nseconds(ns)
    };
    for n in 0..still.count(rate) {
        // The pictures share their memory, so they need not wait for each other.
        let mut picture = picture.copy();
        if let Some(picture) = picture.get_mut() {
            picture.set_pts(time(n));
            picture.set_dts(gst::ClockTime::NONE);
            picture.set_duration(time(n + 1) - time(n));
        }
        // Refused only by a pipeline that has failed, which is on the bus by then.
        source.push_buffer(picture).ok();
    }
    // As above.
    source.end_of_stream().ok();
    Pipeline {
        pipeline,
        gates: Vec::new(),
        encoders: Vec::new(),
    }
    .wait()
}

fn spend_no_more_than_needed(encoder: &gst::Element) {
    let name = encoder.factory().map(|factory| factory.name());
    let known = FINEST_OF
        .iter()
        .find(|(of, _)| name.as_deref() == Some(*of));
    // Not every device has the property.
    if let Some((_, property)) = known
        && encoder
            .find_property(property)
            .is_some_and(|told| told.value_type() == u32::static_type())
    {
        encoder.set_property(property, FINEST);
    }
}

/// The picture, as large as it can be in the rung's, with borders.
fn fit(still: &Still, caps: &gst::Caps) -> Result<gst::Buffer, WorkerError> {
    let format = StillFormat::of(&still.picture)
        .ok_or_else(|| failed("the slate's picture is neither PNG nor JPEG"))?;
    let (coded, decoder) = format.elements();
    let pipeline = parse(&format!(
        "appsrc name=source caps={coded} ! {decoder} \
         ! videoconvertscale method=lanczos n-threads=1 add-borders=true \
         ! capsfilter name=caps ! appsink name=sink sync=false"
    ))?;
    let mut looks = in_memory(caps);
    if let Some(structure) = looks.make_mut().structure_mut(0) {
        let rest: Vec<_> = structure
            .fields()
            .filter(|name| !LOOKS.contains(&name.as_str()))
            .map(ToString::to_string)
            .collect();
        rest.iter().for_each(|name| structure.remove_field(name));
    }
    element::<gst::Element>(&pipeline, "caps")?.set_property("caps", &looks);
    let source: AppSrc = element(&pipeline, "source")?;
    let sink: AppSink = element(&pipeline, "sink")?;
    pipeline.set_state(gst::State::Playing).map_err(failed)?;
    // Refused only by a pipeline that has failed, which shows at its end.
    source
        .push_buffer(gst::Buffer::from_slice(still.picture.clone()))
        .ok();
    source.end_of_stream().ok();
    let picture = sink
        .try_pull_sample(DECODING)
        .and_then(|sample| sample.buffer_owned());
    picture.ok_or_else(|| failed(why(&pipeline)))
}

/// What kept a picture from being decoded.
fn why(pipeline: &gst::Pipeline) -> String {
    let message = pipeline
        .bus()
        .and_then(|bus| bus.pop_filtered(&[gst::MessageType::Error]));
    let said = match message.as_ref().map(|message| message.view()) {
        Some(gst::MessageView::Error(error)) => reason(error),
        _ => "there is no picture in it".to_owned(),
    };
    format!("the slate's picture cannot be decoded: {said}")
}

/// The same caps of pictures in the box's memory.
fn in_memory(caps: &gst::Caps) -> gst::Caps {
    let mut caps = caps.clone();
    caps.make_mut().set_features(0, None::<gst::CapsFeatures>);
    caps
}

/// The element that brings pictures to where the encoder takes them from.
fn upload(caps: &gst::Caps) -> Result<&'static str, WorkerError> {
    let lies = |feature: &str| caps.features(0).is_some_and(|all| all.contains(feature));
    if lies("memory:VAMemory") {
        Ok("vapostproc")
    } else if lies("memory:CUDAMemory") {
        Ok("cudaupload")
    } else if lies("memory:SystemMemory") {
        Ok("identity")
    } else {
        Err(failed(
            "the encoder's pictures lie where none can be brought",
        ))
    }
}

/// Pictures per second, when the caps say.
fn rate(caps: &gst::Caps) -> Option<(u32, u32)> {
    let rate = caps.structure(0)?.get::<gst::Fraction>("framerate").ok()?;
    let frames = u32::try_from(rate.numer()).ok().filter(|n| *n > 0)?;
    Some((frames, u32::try_from(rate.denom()).ok()?))
}
