//! The pipeline of a worker that makes AAC-LC of other sound (see [`crate::worker::sound`]).
//!
//! The encoder gives one frame per block, but a block late: a frame holds the beginning of its block, and what is heard
//! when it is decoded is the block before (facts of the encoder: 1024 samples of priming, which it does not signal). So
//! the first frame bears the time of the block before the first, where a decoder that starts there wants it.

use std::{collections::VecDeque, sync::PoisonError};

use super::{
    AppSink, AppSinkCallbacks, AppSrc, Arc, Bytes, Event, FromWorker, Mutex, Pipeline, Voice,
    WorkerError, element, failed, gst, parse, report, to_clock, to_media,
};
use crate::{
    codec::{AacTrack, ForeignSound},
    worker::sound::{BLOCKS, Block, DECODED, FRAMES, Grid, description},
};
use gstreamer::prelude::*;
use live::Rendition;

/// Blocks between the two ends of the encoder: it holds back two.
const MAX_INSIDE: usize = 64;

/// Where the blocks lie that went in, oldest first.
type Inside = Arc<Mutex<VecDeque<u64>>>;

impl Pipeline {
    /// Builds and starts a pipeline for sound.
    pub(in crate::worker) fn start_sound(
        sound: &ForeignSound,
        voice: &Voice,
    ) -> Result<Self, WorkerError> {
        gst::init().map_err(failed)?;
        let pipeline = parse(&description(sound))?;
        let inside = Inside::default();
        let blocks: AppSrc = element(&pipeline, BLOCKS)?;
        cut(&element(&pipeline, DECODED)?, blocks, &inside);
        deliver(&element(&pipeline, FRAMES)?, inside, voice)?;
        pipeline.set_state(gst::State::Playing).map_err(failed)?;
        Ok(Self {
            pipeline,
            gates: Vec::new(),
            encoders: Vec::new(),
        })
    }
}

/// From decoded sound to blocks.
fn cut(sink: &AppSink, blocks: AppSrc, inside: &Inside) {
    let mut grid = Grid::default();
    let mut out = Vec::new();
    let mut count = 0_u64;
    let (inside, end) = (Arc::clone(inside), blocks.clone());
    let on_sample = move |sink: &AppSink| {
        let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
        let buffer = sample.buffer().ok_or(gst::FlowError::Error)?;
        // The source's segment starts at 0: a buffer's time is the running time. One without a time follows the last.
        if let Some(time) = buffer.pts() {
            let bytes = buffer.map_readable().map_err(|_| gst::FlowError::Error)?;
            grid.push(to_media(time), &bytes, &mut out);
        }
        for block in out.drain(..) {
            let mut waiting = inside.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.push_back(block.position);
            drop(waiting);
            let mut buffer = gst::Buffer::from_slice(block.bytes);
            if let Some(buffer) = buffer.get_mut() {
                // A count without holes, for the encoder to see none; their places are kept aside.
                let time = Block::time_of(count.saturating_mul(AacTrack::FRAME.into()));
                buffer.set_pts(to_clock(time));
            }
            count = count.saturating_add(1);
            blocks.push_buffer(buffer)?;
        }
        Ok(gst::FlowSuccess::Ok)
    };
    let on_end = move |_: &AppSink| {
        // Refused only by a pipeline that has failed, which is on the bus by then.
        end.end_of_stream().ok();
    };
    let callbacks = AppSinkCallbacks::builder()
        .new_sample(on_sample)
        .eos(on_end);
    sink.set_callbacks(callbacks.build());
}

/// From frames to the daemon.
fn deliver(sink: &AppSink, inside: Inside, voice: &Voice) -> Result<(), WorkerError> {
    voice.say(FromWorker::Event(Event::Config {
        pictures: String::new(),
        rendition: Rendition::Audio,
        codec_config: AacTrack::encoded().config().clone(),
        width: 0,
        height: 0,
    }))?;
    let voice = voice.clone();
    let mut first = true;
    let on_sample = move |sink: &AppSink| {
        let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
        let frame = sample
            .buffer()
            .and_then(|buffer| buffer.map_readable().ok());
        let frame = frame.ok_or(gst::FlowError::Error)?;
        let Some(position) = heard(&inside, std::mem::take(&mut first)) else {
            report(sink, "the encoder of sound lost count");
            return Err(gst::FlowError::Error);
        };
        let said = voice.say(FromWorker::Event(Event::Sample {
            rendition: Rendition::Audio,
            pts: Block::time_of(position),
            key: true,
            bytes: Bytes::copy_from_slice(&frame),
        }));
        said.map_err(|error| {
            report(sink, &error.to_string());
            gst::FlowError::Error
        })?;
        Ok(gst::FlowSuccess::Ok)
    };
    sink.set_callbacks(AppSinkCallbacks::builder().new_sample(on_sample).build());
    Ok(())
}

/// Where the encoder's next frame is heard.
fn heard(inside: &Inside, first: bool) -> Option<u64> {
    let mut inside = inside.lock().unwrap_or_else(PoisonError::into_inner);
    if inside.len() > MAX_INSIDE {
        return None;
    }
    if first {
        let position = inside.front()?;
        return position.checked_sub(AacTrack::FRAME.into());
    }
    inside.pop_front()
}
