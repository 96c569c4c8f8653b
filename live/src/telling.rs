//! [pure] Mux's message that tells the transcoders of a date range, at one place among the media for all of them.
//!
//! It travels as an AMF0 data message, a name and an object; this file owns the names, the daemons own the wire. Mux
//! repeats it while the range lasts, so that a transcoder that joins late learns of it: whoever knows it passes over it.

use crate::playlist::{DateRange, DateRangeError};

/// AMF0 name of the message.
pub const ON_DATE_RANGE: &str = "onDateRange";
/// CLASS of a range that covers a hold, while the encoded rungs show the slate. It lasts until the next of its class, which
/// has no length and starts where the show goes on.
pub const HOLD: &str = "org.footlight.hold";
/// The layout that this build writes and understands, field `v`.
const VERSION: f64 = 1.0;

/// "This is so, from its start on."
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telling {
    /// What is so.
    pub range: DateRange,
    /// It was told before, or playlists are to tell it alone: it is not put into the media.
    pub again: bool,
}

/// Why a message is no telling. The peer's fault, or a mux of another version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TellingError {
    /// Of another layout: upgrade the older box.
    #[error("a date range of a version that this build does not speak")]
    Version,
    /// The range.
    #[error("a date range that cannot be read: {0}")]
    Range(#[from] DateRangeError),
}

impl Telling {
    /// The object's numbers.
    pub const fn numbers(&self) -> [(&'static str, f64); 2] {
        [
            ("v", VERSION),
            ("again", if self.again { 1.0 } else { 0.0 }),
        ]
    }

    /// The object's text.
    pub fn text(&self) -> (&'static str, String) {
        ("range", self.range.to_string())
    }

    /// Reads it back; the arguments look a number and a text up by name.
    pub fn from_fields<'a>(
        number: impl Fn(&str) -> Option<f64>,
        text: impl Fn(&str) -> Option<&'a str>,
    ) -> Result<Self, TellingError> {
        if number("v") != Some(VERSION) {
            return Err(TellingError::Version);
        }
        Ok(Self {
            range: text("range").unwrap_or_default().parse()?,
            again: number("again") == Some(1.0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let range = "ID=\"a\",START-DATE=\"2026-11-21T13:00:00.000Z\""
            .parse()
            .unwrap();
        let telling = Telling { range, again: true };
        let number = |name: &str| {
            let found = telling
                .numbers()
                .into_iter()
                .find(|(known, _)| *known == name);
            found.map(|(_, number)| number)
        };
        let (_, text) = telling.text();
        let range = |name: &str| (name == "range").then_some(text.as_str());
        assert_eq!(Telling::from_fields(number, range), Ok(telling.clone()));
        let other = Telling::from_fields(|_| Some(2.0), range);
        assert_eq!(other, Err(TellingError::Version));
        let nothing = Telling::from_fields(number, |_| None);
        assert!(matches!(nothing, Err(TellingError::Range(_))));
    }
}
