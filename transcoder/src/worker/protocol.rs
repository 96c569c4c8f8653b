//! [pure] The talk between the daemon and its worker: messages behind lengths, over a stream socket.
//!
//! A frame is a big-endian u32, the length of what follows; then one byte of kind; then fields of fixed size, big-endian;
//! then, where the kind has one, a run of bytes to the frame's end. No frame is longer than [`MAX_FRAME`] and none is
//! empty; whatever else comes is refused, never guessed at. Both ends are the same executable; [`VERSION`] says so.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod picture;
mod recipe;
mod still;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use live::{MediaTime, Rendition};

use recipe::{put_recipe, recipe};

use super::{
    Event, Input, Pace, Plan, Recipe, RungPlan, Still,
    graph::{MAX_CODEC_CONFIG, MAX_RUNGS},
    sound::MAX_CONFIG,
};
use crate::codec::{ForeignSound, SoundCodec, VideoCodec};

/// Changes with any change in the shape of a message.
pub(super) const VERSION: u8 = 9;
/// Longest frame in bytes, without its length. The largest picture there is (8K, intra, best quality) is below 10 MB.
pub(super) const MAX_FRAME: usize = 16 << 20;
/// Longest run of coded bytes in a message: what a frame has beside its fixed fields.
pub(super) const MAX_PAYLOAD: usize = MAX_FRAME - 32;
/// Longest reason in bytes.
pub(super) const MAX_REASON: usize = 1024;
/// Longest text of a recipe in bytes: a dozen elements with all their properties.
const MAX_TEXT: usize = 4096;
/// Latest time, in ticks: the year 2251. GStreamer counts signed nanoseconds and x264enc adds 1000 hours.
pub(super) const MAX_TICKS: u64 = 800_000_000_000_000;

const LENGTH: usize = 4;
const PLAN: u8 = 1;
const FRAME: u8 = 2;
const FORCE_KEY: u8 = 3;
const PACE: u8 = 4;
const DRAIN: u8 = 5;
const SOUND: u8 = 6;
const STILL: u8 = 7;
const HELLO: u8 = 16;
const CONFIG: u8 = 17;
const SAMPLE: u8 = 18;
const FAILED: u8 = 19;
const PICTURE: u8 = 20;
const NO_PICTURES: u8 = 21;

/// Why bytes are no message. The other end is broken or hostile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum ProtocolError {
    #[error("a frame of {0} bytes; there must be 1 to {MAX_FRAME}")]
    Length(usize),
    #[error("a message of unknown kind {0}")]
    Kind(u8),
    #[error("a message of version {0} where {VERSION} was expected: is another release running?")]
    Version(u8),
    #[error("a message cut short, or longer than its kind allows")]
    Size,
    #[error("a field out of its range")]
    Range,
}

impl From<bytes::TryGetError> for ProtocolError {
    fn from(_: bytes::TryGetError) -> Self {
        Self::Size
    }
}

/// From the daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ToWorker {
    /// The first message, and only the first.
    Plan(Recipe, Plan),
    /// The same of a worker for sound.
    Sound(ForeignSound),
    /// The same of a worker for a slate, and all that it is told.
    Still(Recipe, Still),
    Input(Input),
    /// Overtakes the inputs that wait in the worker.
    Pace(Rendition, Pace),
}

/// From the worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FromWorker {
    /// The first message, and only the first.
    Hello {
        /// Whether the worker could leave the network.
        isolated: bool,
    },
    Event(Event),
}

/// A message as it is written: the length and the fixed fields, then the run of bytes, which is not copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) head: Bytes,
    pub(super) payload: Bytes,
}

impl Frame {
    /// `None` when the message is too long to be sent.
    fn new(fields: &[u8], payload: Bytes) -> Option<Self> {
        let length = fields.len().checked_add(payload.len())?;
        if length > MAX_FRAME {
            return None;
        }
        let mut head = BytesMut::with_capacity(fields.len().saturating_add(LENGTH));
        head.put_u32(u32::try_from(length).ok()?);
        head.put_slice(fields);
        Some(Self {
            head: head.freeze(),
            payload,
        })
    }
}

/// Takes the first frame's content from what was read, when it is there whole.
pub(super) fn take(read: &mut BytesMut) -> Result<Option<Bytes>, ProtocolError> {
    let Some(&length) = read.first_chunk::<LENGTH>() else {
        return Ok(None);
    };
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length == 0 || length > MAX_FRAME {
        return Err(ProtocolError::Length(length));
    }
    if read.len().saturating_sub(LENGTH) < length {
        return Ok(None);
    }
    read.advance(LENGTH);
    Ok(Some(read.split_to(length).freeze()))
}

impl ToWorker {
    /// The recipe and the plan as a frame; `None` when it is too long.
    pub(super) fn plan(recipe: &Recipe, plan: &Plan) -> Option<Frame> {
        let mut fields = vec![PLAN, VERSION];
        put_recipe(&mut fields, recipe)?;
        fields.put_u8(codec_code(plan.codec));
        fields.put_u16(plan.width);
        fields.put_u16(plan.height);
        fields.put_u8(plan.pictures.into());
        fields.put_u8(u8::try_from(plan.rungs.len()).ok()?);
        for rung in &plan.rungs {
            fields.put_u16(rendition_code(rung.rendition));
            fields.put_u16(rung.width);
            fields.put_u16(rung.height);
            fields.put_u32(rung.bitrate_bps);
            fields.put_u8(rung.halved.into());
        }
        Frame::new(&fields, plan.codec_config.clone())
    }

    /// A plan for sound as a frame; `None` when it is too long.
    pub(super) fn sound(sound: &ForeignSound) -> Option<Frame> {
        let codec = SoundCodec::ALL
            .iter()
            .position(|codec| *codec == sound.codec)?;
        let fields = [SOUND, VERSION, u8::try_from(codec).ok()?];
        Frame::new(&fields, sound.config.clone())
    }

    /// An input as a frame; `None` when it is too long.
    pub(super) fn input(input: Input) -> Option<Frame> {
        match input {
            Input::Frame {
                pts,
                dts,
                key,
                bytes,
            } => {
                let mut fields = vec![FRAME];
                fields.put_u64(pts.ticks());
                fields.put_u64(dts.ticks());
                fields.put_u8(key.into());
                Frame::new(&fields, bytes)
            }
            Input::ForceKey { pts } => {
                let mut fields = vec![FORCE_KEY];
                fields.put_u64(pts.ticks());
                Frame::new(&fields, Bytes::new())
            }
            Input::Drain => Frame::new(&[DRAIN], Bytes::new()),
        }
    }

    /// A rung's pace as a frame.
    pub(super) fn pace(rendition: Rendition, pace: Pace) -> Option<Frame> {
        let mut fields = vec![PACE];
        fields.put_u16(rendition_code(rendition));
        fields.put_u8(match pace {
            Pace::Full => 0,
            Pace::Half => 1,
            Pace::Suspended => 2,
        });
        Frame::new(&fields, Bytes::new())
    }

    /// The inverse, from a frame's content.
    pub(super) fn parse(mut frame: Bytes) -> Result<Self, ProtocolError> {
        match frame.try_get_u8()? {
            PLAN => parse_plan(frame).map(|(recipe, plan)| Self::Plan(recipe, plan)),
            SOUND => {
                version(&mut frame)?;
                let codec = usize::from(frame.try_get_u8()?);
                Ok(Self::Sound(ForeignSound {
                    codec: *SoundCodec::ALL.get(codec).ok_or(ProtocolError::Range)?,
                    config: run(frame, 0, MAX_CONFIG)?,
                }))
            }
            STILL => still::parse(frame).map(|(recipe, still)| Self::Still(recipe, still)),
            FRAME => Ok(Self::Input(Input::Frame {
                pts: time(&mut frame)?,
                dts: time(&mut frame)?,
                key: flag(&mut frame)?,
                bytes: run(frame, 1, MAX_PAYLOAD)?,
            })),
            FORCE_KEY => {
                let pts = time(&mut frame)?;
                run(frame, 0, 0)?;
                Ok(Self::Input(Input::ForceKey { pts }))
            }
            PACE => {
                let rendition = rendition(&mut frame)?;
                let pace = match frame.try_get_u8()? {
                    0 => Pace::Full,
                    1 => Pace::Half,
                    2 => Pace::Suspended,
                    _ => return Err(ProtocolError::Range),
                };
                run(frame, 0, 0)?;
                Ok(Self::Pace(rendition, pace))
            }
            DRAIN => {
                run(frame, 0, 0)?;
                Ok(Self::Input(Input::Drain))
            }
            kind => Err(ProtocolError::Kind(kind)),
        }
    }
}

fn parse_plan(mut frame: Bytes) -> Result<(Recipe, Plan), ProtocolError> {
    version(&mut frame)?;
    let recipe = recipe(&mut frame)?;
    let codec = codec(&mut frame)?;
    let width = frame.try_get_u16()?;
    let height = frame.try_get_u16()?;
    let pictures = flag(&mut frame)?;
    let count = usize::from(frame.try_get_u8()?);
    if count > MAX_RUNGS {
        return Err(ProtocolError::Range);
    }
    let mut rungs = Vec::with_capacity(count);
    for _ in 0..count {
        rungs.push(RungPlan {
            rendition: rendition(&mut frame)?,
            width: frame.try_get_u16()?,
            height: frame.try_get_u16()?,
            bitrate_bps: frame.try_get_u32()?,
            halved: flag(&mut frame)?,
        });
    }
    let plan = Plan {
        codec,
        codec_config: run(frame, 1, MAX_CODEC_CONFIG)?,
        width,
        height,
        rungs,
        pictures,
    };
    Ok((recipe, plan))
}

fn put_text(fields: &mut Vec<u8>, text: &str) -> Option<()> {
    fields.put_u16(u16::try_from(text.len()).ok()?);
    fields.put_slice(text.as_bytes());
    Some(())
}

/// A text behind its length in two bytes.
fn text(frame: &mut Bytes) -> Result<String, ProtocolError> {
    let length = usize::from(frame.try_get_u16()?);
    if length > MAX_TEXT || length > frame.len() {
        return Err(ProtocolError::Size);
    }
    String::from_utf8(frame.split_to(length).into()).map_err(|_| ProtocolError::Range)
}

impl FromWorker {
    /// As a frame; `None` when it is too long, or nothing that a worker says. A reason is cut to [`MAX_REASON`].
    pub(super) fn frame(self) -> Option<Frame> {
        match self {
            Self::Hello { isolated } => {
                Frame::new(&[HELLO, VERSION, isolated.into()], Bytes::new())
            }
            Self::Event(Event::Config {
                rendition,
                codec_config,
                width,
                height,
                pictures,
            }) => {
                let mut fields = vec![CONFIG];
                fields.put_u16(rendition_code(rendition));
                fields.put_u16(width);
                fields.put_u16(height);
                put_text(&mut fields, &pictures)?;
                Frame::new(&fields, codec_config)
            }
            Self::Event(Event::Sample {
                rendition,
                pts,
                key,
                bytes,
            }) => {
                let mut fields = vec![SAMPLE];
                fields.put_u16(rendition_code(rendition));
                fields.put_u64(pts.ticks());
                fields.put_u8(key.into());
                Frame::new(&fields, bytes)
            }
            Self::Event(Event::Paced { .. } | Event::Used { .. }) => None,
            Self::Event(Event::Picture(snapshot)) => picture::frame(&snapshot),
            Self::Event(Event::NoPictures { reason }) => said(NO_PICTURES, reason),
            Self::Event(Event::Failed { reason }) => said(FAILED, reason),
        }
    }

    /// The inverse, from a frame's content.
    pub(super) fn parse(mut frame: Bytes) -> Result<Self, ProtocolError> {
        let event = match frame.try_get_u8()? {
            HELLO => {
                version(&mut frame)?;
                let isolated = flag(&mut frame)?;
                run(frame, 0, 0)?;
                return Ok(Self::Hello { isolated });
            }
            CONFIG => Event::Config {
                rendition: rendition(&mut frame)?,
                width: frame.try_get_u16()?,
                height: frame.try_get_u16()?,
                pictures: text(&mut frame)?,
                codec_config: run(frame, 1, MAX_CODEC_CONFIG)?,
            },
            SAMPLE => Event::Sample {
                rendition: rendition(&mut frame)?,
                pts: time(&mut frame)?,
                key: flag(&mut frame)?,
                bytes: run(frame, 1, MAX_PAYLOAD)?,
            },
            PICTURE => Event::Picture(picture::parse(frame)?),
            NO_PICTURES => Event::NoPictures {
                reason: reason(frame)?,
            },
            FAILED => Event::Failed {
                reason: reason(frame)?,
            },
            kind => return Err(ProtocolError::Kind(kind)),
        };
        Ok(Self::Event(event))
    }
}

fn said(kind: u8, mut reason: String) -> Option<Frame> {
    reason.truncate(reason.floor_char_boundary(MAX_REASON));
    Frame::new(&[kind], reason.into())
}

fn reason(frame: Bytes) -> Result<String, ProtocolError> {
    String::from_utf8(run(frame, 0, MAX_REASON)?.into()).map_err(|_| ProtocolError::Range)
}

/// A rendition in two bytes: an encoded rung is its height, and no height is below 16.
const fn rendition_code(rendition: Rendition) -> u16 {
    match rendition {
        Rendition::Source => 0,
        Rendition::Audio => 1,
        Rendition::Encoded(height) => height,
    }
}

fn rendition(frame: &mut Bytes) -> Result<Rendition, ProtocolError> {
    match frame.try_get_u16()? {
        0 => Ok(Rendition::Source),
        1 => Ok(Rendition::Audio),
        height if Rendition::HEIGHTS.contains(&height) => Ok(Rendition::Encoded(height)),
        _ => Err(ProtocolError::Range),
    }
}

const fn codec_code(codec: VideoCodec) -> u8 {
    match codec {
        VideoCodec::Avc => 0,
        VideoCodec::Hevc => 1,
        VideoCodec::Av1 => 2,
    }
}

fn codec(frame: &mut Bytes) -> Result<VideoCodec, ProtocolError> {
    match frame.try_get_u8()? {
        0 => Ok(VideoCodec::Avc),
        1 => Ok(VideoCodec::Hevc),
        2 => Ok(VideoCodec::Av1),
        _ => Err(ProtocolError::Range),
    }
}

fn version(frame: &mut Bytes) -> Result<(), ProtocolError> {
    match frame.try_get_u8()? {
        VERSION => Ok(()),
        other => Err(ProtocolError::Version(other)),
    }
}

fn time(frame: &mut Bytes) -> Result<MediaTime, ProtocolError> {
    match frame.try_get_u64()? {
        ticks @ 0..=MAX_TICKS => Ok(MediaTime::from_ticks(ticks)),
        _ => Err(ProtocolError::Range),
    }
}

fn flag(frame: &mut Bytes) -> Result<bool, ProtocolError> {
    match frame.try_get_u8()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(ProtocolError::Range),
    }
}

/// The bytes to the frame's end, `least` to `most` of them.
fn run(frame: Bytes, least: usize, most: usize) -> Result<Bytes, ProtocolError> {
    if (least..=most).contains(&frame.len()) {
        Ok(frame)
    } else {
        Err(ProtocolError::Size)
    }
}

#[cfg(test)]
mod tests;
