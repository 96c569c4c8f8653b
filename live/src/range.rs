//! [pure] The `Range` header (RFC 9110 §14): one range of bytes. More than one at a time no player asks for, and RFC
//! 9110 §14.2 lets us send the whole instead.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

/// A range as it was asked for, before the object's size is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteRange {
    /// `bytes=a-` and `bytes=a-b`: from the first byte, to the last one given or the end.
    From(u64, Option<u64>),
    /// `bytes=-n`: that many at the end.
    Last(u64),
}

impl ByteRange {
    /// Reads the value of a `Range` header; none when it is to be ignored.
    pub fn parse(value: &str) -> Option<Self> {
        let (first, last) = value.trim().strip_prefix("bytes=")?.split_once('-')?;
        match (first, last) {
            ("", suffix) => Some(Self::Last(number(suffix)?)),
            (first, "") => Some(Self::From(number(first)?, None)),
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                (first <= last).then_some(Self::From(first, Some(last)))
            }
        }
    }

    /// The bytes of an object of `length`, as start and end (after the last); none when there are no such bytes.
    pub fn within(self, length: u64) -> Option<(u64, u64)> {
        let (start, end) = match self {
            Self::From(first, last) => (
                first,
                last.map_or(length, |last| last.saturating_add(1).min(length)),
            ),
            Self::Last(count) => (length.saturating_sub(count), length),
        };
        (start < end).then_some((start, end))
    }
}

/// Digits only: `parse` alone would take a sign.
fn number(digits: &str) -> Option<u64> {
    digits
        .bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_range_is_understood_and_anything_else_ignored() {
        use ByteRange::{From, Last};
        for (value, wanted) in [
            ("bytes=0-0", Some(From(0, Some(0)))),
            ("bytes=5-", Some(From(5, None))),
            ("bytes=-5", Some(Last(5))),
            (
                " bytes=0-18446744073709551615 ",
                Some(From(0, Some(u64::MAX))),
            ),
            ("bytes=5-4", None),
            ("bytes=-", None),
            ("bytes=+1-2", None),
            ("bytes=0-1,3-4", None),
            ("bytes=0-18446744073709551616", None),
            ("lines=0-1", None),
            ("", None),
        ] {
            assert_eq!(ByteRange::parse(value), wanted, "{value}");
        }
    }

    #[test]
    fn a_range_is_cut_to_the_object() {
        use ByteRange::{From, Last};
        for (wanted, bytes) in [
            (From(0, None), Some((0, 10))),
            (From(2, Some(4)), Some((2, 5))),
            (From(9, Some(u64::MAX)), Some((9, 10))),
            (From(10, None), None),
            (Last(3), Some((7, 10))),
            (Last(99), Some((0, 10))),
            (Last(0), None),
        ] {
            assert_eq!(wanted.within(10), bytes, "{wanted:?}");
        }
        assert_eq!(Last(1).within(0), None);
    }

    proptest! {
        #[test]
        fn never_beyond_the_object(value in "(bytes=)?[0-9]{0,20}-?[0-9]{0,20}", length: u64) {
            if let Some((start, end)) = ByteRange::parse(&value).and_then(|wanted| wanted.within(length)) {
                prop_assert!(start < end && end <= length);
            }
        }
    }
}
