//! [pure] The public name of a stream.
//!
//! A name that parsed is one safe path component and one safe URL component: it cannot climb a directory,
//! hide a query or forge a log line. It is never a secret and no secret can be derived from it.

use std::{fmt, str::FromStr, sync::Arc};

/// `[a-z0-9][a-z0-9_-]{0,63}`, as it stands in every URL of the stream (DESIGN §3).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamName(Arc<str>);

/// Why a text is no stream name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StreamNameError {
    /// Nothing was given.
    #[error("a stream name is empty; use 1 to 64 of a-z, 0-9, '-' and '_'")]
    Empty,
    /// Longer than [`StreamName::MAX_LEN`] bytes.
    #[error("a stream name has at most 64 characters")]
    TooLong,
    /// A character outside the alphabet, or `-`/`_` in front.
    #[error("a stream name is made of a-z, 0-9, '-' and '_', and starts with a letter or digit")]
    Alphabet,
}

impl StreamName {
    /// Longest name in bytes.
    pub const MAX_LEN: usize = 64;

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for StreamName {
    type Err = StreamNameError;

    fn from_str(text: &str) -> Result<Self, StreamNameError> {
        let first = *text.as_bytes().first().ok_or(StreamNameError::Empty)?;
        if text.len() > Self::MAX_LEN {
            return Err(StreamNameError::TooLong);
        }
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        if !plain(first) || !text.bytes().all(|b| plain(b) || b == b'-' || b == b'_') {
            return Err(StreamNameError::Alphabet);
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_alphabet_of_urls_gets_in() {
        let longest = "a".repeat(64);
        for good in ["stage", "0", "main-hall_2", longest.as_str()] {
            assert_eq!(good.parse::<StreamName>().unwrap().to_string(), good);
        }
        assert_eq!("".parse::<StreamName>(), Err(StreamNameError::Empty));
        assert_eq!(
            "a".repeat(65).parse::<StreamName>(),
            Err(StreamNameError::TooLong)
        );
        for bad in [
            "-a", "_a", "A", "a/b", "..", "a.b", "a b", "ä", "a\n", "a?b", "a%2f",
        ] {
            assert_eq!(
                bad.parse::<StreamName>(),
                Err(StreamNameError::Alphabet),
                "{bad:?}"
            );
        }
    }
}
