//! [pure] The values that playlists write (RFC 8216bis §4.2): seconds, frame rates, resolutions, URIs and texts.
//!
//! Every value has one spelling, and what `Display` writes parses back equal. Nothing here is a float: equal media give
//! equal bytes on every box.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::{fmt, str::FromStr, sync::Arc};

use crate::Object;

/// The text is not a value of the wanted form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected {0}")]
pub struct ValueError(pub &'static str);

/// A duration in whole units of 10 µs: what five decimals of a second can say (decimal-floating-point, §4.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Seconds(u64);

impl Seconds {
    /// Units in one second.
    pub const PER_SECOND: u64 = 100_000;
    const DECIMALS: usize = 5;

    /// From units of 10 µs.
    pub const fn from_units(units: u64) -> Self {
        Self(units)
    }

    /// From whole seconds, saturating.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(Self::PER_SECOND))
    }

    /// From milliseconds, saturating.
    pub const fn from_millis(ms: u64) -> Self {
        Self(ms.saturating_mul(100))
    }

    /// From ticks of 90 kHz, to the nearest 10 µs.
    pub fn from_ticks(ticks: u64) -> Self {
        Self::from_timescale(ticks, 90_000)
    }

    /// From `count` units of which `timescale` make a second (an audio track's samples), to the nearest 10 µs.
    /// Saturates; a timescale of 0 counts as 1.
    pub fn from_timescale(count: u64, timescale: u32) -> Self {
        let scale = u128::from(timescale.max(1));
        let nearest = u128::from(count)
            .saturating_mul(u128::from(Self::PER_SECOND))
            .saturating_add(scale >> 1)
            .checked_div(scale);
        Self(
            nearest
                .and_then(|n| u64::try_from(n).ok())
                .unwrap_or(u64::MAX),
        )
    }

    /// Units of 10 µs.
    pub const fn units(self) -> u64 {
        self.0
    }

    /// To the nearest whole second, halves up: how EXTINF is held against EXT-X-TARGETDURATION (§4.4.3.1).
    pub const fn rounded(self) -> u64 {
        self.0.saturating_add(Self::PER_SECOND / 2) / Self::PER_SECOND
    }

    /// `self` times `factor`, saturating.
    #[must_use]
    pub const fn times(self, factor: u64) -> Self {
        Self(self.0.saturating_mul(factor))
    }

    /// `self` and `other` together, saturating.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// `self` without `other`; zero when that is more.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// Whole milliseconds, rounded up.
    pub const fn millis(self) -> u64 {
        self.0.div_ceil(Self::PER_SECOND / 1000)
    }
}

impl std::iter::Sum for Seconds {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self(0), Self::plus)
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / Self::PER_SECOND, self.0 % Self::PER_SECOND);
        write!(f, "{whole}.{rest:0width$}", width = Self::DECIMALS)
    }
}

impl fmt::Debug for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}s")
    }
}

impl FromStr for Seconds {
    type Err = ValueError;

    /// Digits, and after a point more digits; beyond the fifth they are rounded.
    fn from_str(text: &str) -> Result<Self, ValueError> {
        fixed_point(text, Self::DECIMALS)
            .map(Self)
            .ok_or(ValueError("a number of seconds such as 2.00000"))
    }
}

/// Reads digits with an optional fraction as a whole number of 10^-`decimals`, rounding half up.
fn fixed_point(text: &str, decimals: usize) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let mut value: u64 = whole.parse().ok()?;
    let mut fraction = fraction.bytes();
    for _ in 0..decimals {
        let digit = u64::from(fraction.next().unwrap_or(b'0').wrapping_sub(b'0'));
        value = value.checked_mul(10)?.checked_add(digit)?;
    }
    let round_up = fraction.next().is_some_and(|digit| digit >= b'5');
    value.checked_add(u64::from(round_up))
}

/// Frames per second in thousandths (FRAME-RATE, §4.4.6.2: three decimals).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FrameRate(u64);

impl FrameRate {
    /// From thousandths of a frame per second: 29970 for 30000/1001.
    pub const fn from_thousandths(thousandths: u64) -> Self {
        Self(thousandths)
    }

    /// Thousandths of a frame per second.
    pub const fn thousandths(self) -> u64 {
        self.0
    }
}

impl fmt::Display for FrameRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1000, self.0 % 1000)
    }
}

impl FromStr for FrameRate {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        fixed_point(text, 3)
            .map(Self)
            .ok_or(ValueError("a frame rate such as 29.970"))
    }
}

/// Picture size in pixels (decimal-resolution, §4.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Resolution {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

impl fmt::Display for Resolution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

impl FromStr for Resolution {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let pixels = |digits: &str| {
            crate::segment::decimal(digits).and_then(|pixels| u32::try_from(pixels).ok())
        };
        text.split_once('x')
            .and_then(|(width, height)| {
                Some(Self {
                    width: pixels(width)?,
                    height: pixels(height)?,
                })
            })
            .ok_or(ValueError("a resolution such as 1280x720"))
    }
}

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $fits:expr, $expected:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The text as it stands in the playlist.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = ValueError;

            fn from_str(text: &str) -> Result<Self, ValueError> {
                let fits: fn(&str) -> bool = $fits;
                if fits(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(ValueError($expected))
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.as_str())
            }
        }
    };
}

text!(
    /// A URI as a playlist writes it, relative or not: it fits a line of its own and a quoted-string. Cheap to clone.
    Uri,
    |t| !t.is_empty() && !t.starts_with('#') && !t.contains([' ', '"']) && !t.contains(char::is_control),
    "a URI without spaces and quotes"
);
text!(
    /// The content of a quoted-string (§4.2): anything but quotes and line ends. Cheap to clone.
    Text,
    |t| !t.contains('"') && !t.contains(|c: char| c.is_control() && c != '\t'),
    "text without quotes and line ends"
);
text!(
    /// The rest of a tag's line, kept as it was written. Cheap to clone.
    Line,
    |t| !t.is_empty() && t.trim() == t && !t.contains(|c: char| c.is_control() && c != '\t'),
    "one line of text"
);

impl Text {
    /// Somebody's words, so that no playlist breaks on them and no player stumbles: at most `most` characters, on one
    /// line, with other signs for those that parsers take for something else (quotes, `{$` of EXT-X-DEFINE,
    /// backslashes), without those that turn the direction of what follows.
    pub fn shown(words: &str, most: usize) -> Self {
        let sign = |sign: char| match sign {
            '"' => Some('\u{201d}'),
            '\\' => Some('/'),
            '\u{2028}' | '\u{2029}' => Some(' '),
            '\u{feff}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' => None,
            sign if sign.is_control() => Some(' '),
            sign => Some(sign),
        };
        let signs: String = words.trim().chars().filter_map(sign).take(most).collect();
        Self(signs.replace("{$", "($").trim().into())
    }
}

impl Line {
    /// The attribute list of a tag of ours, which is one line and not empty.
    pub(super) fn of_attributes(list: &str) -> Self {
        Self(list.into())
    }
}

impl Uri {
    /// An object seen from its stream's multivariant playlist: `source/media.m3u8`.
    pub fn of(object: Object) -> Self {
        Self(object.to_string().into())
    }

    /// An object seen from a media playlist of its own rendition: `123.m4s`.
    pub fn beside(object: Object) -> Self {
        let path = object.to_string();
        let file = path
            .rsplit_once('/')
            .map_or(path.as_str(), |(_, file)| file);
        Self(file.into())
    }

    /// An object seen from a media playlist of another rendition: `../audio/media.m3u8`.
    pub fn across(object: Object) -> Self {
        Self(format!("../{object}").into())
    }
}

#[cfg(test)]
mod tests;
