//! What our own packager makes is found good; what is broken on purpose is found broken; no server can harm who asks.

use bytes::Bytes;
use live::{
    Object, Rendition,
    playlist::{
        MediaPlaylist, Multivariant, Resolution, Uri, Wording,
        check::{self, Rule},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::{client::roots, media, media::Media, report::Report, *};
use crate::{
    show::{START_MS, Show, Stage, settings},
    stream::Stream,
    window::Found,
};

/// What the made-up show cannot do: its pictures are no H.264, and its frame rates and sizes are only claimed.
const MADE_UP: [Rule; 3] = [
    Rule::FirstFrameNotIdr,
    Rule::FrameRateDiffers,
    Rule::ResolutionDiffers,
];

/// One rendition as a viewer has it.
struct Rendered {
    uri: Uri,
    playlist: MediaPlaylist,
    wording: Wording,
    init: Bytes,
    segments: Vec<Bytes>,
    parts: Vec<Vec<Bytes>>,
}

fn bytes(stream: &Stream, object: Object) -> Option<Bytes> {
    match stream.find(object) {
        Found::Bytes(pieces, _) => Some(pieces.concat().into()),
        Found::Saved(..) | Found::Soon | Found::Nothing => None,
    }
}

fn rendered(stream: &mut Stream) -> Vec<Rendered> {
    let renditions: Vec<Rendition> = stream.versions().map(|(rendition, _)| rendition).collect();
    let one = |rendition| {
        let text = stream.playlist(rendition)?.full.whole();
        let playlist = MediaPlaylist::parse(&text).unwrap();
        let base = rendition.to_string();
        let object = |uri: &Uri| -> Object { format!("{base}/{uri}").parse().unwrap() };
        let map = playlist
            .segments
            .iter()
            .rev()
            .find_map(|s| s.head.map.clone())?;
        let get = |uri: &Uri| bytes(stream, object(uri)).unwrap_or_default();
        Some(Rendered {
            uri: Uri::of(Object::Media(rendition)),
            wording: Wording::parse(&text).unwrap(),
            init: get(&map),
            segments: playlist.segments.iter().map(|s| get(&s.uri)).collect(),
            parts: playlist
                .segments
                .iter()
                .map(|s| s.parts.iter().map(|part| get(&part.uri)).collect())
                .collect(),
            playlist,
        })
    };
    renditions.into_iter().filter_map(one).collect()
}

fn look(all: &[Rendered], multivariant: &Multivariant) -> Report {
    let mut report = Report::default();
    let mut measured = Vec::new();
    for one in all {
        let mut media = Media::new(one.uri.as_str());
        report.add(
            one.uri.as_str(),
            check::wording(&one.wording, &one.playlist),
        );
        for (index, (msn, segment)) in one.playlist.numbered().enumerate() {
            if segment.gap {
                continue;
            }
            let map = segment.head.map.as_ref().unwrap();
            media.init(map, &one.init, &mut report);
            media.segment(
                &one.playlist,
                msn,
                segment,
                &one.segments[index],
                &mut report,
            );
            let parts = segment.parts.iter().zip(&one.parts[index]);
            let sums: Vec<(u64, u64)> = parts
                .filter_map(|(part, bytes)| media.part("part", part, Some(map), bytes, &mut report))
                .collect();
            if !sums.is_empty() {
                let sum = sums
                    .iter()
                    .fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
                media.whole(msn, sum, &mut report);
            }
        }
        measured.push(media);
    }
    media::dates(&measured, &mut report);
    media::description(multivariant, &measured, &mut report);
    report
}

/// Which rules the media of a stream breaks, and where: what the property tests of the stream ask.
pub(crate) fn broken_by(stream: &mut Stream) -> Vec<String> {
    let Some(text) = stream.multivariant() else {
        return Vec::new();
    };
    let multivariant = Multivariant::parse(&text.whole()).unwrap();
    broken(&look(&rendered(stream), &multivariant))
}

fn broken(report: &Report) -> Vec<String> {
    let json: serde_json::Value = serde_json::from_str(&report.json("")).unwrap();
    let rules = json["rules"].as_array().unwrap().iter();
    rules
        .filter(|rule| rule["verdict"] == "broken")
        .filter(|rule| {
            !MADE_UP
                .iter()
                .any(|known| format!("{known:?}") == rule["rule"])
        })
        .map(|rule| format!("{} {}", rule["rule"], rule["places"]))
        .collect()
}

fn show() -> (Vec<Rendered>, Multivariant) {
    let show = Show::default();
    let mut stage = Stage::new(settings());
    stage.feed(&show.headers());
    stage.feed(&show.session(START_MS, None));
    let text = stage.stream.multivariant().unwrap();
    let all = rendered(&mut stage.stream);
    assert_eq!(all.len(), 3);
    (all, Multivariant::parse(&text.whole()).unwrap())
}

type Break = fn(&mut Vec<Rendered>, &mut Multivariant);

/// The last complete segment of a rendition, and its place.
fn newest(one: &Rendered) -> usize {
    one.segments
        .iter()
        .rposition(|bytes| !bytes.is_empty())
        .unwrap()
}

/// Where a box of this name has its content.
fn after(bytes: &[u8], name: &[u8; 4]) -> usize {
    4 + bytes.windows(4).position(|window| window == name).unwrap()
}

fn change(bytes: &mut Bytes, at: usize, to: u8) {
    let mut changed = bytes.to_vec();
    changed[at] = to;
    *bytes = changed.into();
}

const BREAKS: &[(&str, Break)] = &[
    ("Malformed", |all, _| {
        let at = newest(&all[0]);
        all[0].segments[at] = all[0].segments[at].slice(..100);
    }),
    ("Malformed", |all, _| {
        all[1].init = Bytes::from_static(b"\0\0\0\x08moov")
    }),
    ("SegmentDuration", |all, _| {
        let at = newest(&all[0]);
        all[0].playlist.segments[at].duration = live::playlist::Seconds::from_millis(1500);
    }),
    ("PartDuration", |all, _| {
        let at = newest(&all[0]);
        all[0].playlist.segments[at].parts[0].duration = live::playlist::Seconds::from_millis(300);
    }),
    ("DecodeTimeHole", |all, _| {
        // The low byte but one of tfdt: 256 ticks.
        let at = newest(&all[0]);
        let tfdt = after(&all[0].segments[at], b"tfdt") + 10;
        let was = all[0].segments[at][tfdt];
        change(&mut all[0].segments[at], tfdt, was.wrapping_add(1));
    }),
    ("PartNotIndependent", |all, _| {
        let at = newest(&all[0]);
        all[0].playlist.segments[at].parts[1].independent = true;
    }),
    ("PartsDiffer", |all, _| {
        let at = newest(&all[0]);
        all[0].parts[at][1] = all[0].segments[at].clone();
    }),
    ("DateMapping", |all, _| {
        let shift = |segment: &mut live::playlist::Segment| {
            let date = segment.head.program_date_time.unwrap().unix_millis();
            let date = live::playlist::ProgramDateTime::from_unix_millis(date + 60);
            segment.head.program_date_time = Some(date);
        };
        all[2].playlist.segments.iter_mut().for_each(shift);
    }),
    ("CodecsDiffer", |_, list| {
        list.variants[0].codecs = Some("avc1.640028,mp4a.40.2".parse().unwrap());
    }),
    ("PeakOverBandwidth", |_, list| {
        list.variants[0].bandwidth = 100;
    }),
    ("AverageOverBandwidth", |_, list| {
        list.variants[0].average_bandwidth = Some(100);
    }),
];

#[test]
fn our_own_media_is_found_good() {
    let (all, list) = show();
    assert_eq!(broken(&look(&all, &list)), [""; 0]);
}

#[test]
fn each_rule_of_media_is_found_broken() {
    for (rule, break_it) in BREAKS {
        let (mut all, mut list) = show();
        break_it(&mut all, &mut list);
        let found = broken(&look(&all, &list));
        let named = found.iter().any(|one| one.contains(&format!("\"{rule}\"")));
        assert!(named, "{rule}: {found:?}");
    }
    let (all, mut list) = show();
    list.variants[0].resolution = Some(Resolution {
        width: 99,
        height: 99,
    });
    let table = look(&all, &list).table("", false);
    assert!(table.contains("ResolutionDiffers"), "{table}");
}

/// Answers every connection with the same bytes, then with as much again of `forever`.
async fn serve(answer: Vec<u8>, forever: &'static [u8]) -> std::net::SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut request = [0; 1024];
                let _asked = socket.read(&mut request).await;
                let _gone = socket.write_all(&answer).await;
                while !forever.is_empty() && socket.write_all(forever).await.is_ok() {}
            });
        }
    });
    address
}

async fn visited(address: std::net::SocketAddr) -> Result<Report, client::FetchError> {
    let client = Client::new(roots(None), std::time::Duration::from_secs(20)).unwrap();
    let url = format!("http://{address}/index.m3u8").parse().unwrap();
    visit::visit(client, &url, Some(std::time::Duration::from_secs(1))).await
}

fn ok(body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes()
}

#[tokio::test]
async fn a_hostile_server_is_told_of_and_harms_nobody() {
    let endless = b"HTTP/1.1 200 OK\r\n\r\n#EXTM3U\n".to_vec();
    for (answer, forever, told) in [
        (b"SSH-2.0-OpenSSH\r\n".to_vec(), &b""[..], "speaks no HTTP"),
        (Vec::new(), b"", "speaks no HTTP"),
        (
            endless,
            b"#EXT-X-A:1\n#EXT-X-A:1\n#EXT-X-A:1\n",
            "more than",
        ),
        (
            b"HTTP/1.1 302 Found\r\ncontent-length: 0\r\nlocation: /x\r\n\r\n".to_vec(),
            b"",
            "redirected",
        ),
        (
            b"HTTP/1.1 302 Found\r\ncontent-length: 0\r\nlocation: file:///etc\r\n\r\n".to_vec(),
            b"",
            "redirected",
        ),
    ] {
        let error = visited(serve(answer, forever).await).await.err().unwrap();
        assert!(error.to_string().contains(told), "{error}");
    }
}

#[tokio::test]
async fn what_is_no_playlist_is_told_of() {
    for body in [
        "\u{0}\u{1}\u{2}",
        "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=x\na.m3u8\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:99999999999999999999\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n",
    ] {
        let report = visited(serve(ok(body), b"").await).await.unwrap();
        let found = broken(&report);
        assert!(found.iter().any(|one| one.contains("Syntax")), "{found:?}");
    }
}

/// A playlist of segments that are not what they should be, each the playlist itself.
#[tokio::test]
async fn segments_that_are_no_media_are_told_of() {
    let body = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MAP:URI=\"init.mp4\"\n#EXTINF:2,\n1.m4s\n#EXT-X-ENDLIST\n";
    let report = visited(serve(ok(body), b"").await).await.unwrap();
    let found = broken(&report);
    assert!(
        found.iter().any(|one| one.contains("Malformed")),
        "{found:?}"
    );
    assert!(report.table("", false).contains("MUST"));
}
