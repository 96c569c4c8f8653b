//! [pure] A value that outlives the process which writes it, whenever that is killed.
//!
//! It has two places, written in turn. Each says which writing it is of, how long it is, and a sum over all of it: a
//! place that was being written when the process died counts for nothing, and the one before it stands.

use std::sync::atomic::{Ordering, compiler_fence};

/// Number, length, sum.
pub(crate) const HEAD: usize = 24;

/// The value does not fit its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("state is too long to be kept")]
pub(crate) struct TooLong;

/// Writes the value's `number`-th writing. Numbers begin at 1 and rise; each goes to the other place than the last.
pub(crate) fn put(place: &mut [u8], number: u64, body: &[u8]) -> Result<(), TooLong> {
    let (head, room) = place.split_at_mut_checked(HEAD).ok_or(TooLong)?;
    let room = room.get_mut(..body.len()).ok_or(TooLong)?;
    room.copy_from_slice(body);
    head.copy_from_slice(&self::head(number, body));
    // Whatever follows, a system call or the next writing, finds this one done.
    compiler_fence(Ordering::SeqCst);
    Ok(())
}

/// What stands before a body.
pub(crate) fn head(number: u64, body: &[u8]) -> [u8; HEAD] {
    let length = u64::try_from(body.len()).unwrap_or(u64::MAX);
    let mut head = [0; HEAD];
    let fields = [number, length, sum(number, body)];
    for (at, field) in head.chunks_exact_mut(8).zip(fields) {
        at.copy_from_slice(&field.to_le_bytes());
    }
    head
}

/// How long the body is that stands in a place with this head; nothing is said of its worth.
pub(crate) fn body_len(place: &[u8]) -> Option<usize> {
    usize::try_from(field(place, 8)?).ok()
}

/// The writing that stands in a place, if a whole one does.
pub(crate) fn get(place: &[u8]) -> Option<(u64, &[u8])> {
    let (number, length, expected) = (field(place, 0)?, body_len(place)?, field(place, 16)?);
    let body = place.get(HEAD..)?.get(..length)?;
    (number > 0 && sum(number, body) == expected).then_some((number, body))
}

/// The newer of two places.
pub(crate) fn newest(places: [&[u8]; 2]) -> Option<(u64, &[u8])> {
    let [a, b] = places.map(get);
    a.into_iter().chain(b).max_by_key(|(number, _)| *number)
}

fn field(place: &[u8], at: usize) -> Option<u64> {
    let bytes = place.get(at..)?.first_chunk()?;
    Some(u64::from_le_bytes(*bytes))
}

/// Eight bytes at a time: it stands in the way of every write to a player.
fn sum(number: u64, body: &[u8]) -> u64 {
    const ODD: u64 = 0x9E37_79B9_7F4A_7C15;
    let mix = |sum: u64, word: u64| (sum ^ word).wrapping_mul(ODD).rotate_left(29);
    let (words, rest) = body.as_chunks::<8>();
    let words = words.iter().map(|word| u64::from_le_bytes(*word));
    let mut last = [0; 8];
    for (at, byte) in last.iter_mut().zip(rest) {
        *at = *byte;
    }
    let ends = [
        u64::from_le_bytes(last),
        u64::try_from(body.len()).unwrap_or(u64::MAX),
    ];
    words.chain(ends).fold(number.wrapping_mul(ODD), mix)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_does_not_fit_is_refused_and_the_other_place_stands() {
        let (mut a, mut b) = ([0; 40], [0; 40]);
        assert_eq!(newest([&a, &b]), None);
        put(&mut a, 1, b"first").unwrap();
        assert_eq!(put(&mut b, 2, &[7; 17]), Err(TooLong));
        assert_eq!(newest([&a, &b]), Some((1, &b"first"[..])));
    }

    proptest! {
        /// Killed at any byte of any writing, in whatever order its bytes arrive.
        #[test]
        fn a_writing_cut_short_leaves_the_one_before(
            bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 2..6),
            arrived in prop::collection::vec(any::<bool>(), 100),
        ) {
            let mut places = [[0_u8; 100], [0; 100]];
            let mut before = None;
            for (number, body) in (1_u64..).zip(&bodies) {
                let place = usize::try_from(number % 2).unwrap();
                let mut whole = places[place];
                put(&mut whole, number, body).unwrap();
                let mut torn = places;
                for (at, there) in arrived.iter().enumerate() {
                    if *there {
                        torn[place][at] = whole[at];
                    }
                }
                let found = newest([&torn[0], &torn[1]]).map(|(n, b)| (n, b.to_vec()));
                let now = Some((number, body.clone()));
                prop_assert!(found == before || found == now, "{found:?}");
                places[place] = whole;
                before = now;
            }
        }
    }
}
