//! [pure] Reads bits, most significant first. Past the end there is nothing, never a panic.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

/// A position in a run of bits.
#[derive(Debug, Clone)]
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Bits<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    pub(super) fn bit(&mut self) -> Option<bool> {
        let byte = *self.bytes.get(self.position >> 3)?;
        let shift = 7_usize.saturating_sub(self.position & 7);
        self.position = self.position.saturating_add(1);
        Some(byte >> shift & 1 == 1)
    }

    /// `count` bits as a number; at most 32.
    pub(super) fn number(&mut self, count: u32) -> Option<u32> {
        let mut value: u32 = 0;
        for _ in 0..count.min(32) {
            value = value << 1 | u32::from(self.bit()?);
        }
        Some(value)
    }

    /// ue(v), ITU-T H.264 9.1; at most 32 bits of it.
    pub(super) fn unsigned_golomb(&mut self) -> Option<u32> {
        let mut zeros: u32 = 0;
        while !self.bit()? {
            zeros = zeros.saturating_add(1);
            if zeros > 31 {
                return None;
            }
        }
        let rest = self.number(zeros)?;
        1_u32.checked_shl(zeros)?.checked_sub(1)?.checked_add(rest)
    }

    /// Passes over `count` bits.
    pub(super) fn skip(&mut self, count: u32) -> Option<()> {
        for _ in 0..count {
            self.bit()?;
        }
        Some(())
    }

    /// se(v), ITU-T H.264 9.1.1.
    pub(super) fn signed_golomb(&mut self) -> Option<i64> {
        let code = i64::from(self.unsigned_golomb()?);
        let magnitude = code.saturating_add(1) >> 1;
        Some(if code & 1 == 1 {
            magnitude
        } else {
            magnitude.saturating_neg()
        })
    }
}

/// A NAL unit's payload without its emulation prevention bytes (ITU-T H.264 7.4.1, H.265 7.4.2).
pub(super) fn unescaped(nal: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(nal.len());
    let mut zeros = 0_u32;
    for &byte in nal {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 {
            zeros.saturating_add(1)
        } else {
            0
        };
        out.push(byte);
    }
    out
}

/// The fraction in its lowest terms; `None` when either is 0.
pub(super) fn reduced(numerator: u32, denominator: u32) -> Option<(u32, u32)> {
    let (mut a, mut b) = (numerator, denominator);
    while b != 0 {
        (a, b) = (b, a.checked_rem(b)?);
    }
    Some((numerator.checked_div(a)?, denominator.checked_div(a)?)).filter(|(n, d)| *n > 0 && *d > 0)
}
