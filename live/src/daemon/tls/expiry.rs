//! [pure] From when to when a certificate holds: the few bytes of X.509 (RFC 5280 §4.1.2.5) that say so, and when an
//! operator should be told that its end is near.
//!
//! Nothing is verified here; that is the peer's affair. A certificate whose end cannot be read is malformed.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

/// DER tags (X.690).
const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
/// `[0]`: the certificate's version, absent in version 1.
const VERSION: u8 = 0xa0;

/// More than this is never worth a word, however long the certificate was valid.
const CONCERN: i64 = 14 * 86_400;

/// From when to when a certificate holds, in unix seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// Its first second.
    pub from: i64,
    /// Its last.
    pub until: i64,
}

impl Validity {
    /// What an operator should know at `now`. Nothing while more than a sixth of its time, or 14 days, are left.
    pub fn concern(self, now: i64) -> Option<String> {
        let life = self.until.saturating_sub(self.from);
        let left = self.until.saturating_sub(now);
        if left <= 0 {
            return Some("the certificate has expired: players refuse it".to_owned());
        }
        if now < self.from {
            let early = "the certificate is not valid yet by this box's clock: is the clock right?";
            return Some(early.to_owned());
        }
        (left < (life / 6).min(CONCERN)).then(|| match left / 86_400 {
            0 => format!("the certificate expires in {} h", left / 3600),
            days => format!("the certificate expires in {days} d"),
        })
    }
}

/// The fields of `certificate` behind serial number and signature algorithm: issuer, validity, subject and more.
fn after_algorithm(certificate: &[u8]) -> Option<&[u8]> {
    let (_, certificate, _) = element(certificate, SEQUENCE)?;
    let (_, mut fields, _) = element(certificate, SEQUENCE)?;
    if let Some((_, _, rest)) = element(fields, VERSION) {
        fields = rest;
    }
    for tag in [INTEGER, SEQUENCE] {
        (_, _, fields) = element(fields, tag)?;
    }
    Some(fields)
}

/// The validity of `certificate`.
pub(super) fn validity(certificate: &[u8]) -> Option<Validity> {
    let (_, _issuer, fields) = element(after_algorithm(certificate)?, SEQUENCE)?;
    let (_, validity, _) = element(fields, SEQUENCE)?;
    let (tag, text, rest) = time_element(validity)?;
    let from = unix_seconds(tag, text)?;
    let (tag, text, _) = time_element(rest)?;
    let until = unix_seconds(tag, text)?;
    Some(Validity { from, until })
}

/// Whether who issued `certificate` calls himself as it does: nobody else vouches for it then.
pub(super) fn is_self_issued(certificate: &[u8]) -> bool {
    names(certificate).is_some_and(|(issuer, subject)| issuer == subject)
}

/// Issuer and subject of `certificate`.
fn names(certificate: &[u8]) -> Option<(&[u8], &[u8])> {
    let (_, issuer, rest) = element(after_algorithm(certificate)?, SEQUENCE)?;
    let (_, _validity, rest) = element(rest, SEQUENCE)?;
    let (_, subject, _) = element(rest, SEQUENCE)?;
    Some((issuer, subject))
}

/// Tag, content and what follows of the element at the front of `der`, if it has `expected` as its tag.
fn element(der: &[u8], expected: u8) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = der.split_first()?;
    let (first, mut rest) = rest.split_first()?;
    let length = if *first < 0x80 {
        usize::from(*first)
    } else {
        // Long form: so many bytes of length. Four are enough for anything that fits a file.
        let count = usize::from(first & 0x7f);
        let (bytes, after) = rest.split_at_checked(count)?;
        rest = after;
        let fits = (1..=4).contains(&count);
        fits.then(|| {
            bytes
                .iter()
                .fold(0_usize, |length, byte| (length << 8) | usize::from(*byte))
        })?
    };
    let (content, rest) = rest.split_at_checked(length)?;
    (*tag == expected).then_some((*tag, content, rest))
}

fn time_element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    element(der, UTC_TIME).or_else(|| element(der, GENERALIZED_TIME))
}

/// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ`.
fn unix_seconds(tag: u8, text: &[u8]) -> Option<i64> {
    let digits = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let (year, rest) = digits.split_at_checked(if tag == UTC_TIME { 2 } else { 4 })?;
    if rest.len() != 10 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let year: i64 = year.parse().ok()?;
    let year = match (tag, year) {
        (UTC_TIME, 50..) => year.checked_add(1900)?,
        (UTC_TIME, _) => year.checked_add(2000)?,
        _ => year,
    };
    let field = |at: usize| rest.get(at..at.checked_add(2)?)?.parse::<i64>().ok();
    let days = days_from_civil(year, field(0)?, field(2)?)?;
    let seconds = field(4)?
        .checked_mul(3600)?
        .checked_add(field(6)?.checked_mul(60)?)?
        .checked_add(field(8)?)?;
    days.checked_mul(86_400)?.checked_add(seconds)
}

/// Days from 1970-01-01 to a date of the Gregorian calendar; none for a month or day that cannot be.
fn days_from_civil(year: i64, month: i64, day: i64) -> Option<i64> {
    /// Days before each month of a year that is not a leap year.
    const BEFORE: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let before = *BEFORE.get(usize::try_from(month.checked_sub(1)?).ok()?)?;
    if !(1..=31).contains(&day) || !(1..=9999).contains(&year) {
        return None;
    }
    let leap =
        year.checked_rem(4)? == 0 && (year.checked_rem(100)? != 0 || year.checked_rem(400)? == 0);
    let past = year.checked_sub(1)?;
    let leap_days = past
        .div_euclid(4)
        .checked_sub(past.div_euclid(100))?
        .checked_add(past.div_euclid(400))?;
    let days = past
        .checked_mul(365)?
        .checked_add(leap_days)?
        .checked_add(before)?
        .checked_add(day)?;
    let days = if leap && month > 2 {
        days.checked_add(1)?
    } else {
        days
    };
    // Days from 0001-01-01 (day 1) to 1970-01-01.
    days.checked_sub(719_163)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_forms_of_time_are_read() {
        for (tag, text, unix) in [
            (UTC_TIME, "700101000000Z", Some(0)),
            (UTC_TIME, "261121131725Z", Some(1_795_267_045)),
            (UTC_TIME, "491231235959Z", Some(2_524_607_999)),
            (UTC_TIME, "500101000000Z", Some(-631_152_000)),
            (GENERALIZED_TIME, "20240229120000Z", Some(1_709_208_000)),
            (GENERALIZED_TIME, "20240301000000Z", Some(1_709_251_200)),
            (GENERALIZED_TIME, "99991231235959Z", Some(253_402_300_799)),
            (GENERALIZED_TIME, "20241301000000Z", None),
            (GENERALIZED_TIME, "20240001000000Z", None),
            (UTC_TIME, "261121131725", None),
            (UTC_TIME, "2611211317+5Z", None),
            (UTC_TIME, "", None),
        ] {
            assert_eq!(unix_seconds(tag, text.as_bytes()), unix, "{text}");
        }
    }

    #[test]
    fn a_real_certificate_tells_its_end() {
        let mut params = rcgen::CertificateParams::new(["a.example".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2024, 3, 1);
        params.not_after = rcgen::date_time_ymd(2031, 4, 5);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let expected = Validity {
            from: 1_709_251_200,
            until: 1_933_113_600,
        };
        assert_eq!(validity(certificate.der()), Some(expected));
        assert!(is_self_issued(certificate.der()));
        for cut in 0..certificate.der().len().min(200) {
            assert_eq!(
                validity(certificate.der().get(..cut).unwrap_or_default()),
                None
            );
        }
    }

    #[test]
    fn the_end_is_told_when_it_is_near_for_this_certificate() {
        const DAY: i64 = 86_400;
        let told = |days: i64, left: i64| {
            let validity = Validity {
                from: 0,
                until: days * DAY,
            };
            validity.concern(days * DAY - left)
        };
        assert_eq!(told(90, 15 * DAY), None);
        assert_eq!(
            told(90, 13 * DAY).unwrap(),
            "the certificate expires in 13 d"
        );
        assert_eq!(told(6, 2 * DAY), None);
        assert_eq!(told(6, DAY - 1).unwrap(), "the certificate expires in 23 h");
        assert_eq!(told(3650, 15 * DAY), None);
        assert!(told(90, 0).unwrap().contains("has expired"));
        assert!(told(90, 91 * DAY).unwrap().contains("not valid yet"));
    }

    proptest! {
        #[test]
        fn garbage_is_malformed_and_nothing_worse(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            validity(&bytes);
            is_self_issued(&bytes);
        }
    }
}
