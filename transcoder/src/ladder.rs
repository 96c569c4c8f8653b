//! [pure] The encoded rungs of a stream: from what the operator wants and what the publisher sends.
//!
//! A rung is never larger than the source, keeps its aspect, and has even sides. A portrait picture has the ladder
//! turned: a rung's height is then its width. Small rungs of a fast source have every second of its pictures. Who wants rungs gets at least one, if need be of the source's own size:
//! should the source be withheld from viewers (keyframes too far apart, no IDR), there is still a picture.

use live::Rendition;
use serde::{Deserialize, Serialize};

use crate::{codec::VideoTrack, worker::RungPlan};

/// One configured rung.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rung {
    height: u16,
    bitrate_bps: u32,
    fps: Fps,
}

/// How many of the source's pictures a rung has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fps {
    /// Half below 720 lines, all from there on.
    #[default]
    Auto,
    /// Half.
    Half,
    /// All.
    Full,
}

impl Fps {
    /// Rungs below it are watched on small screens and bad lines, where sharper pictures are worth more than twice as
    /// many.
    const LINES: u16 = 720;
    /// Sources below it are never halved, in thousandths of a frame per second: 48 frames per second and those nearly.
    const LEAST: u64 = 47_500;

    fn halves(self, height: u16, source: Option<u64>) -> bool {
        let wanted = match self {
            Self::Auto => height < Self::LINES,
            Self::Half => true,
            Self::Full => false,
        };
        wanted && source.is_some_and(|rate| rate >= Self::LEAST)
    }
}

/// The operator's fault: no such rung.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RungError {
    /// Odd, too small or too tall.
    #[error("a rung's height is an even number from 144 to 2160")]
    Height,
    /// No picture at all, or more than any player takes.
    #[error("a rung's bitrate is from 100k to 50000k")]
    Bitrate,
}

impl Rung {
    /// Height in pixels, bits per second.
    pub fn new(height: u16, bitrate_bps: u32) -> Result<Self, RungError> {
        if !(144..=2160).contains(&height) || !height.is_multiple_of(2) {
            Err(RungError::Height)
        } else if !(100_000..=50_000_000).contains(&bitrate_bps) {
            Err(RungError::Bitrate)
        } else {
            Ok(Self {
                height,
                bitrate_bps,
                fps: Fps::Auto,
            })
        }
    }

    /// With so many of the source's pictures.
    pub const fn at(self, fps: Fps) -> Self {
        Self { fps, ..self }
    }

    /// Its name.
    pub const fn rendition(&self) -> Rendition {
        Rendition::Encoded(self.height)
    }

    /// Average bits per second.
    pub const fn bitrate_bps(&self) -> u32 {
        self.bitrate_bps
    }
}

/// Rungs that one stream may have.
pub const MAX_RUNGS: usize = 8;

/// The rungs of `ladder` that are smaller than `source`, tall to small; where none is, its smallest at the source's own
/// size. `frame_rate` is the source's, in thousandths of a frame per second.
pub fn plan(source: &VideoTrack, frame_rate: Option<u64>, ladder: &[Rung]) -> Vec<RungPlan> {
    let (width, height) = (source.width(), source.height());
    let short = width.min(height);
    let mut rungs: Vec<Rung> = ladder
        .iter()
        .copied()
        .filter(|rung| rung.height < short)
        .collect();
    if rungs.is_empty() {
        let smallest = ladder.iter().min_by_key(|rung| rung.height);
        rungs.extend(smallest.map(|rung| Rung {
            height: short & !1,
            ..*rung
        }));
    }
    rungs.retain(|rung| Rendition::HEIGHTS.contains(&rung.height));
    rungs.sort_by_key(Rung::rendition);
    let plan = |rung: &Rung| {
        let scaled = |side: u16| even(u32::from(side), rung.height, short);
        RungPlan {
            rendition: rung.rendition(),
            width: scaled(width),
            height: scaled(height),
            bitrate_bps: rung.bitrate_bps,
            halved: rung.fps.halves(rung.height, frame_rate),
        }
    };
    rungs.iter().map(plan).collect()
}

/// What the headers of a source say of it, in thousandths of a frame per second.
pub fn frame_rate(source: &VideoTrack) -> Option<u64> {
    let rate = source.frame_rate();
    rate.map(|(n, d)| u64::from(n) * 1000 / u64::from(d.max(1)))
}

/// `side` times `numerator / denominator`, to the nearest even number.
fn even(side: u32, numerator: u16, denominator: u16) -> u16 {
    let (n, d) = (u32::from(numerator), u32::from(denominator.max(1)));
    let half = (side * n + d) / (2 * d);
    u16::try_from(half * 2).unwrap_or(u16::MAX - 1).max(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_keep_the_aspect_and_are_even() {
        for (side, to, from, expected) in [
            (1920, 480, 1080, 854),
            (1080, 480, 1080, 480),
            (1280, 480, 720, 854),
            (720, 360, 576, 450),
            (1280, 480, 720, 854),
        ] {
            assert_eq!(even(side, to, from), expected, "{side} x {to}/{from}");
        }
    }

    #[test]
    fn there_is_a_rung_however_small_the_source() {
        let source = VideoTrack::parse(
            crate::codec::VideoCodec::Avc,
            &bytes::Bytes::from_static(crate::show::AVCC),
        )
        .unwrap();
        let planned = |ladder: &[(u16, u32)]| {
            let ladder = ladder
                .iter()
                .map(|&(height, bps)| Rung::new(height, bps).unwrap());
            let rungs = plan(&source, None, &ladder.collect::<Vec<_>>());
            let told = rungs
                .iter()
                .map(|r| (r.rendition.to_string(), r.width, r.height, r.bitrate_bps));
            told.collect::<Vec<_>>()
        };
        let own_size = [("360p".to_owned(), 640, 360, 1_400_000)];
        assert_eq!(planned(&[(720, 2_800_000), (480, 1_400_000)]), own_size);
        assert_eq!(
            planned(&[(480, 1_400_000), (240, 400_000)]),
            [("240p".to_owned(), 426, 240, 400_000)]
        );
        assert_eq!(planned(&[]), []);
    }

    #[test]
    fn small_rungs_of_a_fast_source_are_halved_and_the_operator_may_say_otherwise() {
        for (fps, height, source, halved) in [
            (Fps::Auto, 480, Some(59_940), true),
            (Fps::Auto, 480, Some(50_000), true),
            (Fps::Auto, 480, Some(48_000), true),
            (Fps::Auto, 480, Some(30_000), false),
            (Fps::Auto, 480, None, false),
            (Fps::Auto, 720, Some(60_000), false),
            (Fps::Half, 720, Some(60_000), true),
            (Fps::Half, 360, Some(30_000), false),
            (Fps::Full, 360, Some(60_000), false),
        ] {
            let case = format!("{fps:?} at {height} of {source:?}");
            assert_eq!(fps.halves(height, source), halved, "{case}");
        }
    }

    #[test]
    fn a_rung_has_bounds() {
        assert!(Rung::new(480, 1_400_000).is_ok());
        assert_eq!(Rung::new(481, 1_400_000), Err(RungError::Height));
        assert_eq!(Rung::new(480, 1), Err(RungError::Bitrate));
    }
}
