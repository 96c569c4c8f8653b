//! [pure] A sheet while its tiles come: raw I420 in full range, as a JPEG encoder takes it.
//!
//! Tiles are so wide that no row is padded ([`Size`]). Places without a tile are black.

use live::MediaTime;

use super::layout::{Size, Slot};

/// Light and colours of black.
const BLACK: [u8; 3] = [0, 128, 128];

/// A sheet and what is on it.
#[derive(Debug, Clone)]
pub struct Canvas {
    tile: Size,
    bytes: Vec<u8>,
    /// The oldest tile on it, and the newest.
    on_it: Option<(MediaTime, MediaTime)>,
}

/// One of the three planes of a picture.
#[derive(Debug, Clone, Copy)]
struct Plane {
    /// What a pixel of it covers, in both directions.
    covers: usize,
    at: usize,
    row: usize,
    rows: usize,
}

impl Canvas {
    /// For tiles of one size.
    pub fn new(tile: Size) -> Self {
        let sheet = tile.sheet();
        let mut canvas = Self {
            tile,
            bytes: vec![0; length(sheet)],
            on_it: None,
        };
        canvas.clear();
        canvas
    }

    fn clear(&mut self) {
        for (plane, black) in planes(self.tile.sheet()).into_iter().zip(BLACK) {
            let end = plane.at + plane.row * plane.rows;
            if let Some(bytes) = self.bytes.get_mut(plane.at..end) {
                bytes.fill(black);
            }
        }
        self.on_it = None;
    }

    /// Puts a raw tile in the place that its time says; a new sheet begins when it is not of the one there is. `false`
    /// when it is no tile of that size.
    pub fn put(&mut self, at: MediaTime, tile: &[u8]) -> bool {
        if tile.len() != length(self.tile) {
            return false;
        }
        let slot = Slot::of(at);
        let same = |(_, newest): (_, MediaTime)| Slot::of(newest).sheet() == slot.sheet();
        if !self.on_it.is_some_and(same) {
            self.clear();
        }
        let first = self.on_it.map_or(at, |(first, _)| first);
        self.on_it = Some((first, at));
        let (x, y) = slot.corner(self.tile);
        let width = usize::from(self.tile.width);
        for (from, to) in planes(self.tile).into_iter().zip(planes(self.tile.sheet())) {
            let (x, y) = (usize::from(x) / to.covers, usize::from(y) / to.covers);
            let width = width / from.covers;
            for n in 0..from.rows {
                let (read, write) = (from.at + n * from.row, to.at + (y + n) * to.row + x);
                let row = tile.get(read..read + width);
                let place = self.bytes.get_mut(write..write + width);
                if let (Some(row), Some(place)) = (row, place) {
                    place.copy_from_slice(row);
                }
            }
        }
        true
    }

    /// The time of the oldest tile on it.
    pub fn first(&self) -> Option<MediaTime> {
        self.on_it.map(|(first, _)| first)
    }

    /// The raw sheet.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

fn planes(Size { width, height }: Size) -> [Plane; 3] {
    let (width, height) = (usize::from(width), usize::from(height));
    let light = Plane {
        covers: 1,
        at: 0,
        row: width,
        rows: height,
    };
    let colour = |at| Plane {
        covers: 2,
        at,
        row: width / 2,
        rows: height / 2,
    };
    let second = colour(light.row * light.rows);
    let third = colour(second.at + second.row * second.rows);
    [light, second, third]
}

/// Bytes of a raw picture.
fn length(size: Size) -> usize {
    let [_, _, last] = planes(size);
    last.at + last.row * last.rows
}

#[cfg(test)]
mod tests {
    #![expect(clippy::indexing_slicing, reason = "a panic is a failed test")]

    use proptest::prelude::*;

    use super::*;

    /// Of one light and two colours.
    fn plain(size: Size, colours: [u8; 3]) -> Vec<u8> {
        let mut bytes = vec![0; length(size)];
        for (plane, colour) in planes(size).into_iter().zip(colours) {
            bytes[plane.at..plane.at + plane.row * plane.rows].fill(colour);
        }
        bytes
    }

    /// Light and colours of the pixel there.
    fn pixel(canvas: &Canvas, (x, y): (u16, u16)) -> [u8; 3] {
        planes(canvas.tile.sheet()).map(|plane| {
            let (x, y) = (usize::from(x) / plane.covers, usize::from(y) / plane.covers);
            canvas.bytes[plane.at + y * plane.row + x]
        })
    }

    /// The moment at which the tile of that number begins, of 25 on a sheet.
    fn slot(n: u64) -> MediaTime {
        MediaTime::from_ticks((7_180_000 * 25 + n) * Slot::TICKS)
    }

    #[test]
    fn a_new_sheet_is_black_but_for_its_first_tile() {
        let tile = Size {
            width: 80,
            height: 142,
        };
        let mut canvas = Canvas::new(tile);
        assert!(canvas.put(slot(24), &plain(tile, [200, 1, 2])));
        assert!(canvas.put(slot(26), &plain(tile, [100, 3, 4])));
        assert_eq!(canvas.first(), Some(slot(26)));
        assert_eq!(pixel(&canvas, (79, 0)), BLACK);
        assert_eq!(pixel(&canvas, (80, 0)), [100, 3, 4]);
        assert_eq!(pixel(&canvas, (159, 141)), [100, 3, 4]);
        assert_eq!(pixel(&canvas, (399, 709)), BLACK);
        assert!(!canvas.put(slot(27), &[0; 100]), "no tile");
    }

    proptest! {
        #[test]
        fn every_tile_fills_its_own_place_and_no_other(
            (width, height) in (1..=10u16, 1..=80u16),
            wanted in proptest::collection::btree_set(0..25u64, 1..25),
        ) {
            let tile = Size { width: width * 16, height: height * 2 };
            let mut canvas = Canvas::new(tile);
            for &n in &wanted {
                let light = u8::try_from(n).unwrap() + 1;
                prop_assert!(canvas.put(slot(n), &plain(tile, [light; 3])));
            }
            prop_assert_eq!(canvas.first(), wanted.first().map(|n| slot(*n)));
            for n in 0..25 {
                let (x, y) = Slot::of(slot(n)).corner(tile);
                let expected = match wanted.contains(&n) {
                    true => [u8::try_from(n).unwrap() + 1; 3],
                    false => BLACK,
                };
                prop_assert_eq!(pixel(&canvas, (x, y)), expected);
                let last = (x + tile.width - 1, y + tile.height - 1);
                prop_assert_eq!(pixel(&canvas, last), expected);
            }
        }
    }
}
