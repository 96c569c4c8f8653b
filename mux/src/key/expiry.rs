//! [pure] When a key expires, as it is written and as it is compared.

use std::{fmt, str::FromStr};

use live::playlist::ProgramDateTime;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The first moment at which a key is good no more, UTC. Written as a date-time of RFC 3339, `2026-12-01T18:00:00Z`, or
/// as a date, `2026-12-01`, through whose end (UTC) the key is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Expiry(ProgramDateTime);

/// The operator's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no date: write the last day, such as \"2026-12-01\", or the moment, such as \"2026-12-01T18:00:00Z\""
)]
pub(crate) struct ExpiryError(String);

const DAY_MS: u64 = 86_400_000;

impl Expiry {
    /// At this moment, Unix milliseconds.
    pub(crate) fn at(unix_millis: u64) -> Self {
        Self(ProgramDateTime::from_unix_millis(unix_millis))
    }

    /// Unix milliseconds.
    pub(crate) const fn unix_millis(self) -> u64 {
        self.0.unix_millis()
    }

    /// Whether it has come by `now`, Unix milliseconds.
    pub(crate) const fn is_past(self, now: u64) -> bool {
        now >= self.unix_millis()
    }
}

impl FromStr for Expiry {
    type Err = ExpiryError;

    fn from_str(text: &str) -> Result<Self, ExpiryError> {
        let error = || ExpiryError(text.chars().take(40).collect());
        if text.len() == "2026-12-01".len() {
            let midnight: ProgramDateTime =
                format!("{text}T00:00:00Z").parse().map_err(|_| error())?;
            return Ok(Self::at(midnight.unix_millis().saturating_add(DAY_MS)));
        }
        // RFC 3339 allows a space, and small letters, in place of the T and the Z.
        let upper = text.replacen(' ', "T", 1).to_ascii_uppercase();
        upper.parse().map(Self).map_err(|_| error())
    }
}

impl fmt::Display for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        f.write_str(&text.replacen(".000Z", "Z", 1))
    }
}

impl Serialize for Expiry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Expiry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_good_through_its_end_and_a_moment_until_it_comes() {
        let day: Expiry = "2026-12-01".parse().unwrap();
        assert_eq!(day.to_string(), "2026-12-02T00:00:00Z");
        assert!(!day.is_past(day.unix_millis() - 1) && day.is_past(day.unix_millis()));
        for same in [
            "2026-12-02T00:00:00Z",
            "2026-12-02 00:00:00z",
            "2026-12-02T01:30:00+01:30",
        ] {
            assert_eq!(same.parse(), Ok(day), "{same}");
        }
        for bad in ["", "tomorrow", "2026-13-01", "2026-12-01T18:00", "01.12.26"] {
            let error = bad.parse::<Expiry>().unwrap_err().to_string();
            assert!(error.contains("\"2026-12-01\""), "{error}");
        }
    }
}
