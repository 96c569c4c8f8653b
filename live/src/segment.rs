//! [pure] The numbers of a stream: media sequence number, part index, session, discontinuity sequence number.
//!
//! A media sequence number is never reused and never falls, restarts included (DESIGN §3, §4); it is the same in all
//! renditions and on all transcoders. Each number is a type of its own, so that none is passed for another.

use std::fmt;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        pub struct $name(pub $inner);

        impl $name {
            /// The number after this one; stays at the largest.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), " {}"), self.0)
            }
        }
    };
}

number!(
    /// Media sequence number (RFC 8216bis §4.4.3.2). Any u64 in a URL; at most 2^53 where mux makes it (it travels as AMF0 number).
    Msn(u64)
);
number!(
    /// Index of a part within its segment, from 0 (RFC 8216bis §4.4.4.9).
    PartIndex(u32)
);
number!(
    /// One run of a stream on one timeline: Unix milliseconds at its start, below 2^53.
    SessionId(u64)
);
number!(
    /// Discontinuity sequence number (RFC 8216bis §4.4.3.3).
    Dsn(u64)
);

impl Msn {
    /// The first number of a session that starts at `unix_seconds`, after `last` (DESIGN §4): with segments of a second
    /// or more the count can never overtake the clock, so even without `last` no number comes back.
    #[must_use]
    pub fn first_of_session(last: Option<Self>, unix_seconds: u64) -> Self {
        Self(unix_seconds).max(last.map_or(Self(0), Self::next))
    }
}

/// A number as URLs and playlists write it: digits, no sign, no leading zero. One spelling each, so that parse and
/// Display are inverses.
pub(crate) fn decimal(digits: &str) -> Option<u64> {
    let canonical =
        digits.bytes().all(|b| b.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    if canonical { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_never_lowers_or_reuses_a_number() {
        assert_eq!(
            Msn::first_of_session(None, 1_800_000_000),
            Msn(1_800_000_000)
        );
        assert_eq!(
            Msn::first_of_session(Some(Msn(5)), 1_800_000_000),
            Msn(1_800_000_000)
        );
        assert_eq!(
            Msn::first_of_session(Some(Msn(1_800_000_000)), 1_800_000_000),
            Msn(1_800_000_001)
        );
    }

    #[test]
    fn decimals_have_one_spelling() {
        assert_eq!(decimal("0"), Some(0));
        assert_eq!(decimal("18446744073709551615"), Some(u64::MAX));
        for bad in [
            "",
            "+1",
            "-1",
            "01",
            "00",
            "1 ",
            "18446744073709551616",
            "١",
        ] {
            assert_eq!(decimal(bad), None, "{bad:?}");
        }
    }
}
