//! [pure] The message to a worker for a slate.

use bytes::{Buf as _, BufMut as _, Bytes};

use super::{
    Frame, ProtocolError, STILL, ToWorker, VERSION,
    field::{flag, put_text, rendition, rendition_code, run, text, version},
    recipe::{put_recipe, recipe},
};
use crate::worker::{Recipe, RungPlan, Still, still::MAX_PICTURE};

impl ToWorker {
    /// A slate's making as a frame; `None` when it is too long.
    pub(in crate::worker) fn still(recipe: &Recipe, still: &Still) -> Option<Frame> {
        let mut fields = vec![STILL, VERSION];
        put_recipe(&mut fields, recipe)?;
        let rung = &still.rung;
        fields.put_u16(rendition_code(rung.rendition));
        fields.put_u16(rung.width);
        fields.put_u16(rung.height);
        fields.put_u32(rung.bitrate_bps);
        fields.put_u8(rung.halved.into());
        put_text(&mut fields, &still.pictures)?;
        fields.put_u32(still.length_ms);
        fields.put_u32(still.rate.0);
        fields.put_u32(still.rate.1);
        Frame::new(&fields, still.picture.clone())
    }
}

pub(super) fn parse(mut frame: Bytes) -> Result<(Recipe, Still), ProtocolError> {
    version(&mut frame)?;
    let recipe = recipe(&mut frame)?;
    let still = Still {
        rung: RungPlan {
            rendition: rendition(&mut frame)?,
            width: frame.try_get_u16()?,
            height: frame.try_get_u16()?,
            bitrate_bps: frame.try_get_u32()?,
            halved: flag(&mut frame)?,
        },
        pictures: text(&mut frame)?,
        length_ms: frame.try_get_u32()?,
        rate: (frame.try_get_u32()?, frame.try_get_u32()?),
        picture: run(frame, 1, MAX_PICTURE)?,
    };
    Ok((recipe, still))
}
