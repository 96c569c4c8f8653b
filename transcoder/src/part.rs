//! [pure] Cuts the samples of one segment into parts (RFC 8216bis §4.4.4.9), in the track's timescale.
//!
//! A part closes at the sample edge nearest to the next multiple of the nominal duration, counted from the segment's
//! start, and before it outgrows PART-TARGET; only a sample that lasts too long itself makes a longer part. Together the
//! parts are the segment, byte for byte. The cuts depend on the samples alone.

use bytes::Bytes;
use live::{Msn, PartIndex};

use crate::fmp4::{Entry, Fragment, MediaKind, ReferenceTime, sequence_number};

mod lengths;
mod segment;

pub use lengths::Lengths;
pub use live::part_target::PartTarget;
pub use segment::SegmentCutter;

/// One complete part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CutPart {
    /// Its place in the segment.
    pub index: PartIndex,
    /// Decoding time of its first sample.
    pub start: u64,
    /// Until the next part, or the segment's end.
    pub duration: u64,
    /// Whether it holds a keyframe.
    pub independent: bool,
    /// How many of its bytes decode its first picture, when that is a keyframe of a video track.
    pub picture: Option<u64>,
    /// The fragment.
    pub bytes: Bytes,
}

/// One segment while its samples come in.
#[derive(Debug, Clone)]
pub struct PartCutter {
    kind: MediaKind,
    lengths: Lengths,
    msn: Msn,
    /// Where the segment starts.
    start: u64,
    /// Where the open part starts.
    part_start: u64,
    next: PartIndex,
    open: Vec<Timed>,
    open_bytes: usize,
    /// How long the newest sample lasts, and the one before it: the next one probably as long as the shorter. The other
    /// stands for one that is missing.
    distance: u64,
    before: u64,
}

#[derive(Debug, Clone)]
struct Timed {
    at: u64,
    entry: Entry,
}

impl PartCutter {
    /// A part with this many samples is closed however short it is: a thousand a second is no video.
    const MAX_SAMPLES: usize = 1000;
    /// A part of this many bytes is closed however short it is: 60 MB in half a second are 1 Gbit/s.
    const MAX_BYTES: usize = 64 << 20;

    /// Segment `msn`, which starts at `start`.
    pub const fn new(kind: MediaKind, lengths: Lengths, msn: Msn, start: u64) -> Self {
        Self {
            kind,
            lengths,
            msn,
            start,
            part_start: start,
            next: PartIndex(0),
            open: Vec::new(),
            open_bytes: 0,
            distance: 0,
            before: 0,
        }
    }

    /// A sample decoded at `at`, later than all before it.
    pub fn push(
        &mut self,
        at: u64,
        composition: i32,
        key: bool,
        bytes: Bytes,
        out: &mut Vec<CutPart>,
    ) {
        self.edge(at, out);
        if self.open.is_empty() {
            self.part_start = at;
        }
        self.before = self.distance;
        self.open_bytes += bytes.len();
        let entry = Entry {
            duration: 1,
            composition,
            key,
            bytes,
        };
        self.open.push(Timed { at, entry });
    }

    /// The newest sample lasts until `at`. May be told before the next sample comes, and more than once.
    pub fn edge(&mut self, at: u64, out: &mut Vec<CutPart>) {
        let Some(at) = self.last_lasts_until(at) else {
            return;
        };
        self.split_overlong(at, out);
        let length = at.saturating_sub(self.part_start);
        let line = self.next_line();
        let next = match self.before {
            0 => self.distance,
            before => before.min(self.distance),
        };
        let near = length >= self.lengths.shortest && at + next / 2 >= line;
        let full = self.open.len() >= Self::MAX_SAMPLES || self.open_bytes >= Self::MAX_BYTES;
        if near || full || length + next > self.lengths.longest {
            self.close(at, out);
        }
    }

    /// The segment ends at `end`: its last sample lasts until then, which takes up what rounding to milliseconds left.
    pub fn finish(mut self, end: u64, out: &mut Vec<CutPart>) {
        if let Some(end) = self.last_lasts_until(end) {
            self.split_overlong(end, out);
            self.close(end, out);
        }
    }

    fn last_lasts_until(&mut self, at: u64) -> Option<u64> {
        let last = self.open.last_mut()?;
        let duration = at.saturating_sub(last.at).clamp(1, u32::MAX.into());
        last.entry.duration = u32::try_from(duration).unwrap_or(u32::MAX);
        self.distance = duration;
        Some(last.at + duration)
    }

    /// When the last sample made the part too long, the part closes before it; but not when it would be too short then:
    /// a picture that stands still because frames are missing makes one long part.
    fn split_overlong(&mut self, at: u64, out: &mut Vec<CutPart>) {
        let before = self.open.last().map_or(0, |last| last.at - self.part_start);
        if at - self.part_start <= self.lengths.longest || before < self.lengths.shortest {
            return;
        }
        if let Some(last) = self.open.pop() {
            self.close(last.at, out);
            self.part_start = last.at;
            self.open_bytes = last.entry.bytes.len();
            self.open.push(last);
        }
    }

    /// The next multiple of the nominal duration that is more than half of it away from the open part's start.
    fn next_line(&self) -> u64 {
        let nominal = self.lengths.nominal;
        let into = self.part_start.saturating_sub(self.start);
        self.start + nominal * ((into + nominal / 2) / nominal + 1)
    }

    fn close(&mut self, end: u64, out: &mut Vec<CutPart>) {
        let entries: Vec<Entry> = self.open.drain(..).map(|timed| timed.entry).collect();
        self.open_bytes = 0;
        let rest: usize = entries.iter().skip(1).map(|entry| entry.bytes.len()).sum();
        let starts = self.kind == MediaKind::Video && entries.first().is_some_and(|e| e.key);
        let fragment = Fragment {
            kind: self.kind,
            sequence: sequence_number(self.msn, self.next),
            decode_time: self.part_start,
            entries: &entries,
            // Once a segment is enough, and where players begin.
            clock: (self.next == PartIndex(0)).then_some(ReferenceTime {
                time: self.part_start,
                timescale: self.lengths.timescale,
            }),
        };
        let bytes = fragment.write();
        out.push(CutPart {
            picture: u64::try_from(bytes.len() - rest).ok().filter(|_| starts),
            index: self.next,
            start: self.part_start,
            duration: end.saturating_sub(self.part_start),
            independent: self.kind == MediaKind::Audio || entries.iter().any(|entry| entry.key),
            bytes,
        });
        self.next = self.next.next();
        self.part_start = end;
    }
}

#[cfg(test)]
mod tests;
