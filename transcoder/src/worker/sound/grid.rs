//! [pure] Decoded sound, cut into blocks on the absolute grid of 1024 samples.
//!
//! Blocks are whole, in order, and never overlap. Times of sound jitter, as they were whole milliseconds once: samples
//! follow one another without a seam as long as they are within [`TOLERANCE`] of their time. A hole is filled with
//! silence, what overlaps is left out, and after a hole that is too long the count starts anew.

use bytes::{Bytes, BytesMut};
use live::MediaTime;

use crate::codec::AacTrack;

/// Bytes of one moment in all channels: 32-bit floats.
const FRAME_BYTES: usize = 4 * AacTrack::ENCODED_CHANNELS as usize;
/// Bytes of a block.
const BLOCK_BYTES: usize = AacTrack::FRAME as usize * FRAME_BYTES;
/// Samples that sound may be off its time before it is put right: one block, 21 ms.
const TOLERANCE: u64 = AacTrack::FRAME as u64;
/// Longest hole that is filled, samples: two seconds. Later than that the stream is held.
const MAX_FILL: u64 = 2 * AacTrack::ENCODED_RATE as u64;

/// One block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::worker) struct Block {
    /// Its first sample's place, in samples since the epoch: a multiple of [`AacTrack::FRAME`].
    pub(in crate::worker) position: u64,
    /// Its samples.
    pub(in crate::worker) bytes: Bytes,
}

impl Block {
    const LENGTH: u64 = AacTrack::FRAME as u64;

    /// When the sound at `position` is heard. Exact on the grid: 1024 samples are 1920 ticks.
    pub(in crate::worker) fn time_of(position: u64) -> MediaTime {
        let ticks =
            u128::from(position) * u128::from(MediaTime::HZ) / u128::from(AacTrack::ENCODED_RATE);
        MediaTime::from_ticks(u64::try_from(ticks).unwrap_or(u64::MAX))
    }
}

/// The sample that is heard at `time`, to the nearest.
fn position_of(time: MediaTime) -> u64 {
    let hz = u128::from(MediaTime::HZ);
    let samples = (u128::from(time.ticks()) * u128::from(AacTrack::ENCODED_RATE) + hz / 2) / hz;
    u64::try_from(samples).unwrap_or(u64::MAX)
}

/// The block that is being filled.
#[derive(Debug, Default)]
pub(in crate::worker) struct Grid {
    /// The place of the block's first sample; none before there is any sound.
    start: Option<u64>,
    filled: BytesMut,
}

impl Grid {
    /// Takes decoded sound that is heard from `time` on; gives the blocks that are whole with it.
    pub(in crate::worker) fn push(&mut self, time: MediaTime, sound: &[u8], out: &mut Vec<Block>) {
        let at = position_of(time);
        let expected = self.expected();
        match expected {
            Some(expected) if at > expected.saturating_add(TOLERANCE) => {
                let missing = at - expected;
                if missing <= MAX_FILL {
                    self.silence(missing, out);
                } else {
                    self.begin(at, out);
                }
            }
            Some(expected) if expected > at.saturating_add(TOLERANCE) => {
                let late = usize::try_from(expected - at).unwrap_or(usize::MAX);
                let rest = sound.get(late.saturating_mul(FRAME_BYTES)..);
                return self.fill(rest.unwrap_or_default(), out);
            }
            Some(_) => {}
            None => self.begin(at, out),
        }
        self.fill(sound, out);
    }

    /// The place of the sample that comes next.
    fn expected(&self) -> Option<u64> {
        let filled = u64::try_from(self.filled.len() / FRAME_BYTES).unwrap_or(u64::MAX);
        self.start.map(|start| start.saturating_add(filled))
    }

    /// Starts the count anew at `at`; what there is of the open block is made whole first.
    fn begin(&mut self, at: u64, out: &mut Vec<Block>) {
        if !self.filled.is_empty() {
            let filled = u64::try_from(self.filled.len() / FRAME_BYTES).unwrap_or(u64::MAX);
            self.silence(Block::LENGTH.saturating_sub(filled), out);
        }
        let into = at % Block::LENGTH;
        self.start = Some(at - into);
        self.silence(into, out);
    }

    fn silence(&mut self, samples: u64, out: &mut Vec<Block>) {
        let bytes = usize::try_from(samples)
            .unwrap_or(0)
            .saturating_mul(FRAME_BYTES);
        self.fill(&vec![0; bytes], out);
    }

    fn fill(&mut self, mut sound: &[u8], out: &mut Vec<Block>) {
        while !sound.is_empty() {
            let room = BLOCK_BYTES.saturating_sub(self.filled.len());
            let (now, later) = sound.split_at(room.min(sound.len()));
            self.filled.extend_from_slice(now);
            sound = later;
            if self.filled.len() == BLOCK_BYTES
                && let Some(start) = &mut self.start
            {
                out.push(Block {
                    position: *start,
                    bytes: self.filled.split().freeze(),
                });
                *start = start.saturating_add(Block::LENGTH);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: u64 = 1_790_000_000_000;

    /// Sound that says where it belongs.
    fn sound(value: u8, samples: usize) -> Vec<u8> {
        vec![value; samples * FRAME_BYTES]
    }

    fn first(block: &Block, value: u8) -> Option<usize> {
        let at = block.bytes.iter().position(|byte| *byte == value)?;
        Some(at / FRAME_BYTES)
    }

    #[test]
    fn a_hole_is_silence_and_what_overlaps_is_left_out() {
        let mut grid = Grid::default();
        let mut out = Vec::new();
        let ms = |ms: u64| MediaTime::from_millis(START + ms);
        grid.push(ms(0), &sound(1, 960), &mut out);
        // A millisecond early and late: no seam.
        grid.push(ms(19), &sound(1, 960), &mut out);
        grid.push(ms(41), &sound(1, 960), &mut out);
        let before = out
            .iter()
            .map(|block| block.bytes.to_vec())
            .collect::<Vec<_>>();
        let seams = before
            .concat()
            .iter()
            .skip_while(|b| **b == 0)
            .any(|b| *b == 0);
        assert!(!seams);
        // 100 ms are missing, then 40 ms come again.
        grid.push(ms(160), &sound(2, 4800), &mut out);
        grid.push(ms(220), &sound(3, 4800), &mut out);
        let places = |value| {
            let found = out
                .iter()
                .find_map(|b| Some(b.position + first(b, value)? as u64));
            found.unwrap()
        };
        assert_eq!(places(2), position_of(ms(160)));
        assert_eq!(places(3), position_of(ms(260)));
    }

    #[test]
    fn after_a_long_hole_the_count_starts_anew() {
        let mut grid = Grid::default();
        let mut out = Vec::new();
        let later = MediaTime::from_millis(START + 60_000);
        grid.push(MediaTime::from_millis(START), &sound(1, 1500), &mut out);
        grid.push(later, &sound(2, 3000), &mut out);
        assert!(out.len() < 8);
        let block = out.iter().find(|block| first(block, 2).is_some()).unwrap();
        assert_eq!(
            block.position + first(block, 2).unwrap() as u64,
            position_of(later)
        );
    }

    proptest! {
        #[test]
        fn blocks_are_whole_in_order_and_on_the_grid(
            pieces in prop::collection::vec((0_u64..400_000, 0_usize..3000), 0..40),
        ) {
            let mut grid = Grid::default();
            let mut out = Vec::new();
            for (ticks, samples) in pieces {
                let time = MediaTime::from_millis(START).plus_ticks(ticks);
                grid.push(time, &sound(7, samples), &mut out);
            }
            for pair in out.windows(2) {
                prop_assert!(pair[0].position < pair[1].position);
            }
            for block in &out {
                prop_assert_eq!(block.bytes.len(), BLOCK_BYTES);
                prop_assert_eq!(block.position % Block::LENGTH, 0);
                prop_assert_eq!(position_of(Block::time_of(block.position)), block.position);
            }
        }
    }
}
