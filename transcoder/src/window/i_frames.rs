//! [pure] The first picture of each segment, for players that show pictures while they wind (EXT-X-I-FRAMES-ONLY,
//! RFC 8216bis §4.4.3.6): a range of the segment's bytes from its start, so that the moof is in it (Apple 6.10).

use std::collections::BTreeMap;

use live::{
    Msn, PartIndex, Skip,
    playlist::{Seconds, Segment},
};

use super::{Text, Window, Written};

#[derive(Debug, Clone, Default)]
pub(super) struct IFrames {
    /// Bytes of the open segment's first picture.
    open: Option<u64>,
    /// Those of the segments that are over, as long as they are listed.
    lengths: BTreeMap<Msn, u64>,
    /// Bits per second of the largest.
    peak_bps: u64,
    written: Option<Written>,
}

impl IFrames {
    /// A part, and how many of its bytes decode its first picture.
    pub(super) const fn part(&mut self, index: PartIndex, picture: Option<u64>) {
        if index.0 == 0 {
            self.open = picture;
        }
    }

    /// The segment is over; the playlist begins with `first`.
    pub(super) fn close(&mut self, msn: Msn, segment: &Segment, first: Msn) {
        if let Some(length) = self.open.take().filter(|_| !segment.gap) {
            let bits = length.saturating_mul(8).saturating_mul(Seconds::PER_SECOND);
            let bps = bits / segment.duration.units().max(1);
            self.peak_bps = self.peak_bps.max(bps);
            self.lengths.insert(msn, length);
        }
        self.lengths.retain(|msn, _| *msn >= first);
    }

    pub(super) fn touch(&mut self) {
        self.written = None;
    }
}

impl Window {
    /// The I-frame playlist of the present version, written once; none without pictures.
    pub fn i_frames(&mut self) -> Option<Written> {
        if self.i_frames.lengths.is_empty() {
            return None;
        }
        if let Some(written) = &self.i_frames.written {
            return Some(written.clone());
        }
        let length = |msn| self.i_frames.lengths.get(&msn).copied();
        let write = |skip| Text::from(self.playlist.write_i_frames(length, skip));
        let written = Written {
            full: write(None),
            delta: write(Some(Skip::Yes)),
            delta_v2: write(Some(Skip::V2)),
        };
        self.renders += 1;
        self.i_frames.written = Some(written.clone());
        Some(written)
    }

    /// Bits per second of the largest first picture so far, spread over its segment; 0 without pictures.
    pub const fn i_frames_bps(&self) -> u64 {
        self.i_frames.peak_bps
    }
}
