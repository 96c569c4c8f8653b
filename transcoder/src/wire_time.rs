//! [pure] From the 32-bit milliseconds on the wire to the absolute timeline.
//!
//! Mux's outputs carry the low 32 bits of the absolute millisecond (they wrap every 49.7 days); the segment clock's
//! stamp carries the rest. The nearest moment with those low bits is the one that is meant.

use live::MediaTime;

/// The moment nearest to `near` whose absolute millisecond has the low 32 bits `wire_ms`.
pub fn absolute(wire_ms: u32, near: MediaTime) -> MediaTime {
    let near = near.millis();
    let low = u32::try_from(near & u64::from(u32::MAX)).unwrap_or(u32::MAX);
    let ahead = wire_ms.wrapping_sub(low);
    let ms = if ahead <= u32::MAX / 2 {
        near.saturating_add(ahead.into())
    } else {
        near.saturating_sub(low.wrapping_sub(wire_ms).into())
    };
    MediaTime::from_millis(ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_moment_within_three_weeks_of_the_stamp_is_found_again(
            near in 1_700_000_000_000_u64..2_000_000_000_000,
            off in -2_000_000_000_i64..2_000_000_000,
        ) {
            let meant = near.checked_add_signed(off).unwrap();
            let wire = u32::try_from(meant & 0xffff_ffff).unwrap();
            prop_assert_eq!(absolute(wire, MediaTime::from_millis(near)), MediaTime::from_millis(meant));
        }
    }
}
