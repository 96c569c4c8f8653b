//! [pure] H.264 and H.265 as MP4 has them: configuration records, and access units of NAL units behind their lengths
//! (ISO/IEC 14496-15).

/// Whether an H.264 access unit is anything but an IDR picture. One whose NAL units cannot be told apart is believed.
pub(super) fn avc_lacks_idr(avcc: &[u8], access_unit: &[u8]) -> bool {
    const SLICE: u8 = 1;
    const IDR_SLICE: u8 = 5;
    let length_size = avcc.get(4).copied().unwrap_or_default();
    slice(length_size, access_unit, |header| match header & 0x1f {
        SLICE => Some(true),
        IDR_SLICE => Some(false),
        _ => None,
    })
}

/// The same for H.265: any picture that decoding may start at is good (ITU-T H.265 7.4.2.2, types 16 to 23).
pub(super) fn hevc_lacks_irap(hvcc: &[u8], access_unit: &[u8]) -> bool {
    let length_size = hvcc.get(21).copied().unwrap_or_default();
    slice(length_size, access_unit, |header| {
        match header >> 1 & 0x3f {
            0..=15 => Some(true),
            16..=23 => Some(false),
            _ => None,
        }
    })
}

/// What `told` says of the first NAL unit that it knows; `false` without any. A record's lowest two bits of
/// `length_size` are the bytes of a length, less one.
fn slice(length_size: u8, access_unit: &[u8], told: impl Fn(u8) -> Option<bool>) -> bool {
    let length_size = usize::from(length_size & 3).saturating_add(1);
    let mut rest = access_unit;
    while let Some((length, after)) = rest.split_at_checked(length_size) {
        let length = length.iter().fold(0, |n, byte| n << 8 | usize::from(*byte));
        let Some((unit, after)) = after.split_at_checked(length) else {
            return false;
        };
        if let Some(known) = unit.first().and_then(|header| told(*header)) {
            return known;
        }
        rest = after;
    }
    false
}

/// Whether an HEVCDecoderConfigurationRecord (8.3.3.1) is whole and has every kind of parameter set: in a track of
/// sample entry `hvc1` they are nowhere else.
pub(super) fn is_whole_hvcc(record: &[u8]) -> bool {
    const PARAMETER_SETS: std::ops::RangeInclusive<u8> = 32..=34;
    let kinds = || {
        let (fixed, mut rest) = record.split_at_checked(22)?;
        let arrays = take(&mut rest, 1)?.first().copied()?;
        let mut kinds = Vec::new();
        for _ in 0..arrays {
            let &[kind, high, low] = take(&mut rest, 3)? else {
                return None;
            };
            for _ in 0..u16::from_be_bytes([high, low]) {
                let &[high, low] = take(&mut rest, 2)? else {
                    return None;
                };
                take(&mut rest, u16::from_be_bytes([high, low]).into())?;
                kinds.push(kind & 0x3f);
            }
        }
        (fixed.first() == Some(&1)).then_some(kinds)
    };
    kinds().is_some_and(|kinds| {
        let mut sets = PARAMETER_SETS;
        sets.all(|set| kinds.contains(&set))
    })
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(count)?;
    *rest = after;
    Some(taken)
}

/// RFC 6381 and ISO/IEC 14496-15 annex E: profile, compatibility flags from the lowest bit on, tier and level, and the
/// constraint bytes up to the last that is not 0.
pub(super) fn hevc_codecs(hvcc: &[u8]) -> String {
    let byte = |index: usize| hvcc.get(index).copied().unwrap_or_default();
    let profile = byte(1);
    let space = match profile >> 6 {
        1 => "A",
        2 => "B",
        3 => "C",
        _ => "",
    };
    let tier = if profile & 0x20 == 0 { 'L' } else { 'H' };
    let compatibility = u32::from_be_bytes([byte(2), byte(3), byte(4), byte(5)]).reverse_bits();
    let mut text = format!(
        "hvc1.{space}{}.{compatibility:X}.{tier}{}",
        profile & 0x1f,
        byte(12)
    );
    let constraints: Vec<u8> = (6..12).map(byte).collect();
    let told = constraints.iter().rposition(|byte| *byte != 0);
    for byte in constraints
        .iter()
        .take(told.map_or(0, |last| last.saturating_add(1)))
    {
        text.push_str(&format!(".{byte:X}"));
    }
    text
}
