//! [pure] The storyboard of a recorded show: which of its pictures lies where, by time.
//!
//! Its sheets are those that are served live. A sheet grows by a tile at a time, and has another name then: what it was
//! before is listed no more.

use std::collections::BTreeSet;

use live::MediaTime;

use crate::pictures::{
    Slot, Snapshot,
    vtt::{self, Cue},
};

/// Tiles of one recording: a day and a half, as long as its playlists may be. Later ones are left out.
const MAX_TILES: usize = 12_000;
/// The poster is a picture of the show's fifth minute: by then it has begun. Until then it is the newest.
const POSTER_AFTER: u64 = 300 * MediaTime::HZ;

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Storyboard {
    /// In order, none over before the next begins.
    tiles: Vec<Cue>,
}

impl Storyboard {
    /// As [`Self::write`] wrote it; empty if it is none of ours.
    pub(super) fn read(text: &str) -> Self {
        let mut tiles = vtt::read(text).map_or_else(Vec::new, |(_, tiles)| tiles);
        tiles.truncate(MAX_TILES);
        Self { tiles }
    }

    /// The next picture, whose sheet is called `sheet`. `false` if it is known, or there may be no more.
    pub(super) fn add(&mut self, picture: &Snapshot, sheet: u64) -> bool {
        let at = picture.at;
        let slot = Slot::of(at);
        let known = self.tiles.last().is_some_and(|tile| tile.from >= at);
        if known || self.tiles.len() >= MAX_TILES {
            return false;
        }
        if let Some(last) = self.tiles.last_mut()
            && (last.until > at || Slot::of(last.from).next() == slot)
        {
            last.until = at;
        }
        let newest_first = self.tiles.iter_mut().rev();
        let on_it = |tile: &&mut Cue| tile.from >= picture.first;
        newest_first
            .take_while(on_it)
            .for_each(|tile| tile.sheet = sheet);
        self.tiles.push(Cue {
            from: at,
            until: at.plus_ticks(Slot::TICKS),
            sheet,
            corner: slot.corner(picture.tile),
            size: picture.tile,
        });
        true
    }

    /// Whether the newest picture is the poster from now on.
    pub(super) fn wants_poster(&self) -> bool {
        let ends = self.tiles.first().zip(self.tiles.last());
        ends.is_some_and(|(first, last)| last.from.since(first.from) <= POSTER_AFTER)
    }

    /// The sheets that it names.
    pub(super) fn sheets(&self) -> BTreeSet<u64> {
        self.tiles.iter().map(|tile| tile.sheet).collect()
    }

    /// What is of the show from `start` to `end`, on sheets that are `there`.
    #[must_use]
    pub(super) fn within(
        mut self,
        (start, end): (MediaTime, MediaTime),
        there: &BTreeSet<u64>,
    ) -> Self {
        self.tiles
            .retain(|tile| tile.until > start && tile.from < end && there.contains(&tile.sheet));
        for tile in &mut self.tiles {
            tile.until = tile.until.min(end);
        }
        self
    }

    /// Its text, whose second 0 is `start`; none without a tile.
    pub(super) fn write(&self, start: MediaTime) -> Option<String> {
        let tiles = self.tiles.iter().copied();
        (!self.tiles.is_empty()).then(|| vtt::write(start, tiles))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::pictures::Size;

    /// The first slot of a sheet.
    const FIRST: u64 = 7_180_000 * 25;

    fn picture(n: u64, first: u64) -> Snapshot {
        let at = |n: u64| MediaTime::from_ticks((FIRST + n) * Slot::TICKS);
        Snapshot {
            at: at(n),
            first: at(first),
            poster: "poster".into(),
            tile: Size {
                width: 160,
                height: 90,
            },
            sheet: "sheet".into(),
        }
    }

    #[test]
    fn a_sheet_that_grew_is_named_alone_and_one_that_is_full_stays() {
        let mut board = Storyboard::default();
        for n in 0..24 {
            assert!(board.add(&picture(n, 0), n));
        }
        assert_eq!(board.sheets(), [23].into());
        assert!(!board.add(&picture(23, 0), 99), "it is known");
        assert!(board.add(&picture(25, 25), 25));
        assert_eq!(board.sheets(), [23, 25].into());
        // A worker that was started anew has lost the tiles before.
        assert!(board.add(&picture(27, 27), 27));
        assert_eq!(board.sheets(), [23, 25, 27].into());
        assert!(board.wants_poster());
        assert!(board.add(&picture(31, 27), 31) && !board.wants_poster());

        let start = picture(0, 0).at;
        let there = [23, 31].into();
        let cut = board.within(
            (start.plus_millis(15_000), start.plus_millis(301_000)),
            &there,
        );
        let text = cut.write(start.plus_millis(15_000)).unwrap();
        assert_eq!(
            cut.sheets(),
            there,
            "25 is nowhere, and the newest is after the end"
        );
        let first = "\n00:00:00.000 --> 00:00:05.000\nstoryboard-23.jpg#xywh=160,0,160,90\n";
        assert!(text.contains(first), "{text}");
        let last = "\n00:04:15.000 --> 00:04:25.000\nstoryboard-31.jpg#xywh=320,0,160,90\n";
        assert!(text.ends_with(last), "{text}");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(gaps in prop::collection::vec(1..40_u64, 0..60), restarts in prop::collection::vec(any::<bool>(), 60)) {
            let (mut board, mut n, mut first) = (Storyboard::default(), 0, 0);
            for (sheet, (gap, restart)) in gaps.into_iter().zip(restarts).enumerate() {
                n += gap;
                first = if restart { n } else { first.max(n / 25 * 25) };
                board.add(&picture(n, first), u64::try_from(sheet).unwrap());
            }
            let start = picture(0, 0).at;
            let text = board.write(start).unwrap_or_default();
            prop_assert_eq!(Storyboard::read(&text), board.clone());
            prop_assert!(board.tiles.windows(2).all(|two| two[0].until <= two[1].from));
        }
    }
}
