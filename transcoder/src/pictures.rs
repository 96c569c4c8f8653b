//! [pure] The pictures of a session: its poster, and the storyboard that shows where in the show one is.
//!
//! A worker takes one picture in ten seconds and sends it as a poster, and as a tile on a sheet with the tiles before it.
//! A sheet is told anew with each tile, under a name made of its bytes: a name means the same bytes for ever, and the
//! newest tile is there at once. Tiles go with the window. A sheet stays for five minutes after the index
//! named it last, for players that read it then. Bounded: tiles by the window's length, bytes by
//! [`Pictures::MAX_BYTES`].

use std::collections::BTreeMap;

use bytes::Bytes;
use live::MediaTime;

use crate::window::Text;
pub use canvas::Canvas;
pub use layout::{Shutter, Size, Slot};

mod canvas;
mod layout;
pub(crate) mod vtt;

/// What a worker makes of one picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// When it is shown.
    pub at: MediaTime,
    /// Of the oldest tile on the sheet; it is in one of the sheet's slots.
    pub first: MediaTime,
    /// A JPEG file, up to [`Snapshot::MAX_FILE`] bytes.
    pub poster: Bytes,
    /// How large tiles are.
    pub tile: Size,
    /// A JPEG file, up to [`Snapshot::MAX_FILE`] bytes: the tiles since `first`, each in its slot's place.
    pub sheet: Bytes,
}

impl Snapshot {
    /// Largest file in bytes: more than a sheet has uncompressed.
    pub const MAX_FILE: usize = 1 << 20;

    /// Whether it can be what it says. A worker may have been taken over.
    pub fn is_sound(&self) -> bool {
        let is_jpeg =
            |file: &[u8]| file.starts_with(b"\xff\xd8\xff") && file.len() <= Self::MAX_FILE;
        let (slot, first) = (Slot::of(self.at), Slot::of(self.first));
        let placed = first <= slot && first.sheet() == slot.sheet();
        placed && self.tile.is_tile() && is_jpeg(&self.poster) && is_jpeg(&self.sheet)
    }
}

/// The pictures of one session.
#[derive(Debug, Clone)]
pub struct Pictures {
    /// Ticks that a playlist is long.
    length: u64,
    poster: Option<(MediaTime, Text)>,
    tiles: BTreeMap<Slot, Tile>,
    sheets: BTreeMap<u64, Sheet>,
    taken: u64,
    newest: Option<Snapshot>,
    /// The index as it was asked for last, and the playlists' start then.
    index: Option<(MediaTime, Text)>,
}

#[derive(Debug, Clone, Copy)]
struct Tile {
    at: MediaTime,
    sheet: u64,
}

#[derive(Debug, Clone)]
struct Sheet {
    text: Text,
    tile: Size,
    /// The newest slot while the index named it.
    used: Slot,
}

impl Pictures {
    /// Bytes of sheets at most, twelve hours at 90 KiB a sheet; beyond that the oldest tiles go.
    pub const MAX_BYTES: usize = 16 << 20;
    /// Slots for which a sheet stays that no tile is on any more: five minutes.
    const KEPT: u64 = 30;

    /// None yet. Playlists are `length_ms` long.
    pub const fn new(length_ms: u64) -> Self {
        Self {
            length: MediaTime::from_millis(length_ms).ticks(),
            poster: None,
            tiles: BTreeMap::new(),
            sheets: BTreeMap::new(),
            taken: 0,
            newest: None,
            index: None,
        }
    }

    /// A new picture.
    pub fn take(&mut self, snapshot: Snapshot) {
        let Snapshot { at, .. } = snapshot;
        self.taken += 1;
        self.newest = Some(snapshot.clone());
        self.index = None;
        self.poster = Some((at, snapshot.poster.into()));
        let text = Text::from(snapshot.sheet);
        let sheet = text.tag.number();
        let used = Slot::of(at);
        for (_, tile) in self.tiles.range_mut(Slot::of(snapshot.first)..) {
            tile.sheet = sheet;
        }
        self.tiles.insert(used, Tile { at, sheet });
        let tile = snapshot.tile;
        self.sheets.insert(sheet, Sheet { text, tile, used });
        self.forget(at);
    }

    /// Lets go of what is too old by `now`, and of the oldest if it is still too much.
    fn forget(&mut self, now: MediaTime) {
        // A playlist may be a segment longer than it should, and the next picture is a slot away.
        let kept = self.length.saturating_add(2 * Slot::TICKS);
        self.tiles.retain(|_, tile| now.since(tile.at) <= kept);
        let newest = Slot::of(now);
        for tile in self.tiles.values() {
            if let Some(sheet) = self.sheets.get_mut(&tile.sheet) {
                sheet.used = newest;
            }
        }
        let age = |sheet: &Sheet| newest.after(sheet.used);
        self.sheets.retain(|_, sheet| age(sheet) <= Self::KEPT);
        while self.bytes() > Self::MAX_BYTES && self.drop_oldest() {}
    }

    /// The oldest sheet that no tile is on, else the one of the oldest tile. `false` when there is only the newest.
    fn drop_oldest(&mut self) -> bool {
        let shown: Vec<u64> = self.tiles.values().map(|tile| tile.sheet).collect();
        let left = self.sheets.iter().filter(|(name, _)| !shown.contains(name));
        let left = left.min_by_key(|(_, sheet)| sheet.used);
        let oldest = left
            .map(|(name, _)| *name)
            .or_else(|| shown.first().copied());
        match oldest.filter(|name| shown.last() != Some(name)) {
            Some(oldest) => {
                self.sheets.remove(&oldest);
                self.tiles.retain(|_, tile| tile.sheet != oldest);
                true
            }
            None => false,
        }
    }

    fn bytes(&self) -> usize {
        let length = |sheet: &Sheet| sheet.text.pieces.iter().map(Bytes::len).sum::<usize>();
        self.sheets.values().map(length).sum()
    }

    /// The newest picture, as a JPEG file.
    pub fn poster(&self) -> Option<&Text> {
        self.poster.as_ref().map(|(_, text)| text)
    }

    /// When the poster was on air.
    pub fn newest(&self) -> Option<MediaTime> {
        self.poster.as_ref().map(|(at, _)| *at)
    }

    /// The newest picture as it came, its bytes shared with what is served.
    pub const fn snapshot(&self) -> Option<&Snapshot> {
        self.newest.as_ref()
    }

    /// How many pictures were taken.
    pub const fn taken(&self) -> u64 {
        self.taken
    }

    /// A sheet of tiles, as a JPEG file.
    pub fn sheet(&self, name: u64) -> Option<&Text> {
        self.sheets.get(&name).map(|sheet| &sheet.text)
    }

    /// The index of the tiles, as WebVTT whose second 0 is `start`; none without pictures.
    pub fn storyboard(&mut self, start: MediaTime) -> Option<Text> {
        if self.tiles.is_empty() {
            return None;
        }
        if let Some((_, text)) = self.index.as_ref().filter(|(of, _)| *of == start) {
            return Some(text.clone());
        }
        let cues = self.tiles.iter().filter_map(|(slot, tile)| {
            let next = self.tiles.get(&slot.next()).map(|next| next.at);
            let size = self.sheets.get(&tile.sheet)?.tile;
            Some(vtt::Cue {
                from: tile.at,
                until: next.unwrap_or_else(|| tile.at.plus_ticks(Slot::TICKS)),
                sheet: tile.sheet,
                corner: slot.corner(size),
                size,
            })
        });
        let text = Text::from(vtt::write(start, cues));
        self.index = Some((start, text.clone()));
        Some(text)
    }
}

#[cfg(test)]
mod tests;
