//! [pure] What a worker says: that it is there, then what it has made, and why it cannot go on.

use bytes::{Buf as _, BufMut as _, Bytes};

use super::{
    CONFIG, FAILED, Frame, FromWorker, HELLO, MAX_PAYLOAD, MAX_REASON, NO_PICTURES, PICTURE,
    ProtocolError, SAMPLE, VERSION,
    field::{flag, put_text, rendition, rendition_code, run, text, time, version},
    picture,
};
use crate::worker::{Event, graph::MAX_CODEC_CONFIG};

impl FromWorker {
    /// As a frame; `None` when it is too long, or nothing that a worker says. A reason is cut to [`MAX_REASON`].
    pub(in crate::worker) fn frame(self) -> Option<Frame> {
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
    pub(in crate::worker) fn parse(mut frame: Bytes) -> Result<Self, ProtocolError> {
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
