//! [pure] Reads what this module writes, and what it wrote when an earlier version did: segments back into samples, and of
//! an initialization section what one track of a longer file needs. Anything else is an error, never a guess.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use bytes::Bytes;

use super::{Entry, MediaKind};

/// Flags of a table of samples with all that a picture has.
const VIDEO_COLUMNS: u32 = 0xf01;
/// Flag of a sample that is no key.
const NON_SYNC: u32 = 0x0001_0000;

/// The file is damaged, or none of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the file is damaged: {0}")]
pub struct ReadError(&'static str);

/// The samples of one fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Samples {
    /// Decoding time of the first, in the track's timescale.
    pub decode_time: u64,
    /// In decoding order.
    pub entries: Vec<Entry>,
}

/// What an initialization section says of its track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackBox {
    /// The `trak` box.
    pub trak: Bytes,
    /// The one sample entry within it.
    pub sample_entry: Bytes,
    /// Units in a second.
    pub timescale: u32,
}

/// A box: its type and its content.
pub(super) type Box = ([u8; 4], Bytes);

/// The boxes of `bytes`, which must be whole.
pub(super) fn boxes(bytes: &Bytes) -> Result<Vec<Box>, ReadError> {
    let mut found = Vec::new();
    let mut rest = bytes.clone();
    while !rest.is_empty() {
        let (size, kind) = rest
            .split_first_chunk::<4>()
            .and_then(|(size, rest)| Some((*size, *rest.first_chunk::<4>()?)))
            .ok_or(ReadError("a box without a head"))?;
        let size = usize::try_from(u32::from_be_bytes(size)).unwrap_or(usize::MAX);
        if size < 8 || size > rest.len() {
            return Err(ReadError("a box that is longer than what it is in"));
        }
        let mut whole = rest.split_to(size);
        found.push((kind, whole.split_off(8)));
    }
    Ok(found)
}

fn one(bytes: &Bytes, kind: [u8; 4]) -> Result<Bytes, ReadError> {
    let found = boxes(bytes)?.into_iter().find(|(known, _)| *known == kind);
    found
        .map(|(_, content)| content)
        .ok_or(ReadError("a box is missing"))
}

/// Big-endian fields, one after the other.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take<const N: usize>(&mut self) -> Result<&'a [u8; N], ReadError> {
        let (field, rest) = self
            .0
            .split_first_chunk()
            .ok_or(ReadError("a box that ends too early"))?;
        self.0 = rest;
        Ok(field)
    }

    fn u32(&mut self) -> Result<u32, ReadError> {
        Ok(u32::from_be_bytes(*self.take()?))
    }

    fn u64(&mut self) -> Result<u64, ReadError> {
        Ok(u64::from_be_bytes(*self.take()?))
    }
}

/// How many bytes at a segment's start decode its first picture, if that is a key. `head` is the segment as far as the
/// media of its first fragment begin, or further.
pub fn first_picture(head: &Bytes) -> Option<u64> {
    const MDAT_HEAD: usize = 8;
    let mut rest = head.clone();
    let mut moof = None;
    while let Some((size, kind)) = rest
        .split_first_chunk::<4>()
        .and_then(|(size, rest)| Some((*size, *rest.first_chunk::<4>()?)))
    {
        if kind == *b"mdat" {
            let before = head.len().checked_sub(rest.len())?.checked_add(MDAT_HEAD)?;
            let picture = key_at_start(&moof?).ok()??;
            return u64::try_from(before).ok()?.checked_add(picture.into());
        }
        let size = usize::try_from(u32::from_be_bytes(size)).ok()?;
        if size < 8 || size > rest.len() {
            return None;
        }
        let mut whole = rest.split_to(size);
        if kind == *b"moof" {
            moof = Some(whole.split_off(8));
        }
    }
    None
}

/// The size of a video fragment's first sample, if it is a key.
fn key_at_start(moof: &Bytes) -> Result<Option<u32>, ReadError> {
    let trun = one(&one(moof, *b"traf")?, *b"trun")?;
    let mut trun = Fields(&trun);
    if trun.u32()? & 0x00ff_ffff != VIDEO_COLUMNS {
        return Err(ReadError("a table of samples with other columns"));
    }
    let _count_and_data_offset_and_duration = trun.take::<12>()?;
    let size = trun.u32()?;
    Ok((trun.u32()? & NON_SYNC == 0).then_some(size))
}

/// The samples of a segment, fragment by fragment; other boxes are passed over.
pub fn segment(kind: MediaKind, bytes: &Bytes) -> Result<Vec<Samples>, ReadError> {
    let mut found = Vec::new();
    let mut moof = None;
    for (name, content) in boxes(bytes)? {
        match &name {
            b"moof" => moof = Some(content),
            b"mdat" => {
                let moof = moof.take().ok_or(ReadError("mdat without moof"))?;
                found.push(fragment(kind, &moof, content)?);
            }
            _ => {}
        }
    }
    Ok(found)
}

fn fragment(kind: MediaKind, moof: &Bytes, mut payload: Bytes) -> Result<Samples, ReadError> {
    let traf = one(moof, *b"traf")?;
    let tfdt = one(&traf, *b"tfdt")?;
    let mut tfdt = Fields(&tfdt);
    let decode_time = match tfdt.u32()? >> 24 {
        1 => tfdt.u64()?,
        _ => return Err(ReadError("tfdt of another version")),
    };
    let trun = one(&traf, *b"trun")?;
    let mut trun = Fields(&trun);
    let columns = match kind {
        MediaKind::Video => VIDEO_COLUMNS,
        MediaKind::Audio => 0x301,
    };
    if trun.u32()? & 0x00ff_ffff != columns {
        return Err(ReadError("a table of samples with other columns"));
    }
    let count = trun.u32()?;
    let _data_offset = trun.u32()?;
    let mut entries = Vec::new();
    for _ in 0..count {
        let duration = trun.u32()?;
        let size = usize::try_from(trun.u32()?).unwrap_or(usize::MAX);
        let (key, composition) = match kind {
            MediaKind::Video => (
                trun.u32()? & NON_SYNC == 0,
                i32::from_be_bytes(*trun.take()?),
            ),
            MediaKind::Audio => (true, 0),
        };
        if size > payload.len() {
            return Err(ReadError("samples that are longer than mdat"));
        }
        entries.push(Entry {
            duration,
            composition,
            key,
            bytes: payload.split_to(size),
        });
    }
    Ok(Samples {
        decode_time,
        entries,
    })
}

/// The track of an initialization section.
pub fn init(bytes: &Bytes) -> Result<TrackBox, ReadError> {
    let trak = one(&one(bytes, *b"moov")?, *b"trak")?;
    let mdia = one(&trak, *b"mdia")?;
    let mdhd = one(&mdia, *b"mdhd")?;
    let mut mdhd = Fields(&mdhd);
    let _version_and_times = mdhd.take::<12>()?;
    let timescale = mdhd.u32()?;
    let stbl = one(&one(&mdia, *b"minf")?, *b"stbl")?;
    let mut stsd = one(&stbl, *b"stsd")?;
    if stsd.len() < 8 {
        return Err(ReadError("a box that ends too early"));
    }
    let sample_entry = stsd.split_off(8);
    if boxes(&sample_entry)?.len() != 1 || timescale == 0 {
        return Err(ReadError("more than one sample entry, or none"));
    }
    Ok(TrackBox {
        trak,
        sample_entry,
        timescale,
    })
}
