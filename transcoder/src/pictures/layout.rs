//! [pure] Which pictures of a show are taken, how large, and where each lies on its sheet.
//!
//! Time is divided into slots of ten seconds, from the epoch, and sheets into the slots of 250. The first picture of
//! each slot is taken. So transcoders that are fed the same take the same pictures and put each in the same place, whenever
//! they started.

use live::MediaTime;

/// Tiles beside each other on a sheet, and below each other.
const GRID: (u16, u16) = (5, 5);

/// Ten seconds of the timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot(u64);

impl Slot {
    /// Its length.
    pub const TICKS: u64 = 10 * MediaTime::HZ;
    const PER_SHEET: u64 = GRID.0 as u64 * GRID.1 as u64;

    /// The one that a moment is in.
    pub const fn of(at: MediaTime) -> Self {
        Self(at.ticks() / Self::TICKS)
    }

    /// The one after it.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// How many slots it is after another; none before.
    pub const fn after(self, other: Self) -> u64 {
        self.0.saturating_sub(other.0)
    }

    /// Tells the sheets apart.
    pub const fn sheet(self) -> u64 {
        self.0 / Self::PER_SHEET
    }

    /// Where its tile begins on its sheet, pixels from the left and from above.
    pub fn corner(self, tile: Size) -> (u16, u16) {
        let place = u16::try_from(self.0 % Self::PER_SHEET).unwrap_or_default();
        (place % GRID.0 * tile.width, place / GRID.0 * tile.height)
    }
}

/// Pixels. Both sides are even, as 4:2:0 wants it. Posters and tiles are as wide as whole blocks of a JPEG file: in part
/// of a block jpegenc 1.22 encodes what lies beside the picture in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// From left to right.
    pub width: u16,
    /// From above.
    pub height: u16,
}

impl Size {
    /// Longest side of a poster.
    const POSTER: u16 = 640;
    /// Longest side of a tile.
    const TILE: u16 = 160;
    /// Width of a block with 4:2:0.
    const BLOCK: u16 = 16;

    /// Of the poster of a picture.
    #[must_use]
    pub fn poster(self) -> Self {
        self.within(Self::POSTER)
    }

    /// Of the tile of a picture.
    #[must_use]
    pub fn tile(self) -> Self {
        self.within(Self::TILE)
    }

    /// Of a sheet of such tiles.
    #[must_use]
    pub const fn sheet(self) -> Self {
        Self {
            width: self.width.saturating_mul(GRID.0),
            height: self.height.saturating_mul(GRID.1),
        }
    }

    /// Whether tiles can have it.
    pub fn is_tile(self) -> bool {
        let fits =
            |side: u16, of: u16| (of..=Self::TILE).contains(&side) && side.is_multiple_of(of);
        fits(self.width, Self::BLOCK) && fits(self.height, 2)
    }

    /// The same shape with sides of at most `longest`; never larger than it is.
    fn within(self, longest: u16) -> Self {
        let (width, height) = (u32::from(self.width.max(1)), u32::from(self.height));
        let most = width.max(height);
        let scaled = width * most.min(longest.into()) / most / u32::from(Self::BLOCK);
        let scaled = scaled.max(1) * u32::from(Self::BLOCK);
        let pairs = (scaled * height + width) / (2 * width);
        let side = |side: u32| u16::try_from(side).unwrap_or(longest).min(longest);
        Self {
            width: side(scaled),
            height: side(2 * pairs.max(1)),
        }
    }
}

/// Lets the first picture of each slot pass.
#[derive(Debug, Default)]
pub struct Shutter(Option<Slot>);

impl Shutter {
    /// Whether this picture is taken.
    pub fn takes(&mut self, at: MediaTime) -> bool {
        let slot = Slot::of(at);
        let takes = self.0.is_none_or(|newest| slot > newest);
        if takes {
            self.0 = Some(slot);
        }
        takes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn size(width: u16, height: u16) -> Size {
        Size { width, height }
    }

    #[test]
    fn pictures_keep_their_shape_and_are_never_enlarged() {
        for (of, poster, tile) in [
            (size(854, 480), size(640, 360), size(160, 90)),
            (size(640, 360), size(640, 360), size(160, 90)),
            (size(426, 240), size(416, 234), size(160, 90)),
            (size(360, 640), size(352, 626), size(80, 142)),
            (size(480, 360), size(480, 360), size(160, 120)),
            (size(64, 36), size(64, 36), size(64, 36)),
            (size(8192, 16), size(640, 2), size(160, 2)),
            (size(16, 8192), size(16, 640), size(16, 160)),
        ] {
            assert_eq!((of.poster(), of.tile()), (poster, tile), "{of:?}");
        }
    }

    #[test]
    fn the_first_picture_of_each_slot_is_taken() {
        let mut shutter = Shutter::default();
        // 1,795,000,000 s is the start of a slot; the first picture comes in the middle of one.
        let at = |ms: u64| MediaTime::from_millis(1_795_000_000_000 + ms);
        let taken: Vec<u64> = (4_000..31_000)
            .step_by(40)
            .filter(|ms| shutter.takes(at(*ms)))
            .collect();
        assert_eq!(taken, [4_000, 10_000, 20_000, 30_000]);
        assert!(!shutter.takes(at(25_000)), "time never goes back");
    }

    proptest! {
        #[test]
        fn tiles_lie_within_their_sheet_and_beside_each_other(
            width in 16..=8192u16,
            height in 16..=8192u16,
            ticks in 0..800_000_000_000_000u64,
        ) {
            let tile = size(width & !1, height & !1).tile();
            prop_assert!(tile.is_tile(), "{tile:?}");
            let slot = Slot::of(MediaTime::from_ticks(ticks));
            let (x, y) = slot.corner(tile);
            prop_assert!(x + tile.width <= tile.sheet().width);
            prop_assert!(y + tile.height <= tile.sheet().height);
            let next = slot.next().corner(tile);
            prop_assert!(next == (x + tile.width, y) || next == (0, y + tile.height) || next == (0, 0));
            prop_assert_eq!(next == (0, 0), slot.next().sheet() != slot.sheet());
        }

        #[test]
        fn a_slot_is_taken_once_and_each_that_is_begun_is(gaps in proptest::collection::vec(1..2_000_000u64, 1..100)) {
            let mut shutter = Shutter::default();
            let (mut at, mut taken, mut begun) = (MediaTime::default(), Vec::new(), Vec::new());
            for gap in gaps {
                at = at.plus_ticks(gap);
                begun.push(Slot::of(at));
                taken.extend(shutter.takes(at).then_some(Slot::of(at)));
            }
            begun.dedup();
            prop_assert_eq!(taken, begun);
        }
    }
}
