//! Values: one spelling each, exact, and back.

use super::*;
use proptest::prelude::*;

#[test]
fn seconds_are_written_with_five_decimals_and_rounded_to_the_nearest() {
    for (seconds, text) in [
        (Seconds::from_secs(2), "2.00000"),
        (Seconds::from_millis(535), "0.53500"),
        (Seconds::from_ticks(1), "0.00001"),
        (Seconds::from_ticks(3003), "0.03337"),
        (Seconds::from_timescale(1024, 44_100), "0.02322"),
        (
            Seconds::from_timescale(u64::MAX, 0),
            "184467440737095.51615",
        ),
    ] {
        assert_eq!(seconds.to_string(), text);
        assert_eq!(text.parse(), Ok(seconds));
    }
}

#[test]
fn seconds_are_read_as_others_write_them() {
    for (text, units) in [
        ("4", 400_000),
        ("3.96", 396_000),
        ("0.200000", 20_000),
        ("0.0333335", 3333),
        ("1.999995", 200_000),
        ("007.5", 750_000),
    ] {
        assert_eq!(text.parse(), Ok(Seconds::from_units(units)), "{text}");
    }
    for bad in [
        "",
        ".5",
        "5.",
        "-1",
        "+1",
        "1e3",
        "1,5",
        "1.2.3",
        "NaN",
        "٣",
        "99999999999999999999",
    ] {
        assert!(bad.parse::<Seconds>().is_err(), "{bad}");
    }
}

#[test]
fn extinf_is_held_against_the_target_duration_to_the_nearest_second() {
    for (ms, rounded) in [(2_499, 2), (2_500, 3), (3_000, 3), (3_499, 3), (3_500, 4)] {
        assert_eq!(Seconds::from_millis(ms).rounded(), rounded, "{ms} ms");
    }
}

#[test]
fn frame_rates_have_three_decimals() {
    assert_eq!(FrameRate::from_thousandths(29_970).to_string(), "29.970");
    assert_eq!("25".parse(), Ok(FrameRate::from_thousandths(25_000)));
}

#[test]
fn nothing_that_could_break_a_line_or_a_quote_becomes_text() {
    for bad in ["", "a b", "a\"b", "#a", "a\nb", "a\r"] {
        assert!(bad.parse::<Uri>().is_err(), "{bad:?}");
    }
    for bad in ["\"", "a\nb", "a\r", "\u{1b}[2J"] {
        assert!(bad.parse::<Text>().is_err(), "{bad:?}");
        assert!(format!("{bad}x\"\n").parse::<Line>().is_err(), "{bad:?}");
    }
}

#[test]
fn objects_are_named_as_seen_from_where_they_are_written() {
    let object: Object = "480p/123.4.m4s".parse().unwrap();
    assert_eq!(Uri::of(object).as_str(), "480p/123.4.m4s");
    assert_eq!(Uri::beside(object).as_str(), "123.4.m4s");
    assert_eq!(Uri::across(object).as_str(), "../480p/123.4.m4s");
    assert_eq!(Uri::beside(Object::Multivariant).as_str(), "index.m3u8");
}

proptest! {
    #[test]
    fn every_value_is_read_back(units: u64, ticks in 0..u64::MAX / 100_000) {
        let seconds = Seconds::from_units(units);
        prop_assert_eq!(seconds.to_string().parse(), Ok(seconds));
        let rate = FrameRate::from_thousandths(units);
        prop_assert_eq!(rate.to_string().parse(), Ok(rate));
        // A tick is longer than a unit, so none is lost on the way.
        let next = Seconds::from_ticks(ticks.saturating_add(1));
        prop_assert!(Seconds::from_ticks(ticks) < next);
    }

    #[test]
    fn what_hostile_text_is_taken_for_has_one_spelling(
        text in "\\PC{0,40}",
        number in "[0-9x.+-]{0,12}",
    ) {
        for text in [text.as_str(), number.as_str()] {
            same_again::<Seconds>(text)?;
            same_again::<FrameRate>(text)?;
            same_again::<Resolution>(text)?;
            same_again::<Uri>(text)?;
        }
    }
}

fn same_again<T>(text: &str) -> Result<(), TestCaseError>
where
    T: FromStr<Err = ValueError> + fmt::Display + PartialEq + fmt::Debug,
{
    if let Ok(value) = text.parse::<T>() {
        prop_assert_eq!(value.to_string().parse(), Ok(value));
    }
    Ok(())
}
