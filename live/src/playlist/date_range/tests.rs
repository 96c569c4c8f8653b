//! Whatever is said in a date range, the playlist stays one that can be read.

use proptest::{collection::vec, option, prelude::*};

use super::*;
use crate::playlist::{MediaPlaylist, check, tests::live};

fn extent() -> impl Strategy<Value = Extent> {
    prop_oneof![
        Just(Extent::UntilNext),
        Just(Extent::Unknown),
        any::<u64>().prop_map(|units| Extent::Lasts(Seconds::from_units(units))),
    ]
}

/// Text as somebody wrote it who wants to break a playlist, or just likes quotes.
fn hostile() -> impl Strategy<Value = String> {
    let bits = prop_oneof![
        Just("\""),
        Just("\n"),
        Just("\r\n#EXT-X-ENDLIST\n"),
        Just("{$name}"),
        Just("\\"),
        Just("\u{2028}"),
        Just("\u{202e}"),
        Just("\0"),
        Just("\t"),
        Just(","),
        Just("=YES"),
        Just("é"),
        Just("\u{1f3b8}"),
        Just("{{$"),
        Just("\u{feff}"),
        Just("\u{85}"),
    ];
    vec(
        prop_oneof![bits.prop_map(str::to_owned), any::<String>()],
        0..6,
    )
    .prop_map(|bits| bits.concat())
}

proptest! {
    #[test]
    fn any_text_makes_a_playlist_that_lints_clean(
        id in hostile(),
        class in hostile(),
        title in hostile(),
        start in 0..4_000_000_000_000_u64,
        extent in extent(),
        planned in option::of(any::<u64>()),
    ) {
        let text = |text: &str| Text::shown(text, 200);
        let id = text(&format!("id-{id}"));
        let start = ProgramDateTime::from_unix_millis(start);
        let planned = planned.map(Seconds::from_units);
        let range = DateRange::new(id, Some(text(&class)), start, extent, planned).unwrap();
        let range = range.with("X-TITLE", text(&title)).unwrap();
        prop_assert_eq!(&range.to_string().parse::<DateRange>(), &Ok(range.clone()));

        let mut playlist = live();
        playlist.date_ranges = vec![range.line()];
        let written = playlist.write();
        let before = live().write().lines().count();
        prop_assert_eq!(written.lines().count().checked_sub(before), Some(1));
        prop_assert!(!written.contains("{$"), "players look for a variable there");
        let read = MediaPlaylist::parse(written.as_bytes()).unwrap();
        prop_assert_eq!(&read, &playlist);
        prop_assert_eq!(check::media(&read), vec![]);
    }

    #[test]
    fn whatever_comes_is_read_or_refused(list in hostile()) {
        let _no_panic = list.parse::<DateRange>();
        let _no_panic = format!("ID=\"a\",START-DATE=\"2026-11-21T13:00:00Z\",{list}").parse::<DateRange>();
    }
}

#[test]
fn text_is_shown_as_it_was_meant() {
    let shown = |text: &str| Text::shown(text, 12).to_string();
    assert_eq!(
        shown("  AC\\DC \"live\"  "),
        "AC/DC \u{201d}live\u{201d}"
            .chars()
            .take(12)
            .collect::<String>()
    );
    assert_eq!(shown("a\r\nb\u{2028}c"), "a  b c");
    assert_eq!(shown("{$x}"), "($x}");
    assert_eq!(shown("\u{202e}evil"), "evil");
}

#[test]
fn what_breaks_a_rule_of_the_tag_is_told() {
    let read = |more: &str| {
        let range: Result<DateRange, _> =
            format!("ID=\"a\",START-DATE=\"2026-11-21T13:00:00Z\"{more}").parse();
        range.map(|range| range.extent())
    };
    assert_eq!(read(""), Ok(Extent::Unknown));
    let two = Ok(Extent::Lasts(Seconds::from_secs(2)));
    assert_eq!(read(",END-DATE=\"2026-11-21T13:00:02Z\",X-N=0x1F"), two);
    assert_eq!(read(",END-DATE=\"2026-11-21T13:00:02Z\",DURATION=2"), two);
    assert_eq!(read(",END-ON-NEXT=YES,CLASS=\"c\""), Ok(Extent::UntilNext));
    for (more, told) in [
        (",END-ON-NEXT=YES", DateRangeError::NoClass),
        (
            ",END-ON-NEXT=YES,CLASS=\"c\",DURATION=1",
            DateRangeError::TwoEnds,
        ),
        (
            ",END-DATE=\"2026-11-21T13:00:02Z\",DURATION=3",
            DateRangeError::TwoEnds,
        ),
        (
            ",END-DATE=\"2026-11-21T12:59:59Z\"",
            DateRangeError::Backwards,
        ),
        (",X-small=\"a\"", DateRangeError::Name),
        (",DURATION=-1", Mistake::Attribute("DURATION").into()),
    ] {
        assert_eq!(read(more), Err(told), "{more}");
    }
    let nameless = "START-DATE=\"2026-11-21T13:00:00Z\"".parse::<DateRange>();
    assert_eq!(nameless, Err(Mistake::Missing("ID").into()));
    let long = Text::shown(&"x".repeat(9000), 9000);
    let range: DateRange = "ID=\"a\",START-DATE=\"2026-11-21T13:00:00Z\""
        .parse()
        .unwrap();
    assert_eq!(range.with("X-TITLE", long), Err(DateRangeError::TooLong));
}
