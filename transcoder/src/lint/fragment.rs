//! [pure] What a segment or part holds: its main track's samples, counted and timed.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::{
    boxes::{Boxes, Broken, Fields},
    init::{Defaults, Init, Track},
};

/// Most samples of one object. A minute of sound in frames of 128 has 22,500; a header can claim any number without a byte.
const MOST_SAMPLES: u64 = 100_000;

/// The samples of an object's main track. Times are in units of its timescale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fragment {
    pub(super) timescale: u32,
    /// Decode time of the first sample.
    pub(super) start: u64,
    /// Decode time after the last one.
    pub(super) end: u64,
    /// Earliest presentation time.
    pub(super) shown: i64,
    pub(super) samples: u64,
    /// The longest sample's duration.
    pub(super) frame: u64,
    /// The first sample is one that decoding can begin with.
    pub(super) starts_sync: bool,
    /// Any sample is.
    pub(super) any_sync: bool,
    /// Bytes of samples, all tracks.
    pub(super) media: u64,
    /// Bytes in all.
    pub(super) bytes: u64,
}

impl Fragment {
    pub(super) fn parse(bytes: &[u8], init: &Init) -> Result<Self, Broken> {
        let track = init.main().ok_or(Broken::Missing("trak"))?;
        let mut reader = Reader {
            track,
            found: None,
            told: 0,
            count: 0,
        };
        let mut there = 0_u64;
        for next in Boxes(bytes) {
            let (kind, content) = next?;
            match &kind.0 {
                b"moof" => reader.moof(Boxes(content), init)?,
                b"mdat" => {
                    reader.picture(content);
                    there = there.saturating_add(length(content));
                }
                _ => {}
            }
        }
        let mut found = reader.found.ok_or(Broken::Missing("a sample"))?;
        if reader.told != there {
            let told = reader.told;
            return Err(Broken::Bytes { told, there });
        }
        (found.media, found.bytes) = (there, length(bytes));
        Ok(found)
    }

    /// How long its samples last, in units of 10 µs.
    pub(super) fn duration(&self) -> u64 {
        let units = self.end.saturating_sub(self.start);
        live::playlist::Seconds::from_timescale(units, self.timescale).units()
    }

    /// Its longest frame, in units of 10 µs.
    pub(super) fn frame(&self) -> u64 {
        live::playlist::Seconds::from_timescale(self.frame, self.timescale).units()
    }

    /// Earliest presentation time in milliseconds.
    pub(super) fn shown_ms(&self) -> i64 {
        let ms = i128::from(self.shown).saturating_mul(1000);
        let ms = ms.checked_div(i128::from(self.timescale.max(1)));
        ms.and_then(|ms| i64::try_from(ms).ok()).unwrap_or(i64::MAX)
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

struct Reader<'a> {
    track: &'a Track,
    found: Option<Fragment>,
    /// Bytes that the samples of all tracks should have.
    told: u64,
    count: u64,
}

impl Reader<'_> {
    fn moof(&mut self, moof: Boxes<'_>, init: &Init) -> Result<(), Broken> {
        for next in moof {
            let (kind, content) = next?;
            if &kind.0 == b"traf" {
                self.traf(Boxes(content), init)?;
            }
        }
        Ok(())
    }

    fn traf(&mut self, traf: Boxes<'_>, init: &Init) -> Result<(), Broken> {
        let mut tfhd = Fields(traf.find(&["tfhd"])?);
        let flags = tfhd.u32()?;
        let id = tfhd.u32()?;
        let track = init.tracks.iter().find(|track| track.id == id);
        let track = track.ok_or(Broken::Missing("the track of a fragment"))?;
        if flags & 1 != 0 {
            tfhd.take(8)?;
        }
        tfhd.optional(flags, 2)?;
        let own = track.defaults;
        let defaults = Defaults {
            duration: tfhd.optional(flags, 8)?.unwrap_or(own.duration),
            size: tfhd.optional(flags, 0x10)?.unwrap_or(own.size),
            flags: tfhd.optional(flags, 0x20)?.unwrap_or(own.flags),
        };
        let mut tfdt = Fields(traf.find(&["tfdt"])?);
        let mut at = match tfdt.u32()? >> 24 {
            1 => tfdt.u64()?,
            _ => tfdt.u32()?.into(),
        };
        for next in traf {
            let (kind, content) = next?;
            if &kind.0 == b"trun" {
                at = self.trun(Fields(content), defaults, at, id == self.track.id)?;
            }
        }
        Ok(())
    }

    /// The time after the run.
    fn trun(
        &mut self,
        mut trun: Fields<'_>,
        defaults: Defaults,
        mut at: u64,
        main: bool,
    ) -> Result<u64, Broken> {
        let flags = trun.u32()?;
        let count = trun.u32()?;
        self.count = self.count.saturating_add(count.into());
        if self.count > MOST_SAMPLES {
            return Err(Broken::TooMany("100,000 samples"));
        }
        trun.optional(flags, 1)?;
        let mut first_flags = trun.optional(flags, 4)?;
        for _ in 0..count {
            let duration = trun.optional(flags, 0x100)?.unwrap_or(defaults.duration);
            let size = trun.optional(flags, 0x200)?.unwrap_or(defaults.size);
            let own = trun.optional(flags, 0x400)?;
            let offset = trun.optional(flags, 0x800)?.unwrap_or(0);
            let sample = first_flags.take().or(own).unwrap_or(defaults.flags);
            // Beyond 2^31 an offset of version 0 is none that anybody meant.
            let offset = i64::from(offset.cast_signed());
            self.told = self.told.saturating_add(size.into());
            let next = at.saturating_add(duration.into());
            if main {
                self.sample(at, next, offset, sample & 0x1_0000 == 0);
            }
            at = next;
        }
        Ok(at)
    }

    fn sample(&mut self, at: u64, next: u64, offset: i64, sync: bool) {
        let shown = i64::try_from(at).unwrap_or(i64::MAX).saturating_add(offset);
        let timescale = self.track.timescale;
        let found = self.found.get_or_insert(Fragment {
            timescale,
            start: at,
            end: at,
            shown,
            samples: 0,
            frame: 0,
            starts_sync: sync,
            any_sync: false,
            media: 0,
            bytes: 0,
        });
        found.end = next;
        found.shown = found.shown.min(shown);
        found.samples = found.samples.saturating_add(1);
        found.frame = found.frame.max(next.saturating_sub(at));
        found.any_sync |= sync;
    }

    /// Looks into the first picture: what the flags call a keyframe must be one.
    fn picture(&mut self, mdat: &[u8]) {
        let Some(found) = &mut self.found else {
            return;
        };
        let first = found.media == 0;
        found.media = 1;
        if let (true, Some(nal_length)) = (first && found.starts_sync, self.track.nal_length) {
            found.starts_sync = starts_with_key(mdat, nal_length, &self.track.codec);
        }
    }
}

/// Whether the first coded picture's NAL unit is one of an IDR picture (H.264) or of a random access point (HEVC).
fn starts_with_key(sample: &[u8], nal_length: u8, codec: &str) -> bool {
    /// Before a picture there are a delimiter, parameter sets and messages, no more.
    const MOST_UNITS: usize = 64;
    let mut fields = Fields(sample);
    for _ in 0..MOST_UNITS {
        let Ok(length) = fields.take(nal_length.into()) else {
            return false;
        };
        let length = length
            .iter()
            .fold(0_usize, |sum, byte| (sum << 8) | usize::from(*byte));
        let Some(first) = fields.take(length).ok().and_then(|unit| unit.first()) else {
            return false;
        };
        if codec.starts_with("avc") {
            match first & 0x1f {
                5 => return true,
                1..=4 => return false,
                _ => {}
            }
        } else {
            match (first >> 1) & 0x3f {
                16..=23 => return true,
                0..=15 => return false,
                _ => {}
            }
        }
    }
    false
}
