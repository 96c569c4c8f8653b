use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;

/// A playlist of segments of 2 s with four parts each, of which the last two have them listed; `open` parts follow.
pub(crate) fn playlist(first: u64, segments: u64, open: u32) -> String {
    let mut text = format!(
        "#EXTM3U\n#EXT-X-TARGETDURATION:3\n\
         #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=18.0,PART-HOLD-BACK=1.6\n\
         #EXT-X-PART-INF:PART-TARGET=0.53500\n#EXT-X-MEDIA-SEQUENCE:{first}\n\
         #EXT-X-MAP:URI=\"init-00000000000000aa.mp4\"\n"
    );
    let parts = |text: &mut String, msn: u64, count: u32| {
        for part in 0..count {
            writeln!(text, "#EXT-X-PART:DURATION=0.5,URI=\"{msn}.{part}.m4s\"").unwrap();
        }
    };
    for msn in first..first + segments {
        if msn + 2 >= first + segments {
            parts(&mut text, msn, 4);
        }
        writeln!(text, "#EXTINF:2.0,\n{msn}.m4s").unwrap();
    }
    let msn = first + segments;
    parts(&mut text, msn, open);
    writeln!(
        text,
        "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"{msn}.{open}.m4s\""
    )
    .unwrap();
    text
}

pub(crate) fn window(text: &str) -> Option<Window> {
    Window::read(
        &MediaPlaylist::parse(text.as_bytes()).unwrap(),
        Rendition::Source,
    )
}

fn named(objects: impl Iterator<Item = Object>) -> Vec<String> {
    objects.map(|object| object.to_string()).collect()
}

#[test]
fn the_live_edge_is_what_a_player_begins_with_and_what_comes_next() {
    let window = window(&playlist(100, 20, 1)).unwrap();
    assert_eq!(
        named(window.edge()).join(" "),
        "source/120.1.m4s source/120.0.m4s \
         source/119.m4s source/119.3.m4s source/119.2.m4s source/119.1.m4s source/119.0.m4s \
         source/118.m4s source/118.3.m4s source/118.2.m4s source/118.1.m4s source/118.0.m4s \
         source/117.m4s source/116.m4s source/115.m4s source/114.m4s source/init-00000000000000aa.mp4"
    );
    assert_eq!(window.next(), (Msn(120), PartIndex(1)));
}

#[test]
fn gaps_and_what_is_somebody_elses_are_left_alone() {
    let text = playlist(100, 3, 0)
        .replace("#EXTINF:2.0,\n102", "#EXT-X-GAP\n#EXTINF:2.0,\n102")
        .replace("URI=\"102.3.m4s\"", "URI=\"102.3.m4s\",GAP=YES")
        .replace("101.m4s", "https://elsewhere.example/101.m4s")
        .replace("\n100.m4s", "\n../480p/100.m4s");
    let edge = named(window(&text).unwrap().edge());
    for absent in ["102.m4s", "102.3.m4s", "101.m4s", "100.m4s"] {
        assert!(
            !edge
                .iter()
                .any(|object| object.ends_with(&format!("/{absent}"))),
            "{absent}"
        );
    }
    assert_eq!(edge.len(), 1 + 7 + 1, "{edge:?}");
}

#[test]
fn what_cannot_be_waited_for_is_not_followed() {
    let text = playlist(100, 3, 1);
    for without in [
        text.replace("CAN-BLOCK-RELOAD=YES", "CAN-BLOCK-RELOAD=NO"),
        text.replace("#EXT-X-PART-INF:PART-TARGET=0.53500\n", ""),
        text.replace("#EXT-X-MAP", "#EXT-X-SKIP:SKIPPED-SEGMENTS=2\n#EXT-X-MAP"),
    ] {
        assert_eq!(window(&without), None, "{without}");
    }
}

#[test]
fn a_reload_is_answered_waits_or_is_refused() {
    let live = window(&playlist(100, 20, 2)).unwrap();
    let reload = |query: &str| live.reload(live::Directives::parse(query).unwrap().block);
    for (query, expected) in [
        ("", Reload::Now),
        ("_HLS_msn=119", Reload::Now),
        ("_HLS_msn=3&_HLS_part=77", Reload::Now),
        ("_HLS_msn=120&_HLS_part=1", Reload::Now),
        ("_HLS_msn=119&_HLS_part=4", Reload::Now),
        ("_HLS_msn=120&_HLS_part=2", Reload::Wait),
        ("_HLS_msn=120", Reload::Wait),
        ("_HLS_msn=121&_HLS_part=0", Reload::Wait),
        ("_HLS_msn=123", Reload::Wait),
        ("_HLS_msn=124", Reload::TooFar),
        ("_HLS_msn=120&_HLS_part=9", Reload::TooFar),
        ("_HLS_msn=18446744073709551615", Reload::TooFar),
    ] {
        assert_eq!(reload(query), expected, "{query}");
    }
    let ended = playlist(100, 20, 0) + "#EXT-X-ENDLIST\n";
    let ended = window(&ended).unwrap();
    assert_eq!(ended.reload(Some((Msn(999), None))), Reload::Now);
}

#[test]
fn what_cannot_be_there_is_known() {
    let window = window(&playlist(100, 20, 2)).unwrap();
    for (object, may) in [
        ("97.m4s", true),
        ("96.m4s", false),
        ("119.m4s", true),
        ("120.m4s", true),
        ("122.m4s", false),
        ("119.3.m4s", true),
        ("119.4.m4s", false),
        ("110.11.m4s", true),
        ("110.4000.m4s", false),
        ("120.3.m4s", true),
        ("120.4.m4s", false),
        ("121.0.m4s", true),
        ("121.9.m4s", false),
        ("122.0.m4s", false),
        ("18446744073709551615.0.m4s", false),
        ("init-00000000000000aa.mp4", true),
        ("init-00000000000000ab.mp4", false),
    ] {
        assert_eq!(
            window.may_have(format!("source/{object}").parse().unwrap()),
            may,
            "{object}"
        );
    }
}

proptest! {
    #[test]
    fn what_the_playlist_names_is_never_refused(first in any::<u64>(), segments in 0..30_u64, open in 0..8_u32) {
        let first = first / 4;
        let window = window(&playlist(first, segments, open)).unwrap();
        for object in window.edge() {
            prop_assert!(window.may_have(object), "{object}");
        }
        let (msn, part) = window.next();
        prop_assert_eq!(window.reload(Some((msn, Some(part)))), Reload::Wait);
        prop_assert_eq!(window.reload(Some((msn.next(), Some(PartIndex(0))))), Reload::Wait);
    }
}

#[test]
fn the_middle_of_a_segment_has_a_part_to_each_side_where_it_can() {
    let middles = |most: u32| -> Vec<u32> {
        let is_mid = |open: &u32| {
            let mut window = window(&playlist(100, 3, *open)).unwrap();
            window.last_parts = most;
            window.is_mid_segment()
        };
        (0..=most).filter(is_mid).collect()
    };
    assert_eq!(middles(1), [1]);
    assert_eq!(middles(2), [1]);
    assert_eq!(middles(3), [2]);
    assert_eq!(middles(4), [2]);
    assert_eq!(middles(10), [5, 6, 7, 8]);
}
