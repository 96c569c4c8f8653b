//! Dates: those of the calendar, and back.

use super::*;
use proptest::prelude::*;

#[test]
fn dates_are_those_of_the_calendar() {
    for (ms, text) in [
        (0, "1970-01-01T00:00:00.000Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (1_795_266_000_123, "2026-11-21T13:00:00.123Z"),
        (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
    ] {
        let date = ProgramDateTime::from_unix_millis(ms);
        assert_eq!(date.to_string(), text);
        assert_eq!(text.parse(), Ok(date));
    }
}

#[test]
fn dates_are_read_with_any_zone_and_fraction() {
    for (text, same) in [
        ("2026-11-21T14:00:00.1239+01:00", "2026-11-21T13:00:00.123Z"),
        ("2026-11-21T08:30:00-0430", "2026-11-21T13:00:00.000Z"),
        ("2026-11-22T00:00:00.5+11", "2026-11-21T13:00:00.500Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z"),
    ] {
        assert_eq!(text.parse::<ProgramDateTime>().unwrap().to_string(), same);
    }
    for bad in [
        "",
        "2026-11-21",
        "2026-11-21T13:00:00",
        "2026-11-21T13:00Z",
        "2026-02-29T13:00:00Z",
        "2100-02-29T13:00:00Z",
        "2026-13-01T13:00:00Z",
        "2026-00-01T13:00:00Z",
        "2026-11-31T13:00:00Z",
        "2026-11-21T24:00:00Z",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "2026-11-21T13:00:00.Z",
        "2026-11-21T13:00:00Zulu",
        "2026-11-21T13:00:00+ä1:00",
    ] {
        assert!(bad.parse::<ProgramDateTime>().is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn every_date_is_read_back(ms in 0..=ProgramDateTime::LAST) {
        let date = ProgramDateTime::from_unix_millis(ms);
        prop_assert_eq!(date.to_string().parse(), Ok(date));
    }

    #[test]
    fn what_hostile_text_is_taken_for_has_one_spelling(text in "[0-9TZ:.+-]{0,32}|\\PC{0,40}") {
        if let Ok(date) = text.parse::<ProgramDateTime>() {
            prop_assert_eq!(date.to_string().parse(), Ok(date));
        }
    }
}
