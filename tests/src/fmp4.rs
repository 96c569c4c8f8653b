//! Fragmented MP4 read back by hand (ISO/IEC 14496-12), so that tests do not judge our writer by our writer.
//!
//! Only what tests ask: the timescale of an initialization section, and the samples of a segment with their times.

use anyhow::{Context, Result, bail, ensure};

/// One sample of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Decode time, in units of the track's timescale.
    pub dts: i64,
    /// Presentation time, in the same.
    pub pts: i64,
    /// In the same.
    pub duration: i64,
    /// Whether decoding may start here.
    pub sync: bool,
    /// Length in bytes.
    pub size: u32,
}

/// Timescale of the one track of an initialization section.
pub fn timescale(init: &[u8]) -> Result<u32> {
    let mdhd = find(init, &["moov", "trak", "mdia", "mdhd"])?;
    let mut fields = Fields(mdhd);
    match fields.u32()? >> 24 {
        0 => fields.skip(8)?,
        _ => fields.skip(16)?,
    }
    fields.u32()
}

/// All samples of a segment or part, fragment after fragment.
pub fn samples(segment: &[u8]) -> Result<Vec<Sample>> {
    let mut all = Vec::new();
    for (kind, moof) in boxes(segment)? {
        if kind == "moof" {
            fragment(moof, &mut all)?;
        }
    }
    ensure!(!all.is_empty(), "a segment without samples");
    let media: usize = boxes(segment)?
        .iter()
        .filter(|(kind, _)| kind == "mdat")
        .map(|(_, body)| body.len())
        .sum();
    let told: u64 = all.iter().map(|sample| u64::from(sample.size)).sum();
    ensure!(
        told == media as u64,
        "samples of {told} bytes in {media} bytes of media"
    );
    Ok(all)
}

fn fragment(moof: &[u8], all: &mut Vec<Sample>) -> Result<()> {
    let mut tfhd = Fields(find(moof, &["traf", "tfhd"])?);
    let flags = tfhd.u32()?;
    tfhd.skip(4)?;
    ensure!(flags & 0x02_0000 != 0, "default-base-is-moof is not set");
    ensure!(flags & 0x01 == 0, "base-data-offset is set");
    if flags & 0x02 != 0 {
        tfhd.skip(4)?;
    }
    let default_duration = tfhd.optional(flags, 0x08)?;
    let default_size = tfhd.optional(flags, 0x10)?;
    let default_flags = tfhd.optional(flags, 0x20)?;

    let mut tfdt = Fields(find(moof, &["traf", "tfdt"])?);
    ensure!(tfdt.u32()? >> 24 == 1, "tfdt is not of 64 bits");
    let mut dts = i64::try_from(tfdt.u64()?)?;

    let mut trun = Fields(find(moof, &["traf", "trun"])?);
    let flags = trun.u32()?;
    let version = flags >> 24;
    let count = trun.u32()?;
    trun.optional(flags, 0x01)?;
    let mut first_flags = trun.optional(flags, 0x04)?;
    for _ in 0..count {
        let duration = trun
            .optional(flags, 0x0100)?
            .or(default_duration)
            .context("no duration")?;
        let size = trun
            .optional(flags, 0x0200)?
            .or(default_size)
            .context("no size")?;
        let own = trun.optional(flags, 0x0400)?;
        let sample_flags = first_flags.take().or(own).or(default_flags).unwrap_or(0);
        let offset = trun.optional(flags, 0x0800)?.unwrap_or(0);
        let offset = match version {
            0 => i64::from(offset),
            _ => i64::from(offset.cast_signed()),
        };
        all.push(Sample {
            dts,
            pts: dts + offset,
            duration: i64::from(duration),
            sync: sample_flags & 0x0001_0000 == 0,
            size,
        });
        dts += i64::from(duration);
    }
    Ok(())
}

/// The first box at `path`, without its header.
fn find<'a>(mut within: &'a [u8], path: &[&str]) -> Result<&'a [u8]> {
    for name in path {
        within = boxes(within)?
            .into_iter()
            .find(|(kind, _)| kind == name)
            .with_context(|| format!("no box {name}"))?
            .1;
    }
    Ok(within)
}

/// Each box's type and content.
fn boxes(mut bytes: &[u8]) -> Result<Vec<(String, &[u8])>> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let mut fields = Fields(bytes);
        let size = fields.u32()? as usize;
        let kind = String::from_utf8_lossy(fields.take(4)?).into_owned();
        if size < 8 || size > bytes.len() {
            bail!("box {kind} of {size} bytes in {}", bytes.len());
        }
        let (this, rest) = bytes.split_at(size);
        all.push((kind, &this[8..]));
        bytes = rest;
    }
    Ok(all)
}

struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self
            .0
            .split_at_checked(len)
            .context("a box ends too early")?;
        self.0 = rest;
        Ok(taken)
    }

    fn skip(&mut self, len: usize) -> Result<()> {
        self.take(len).map(drop)
    }

    fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_be_bytes(self.take(4)?.try_into()?))
    }

    fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_be_bytes(self.take(8)?.try_into()?))
    }

    /// The next field, if its flag says that it is there.
    fn optional(&mut self, flags: u32, flag: u32) -> Result<Option<u32>> {
        if flags & flag == 0 {
            Ok(None)
        } else {
            self.u32().map(Some)
        }
    }
}
