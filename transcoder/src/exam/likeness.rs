//! [pure] How like two pictures are.

use bytes::Bytes;

/// Peak signal-to-noise ratio in tenths of a decibel; pictures that are equal have [`Self::MOST`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Likeness(u32);

impl Likeness {
    /// Beyond it no difference is seen.
    pub(super) const MOST: Self = Self(999);
    /// Below it a picture is another one: the worst rung of a real show is above 30 dB, a wrong colour below 20.
    pub(super) const LEAST: Self = Self(280);

    /// Of two pictures with the same number of bytes, luma and chroma alike. `None` when they have not.
    pub(super) fn of(one: &Bytes, other: &Bytes) -> Option<Self> {
        if one.len() != other.len() || one.is_empty() {
            return None;
        }
        let square = |(a, b): (&u8, &u8)| u64::from(a.abs_diff(*b)).pow(2);
        let sum: u64 = one.iter().zip(other).map(square).sum();
        if sum == 0 {
            return Some(Self::MOST);
        }
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a figure of three digits, bounded below"
        )]
        let tenths = (100.0 * (255.0 * 255.0 * one.len() as f64 / sum as f64).log10()) as u32;
        Some(Self(tenths).min(Self::MOST))
    }

    /// Decibels.
    pub(super) fn decibels(self) -> f64 {
        f64::from(self.0) / 10.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn likeness(one: &[u8], other: &[u8]) -> Option<f64> {
        let of = Likeness::of(&Bytes::copy_from_slice(one), &Bytes::copy_from_slice(other));
        of.map(Likeness::decibels)
    }

    #[test]
    fn it_is_the_ratio_as_everybody_computes_it() {
        assert_eq!(likeness(&[7; 64], &[7; 64]), Some(99.9));
        // A difference of one everywhere: 20 log 255.
        assert_eq!(likeness(&[7; 64], &[8; 64]), Some(48.1));
        assert_eq!(likeness(&[0; 64], &[255; 64]), Some(0.0));
    }

    #[test]
    fn pictures_of_other_sizes_are_not_compared() {
        assert_eq!(likeness(&[7; 64], &[7; 63]), None);
        assert_eq!(likeness(&[], &[]), None);
    }
}
