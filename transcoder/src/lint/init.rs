//! [pure] What an initialization section says of its tracks: kind, codec as RFC 6381 spells it, size, defaults.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::boxes::{Boxes, Broken, Fields};

/// Most tracks of one file.
const MOST_TRACKS: usize = 16;

/// An initialization section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Init {
    /// Its tracks; at least one.
    pub(super) tracks: Vec<Track>,
}

/// One track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Track {
    pub(super) id: u32,
    /// Units a second; never 0.
    pub(super) timescale: u32,
    /// Pictures; else sound or anything else.
    pub(super) video: bool,
    /// As CODECS names it: `avc1.64001f`; of a format that is not known here, its four characters.
    pub(super) codec: String,
    /// Picture size in pixels as coded.
    pub(super) size: Option<(u16, u16)>,
    /// What a sample is when its fragment does not say: duration, size, flags.
    pub(super) defaults: Defaults,
    /// Bytes of each NAL unit's length in a sample of H.264 or HEVC.
    pub(super) nal_length: Option<u8>,
}

/// Of trex (ISO/IEC 14496-12 §8.8.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Defaults {
    pub(super) duration: u32,
    pub(super) size: u32,
    pub(super) flags: u32,
}

impl Init {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Broken> {
        let moov = Boxes(bytes).find(&["moov"])?;
        let mut tracks = Vec::new();
        for next in Boxes(moov) {
            let (kind, content) = next?;
            if &kind.0 == b"trak" {
                if tracks.len() == MOST_TRACKS {
                    return Err(Broken::TooMany("16 tracks"));
                }
                tracks.push(track(Boxes(content))?);
            }
        }
        let mvex = Boxes(moov).find(&["mvex"])?;
        for next in Boxes(mvex) {
            let (kind, content) = next?;
            if &kind.0 == b"trex" {
                let mut fields = Fields(content);
                fields.take(4)?;
                let id = fields.u32()?;
                fields.take(4)?;
                if let Some(track) = tracks.iter_mut().find(|track| track.id == id) {
                    track.defaults = Defaults {
                        duration: fields.u32()?,
                        size: fields.u32()?,
                        flags: fields.u32()?,
                    };
                }
            }
        }
        if tracks.is_empty() {
            return Err(Broken::Missing("trak"));
        }
        Ok(Self { tracks })
    }

    /// The track that is measured: that of pictures, if there is one.
    pub(super) fn main(&self) -> Option<&Track> {
        let video = self.tracks.iter().find(|track| track.video);
        video.or_else(|| self.tracks.first())
    }
}

fn track(trak: Boxes<'_>) -> Result<Track, Broken> {
    let mut tkhd = Fields(trak.find(&["tkhd"])?);
    let long = tkhd.u8()? == 1;
    tkhd.take(if long { 19 } else { 11 })?;
    let id = tkhd.u32()?;
    let mut mdhd = Fields(trak.find(&["mdia", "mdhd"])?);
    let long = mdhd.u8()? == 1;
    mdhd.take(if long { 19 } else { 11 })?;
    let timescale = mdhd.u32()?;
    if timescale == 0 {
        return Err(Broken::Missing("a timescale"));
    }
    let mut hdlr = Fields(trak.find(&["mdia", "hdlr"])?);
    hdlr.take(8)?;
    let video = hdlr.array()? == *b"vide";
    let stsd = trak.find(&["mdia", "minf", "stbl", "stsd"])?;
    let entries = stsd.get(8..).ok_or(Broken::Short)?;
    let (kind, entry) = Boxes(entries)
        .next()
        .ok_or(Broken::Missing("a sample entry"))??;
    let four = String::from_utf8_lossy(&kind.0).into_owned();
    let mut track = Track {
        id,
        timescale,
        video,
        codec: four.clone(),
        size: None,
        defaults: Defaults::default(),
        nal_length: None,
    };
    if video {
        picture(&mut track, &four, entry)?;
    } else {
        sound(&mut track, &four, entry)?;
    }
    Ok(track)
}

fn picture(track: &mut Track, four: &str, entry: &[u8]) -> Result<(), Broken> {
    let mut fields = Fields(entry);
    fields.take(24)?;
    track.size = Some((fields.u16()?, fields.u16()?));
    fields.take(50)?;
    let boxes = Boxes(fields.0);
    match four {
        "avc1" | "avc3" => {
            let mut config = Fields(boxes.find(&["avcC"])?);
            config.u8()?;
            let [profile, compatible, level] = config.array()?;
            track.codec = format!("{four}.{profile:02x}{compatible:02x}{level:02x}");
            track.nal_length = Some((config.u8()? & 3).saturating_add(1));
        }
        "hvc1" | "hev1" => {
            let config = boxes.find(&["hvcC"])?;
            track.codec = format!("{four}.{}", hevc(Fields(config))?);
            let length = config.get(21).ok_or(Broken::Short)?;
            track.nal_length = Some((length & 3).saturating_add(1));
        }
        "av01" => {
            let mut config = Fields(boxes.find(&["av1C"])?);
            config.u8()?;
            let (first, second) = (config.u8()?, config.u8()?);
            let tier = if second & 0x80 == 0 { 'M' } else { 'H' };
            let depth = match second & 0x60 {
                0x60 => 12,
                0x40 => 10,
                _ => 8,
            };
            let (profile, level) = (first >> 5, first & 0x1f);
            track.codec = format!("av01.{profile}.{level:02}{tier}.{depth:02}");
        }
        _ => {}
    }
    Ok(())
}

/// The part after the dot (ISO/IEC 14496-15 Annex E): `1.6.L93.B0`.
fn hevc(mut config: Fields<'_>) -> Result<String, Broken> {
    config.u8()?;
    let first = config.u8()?;
    let compatible = config.u32()?.reverse_bits();
    let mut constraints = config.array::<6>()?.to_vec();
    let level = config.u8()?;
    let space = match first >> 6 {
        0 => "",
        1 => "A",
        2 => "B",
        _ => "C",
    };
    let tier = if first & 0x20 == 0 { 'L' } else { 'H' };
    while constraints.last() == Some(&0) {
        constraints.pop();
    }
    let constraints: String = constraints
        .iter()
        .map(|byte| format!(".{byte:X}"))
        .collect();
    let profile = first & 0x1f;
    Ok(format!(
        "{space}{profile}.{compatible:X}.{tier}{level}{constraints}"
    ))
}

fn sound(track: &mut Track, four: &str, entry: &[u8]) -> Result<(), Broken> {
    match four {
        "mp4a" => {
            let boxes = Boxes(entry.get(28..).ok_or(Broken::Short)?);
            if let Some(object) = object_type(boxes.find(&["esds"])?)? {
                track.codec = format!("mp4a.40.{object}");
            }
        }
        "Opus" => track.codec = "opus".to_owned(),
        _ => {}
    }
    Ok(())
}

/// MPEG-4's audio object type (ISO/IEC 14496-3 §1.6.2.1); none if the sound is of another family.
fn object_type(esds: &[u8]) -> Result<Option<u8>, Broken> {
    let mut fields = Fields(esds);
    fields.take(4)?;
    descriptor(&mut fields, 3)?;
    fields.take(2)?;
    let flags = fields.u8()?;
    for (flag, length) in [(0x80, 2), (0x20, 2)] {
        if flags & flag != 0 {
            fields.take(length)?;
        }
    }
    descriptor(&mut fields, 4)?;
    if fields.u8()? != 0x40 {
        return Ok(None);
    }
    fields.take(12)?;
    descriptor(&mut fields, 5)?;
    let first = fields.u16()?;
    let object = match first >> 11 {
        31 => ((first >> 5) & 0x3f).saturating_add(32),
        object => object,
    };
    Ok(u8::try_from(object).ok())
}

/// Tag and length of a descriptor (ISO/IEC 14496-1 §8.3.3).
fn descriptor(fields: &mut Fields<'_>, tag: u8) -> Result<(), Broken> {
    if fields.u8()? != tag {
        return Err(Broken::Missing("a descriptor of esds"));
    }
    for _ in 0..4 {
        if fields.u8()? & 0x80 == 0 {
            break;
        }
    }
    Ok(())
}
