//! [pure] The head of one file that holds a whole show: sound beside the picture, and every configuration there was.
//!
//! The file is fragmented (ISO/IEC 14496-12 8.8): it is written front to back in constant memory however long the show,
//! a fragment for each segment and track, and every current player, browser and ffmpeg reads it. Who needs a file with
//! tables at its front gets one without encoding: `ffmpeg -i show.mp4 -c copy -movflags +faststart`.

use bytes::Bytes;

use super::{
    boxes::Boxes,
    read::{ReadError, TrackBox, boxes},
};

/// A track of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilmTrack {
    /// The configurations it has, in the order in which fragments number them from 1. Times are in the first's
    /// timescale. Never empty.
    pub configurations: Vec<TrackBox>,
}

/// ftyp and moov for these tracks, numbered from 1, of a file that lasts so many milliseconds.
pub fn film_head(tracks: &[FilmTrack], duration_ms: u64) -> Result<Bytes, ReadError> {
    let traks: Result<Vec<Vec<u8>>, ReadError> = (1..)
        .zip(tracks)
        .map(|(id, track)| track.trak(id))
        .collect();
    let traks = traks?;
    let mut out = Boxes::with_capacity(4096);
    out.boxed(*b"ftyp", |out| {
        out.bytes(b"iso6");
        out.u32(0);
        out.bytes(b"iso6mp41");
    });
    let next = u32::try_from(tracks.len()).unwrap_or(u32::MAX);
    out.boxed(*b"moov", |out| {
        out.full(*b"mvhd", 0, 0, |out| {
            out.zeros(8);
            out.u32(1000);
            out.u32(0);
            out.u32(0x1_0000);
            out.u16(0x0100);
            out.zeros(10);
            for value in [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000] {
                out.u32(value);
            }
            out.zeros(24);
            out.u32(next.saturating_add(1));
        });
        for trak in traks {
            out.boxed(*b"trak", |out| out.bytes(&trak));
        }
        out.boxed(*b"mvex", |out| {
            out.full(*b"mehd", 1, 0, |out| out.u64(duration_ms));
            for (id, _) in (1..).zip(tracks) {
                out.full(*b"trex", 0, 0, |out| {
                    out.u32(id);
                    out.u32(1);
                    out.zeros(12);
                });
            }
        });
    });
    Ok(out.finish())
}

impl FilmTrack {
    /// The first configuration's, with another number and all sample entries.
    fn trak(&self, id: u32) -> Result<Vec<u8>, ReadError> {
        let first = self.configurations.first();
        let trak = first.map(|first| first.trak.clone()).unwrap_or_default();
        let mut out = Vec::new();
        self.copy(&trak, id, &mut out)?;
        Ok(out)
    }

    fn copy(&self, content: &Bytes, id: u32, out: &mut Vec<u8>) -> Result<(), ReadError> {
        for (kind, content) in boxes(content)? {
            let mut inner = Vec::new();
            match &kind {
                b"mdia" | b"minf" | b"stbl" => self.copy(&content, id, &mut inner)?,
                b"tkhd" => {
                    // After version, flags and the two times.
                    inner.extend(content.iter().take(12));
                    inner.extend(id.to_be_bytes());
                    inner.extend(content.iter().skip(16));
                }
                b"stsd" => {
                    let count = u32::try_from(self.configurations.len()).unwrap_or(u32::MAX);
                    inner.extend([0; 4]);
                    inner.extend(count.to_be_bytes());
                    for configuration in &self.configurations {
                        inner.extend(&configuration.sample_entry);
                    }
                }
                _ => inner.extend(&content),
            }
            let size = u32::try_from(inner.len().saturating_add(8)).unwrap_or(u32::MAX);
            out.extend(size.to_be_bytes());
            out.extend(kind);
            out.extend(inner);
        }
        Ok(())
    }
}
