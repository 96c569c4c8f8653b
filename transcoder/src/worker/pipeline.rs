//! The GStreamer pipeline of a worker. Only this file and what is below it names GStreamer.
//!
//! The input's thread pushes coded frames and blocks while the encoders are behind. Each encoder has a probe that lets
//! pictures through and asks for keys ([`Gate`]), and a sink that hands its samples to [`Voice`], both on the pipeline's own threads. Whoever fails
//! posts an error on the bus; [`Pipeline::wait`] returns the first.
//!
//! Times: the pipeline's running time is the media time in nanoseconds, from the epoch. 90 kHz and nanoseconds convert
//! both ways without loss, as a tick is 11111 ns.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use gstreamer::{self as gst, prelude::*};
use gstreamer_app::{AppSink, AppSinkCallbacks, AppSrc};
use live::{MediaTime, Rendition};

use super::{
    Event, Input, Pace, RungPlan,
    child::{Voice, WorkerError},
    coded::{self, Coded},
    gate::Gate,
    graph::Graph,
    keys::Picture,
    protocol::FromWorker,
};

mod pictures;
mod sound;
pub(super) mod still;

type SharedGate = Arc<Mutex<Gate>>;

/// A running pipeline.
pub(super) struct Pipeline {
    pipeline: gst::Pipeline,
    gates: Vec<SharedGate>,
    encoders: Vec<(Rendition, SharedGate)>,
}

impl Pipeline {
    /// Builds and starts it.
    pub(super) fn start(graph: &Graph, voice: &Voice) -> Result<Self, WorkerError> {
        gst::init().map_err(failed)?;
        let pipeline = parse(&graph.description)?;
        let mut encoders = Vec::with_capacity(graph.rungs.len());
        let mut gates = Vec::with_capacity(graph.rungs.len() + graph.halved.len());
        for (n, rung) in graph.rungs.iter().enumerate() {
            let gate = SharedGate::default();
            let encoder = element(&pipeline, &Graph::encoder(n))?;
            before_encoder(&encoder, &gate)?;
            deliver(&element(&pipeline, &Graph::sink(n))?, &encoder, rung, voice)?;
            encoders.push((rung.rendition, Arc::clone(&gate)));
            gates.push(gate);
        }
        for name in &graph.halved {
            let gate = SharedGate::new(Mutex::new(Gate::half()));
            halve(&element(&pipeline, name)?, &gate)?;
            gates.push(gate);
        }
        if let (Some(camera), Some(smallest)) = (&graph.camera, graph.rungs.last()) {
            pictures::take(&element(&pipeline, camera)?, smallest, voice)?;
        }
        pipeline.set_state(gst::State::Playing).map_err(failed)?;
        Ok(Self {
            pipeline,
            gates,
            encoders,
        })
    }

    /// The way in.
    pub(super) fn feeder(&self) -> Result<Feeder, WorkerError> {
        Ok(Feeder {
            pipeline: self.pipeline.clone(),
            source: element(&self.pipeline, Graph::SOURCE)?,
            gates: self.gates.clone(),
            fed: false,
        })
    }

    /// How fast each rung goes.
    pub(super) fn paces(&self) -> Paces {
        Paces(self.encoders.clone())
    }

    /// Waits until all that was fed has come out, or something failed. The process is to end after it: what still runs
    /// is not waited for, as a plugin that failed may hang.
    pub(super) fn wait(&self) -> Result<(), WorkerError> {
        let bus = self.pipeline.bus().ok_or_else(|| failed("no bus"))?;
        for message in bus.iter_timed(gst::ClockTime::NONE) {
            if let gst::MessageView::Error(error) = message.view() {
                return Err(WorkerError::Pipeline(reason(error)));
            }
            if let gst::MessageView::Eos(_) = message.view() {
                return Ok(());
            }
        }
        Err(failed("the bus was shut"))
    }
}

fn parse(description: &str) -> Result<gst::Pipeline, WorkerError> {
    gst::parse::launch(description)
        .map_err(failed)?
        .downcast()
        .map_err(|_| failed("the description is no pipeline"))
}

/// Sets the pace of rungs.
pub(super) struct Paces(Vec<(Rendition, SharedGate)>);

impl Paces {
    /// From the rung's next picture on.
    pub(super) fn set(&self, rendition: Rendition, pace: Pace) {
        let gates = self.0.iter().filter(|(name, _)| *name == rendition);
        gates.for_each(|(_, gate)| lock(gate).set(pace));
    }
}

/// The way into a pipeline.
pub(super) struct Feeder {
    pipeline: gst::Pipeline,
    source: AppSrc,
    gates: Vec<SharedGate>,
    fed: bool,
}

impl Feeder {
    /// Takes one input; blocks while the encoders are behind.
    pub(super) fn push(&mut self, input: Input) {
        match input {
            Input::ForceKey { pts } => self.gates.iter().for_each(|gate| lock(gate).force(pts)),
            Input::Drain => {
                // In its turn behind the frames. Refused only by a pipeline that has failed, which is on the bus by then.
                let _accepted = self.source.send_event(still_frame());
            }
            Input::Frame {
                pts,
                dts,
                key,
                bytes,
            } => {
                for gate in &self.gates {
                    lock(gate).frame_in(pts, key);
                }
                let mut buffer = gst::Buffer::from_slice(bytes);
                if let Some(buffer) = buffer.get_mut() {
                    buffer.set_pts(to_clock(pts));
                    buffer.set_dts(to_clock(dts.min(pts)));
                    if !key {
                        buffer.set_flags(gst::BufferFlags::DELTA_UNIT);
                    }
                }
                self.fed = true;
                // Refused only by a pipeline that has failed, which is on the bus by then.
                self.source.push_buffer(buffer).ok();
            }
        }
    }

    /// Ends the input, well or with an error.
    pub(super) fn end(self, outcome: Result<(), WorkerError>) {
        match outcome {
            // To the parser an end without a stream would be an error.
            Ok(()) if !self.fed => post(&self.pipeline, gst::message::Eos::new()),
            Ok(()) => {
                // As in `push`.
                self.source.end_of_stream().ok();
            }
            Err(error) => report(&self.pipeline, &error.to_string()),
        }
    }
}

/// Lets pictures through to an encoder, and asks it for a key just before the picture that is to be one.
fn before_encoder(encoder: &gst::Element, gate: &SharedGate) -> Result<(), WorkerError> {
    let gate = Arc::clone(gate);
    sink_pad(encoder)?.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
        let (picture, time) = judge(&gate, info);
        match (picture, time) {
            (Picture::Drop, _) => return gst::PadProbeReturn::Drop,
            (Picture::EncodeAsKey, Some(time)) => {
                // Refused only by an encoder that is shutting down.
                let _accepted = pad.send_event(force_key_unit(time));
            }
            (Picture::Encode | Picture::EncodeAsKey, _) => {}
        }
        gst::PadProbeReturn::Ok
    });
    Ok(())
}

/// Lets every second picture through, and says so: encoders spread their bits by the frame rate in the caps.
fn halve(element: &gst::Element, gate: &SharedGate) -> Result<(), WorkerError> {
    let gate = Arc::clone(gate);
    let mask = gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM;
    sink_pad(element)?.add_probe(mask, move |_, info| {
        if let Some(event) = info.event() {
            if let Some(halved) = half_rate(event) {
                info.data = Some(gst::PadProbeData::Event(halved));
            }
            return gst::PadProbeReturn::Ok;
        }
        match judge(&gate, info).0 {
            Picture::Drop => gst::PadProbeReturn::Drop,
            Picture::Encode | Picture::EncodeAsKey => gst::PadProbeReturn::Ok,
        }
    });
    Ok(())
}

fn judge(gate: &SharedGate, info: &gst::PadProbeInfo<'_>) -> (Picture, Option<gst::ClockTime>) {
    // The source's segment starts at 0, so up to the encoder a buffer's time is the running time.
    let time = info.buffer().and_then(|buffer| buffer.pts());
    (lock(gate).picture(time.map(to_media)), time)
}

/// The caps with half the frame rate, when these are caps that have one.
fn half_rate(event: &gst::EventRef) -> Option<gst::Event> {
    let gst::EventView::Caps(caps) = event.view() else {
        return None;
    };
    let mut caps = caps.caps_owned();
    let structure = caps.make_mut().structure_mut(0)?;
    let rate = structure.get::<gst::Fraction>("framerate").ok()?;
    let (frames, seconds) = (rate.numer(), rate.denom());
    let seconds = seconds.checked_mul(2).filter(|_| frames > 0)?;
    structure.set("framerate", gst::Fraction::new(frames, seconds));
    Some(gst::event::Caps::new(&caps))
}

fn sink_pad(element: &gst::Element) -> Result<gst::Pad, WorkerError> {
    let pad = element.static_pad("sink");
    pad.ok_or_else(|| failed(format!("{} without a sink pad", element.name())))
}

/// The event of `gst_video_event_new_still_frame`: a decoder gives all that it holds back before it passes it on. (With a
/// gap it does so only in trick modes.)
fn still_frame() -> gst::Event {
    let structure = gst::Structure::builder("GstEventStillFrame")
        .field("still-state", true)
        .build();
    gst::event::CustomDownstream::new(structure)
}

/// The event of `gst_video_event_new_downstream_force_key_unit`; every field that is left out has its default.
fn force_key_unit(running_time: gst::ClockTime) -> gst::Event {
    let structure = gst::Structure::builder("GstForceKeyUnit")
        .field("running-time", running_time)
        .field("all-headers", false)
        .field("count", 0u32)
        .build();
    gst::event::CustomDownstream::new(structure)
}

/// Hands the samples of one rung to the daemon.
fn deliver(
    sink: &AppSink,
    encoder: &gst::Element,
    rung: &RungPlan,
    voice: &Voice,
) -> Result<(), WorkerError> {
    let mut delivery = Delivery {
        pictures: sink_pad(encoder)?,
        rung: rung.clone(),
        voice: voice.clone(),
        codec_config: None,
    };
    let on_sample = move |sink: &AppSink| {
        let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
        delivery.sample(&sample).map_err(|error| {
            report(sink, &error.to_string());
            gst::FlowError::Error
        })?;
        Ok(gst::FlowSuccess::Ok)
    };
    sink.set_callbacks(AppSinkCallbacks::builder().new_sample(on_sample).build());
    Ok(())
}

/// The end of one rung.
struct Delivery {
    /// Where the encoder takes its pictures.
    pictures: gst::Pad,
    rung: RungPlan,
    voice: Voice,
    codec_config: Option<Bytes>,
}

impl Delivery {
    fn sample(&mut self, sample: &gst::Sample) -> Result<(), WorkerError> {
        self.configure(sample)?;
        let buffer = sample.buffer().ok_or_else(|| failed("an empty sample"))?;
        let running_time = sample
            .segment()
            .and_then(|segment| segment.downcast_ref::<gst::ClockTime>())
            // x264enc moves its segment by 1000 hours, so the time on the buffer alone is not ours.
            .and_then(|segment| segment.to_running_time_full(buffer.pts()))
            .and_then(|time| time.positive())
            .ok_or_else(|| failed("a sample without a time"))?;
        let bytes = buffer.map_readable().map_err(failed)?;
        let coded = match is_raw(sample) {
            true => Coded {
                bytes: Bytes::copy_from_slice(&bytes),
                key: true,
            },
            false => coded::read(&bytes)
                .ok_or_else(|| failed("an encoder gave something that is no H.264 picture"))?,
        };
        self.voice.say(FromWorker::Event(Event::Sample {
            rendition: self.rung.rendition,
            pts: to_media(running_time),
            key: coded.key,
            bytes: coded.bytes,
        }))
    }

    /// Tells the decoder configuration once; a second one that differs would break every segment already published.
    fn configure(&mut self, sample: &gst::Sample) -> Result<(), WorkerError> {
        let codec_config = match is_raw(sample) {
            true => Bytes::from_static(super::RAW),
            false => codec_data(sample)?,
        };
        match &self.codec_config {
            Some(known) if *known == codec_config => return Ok(()),
            Some(_) => return Err(failed("the encoder changed its codec_data in mid-run")),
            None => {}
        }
        self.codec_config = Some(codec_config.clone());
        self.voice.say(FromWorker::Event(Event::Config {
            rendition: self.rung.rendition,
            codec_config,
            width: self.rung.width,
            height: self.rung.height,
            pictures: (self.pictures.current_caps())
                .map_or_else(String::new, |caps| caps.to_string()),
        }))
    }
}

fn structure(sample: &gst::Sample) -> Option<&gst::StructureRef> {
    sample.caps().and_then(|caps| caps.structure(0))
}

/// Whether it is a picture that was not encoded, as [`super::Recipe::pictures`] gives.
fn is_raw(sample: &gst::Sample) -> bool {
    structure(sample).is_some_and(|caps| caps.name() == "video/x-raw")
}

fn codec_data(sample: &gst::Sample) -> Result<Bytes, WorkerError> {
    let data = structure(sample)
        .and_then(|caps| caps.get::<gst::Buffer>("codec_data").ok())
        .ok_or_else(|| failed("an encoder without codec_data"))?;
    let data = data.map_readable().map_err(failed)?;
    Ok(Bytes::copy_from_slice(&data))
}

/// Which element failed, what it says, and the last line of what it adds for developers.
fn reason(error: &gst::message::Error) -> String {
    let Some(element) = error.src() else {
        // From here: see `report`.
        return error.error().to_string();
    };
    let debug = error.debug().unwrap_or_default();
    let detail = debug.lines().last().unwrap_or_default();
    format!("{}: {} {detail}", element.name(), error.error())
}

fn element<T: IsA<gst::Element>>(pipeline: &gst::Pipeline, name: &str) -> Result<T, WorkerError> {
    pipeline
        .by_name(name)
        .and_then(|element| element.downcast().ok())
        .ok_or_else(|| failed(format!("no element {name}")))
}

/// Posts an error for [`Pipeline::wait`].
fn report(source: &impl IsA<gst::Element>, text: &str) {
    post(
        source,
        gst::message::Error::new(gst::CoreError::Failed, text),
    );
}

fn post(source: &impl IsA<gst::Element>, message: gst::Message) {
    // Fails only when the bus is gone, and then nobody waits.
    source.post_message(message).ok();
}

fn failed(reason: impl ToString) -> WorkerError {
    WorkerError::Pipeline(reason.to_string())
}

fn lock(gate: &Mutex<Gate>) -> MutexGuard<'_, Gate> {
    gate.lock().unwrap_or_else(PoisonError::into_inner)
}

/// 90 kHz to nanoseconds, to the nearest. In range by `protocol::MAX_TICKS`.
fn to_clock(time: MediaTime) -> gst::ClockTime {
    let ns = (u128::from(time.ticks()) * 100_000 + 4) / 9;
    gst::ClockTime::from_nseconds(u64::try_from(ns).unwrap_or(u64::MAX - 1))
}

/// Nanoseconds to 90 kHz, to the nearest.
fn to_media(time: gst::ClockTime) -> MediaTime {
    let ticks = (u128::from(time.nseconds()) * 9 + 50_000) / 100_000;
    MediaTime::from_ticks(u64::try_from(ticks).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_survive_the_way_through_nanoseconds() {
        assert_eq!(
            to_clock(MediaTime::from_millis(1_790_000_000_001)),
            gst::ClockTime::from_mseconds(1_790_000_000_001)
        );
        for ticks in (0..20).chain(161_100_000_000_000..161_100_000_000_100) {
            let time = MediaTime::from_ticks(ticks);
            assert_eq!(to_media(to_clock(time)), time);
        }
    }
}
