//! [pure] The number by which one viewer's requests are known to belong together.
//!
//! It is drawn when a viewer takes the multivariant playlist, and stands in the addresses of its media playlists
//! (`?v=`): no cookie, no address of anybody is kept, and it means nothing once the viewer has gone.

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    str::FromStr,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

/// One viewer's number: 16 hexadecimal digits in an address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ViewerId(u64);

/// The text is no viewer's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a viewer's number is 16 digits of 0-9 and a-f")]
pub(crate) struct ViewerIdError;

/// The parameter of an address that carries it.
const PARAMETER: &str = "v";
const DIGITS: usize = 16;

impl ViewerId {
    /// The number in a query, if a player sent one that we gave out; anything else is a player's own parameter.
    pub(crate) fn in_query(query: &str) -> Option<Self> {
        let mut parameters = query.split('&').filter_map(|pair| pair.split_once('='));
        let (_, value) = parameters.find(|(name, _)| *name == PARAMETER)?;
        value.parse().ok()
    }

    /// One of `shares` numbers from 0 on, each as likely as the others.
    pub(crate) const fn share(self, shares: u64) -> u64 {
        match self.0.checked_rem(shares) {
            Some(share) => share,
            None => 0,
        }
    }
}

impl FromStr for ViewerId {
    type Err = ViewerIdError;

    fn from_str(text: &str) -> Result<Self, ViewerIdError> {
        let digits = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if text.len() != DIGITS || !digits {
            return Err(ViewerIdError);
        }
        u64::from_str_radix(text, 16)
            .map(Self)
            .map_err(|_| ViewerIdError)
    }
}

impl fmt::Display for ViewerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:0DIGITS$x}", self.0)
    }
}

/// Not for a log: it would tell one viewer's requests from another's.
impl fmt::Debug for ViewerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ViewerId(..)")
    }
}

/// Draws numbers that nobody can foresee: a keyed hash of a counter.
#[derive(Debug, Default)]
pub(crate) struct ViewerIds {
    key: RandomState,
    drawn: AtomicU64,
}

impl ViewerIds {
    /// The next one. Two are the same about once in 2^32 viewers at a time.
    pub(crate) fn draw(&self) -> ViewerId {
        ViewerId(self.key.hash_one(self.drawn.fetch_add(1, Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_else_is() {
        let id = ViewerIds::default().draw();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(
            ViewerId::in_query(&format!("x=1&v={id}&_HLS_msn=7")),
            Some(id)
        );
        for query in [
            "",
            "v",
            "v=",
            "v=7",
            "w=00000000000000ff",
            "v=00000000000000FF",
            "v=000000000000000ff",
        ] {
            assert_eq!(ViewerId::in_query(query), None, "{query}");
        }
        assert_eq!(format!("{id:?}"), "ViewerId(..)");
    }

    #[test]
    fn no_two_viewers_are_the_same() {
        let ids = ViewerIds::default();
        let drawn: std::collections::HashSet<_> = (0..1000).map(|_| ids.draw()).collect();
        assert_eq!(drawn.len(), 1000);
    }
}
