//! [pure] The text of a live playlist's old segments, written once.
//!
//! A segment whose parts are listed no more does not change until it leaves the playlist, so of a window of hours only
//! the last seconds are written anew. What comes out is the same, byte for byte, as [`MediaPlaylist::write`].

use std::{collections::VecDeque, fmt};

use bytes::Bytes;

use super::{MediaPlaylist, write_media::write_segment};
use crate::{InitHash, Msn};

/// What was written of one playlist before, for the next time it is written.
#[derive(Debug, Clone, Default)]
pub struct Settled {
    /// Oldest first, without holes; segments that left the playlist are at most in the first.
    chunks: VecDeque<Chunk>,
    /// The first segment of the playlist.
    first: Msn,
    /// The first segment that may still change.
    next: Msn,
    /// Segments of `first..next` that are a GAP.
    gaps: usize,
    /// Segments of `first..next` that have an initialization section.
    maps: usize,
}

/// The segments whose numbers divided by [`Chunk::SEGMENTS`] are the same: two playlists that say the same share the
/// borders.
#[derive(Debug, Clone)]
struct Chunk {
    first: Msn,
    text: Text,
    entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
enum Text {
    Growing(String),
    Whole(Bytes, InitHash),
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    /// Where its text ends.
    end: usize,
    gap: bool,
    map: bool,
}

impl Chunk {
    /// Few enough that copying a growing chunk costs nothing, many enough that hours are some hundred pieces.
    const SEGMENTS: u64 = 64;

    const fn is_last(msn: Msn) -> bool {
        msn.0 % Self::SEGMENTS == Self::SEGMENTS - 1
    }

    /// Where the text begins that follows segment `msn`.
    fn after(&self, msn: Msn) -> usize {
        self.entry(msn).map_or(0, |entry| entry.end)
    }

    fn entry(&self, msn: Msn) -> Option<&Entry> {
        let index = usize::try_from(msn.0.checked_sub(self.first.0)?).ok()?;
        self.entries.get(index)
    }

    fn is_over(&self, first: Msn) -> bool {
        let length = u64::try_from(self.entries.len()).unwrap_or(u64::MAX);
        self.first.0.saturating_add(length) <= first.0
    }
}

impl Settled {
    /// Drops what left the playlist, and writes what has settled since.
    fn catch_up(&mut self, playlist: &MediaPlaylist) -> fmt::Result {
        let first = playlist.media_sequence;
        if !(self.first..=self.next).contains(&first) {
            *self = Self {
                first,
                next: first,
                ..Self::default()
            };
        }
        while self.first < first {
            if let Some(entry) = self.chunks.front().and_then(|c| c.entry(self.first)) {
                self.gaps -= usize::from(entry.gap);
                self.maps -= usize::from(entry.map);
            }
            self.first = self.first.next();
            if self.chunks.front().is_some_and(|c| c.is_over(self.first)) {
                self.chunks.pop_front();
            }
        }
        while let Some(segment) = playlist.segments.get(self.count())
            && segment.parts.is_empty()
        {
            let before = self.count().checked_sub(1);
            let before = before.and_then(|n| playlist.segments.get(n)?.head.map.as_ref());
            let entry = Entry {
                end: 0,
                gap: segment.gap,
                map: segment.head.map.is_some(),
            };
            self.add(entry, |out| write_segment(out, segment, before))?;
        }
        Ok(())
    }

    fn add(&mut self, entry: Entry, write: impl FnOnce(&mut String) -> fmt::Result) -> fmt::Result {
        let msn = self.next;
        let grows = |chunk: &Chunk| matches!(chunk.text, Text::Growing(_));
        if !self.chunks.back().is_some_and(grows) {
            self.chunks.push_back(Chunk {
                first: msn,
                text: Text::Growing(String::new()),
                entries: Vec::new(),
            });
        }
        let Some(chunk) = self.chunks.back_mut() else {
            return Ok(());
        };
        if let Text::Growing(text) = &mut chunk.text {
            write(text)?;
            let end = text.len();
            chunk.entries.push(Entry { end, ..entry });
            if Chunk::is_last(msn) {
                let text = Bytes::from(std::mem::take(text));
                let tag = InitHash::of(&text);
                chunk.text = Text::Whole(text, tag);
            }
        }
        self.gaps += usize::from(entry.gap);
        self.maps += usize::from(entry.map);
        self.next = msn.next();
        Ok(())
    }

    /// How many of the playlist's segments have settled.
    fn count(&self) -> usize {
        usize::try_from(self.next.0.saturating_sub(self.first.0)).unwrap_or(usize::MAX)
    }
}

impl MediaPlaylist {
    /// The whole playlist as text in pieces, and what tells it from others. `settled` is what was written of it before,
    /// by this function and by no other playlist; `self` is no delta update.
    pub fn write_pieces(&self, settled: &mut Settled) -> (Vec<Bytes>, InitHash) {
        let mut pieces = Vec::with_capacity(settled.chunks.len().saturating_add(3));
        let mut hashed = Vec::new();
        let mut out = String::new();
        // A String takes every write.
        let _infallible = self.write_settled(settled, &mut pieces, &mut hashed, &mut out);
        let tag = if hashed.is_empty() {
            InitHash::of(out.as_bytes())
        } else {
            hashed.extend_from_slice(out.as_bytes());
            InitHash::of(&hashed)
        };
        pieces.push(out.into());
        (pieces, tag)
    }

    fn write_settled(
        &self,
        settled: &mut Settled,
        pieces: &mut Vec<Bytes>,
        hashed: &mut Vec<u8>,
        out: &mut String,
    ) -> fmt::Result {
        settled.catch_up(self)?;
        let count = settled.count();
        let rest = || self.segments.range(count.min(self.segments.len())..);
        let gap = settled.gaps > 0 || rest().any(|segment| segment.gap);
        let map = settled.maps > 0 || rest().any(|segment| segment.head.map.is_some());
        self.write_header(out, self.version_with(gap, map))?;
        self.write_date_ranges(out, 0)?;
        if count > 0 {
            // The first one tells its initialization section, whatever the one before it had.
            if let Some(first) = self.segments.front() {
                write_segment(out, first, None)?;
            }
            for chunk in &settled.chunks {
                let start = chunk.after(settled.first);
                match &chunk.text {
                    Text::Growing(text) => out.push_str(text.get(start..).unwrap_or_default()),
                    Text::Whole(text, tag) => {
                        hashed.extend_from_slice(out.as_bytes());
                        hashed.extend_from_slice(format!("{tag}{start}\n").as_bytes());
                        pieces.push(std::mem::take(out).into());
                        pieces.push(text.slice(start.min(text.len())..));
                    }
                }
            }
            pieces.retain(|piece| !piece.is_empty());
        }
        self.write_from(out, count)
    }
}

#[cfg(test)]
mod tests;
