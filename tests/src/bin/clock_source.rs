//! A camera pointed at a clock: raw 4:2:0 pictures on standard output, paced in real time, each
//! carrying the wall clock at its birth as a code that survives scaling and H.264.
//!
//!     clock_source WIDTHxHEIGHT FPS SECONDS [steady] | ffmpeg -f rawvideo -pix_fmt yuv420p ...
//!
//! The code is 80 cells in two rows of 40 across the top of the picture, each cell a fortieth of
//! the width and as high as wide, white for 1 and black for 0, most significant bit first:
//! 8 cells 10100101, 48 cells milliseconds since 1970, 16 cells CRC-16/CCITT-FALSE of those six
//! bytes, 8 cells 01011010. `tests/browser/clock.mjs` reads it. Below it a pattern moves, so that
//! an encoder has work to do.
//!
//! With `steady` each picture carries the time at which it should have been born, so that pictures are told apart by
//! their clocks to the millisecond however busy the machine is.
//!
//! It exits when its reader closes the pipe, or after SECONDS.
#![expect(
    clippy::disallowed_methods,
    reason = "a clock on the wall is what this program shows"
)]

use std::io::{ErrorKind, Write};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};

const COLUMNS: usize = 40;
const ROWS: usize = 2;
const HEAD: u8 = 0b1010_0101;
const TAIL: u8 = 0b0101_1010;
/// Limited-range black and white, as every decoder expects them.
const BLACK: u8 = 16;
const WHITE: u8 = 235;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (size, fps, seconds, steady) = match arguments.as_slice() {
        [size, fps, seconds] => (size, fps, seconds, false),
        [size, fps, seconds, word] if word == "steady" => (size, fps, seconds, true),
        _ => bail!("usage: clock_source WIDTHxHEIGHT FPS SECONDS [steady]"),
    };
    let (width, height) = size
        .split_once('x')
        .context("the size is written 1280x720")?;
    let picture = Picture::new(width.parse()?, height.parse()?)?;
    show(picture, fps.parse()?, seconds.parse()?, steady)
}

fn show(mut picture: Picture, fps: u32, seconds: u32, steady: bool) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let mut start = Instant::now();
    let first = SystemTime::now().duration_since(UNIX_EPOCH)?;
    for number in 0..fps * seconds {
        let elapsed = Duration::from_secs(1) * number / fps;
        // A reader is slow to begin with. The show starts when it is ready: catching up would
        // send a second's pictures at once, with timestamps ahead of their time.
        if number < fps {
            start = start.max(Instant::now() - elapsed);
        }
        sleep((start + elapsed).saturating_duration_since(Instant::now()));
        let now = if steady {
            first + elapsed
        } else {
            SystemTime::now().duration_since(UNIX_EPOCH)?
        };
        picture.draw(number as usize, u64::try_from(now.as_millis())?);
        match out.write_all(&picture.bytes) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
            written => written?,
        }
    }
    Ok(())
}

struct Picture {
    width: usize,
    height: usize,
    /// Two pictures' width of the moving pattern, one line high.
    pattern: Vec<u8>,
    bytes: Vec<u8>,
}

impl Picture {
    fn new(width: usize, height: usize) -> Result<Self> {
        if !width.is_multiple_of(2 * COLUMNS)
            || !height.is_multiple_of(2)
            || height < width / COLUMNS * (ROWS + 1)
        {
            bail!(
                "the width must be a multiple of {}, the height even and not tiny",
                2 * COLUMNS
            );
        }
        let pattern = (0..2 * width)
            .map(|x| 64 + u8::try_from(x * 7919 / 16 % 97).unwrap_or(0))
            .collect();
        // Neutral chroma: the clock is grey.
        let bytes = vec![128; width * height * 3 / 2];
        Ok(Self {
            width,
            height,
            pattern,
            bytes,
        })
    }

    fn draw(&mut self, number: usize, now_ms: u64) {
        let cells = cells(now_ms);
        let cell = self.width / COLUMNS;
        let luma = &mut self.bytes[..self.width * self.height];
        for (y, line) in luma.chunks_exact_mut(self.width).enumerate() {
            if y < ROWS * cell {
                for (x, pixel) in line.iter_mut().enumerate() {
                    *pixel = if cells[y / cell * COLUMNS + x / cell] {
                        WHITE
                    } else {
                        BLACK
                    };
                }
            } else {
                let shift = (number * 4 + y / 16 * 5) % self.width;
                line.copy_from_slice(&self.pattern[shift..shift + self.width]);
            }
        }
    }
}

/// The code for a time, cell by cell.
fn cells(now_ms: u64) -> [bool; COLUMNS * ROWS] {
    let time = &now_ms.to_be_bytes()[2..];
    let mut code = vec![HEAD];
    code.extend_from_slice(time);
    code.extend_from_slice(&crc16(time).to_be_bytes());
    code.push(TAIL);
    std::array::from_fn(|cell| code[cell / 8] >> (7 - cell % 8) & 1 == 1)
}

/// CRC-16/CCITT-FALSE.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xffff, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte) << 8, |crc, _| {
            if crc & 0x8000 == 0 {
                crc << 1
            } else {
                crc << 1 ^ 0x1021
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same time is in tests/browser/clock.test.mjs.
    #[test]
    fn the_code_is_the_one_the_browser_reads() {
        let number = |bits: &[bool]| bits.iter().fold(0, |sum, bit| sum << 1 | u64::from(*bit));
        let code = cells(1_795_266_000_123);
        assert_eq!(crc16(b"123456789"), 0x29b1);
        assert_eq!(number(&code[..8]), 0b1010_0101);
        assert_eq!(number(&code[8..56]), 1_795_266_000_123);
        assert_eq!(number(&code[72..]), 0b0101_1010);
    }

    #[test]
    fn a_picture_is_as_large_as_its_format_says() {
        let mut picture = Picture::new(1280, 720).expect("a usual size");
        picture.draw(7, 1);
        assert_eq!(picture.bytes.len(), 1280 * 720 * 3 / 2);
        assert!(Picture::new(1281, 720).is_err());
    }
}
