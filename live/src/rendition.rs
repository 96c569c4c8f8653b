//! [pure] The name of one quality of a stream.
//!
//! Renditions sort as a viewer ranks them: `source`, then encoded rungs from tall to small, then `audio`.

use std::{cmp::Reverse, fmt, str::FromStr};

/// One quality of a stream (DESIGN §3).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rendition {
    /// The publisher's own video, untouched.
    Source,
    /// An encoded rung, named by its height in pixels: `720p`. Within [`Rendition::HEIGHTS`].
    Encoded(u16),
    /// Sound alone.
    Audio,
}

/// The text is neither `source`, `audio`, nor a height such as `720p`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a rendition is 'source', 'audio' or a height from 16p to 8640p, such as '720p'")]
pub struct RenditionError;

impl Rendition {
    /// Heights that an encoded rung may have, in pixels.
    pub const HEIGHTS: std::ops::RangeInclusive<u16> = 16..=8640;

    fn rank(self) -> (u8, Reverse<u16>) {
        match self {
            Self::Source => (0, Reverse(0)),
            Self::Encoded(height) => (1, Reverse(height)),
            Self::Audio => (2, Reverse(0)),
        }
    }
}

impl Ord for Rendition {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.rank().cmp(&other.rank())
    }
}

impl PartialOrd for Rendition {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl FromStr for Rendition {
    type Err = RenditionError;

    fn from_str(text: &str) -> Result<Self, RenditionError> {
        match text {
            "source" => Ok(Self::Source),
            "audio" => Ok(Self::Audio),
            _ => {
                let digits = text.strip_suffix('p').ok_or(RenditionError)?;
                let height = crate::segment::decimal(digits).ok_or(RenditionError)?;
                let height = u16::try_from(height).map_err(|_| RenditionError)?;
                if Self::HEIGHTS.contains(&height) {
                    Ok(Self::Encoded(height))
                } else {
                    Err(RenditionError)
                }
            }
        }
    }
}

impl fmt::Display for Rendition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source => f.write_str("source"),
            Self::Encoded(height) => write!(f, "{height}p"),
            Self::Audio => f.write_str("audio"),
        }
    }
}

impl fmt::Debug for Rendition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_each() {
        for good in ["source", "audio", "16p", "480p", "8640p"] {
            assert_eq!(good.parse::<Rendition>().unwrap().to_string(), good);
        }
        for bad in [
            "", "p", "0480p", "+480p", "480", "480P", "15p", "8641p", "99999p", "Source",
        ] {
            assert_eq!(bad.parse::<Rendition>(), Err(RenditionError), "{bad:?}");
        }
    }

    #[test]
    fn best_comes_first() {
        let mut all: Vec<Rendition> = ["audio", "360p", "source", "720p"]
            .map(|r| r.parse().unwrap())
            .into();
        all.sort();
        assert_eq!(format!("{all:?}"), "[source, 720p, 360p, audio]");
    }
}
