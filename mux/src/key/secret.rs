//! [pure] New keys and their ids, out of random bytes that the shell brings.

/// Letters and digits that nobody takes for one another, read or heard: no i, l, o, 0, 1. All small, none that a
/// double click stops at, none that a URL or a shell would change.
const ALPHABET: &[u8; 31] = b"abcdefghjkmnpqrstuvwxyz23456789";
/// 28 of 31 signs are 138 bits.
pub(crate) const KEY_LENGTH: usize = 28;
/// Enough to tell 4096 keys apart; a clash is drawn again.
pub(crate) const ID_LENGTH: usize = 6;
/// Random bytes that hold a key for certain enough: each is of use with 248 in 256.
pub(crate) const RANDOM: usize = 64;

/// A text of `length` signs, each as likely as any other; `None` if the bytes do not suffice.
pub(crate) fn text(random: &[u8], length: usize) -> Option<String> {
    // 248 = 8 x 31: what lies above would make the first signs more likely.
    let fair = random.iter().filter(|byte| **byte < 248);
    let sign = |byte: &u8| {
        ALPHABET
            .get(usize::from(byte % 31))
            .copied()
            .map(char::from)
    };
    let text: String = fair.filter_map(sign).take(length).collect();
    (text.len() == length).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sign_is_as_likely_and_none_is_ambiguous() {
        let all: Vec<u8> = (0..=255).collect();
        let text = text(&all, 248).unwrap();
        for sign in ALPHABET {
            assert_eq!(text.bytes().filter(|b| b == sign).count(), 8);
        }
        assert!(!text.contains(['i', 'l', 'o', '0', '1']));
        assert_eq!(super::text(&[255; RANDOM], KEY_LENGTH), None);
        assert!(KEY_LENGTH as f64 * (ALPHABET.len() as f64).log2() > 128.0);
    }
}
