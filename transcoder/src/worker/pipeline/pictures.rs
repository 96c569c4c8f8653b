//! Pictures of the show, taken beside the encoders: one in ten seconds, where the smallest rung has its pictures.
//!
//! Of all others only the time is looked at. A thread and a pipeline of their own make JPEG files of those that are
//! taken: what fails or is slow there costs pictures and nothing else, and it is said once.

use std::sync::{
    Mutex, PoisonError,
    mpsc::{Receiver, sync_channel},
};
use std::thread;

use bytes::Bytes;
use gstreamer::{self as gst, prelude::*};
use gstreamer_app::{AppSink, AppSrc};
use live::MediaTime;

use super::{WorkerError, element, failed, parse, reason, sink_pad, to_media};
use crate::{
    pictures::{Canvas, Shutter, Size, Snapshot},
    worker::{Event, RungPlan, child::Voice, protocol::FromWorker, tail::one_line},
};

/// Pictures that wait for the thread; what comes on top is not taken. One is usual, and they are ten seconds apart.
const WAITING: usize = 2;
/// How long one step may take. The box may be busy; nobody waits for it.
const PATIENCE: gst::ClockTime = gst::ClockTime::from_seconds(10);
/// Pixels as JPEG files have them (JFIF): full range, the matrix of BT.601.
const RAW: &str = "video/x-raw,format=I420,colorimetry=(string)1:4:0:0";
/// On the way there. From the limited range of BT.601 to the full one videoconvertscale 1.22 does nothing at all.
const VIA: &str = "video/x-raw,format=BGRx,pixel-aspect-ratio=1/1";
const SCALER: &str = "videoconvertscale method=bilinear n-threads=1 add-borders=false";
/// Of 100. A poster is looked at for a while, a tile at a glance.
const POSTER_QUALITY: u8 = 80;
const SHEET_QUALITY: u8 = 70;

/// Takes pictures of what goes into `camera`, which has those of `rung`, from now on.
pub(super) fn take(
    camera: &gst::Element,
    rung: &RungPlan,
    voice: &Voice,
) -> Result<(), WorkerError> {
    let (taken, pictures) = sync_channel(WAITING);
    let shutter = Mutex::new(Shutter::default());
    sink_pad(camera)?.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
        let buffer = info.buffer();
        if let Some((buffer, at)) = buffer.and_then(|buffer| Some((buffer, buffer.pts()?))) {
            let at = to_media(at);
            let mut shutter = shutter.lock().unwrap_or_else(PoisonError::into_inner);
            if shutter.takes(at)
                && let Some(caps) = pad.current_caps()
            {
                let sample = gst::Sample::builder().buffer(buffer).caps(&caps).build();
                // Full, or nobody there any more: this one is left out.
                taken.try_send((at, sample)).ok();
            }
        }
        gst::PadProbeReturn::Ok
    });
    let size = Size {
        width: rung.width,
        height: rung.height,
    };
    let voice = voice.clone();
    let develop = move || {
        if let Err(error) = develop(&pictures, size, &voice) {
            let reason = one_line(&error.to_string());
            // The daemon may be gone.
            voice
                .say(FromWorker::Event(Event::NoPictures { reason }))
                .ok();
        }
    };
    thread::Builder::new()
        .name("pictures".into())
        .spawn(develop)?;
    Ok(())
}

/// Makes files of the pictures, until there will be no more.
fn develop(
    pictures: &Receiver<(MediaTime, gst::Sample)>,
    size: Size,
    voice: &Voice,
) -> Result<(), WorkerError> {
    let mut laboratory = None;
    for (at, picture) in pictures {
        let laboratory = match &mut laboratory {
            Some(laboratory) => laboratory,
            none => none.insert(Laboratory::new(&picture, size)?),
        };
        let snapshot = laboratory.develop(at, &picture)?;
        voice.say(FromWorker::Event(Event::Picture(snapshot)))?;
    }
    Ok(())
}

/// From pictures to files.
struct Laboratory {
    pipeline: gst::Pipeline,
    pictures: AppSrc,
    posters: AppSink,
    tiles: AppSink,
    canvases: AppSrc,
    sheets: AppSink,
    tile: Size,
    canvas: Canvas,
}

impl Laboratory {
    fn new(picture: &gst::Sample, size: Size) -> Result<Self, WorkerError> {
        let download = download(picture)?;
        let (poster, tile) = (size.poster(), size.tile());
        let sized = |Size { width, height }| format!("width={width},height={height}");
        let pipeline = parse(&format!(
            "appsrc name=pictures format=time ! {download} ! {SCALER} ! {VIA},{} ! tee name=both \
             ! {SCALER} ! {RAW} ! jpegenc quality={POSTER_QUALITY} \
             ! appsink name=posters sync=false async=false \
             both. ! {SCALER} ! {RAW},{} ! appsink name=tiles sync=false async=false \
             appsrc name=canvases format=time caps=\"{RAW},{},framerate=(fraction)0/1\" \
             ! jpegenc quality={SHEET_QUALITY} ! appsink name=sheets sync=false async=false",
            sized(poster),
            sized(tile),
            sized(tile.sheet()),
        ))?;
        let laboratory = Self {
            pictures: element(&pipeline, "pictures")?,
            posters: element(&pipeline, "posters")?,
            tiles: element(&pipeline, "tiles")?,
            canvases: element(&pipeline, "canvases")?,
            sheets: element(&pipeline, "sheets")?,
            tile,
            canvas: Canvas::new(tile),
            pipeline,
        };
        (laboratory.pipeline)
            .set_state(gst::State::Playing)
            .map_err(failed)?;
        Ok(laboratory)
    }

    fn develop(&mut self, at: MediaTime, picture: &gst::Sample) -> Result<Snapshot, WorkerError> {
        // Refused only by a pipeline that has failed, which shows at its end.
        self.pictures.push_sample(picture).ok();
        let poster = self.file(&self.posters)?;
        let tile = self.file(&self.tiles)?;
        if !self.canvas.put(at, &tile) {
            return Err(failed(format!("a tile of {} bytes", tile.len())));
        }
        let canvas = Bytes::copy_from_slice(self.canvas.bytes());
        let mut canvas = gst::Buffer::from_slice(canvas);
        if let Some(canvas) = canvas.get_mut() {
            canvas.set_pts(picture.buffer().and_then(|buffer| buffer.pts()));
        }
        // As above.
        self.canvases.push_buffer(canvas).ok();
        Ok(Snapshot {
            at,
            first: self.canvas.first().unwrap_or(at),
            poster,
            tile: self.tile,
            sheet: self.file(&self.sheets)?,
        })
    }

    /// The next bytes that come out there.
    fn file(&self, sink: &AppSink) -> Result<Bytes, WorkerError> {
        let Some(sample) = sink.try_pull_sample(PATIENCE) else {
            return Err(failed(self.why()));
        };
        let buffer = sample.buffer().ok_or_else(|| failed("an empty picture"))?;
        let bytes = buffer.map_readable().map_err(failed)?;
        Ok(Bytes::copy_from_slice(&bytes))
    }

    /// What kept it from making a file.
    fn why(&self) -> String {
        let bus = self.pipeline.bus();
        let message = bus.and_then(|bus| bus.pop_filtered(&[gst::MessageType::Error]));
        match message.as_ref().map(|message| message.view()) {
            Some(gst::MessageView::Error(error)) => reason(error),
            _ => format!("nothing came within {} s", PATIENCE.seconds()),
        }
    }
}

impl Drop for Laboratory {
    fn drop(&mut self) {
        // What does not stop is ended with the process.
        self.pipeline.set_state(gst::State::Null).ok();
    }
}

/// The element that brings pictures into the box's memory.
fn download(picture: &gst::Sample) -> Result<&'static str, WorkerError> {
    let lies = |feature: &str| {
        let features = picture.caps().and_then(|caps| caps.features(0));
        features.is_some_and(|all| all.contains(feature))
    };
    if lies("memory:VAMemory") {
        Ok("vapostproc")
    } else if lies("memory:CUDAMemory") {
        Ok("cudadownload")
    } else if lies("memory:SystemMemory") {
        Ok("identity")
    } else {
        Err(failed("the pictures lie where none can be brought from"))
    }
}
