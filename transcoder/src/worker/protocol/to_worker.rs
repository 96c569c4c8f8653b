//! [pure] What the daemon says: the plan first, then inputs, and a rung's pace between them.

use bytes::{Buf as _, BufMut as _, Bytes};
use live::Rendition;

use super::{
    DRAIN, FORCE_KEY, FRAME, Frame, MAX_PAYLOAD, PACE, PLAN, ProtocolError, SOUND, STILL, ToWorker,
    VERSION,
    field::{codec, codec_code, flag, rendition, rendition_code, run, time, version},
    recipe::{put_recipe, recipe},
    still,
};
use crate::{
    codec::{ForeignSound, SoundCodec},
    worker::{
        Input, Pace, Plan, Recipe, RungPlan,
        graph::{MAX_CODEC_CONFIG, MAX_RUNGS},
        sound::MAX_CONFIG,
    },
};

impl ToWorker {
    /// The recipe and the plan as a frame; `None` when it is too long.
    pub(in crate::worker) fn plan(recipe: &Recipe, plan: &Plan) -> Option<Frame> {
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
    pub(in crate::worker) fn sound(sound: &ForeignSound) -> Option<Frame> {
        let codec = SoundCodec::ALL
            .iter()
            .position(|codec| *codec == sound.codec)?;
        let fields = [SOUND, VERSION, u8::try_from(codec).ok()?];
        Frame::new(&fields, sound.config.clone())
    }

    /// An input as a frame; `None` when it is too long.
    pub(in crate::worker) fn input(input: Input) -> Option<Frame> {
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
    pub(in crate::worker) fn pace(rendition: Rendition, pace: Pace) -> Option<Frame> {
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
    pub(in crate::worker) fn parse(mut frame: Bytes) -> Result<Self, ProtocolError> {
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
