//! Whole playlists: what is written, what is read, and that one is the inverse of the other.

use super::*;
use crate::{Dsn, Msn, Object, PartIndex, Rendition};

mod round_trip;

fn object(path: &str) -> Object {
    path.parse().unwrap()
}

fn part(path: &str, ms: u64, independent: bool) -> Part {
    Part {
        uri: Uri::beside(object(path)),
        duration: Seconds::from_millis(ms),
        independent,
        gap: false,
    }
}

fn head(ms: u64) -> SegmentHead {
    SegmentHead {
        discontinuity: false,
        map: Some("init-0123456789abcdef.mp4".parse().unwrap()),
        program_date_time: Some(ProgramDateTime::from_unix_millis(1_795_266_000_000 + ms)),
    }
}

/// Twelve segments of 2 s, the last one with parts, and an open one with one part: what a packager has after a while.
pub(super) fn live() -> MediaPlaylist {
    let segment = |n: u64| Segment {
        head: head(n * 2000),
        parts: Vec::new(),
        gap: n == 2,
        duration: Seconds::from_secs(2),
        uri: Uri::beside(Object::Segment(Rendition::Source, Msn(100 + n))),
    };
    let parts_of = |msn: u64| {
        (0..4)
            .map(|p| part(&format!("source/{msn}.{p}.m4s"), 500, p == 0))
            .collect()
    };
    let mut segments: Vec<Segment> = (0..12).map(segment).collect();
    for (msn, segment) in (100..).zip(&mut segments).skip(8) {
        segment.parts = parts_of(msn);
    }
    MediaPlaylist {
        independent_segments: true,
        target_duration: 3,
        server_control: Some(ServerControl {
            can_block_reload: true,
            can_skip_until: Some(Seconds::from_secs(18)),
            can_skip_date_ranges: false,
            hold_back: Some(Seconds::from_secs(9)),
            part_hold_back: Some(Seconds::from_millis(1605)),
        }),
        part_target: Some(Seconds::from_millis(535)),
        media_sequence: Msn(100),
        discontinuity_sequence: Dsn(1),
        segments: segments.into(),
        open: Some(OpenSegment {
            head: head(24_000),
            parts: vec![part("source/112.0.m4s", 500, true)],
        }),
        preload_hint: Some(Uri::beside(object("source/112.1.m4s"))),
        rendition_reports: vec![RenditionReport {
            uri: Uri::across(object("audio/media.m3u8")),
            last_msn: Msn(112),
            last_part: Some(PartIndex(0)),
        }],
        ..MediaPlaylist::default()
    }
}

#[test]
fn a_live_playlist_is_written_tag_for_tag() {
    let mut playlist = live();
    playlist.segments.drain(..9);
    playlist.segments.drain(1..2);
    playlist.segments[0].parts.clear();
    playlist.segments[0].gap = true;
    playlist.segments[1].head.discontinuity = true;
    playlist.segments[1].head.map = Some("init-fedcba9876543210.mp4".parse().unwrap());
    playlist.date_ranges = vec![
        "ID=\"a\",START-DATE=\"2026-11-21T13:00:00Z\""
            .parse()
            .unwrap(),
    ];
    playlist.media_sequence = Msn(110);
    let expected = "\
#EXTM3U
#EXT-X-VERSION:8
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-TARGETDURATION:3
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=18.00000,HOLD-BACK=9.00000,PART-HOLD-BACK=1.60500
#EXT-X-PART-INF:PART-TARGET=0.53500
#EXT-X-MEDIA-SEQUENCE:110
#EXT-X-DISCONTINUITY-SEQUENCE:1
#EXT-X-DATERANGE:ID=\"a\",START-DATE=\"2026-11-21T13:00:00Z\"
#EXT-X-MAP:URI=\"init-0123456789abcdef.mp4\"
#EXT-X-PROGRAM-DATE-TIME:2026-11-21T13:00:18.000Z
#EXT-X-GAP
#EXTINF:2.00000,
109.m4s
#EXT-X-DISCONTINUITY
#EXT-X-MAP:URI=\"init-fedcba9876543210.mp4\"
#EXT-X-PROGRAM-DATE-TIME:2026-11-21T13:00:22.000Z
#EXT-X-PART:DURATION=0.50000,URI=\"111.0.m4s\",INDEPENDENT=YES
#EXT-X-PART:DURATION=0.50000,URI=\"111.1.m4s\"
#EXT-X-PART:DURATION=0.50000,URI=\"111.2.m4s\"
#EXT-X-PART:DURATION=0.50000,URI=\"111.3.m4s\"
#EXTINF:2.00000,
111.m4s
#EXT-X-MAP:URI=\"init-0123456789abcdef.mp4\"
#EXT-X-PROGRAM-DATE-TIME:2026-11-21T13:00:24.000Z
#EXT-X-PART:DURATION=0.50000,URI=\"112.0.m4s\",INDEPENDENT=YES
#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"112.1.m4s\"
#EXT-X-RENDITION-REPORT:URI=\"../audio/media.m3u8\",LAST-MSN=112,LAST-PART=0
";
    assert_eq!(playlist.write(), expected);
    assert_eq!(MediaPlaylist::parse(expected.as_bytes()), Ok(playlist));
}

#[test]
fn a_delta_update_leaves_out_what_lies_before_the_skip_boundary() {
    let mut playlist = live();
    // 24.5 s listed; segments that end more than 18 s before the end are the first three.
    assert_eq!(playlist.skippable(), 3);
    let text = playlist.write_delta();
    assert!(text.contains("#EXT-X-VERSION:9\n") && !text.contains("EXT-X-MAP"));
    let delta = MediaPlaylist::parse(text.as_bytes()).unwrap();
    assert_eq!(delta.skipped.as_ref().map(|s| s.segments), Some(3));
    assert_eq!(delta.media_sequence, playlist.media_sequence);
    assert_eq!(delta.open_msn(), playlist.open_msn());
    assert_eq!(delta.numbered().next().unwrap().0, Msn(103));
    assert_eq!(delta.edge(), Some((Msn(112), Some(PartIndex(0)))));

    playlist.segments[2].head.discontinuity = true;
    assert_eq!(
        playlist.skippable(),
        0,
        "players lose a skipped discontinuity"
    );
    assert_eq!(playlist.write_delta(), playlist.write());
    playlist.segments[2].head.discontinuity = false;
    playlist.end_list = true;
    assert_eq!(playlist.skippable(), 0, "no directives after the end");
}

#[test]
fn the_edge_is_the_last_part_there_is() {
    let mut playlist = live();
    playlist.open = None;
    assert_eq!(playlist.edge(), Some((Msn(111), Some(PartIndex(3)))));
    playlist.segments[11].parts.clear();
    assert_eq!(playlist.edge(), Some((Msn(111), None)));
    playlist.segments.clear();
    assert_eq!(playlist.edge(), None);
    assert_eq!(playlist.open_msn(), playlist.media_sequence);
}

#[test]
fn the_version_is_what_the_content_needs() {
    let mut playlist = live();
    assert_eq!(playlist.needed_version(), 8);
    playlist.segments[2].gap = false;
    assert_eq!(playlist.needed_version(), 6);
    playlist.open = None;
    for segment in &mut playlist.segments {
        segment.head.map = None;
    }
    assert_eq!(playlist.needed_version(), 3);
    let with_ranges = "#EXTM3U\n#EXT-X-VERSION:10\n#EXT-X-TARGETDURATION:4\n\
        #EXT-X-SKIP:SKIPPED-SEGMENTS=3,RECENTLY-REMOVED-DATERANGES=\"a\tb\"\n";
    let read = MediaPlaylist::parse(with_ranges.as_bytes()).unwrap();
    assert_eq!(read.needed_version(), 10);
    assert_eq!(version_of(with_ranges.as_bytes()), Ok(Some(10)));
    assert_eq!(version_of(b"#EXTM3U\n"), Ok(Some(1)));
    assert_eq!(version_of(b"#EXTM3U\n#EXT-X-VERSION:six"), Ok(None));
}

#[test]
fn a_playlist_that_another_server_wrote_is_read() {
    let text =
        "#EXTM3U\r\n#EXT-X-VERSION:9\r\n#EXT-X-INDEPENDENT-SEGMENTS\r\n#EXT-X-TARGETDURATION:4\r\n\
        #EXT-X-UNHEARD-OF:A=1,B=\r\n# a comment\r\n\r\n#EXT-X-KEY:METHOD=NONE\r\n\
        #EXT-X-SERVER-CONTROL:PART-HOLD-BACK=1.0, CAN-BLOCK-RELOAD=YES ,X-OTHER=\"a,b\"\r\n\
        #EXT-X-PART-INF:PART-TARGET=0.33334\r\n#EXT-X-MEDIA-SEQUENCE:266\r\n\
        #EXT-X-MAP:URI=\"init.mp4\",BYTERANGE=\"720@0\"\r\n\
        #EXTINF:4,a title, with a comma\r\nseg 266.mp4\r\n"
            .replace("seg 266", "seg266");
    let read = MediaPlaylist::parse(text.as_bytes()).unwrap();
    assert_eq!(read.target_duration, 4);
    assert_eq!(read.media_sequence, Msn(266));
    assert_eq!(read.segments[0].uri.as_str(), "seg266.mp4");
    assert_eq!(read.segments[0].duration, Seconds::from_secs(4));
    assert_eq!(read.segments[0].head.map, Some("init.mp4".parse().unwrap()));
    let control = read.server_control.unwrap();
    assert!(control.can_block_reload);
    assert_eq!(control.part_hold_back, Some(Seconds::from_secs(1)));
    assert_eq!(read.open, None);
}

const BROKEN: &[(&str, &str)] = &[
    ("", "line 1: EXTM3U: the first line must be #EXTM3U"),
    (
        "\u{feff}#EXTM3U",
        "line 1: EXTM3U: the first line must be #EXTM3U",
    ),
    (
        "#EXTM3U",
        "line 0: EXT-X-TARGETDURATION: the tag is missing",
    ),
    (
        "#EXTM3U\n#EXT-X-TARGETDURATION:3.5",
        "line 2: EXT-X-TARGETDURATION: the value has the wrong form",
    ),
    (
        "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXT-X-TARGETDURATION:3",
        "line 3: EXT-X-TARGETDURATION: the tag is given twice",
    ),
    (
        "#EXTM3U\n\n#EXTINF:x,\na",
        "line 3: EXTINF: the value has the wrong form",
    ),
    (
        "#EXTM3U\n#EXTINF:1,\n#EXTINF:1,\na",
        "line 3: EXTINF: the tag is given twice",
    ),
    ("#EXTM3U\na.m4s", "line 2: URI: a URI without its tag"),
    (
        "#EXTM3U\n#EXTINF:2,\na \"b",
        "line 3: URI: the value has the wrong form",
    ),
    ("#EXTM3U\n#EXTINF:2,\n", "line 2: EXTINF: no URI follows"),
    (
        "#EXTM3U\n#EXT-X-PART:DURATION=1",
        "line 2: EXT-X-PART: attribute URI is missing",
    ),
    (
        "#EXTM3U\n#EXT-X-PART:DURATION=1,URI=a",
        "line 2: EXT-X-PART: attribute URI has a value of the wrong form",
    ),
    (
        "#EXTM3U\n#EXT-X-PART:DURATION=\"1\",URI=\"a\"",
        "line 2: EXT-X-PART: attribute DURATION has a value of the wrong form",
    ),
    (
        "#EXTM3U\n#EXT-X-PART:URI=\"a",
        "line 2: EXT-X-PART: the attribute list is not well formed",
    ),
    (
        "#EXTM3U\n#EXT-X-PART:URI=\"a\"x",
        "line 2: EXT-X-PART: the attribute list is not well formed",
    ),
    (
        "#EXTM3U\n#EXT-X-PART:A=1,A=2",
        "line 2: EXT-X-PART: the attribute list is not well formed",
    ),
    (
        "#EXTM3U\n#EXT-X-PART:,",
        "line 2: EXT-X-PART: the attribute list is not well formed",
    ),
    (
        "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:-1",
        "line 2: EXT-X-MEDIA-SEQUENCE: the value has the wrong form",
    ),
    (
        "#EXTM3U\n#EXT-X-PROGRAM-DATE-TIME:now",
        "line 2: EXT-X-PROGRAM-DATE-TIME: the value has the wrong form",
    ),
    (
        "#EXTM3U\n#EXT-X-PRELOAD-HINT:URI=\"a\"",
        "line 2: EXT-X-PRELOAD-HINT: attribute TYPE is missing",
    ),
    (
        "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1",
        "line 2: EXT-X-STREAM-INF: the tag belongs to the other kind of playlist",
    ),
];

#[test]
fn a_broken_media_playlist_is_refused_by_line_and_tag() {
    for (text, error) in BROKEN {
        let refused = MediaPlaylist::parse(text.as_bytes()).unwrap_err();
        assert_eq!(refused.to_string(), *error, "{text:?}");
    }
}

#[test]
fn what_is_too_large_or_no_text_is_refused_before_it_is_read() {
    let too_long = vec![b'#'; MAX_BYTES + 1];
    let too_many = format!("#EXTM3U{}", "\n".repeat(MAX_LINES + 1));
    for (bytes, mistake) in [
        (too_long.as_slice(), Mistake::TooLarge),
        (too_many.as_bytes(), Mistake::TooLarge),
        (b"#EXTM3U\n\xff", Mistake::NotUtf8),
    ] {
        let error = mistake.at(0, "playlist");
        assert_eq!(MediaPlaylist::parse(bytes), Err(error.clone()));
        assert_eq!(Multivariant::parse(bytes), Err(error.clone()));
        assert_eq!(version_of(bytes), Err(error));
    }
    let many: String = (0..100).map(|n| format!("A{n}=1,")).collect();
    let text = format!("#EXTM3U\n#EXT-X-SERVER-CONTROL:{many}");
    let error = Mistake::Attributes.at(2, "EXT-X-SERVER-CONTROL");
    assert_eq!(MediaPlaylist::parse(text.as_bytes()), Err(error));
}

/// What the transcoder publishes for a 720p source with one rung.
pub(super) fn ladder() -> Multivariant {
    let text = |t: &str| Some(t.parse::<Text>().unwrap());
    let variant = |path: &str, bandwidth, width, height| Variant {
        bandwidth,
        average_bandwidth: Some(bandwidth - 100_000),
        codecs: text("avc1.64001f,mp4a.40.2"),
        resolution: Some(Resolution { width, height }),
        frame_rate: Some(FrameRate::from_thousandths(30_000)),
        audio: text("audio"),
        pathway: None,
        uri: Uri::of(object(path)),
    };
    Multivariant {
        independent_segments: true,
        renditions: vec![AlternativeRendition {
            media_type: MediaType::Audio,
            group_id: "audio".parse().unwrap(),
            name: "Sound".parse().unwrap(),
            language: text("und"),
            default: true,
            autoselect: true,
            channels: text("2"),
            uri: Some(Uri::of(object("audio/media.m3u8"))),
        }],
        variants: vec![
            variant("source/media.m3u8", 6_000_000, 1280, 720),
            variant("480p/media.m3u8", 1_600_000, 854, 480),
        ],
        ..Multivariant::default()
    }
}

#[test]
fn a_multivariant_playlist_is_written_tag_for_tag() {
    let mut playlist = ladder();
    playlist.start = Some(Start {
        from_end: true,
        offset: Seconds::from_secs(6),
        precise: true,
    });
    playlist.content_steering = Some("SERVER-URI=\"/steering\",PATHWAY-ID=\"a\"".parse().unwrap());
    playlist.i_frame_variants = vec![IFrameVariant {
        bandwidth: 100_000,
        average_bandwidth: None,
        codecs: Some("avc1.64001f".parse().unwrap()),
        resolution: None,
        pathway: Some("a".parse().unwrap()),
        uri: "480p/iframes.m3u8".parse().unwrap(),
    }];
    let expected = "\
#EXTM3U
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-START:TIME-OFFSET=-6.00000,PRECISE=YES
#EXT-X-CONTENT-STEERING:SERVER-URI=\"/steering\",PATHWAY-ID=\"a\"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"Sound\",LANGUAGE=\"und\",DEFAULT=YES,AUTOSELECT=YES,CHANNELS=\"2\",URI=\"audio/media.m3u8\"
#EXT-X-STREAM-INF:BANDWIDTH=6000000,AVERAGE-BANDWIDTH=5900000,CODECS=\"avc1.64001f,mp4a.40.2\",RESOLUTION=1280x720,FRAME-RATE=30.000,AUDIO=\"audio\"
source/media.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=1600000,AVERAGE-BANDWIDTH=1500000,CODECS=\"avc1.64001f,mp4a.40.2\",RESOLUTION=854x480,FRAME-RATE=30.000,AUDIO=\"audio\"
480p/media.m3u8
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=100000,CODECS=\"avc1.64001f\",PATHWAY-ID=\"a\",URI=\"480p/iframes.m3u8\"
";
    assert_eq!(playlist.write(), expected);
    assert_eq!(Multivariant::parse(expected.as_bytes()), Ok(playlist));
}

#[test]
fn a_broken_multivariant_playlist_is_refused_by_line_and_tag() {
    let cases: &[(&str, &str)] = &[
        (
            "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n",
            "line 2: EXT-X-STREAM-INF: no URI follows",
        ),
        (
            "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n#EXT-X-STREAM-INF:BANDWIDTH=1\na",
            "line 2: EXT-X-STREAM-INF: no URI follows",
        ),
        (
            "#EXTM3U\n#EXT-X-STREAM-INF:CODECS=\"a\"\na",
            "line 2: EXT-X-STREAM-INF: attribute BANDWIDTH is missing",
        ),
        (
            "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,RESOLUTION=1x\na",
            "line 2: EXT-X-STREAM-INF: attribute RESOLUTION has a value of the wrong form",
        ),
        ("#EXTM3U\na", "line 2: URI: a URI without its tag"),
        (
            "#EXTM3U\n#EXT-X-MEDIA:TYPE=SMELL,GROUP-ID=\"a\",NAME=\"a\"",
            "line 2: EXT-X-MEDIA: attribute TYPE has a value of the wrong form",
        ),
        (
            "#EXTM3U\n#EXTINF:2,\na",
            "line 2: EXTINF: the tag belongs to the other kind of playlist",
        ),
    ];
    for (text, error) in cases {
        let refused = Multivariant::parse(text.as_bytes()).unwrap_err();
        assert_eq!(refused.to_string(), *error, "{text:?}");
    }
}
