//! [pure] Dates as EXT-X-PROGRAM-DATE-TIME writes them, and the calendar behind them.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::{fmt, str::FromStr};

use super::ValueError;
use crate::MediaTime;

/// A date and time to the millisecond, from 1970 to 9999 (EXT-X-PROGRAM-DATE-TIME, §4.4.4.6). Written in UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProgramDateTime(u64);

impl ProgramDateTime {
    /// 9999-12-31T23:59:59.999Z.
    const LAST: u64 = 253_402_300_799_999;
    const DAY_MS: u64 = 86_400_000;

    /// From Unix milliseconds; what lies after the year 9999 becomes its last millisecond.
    pub fn from_unix_millis(ms: u64) -> Self {
        Self(ms.min(Self::LAST))
    }

    /// Of a moment on a stream's timeline, rounded down to the millisecond.
    pub fn from_media_time(time: MediaTime) -> Self {
        Self::from_unix_millis(time.millis())
    }

    /// Unix milliseconds.
    pub const fn unix_millis(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ProgramDateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil(self.0 / Self::DAY_MS);
        let ms = self.0 % Self::DAY_MS;
        let (hour, minute) = (ms / 3_600_000, ms / 60_000 % 60);
        let (second, milli) = (ms / 1000 % 60, ms % 1000);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z"
        )
    }
}

impl fmt::Debug for ProgramDateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ProgramDateTime {
    type Err = ValueError;

    /// ISO 8601 with a zone: `2026-11-21T13:00:00.000Z`, `…+01:00`. Finer than a millisecond is rounded down.
    fn from_str(text: &str) -> Result<Self, ValueError> {
        parse_date_time(text)
            .filter(|ms| *ms <= Self::LAST)
            .map(Self)
            .ok_or(ValueError("a date such as 2026-11-21T13:00:00.000Z"))
    }
}

fn parse_date_time(text: &str) -> Option<u64> {
    let (date, time) = text.split_once('T')?;
    let mut date = date.splitn(3, '-');
    let year = number(date.next()?, 4, 1970..=9999)?;
    let month = number(date.next()?, 2, 1..=12)?;
    let day = number(date.next()?, 2, 1..=31)?;
    let zone_at = time.find(['Z', '+', '-'])?;
    let (clock, zone) = time.split_at_checked(zone_at)?;
    let mut clock = clock.splitn(3, ':');
    let hour = number(clock.next()?, 2, 0..=23)?;
    let minute = number(clock.next()?, 2, 0..=59)?;
    let (second, fraction) = clock
        .next()
        .map(|s| s.split_once('.').unwrap_or((s, "0")))?;
    // 60 is a leap second; it counts as the next second, as Unix time has it.
    let second = number(second, 2, 0..=60)?;
    if fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let milli: String = fraction.chars().chain("000".chars()).take(3).collect();
    let days = i64::try_from(days_since_1970(year, month, day)?).ok()?;
    let seconds = [days, signed(hour), signed(minute), signed(second)]
        .into_iter()
        .zip([1, 24, 60, 60])
        .try_fold(0i64, |sum, (n, base)| sum.checked_mul(base)?.checked_add(n))?
        .checked_sub(zone_offset(zone)?)?;
    u64::try_from(seconds)
        .ok()?
        .checked_mul(1000)?
        .checked_add(milli.parse().ok()?)
}

/// A number of two or four digits is far below any limit.
fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(0)
}

/// Seconds east of UTC: `Z`, `+hh:mm`, `+hhmm`, `+hh`.
fn zone_offset(zone: &str) -> Option<i64> {
    if zone == "Z" {
        return Some(0);
    }
    let (sign, digits) = match zone.strip_prefix('+') {
        Some(digits) => (1, digits),
        None => (-1i64, zone.strip_prefix('-')?),
    };
    let (hours, minutes) = digits.split_at_checked(2)?;
    let minutes = match minutes.strip_prefix(':').unwrap_or(minutes) {
        "" => "00",
        minutes => minutes,
    };
    let hours = signed(number(hours, 2, 0..=23)?);
    let minutes = signed(number(minutes, 2, 0..=59)?);
    hours
        .checked_mul(60)?
        .checked_add(minutes)?
        .checked_mul(60)?
        .checked_mul(sign)
}

fn number(digits: &str, len: usize, range: std::ops::RangeInclusive<u64>) -> Option<u64> {
    if digits.len() != len || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok().filter(|n| range.contains(n))
}

/// Days from 1970-01-01 to a date of the Gregorian calendar; none if the month has no such day.
fn days_since_1970(year: u64, month: u64, day: u64) -> Option<u64> {
    // Years are counted from March, so that the leap day is the last of its year.
    let (y, m) = if month > 2 {
        (year, month.checked_sub(3)?)
    } else {
        (year.checked_sub(1)?, month.checked_add(9)?)
    };
    let day_of_year = m
        .checked_mul(153)?
        .checked_add(2)?
        .checked_div(5)?
        .checked_add(day)?
        .checked_sub(1)?;
    let days = y
        .checked_mul(365)?
        .checked_add(y / 4)?
        .checked_sub(y / 100)?
        .checked_add(y / 400)?
        .checked_add(day_of_year)?
        .checked_sub(DAYS_TO_1970)?;
    (civil(days) == (year, month, day)).then_some(days)
}

/// Days from 0000-03-01 to 1970-01-01.
const DAYS_TO_1970: u64 = 719_468;

/// Year, month and day, `days` after 1970-01-01.
#[expect(
    clippy::arithmetic_side_effects,
    reason = "callers pass at most the days until 9999; no term can overflow or fall below 0"
)]
fn civil(days: u64) -> (u64, u64, u64) {
    let z = days + DAYS_TO_1970;
    let era = z / 146_097;
    let day_of_era = z % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let m = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * m + 2) / 5 + 1;
    let month = if m < 10 { m + 3 } else { m - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests;
