//! [pure] A picture of the show in a message: its times and its size, then the poster behind its length, then the sheet.

use bytes::{Buf as _, BufMut as _, Bytes};

use super::{
    Frame, PICTURE, ProtocolError,
    field::{run, time},
};
use crate::pictures::{Size, Snapshot};

pub(super) fn frame(snapshot: &Snapshot) -> Option<Frame> {
    let mut fields = vec![PICTURE];
    fields.put_u64(snapshot.at.ticks());
    fields.put_u64(snapshot.first.ticks());
    fields.put_u16(snapshot.tile.width);
    fields.put_u16(snapshot.tile.height);
    fields.put_u32(u32::try_from(snapshot.poster.len()).ok()?);
    let files = [&snapshot.poster[..], &snapshot.sheet[..]].concat();
    Frame::new(&fields, files.into())
}

pub(super) fn parse(mut frame: Bytes) -> Result<Snapshot, ProtocolError> {
    let (at, first) = (time(&mut frame)?, time(&mut frame)?);
    let tile = Size {
        width: frame.try_get_u16()?,
        height: frame.try_get_u16()?,
    };
    let poster = usize::try_from(frame.try_get_u32()?).unwrap_or(usize::MAX);
    let mut files = run(frame, poster, 2 * Snapshot::MAX_FILE)?;
    // A message's bytes are a piece of what was read at once, which they would keep in memory.
    let poster = Bytes::copy_from_slice(&files.split_to(poster));
    let sheet = Bytes::copy_from_slice(&files);
    Ok(Snapshot {
        at,
        first,
        poster,
        tile,
        sheet,
    })
}
