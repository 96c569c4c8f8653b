//! [pure] One fragment: moof and mdat. A part is a fragment, and a segment is its parts, one after the other.

use bytes::Bytes;
use live::{Msn, PartIndex};

use super::boxes::Boxes;

/// Bytes of moof without its table of samples.
const MOOF: usize = 8 + 16 + 8 + 20 + 20 + 20;
/// Bytes of prft.
const PRFT: usize = 8 + 4 + 4 + 8 + 8;
/// Bytes of one entry in the table of samples.
const PER_SAMPLE: usize = 16;
/// Depends on no other sample, and decoding can start here (ISO/IEC 14496-12 8.8.3.1).
const SYNC: u32 = 0x0200_0000;
/// Depends on others, and decoding cannot start here.
const NON_SYNC: u32 = 0x0101_0000;

/// What a track holds; it decides which columns the table of samples has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaKind {
    /// Per sample: duration, size, flags, composition offset.
    Video,
    /// Per sample: duration and size. Decoding can start anywhere.
    Audio,
}

/// One sample of a fragment, in the track's timescale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Until the next sample is decoded.
    pub duration: u32,
    /// Presentation minus decoding time, signed.
    pub composition: i32,
    /// Whether decoding can start here.
    pub key: bool,
    /// The payload.
    pub bytes: Bytes,
}

/// What a fragment is made of.
#[derive(Debug, Clone, Copy)]
pub struct Fragment<'a> {
    /// What the track holds.
    pub kind: MediaKind,
    /// For mfhd; see [`sequence_number`].
    pub sequence: u32,
    /// Decoding time of the first sample, absolute, in the track's timescale.
    pub decode_time: u64,
    /// The samples in decoding order.
    pub entries: &'a [Entry],
    /// What stands before it says which UTC a time of its track is.
    pub clock: Option<ReferenceTime>,
}

/// A moment of one track, which is the moment of UTC that it says: the track's times count from 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReferenceTime {
    /// In the track's timescale.
    pub time: u64,
    /// Units in a second.
    pub timescale: u32,
}

/// A fragment's number within its track: a function of the part's name, so that two transcoders write the same.
pub fn sequence_number(msn: Msn, part: PartIndex) -> u32 {
    let number = msn.0.wrapping_mul(1000).wrapping_add(u64::from(part.0)) & u64::from(u32::MAX);
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl Fragment<'_> {
    /// The bytes, in a file of one track.
    pub fn write(&self) -> Bytes {
        self.write_in(1, None)
    }

    /// The bytes, of that track of a file; with which of its sample entries, from 1, if it may have several.
    pub fn write_in(&self, track: u32, sample_entry: Option<u32>) -> Bytes {
        let payload: usize = self.entries.iter().map(|entry| entry.bytes.len()).sum();
        let table = self.entries.len() * PER_SAMPLE;
        let mut out = Boxes::with_capacity(PRFT + MOOF + table + 8 + payload);
        if let Some(clock) = self.clock {
            clock.write(&mut out, track);
        }
        let moof_at = out.len();
        let mut data_offset = 0;
        out.boxed(*b"moof", |out| {
            out.full(*b"mfhd", 0, 0, |out| out.u32(self.sequence));
            out.boxed(*b"traf", |out| {
                self.tfhd(out, track, sample_entry);
                out.full(*b"tfdt", 1, 0, |out| out.u64(self.decode_time));
                data_offset = self.trun(out);
            });
        });
        let payload_at = out.len() + 8 - moof_at;
        out.overwrite(data_offset, u32::try_from(payload_at).unwrap_or(u32::MAX));
        out.boxed(*b"mdat", |out| {
            for entry in self.entries {
                out.bytes(&entry.bytes);
            }
        });
        out.finish()
    }

    fn tfhd(&self, out: &mut Boxes, track: u32, sample_entry: Option<u32>) {
        const DEFAULT_BASE_IS_MOOF: u32 = 0x2_0000;
        const SAMPLE_ENTRY: u32 = 0x2;
        const DEFAULT_FLAGS: u32 = 0x20;
        let mut flags = DEFAULT_BASE_IS_MOOF;
        if sample_entry.is_some() {
            flags |= SAMPLE_ENTRY;
        }
        if self.kind == MediaKind::Audio {
            flags |= DEFAULT_FLAGS;
        }
        out.full(*b"tfhd", 0, flags, |out| {
            out.u32(track);
            if let Some(sample_entry) = sample_entry {
                out.u32(sample_entry);
            }
            if self.kind == MediaKind::Audio {
                out.u32(SYNC);
            }
        });
    }

    /// Writes the table of samples; says where its data offset stands.
    fn trun(&self, out: &mut Boxes) -> usize {
        const DATA_OFFSET: u32 = 0x1;
        const DURATION_SIZE: u32 = 0x300;
        const FLAGS_COMPOSITION: u32 = 0xc00;
        let flags = DATA_OFFSET
            | DURATION_SIZE
            | match self.kind {
                MediaKind::Video => FLAGS_COMPOSITION,
                MediaKind::Audio => 0,
            };
        let mut data_offset = 0;
        // Version 1: composition offsets are signed.
        out.full(*b"trun", 1, flags, |out| {
            out.u32(u32::try_from(self.entries.len()).unwrap_or(u32::MAX));
            data_offset = out.len();
            out.u32(0);
            for entry in self.entries {
                out.u32(entry.duration);
                out.u32(u32::try_from(entry.bytes.len()).unwrap_or(u32::MAX));
                if self.kind == MediaKind::Video {
                    out.u32(if entry.key { SYNC } else { NON_SYNC });
                    out.i32(entry.composition);
                }
            }
        });
        data_offset
    }
}

impl ReferenceTime {
    /// ProducerReferenceTimeBox (ISO/IEC 14496-12 8.16.5). It says what the timeline is and not when the box was written,
    /// so two transcoders write the same.
    fn write(self, out: &mut Boxes, track: u32) {
        /// From 1900, where NTP's seconds begin, to 1970.
        const NTP: u64 = 2_208_988_800;
        /// "An arbitrary but consistent association": UTC at which the session's first frame came to mux, and the
        /// publisher's own clock from there.
        const CONSISTENT: u32 = 0x8;
        let scale = u64::from(self.timescale.max(1));
        // NTP's seconds are of 32 bits and begin anew in 2036; a reader knows the era.
        let seconds = (self.time / scale).wrapping_add(NTP) & u64::from(u32::MAX);
        let fraction = ((self.time % scale) << 32) / scale;
        out.full(*b"prft", 1, CONSISTENT, |out| {
            out.u32(track);
            out.u64(seconds << 32 | fraction);
            out.u64(self.time);
        });
    }
}
