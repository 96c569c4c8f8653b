//! An origin that does what none should: what viewers see of it. Never half of an object that looks like the whole, and the
//! next origin's wherever nothing was given out yet.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use http::StatusCode;
use http_body_util::BodyExt;
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    sync::{Notify, watch},
};

use crate::{
    failover::ranked,
    follow::{self, Honest},
    stage::{Origin, Stage, Viewer, ask, ok, pass, status},
};

const SEGMENT: &str = "/live/stage/source/7.m4s";
const PLAYLIST: &str = "/live/stage/source/media.m3u8";
const GOOD: &str = "#EXTM3U\n#EXT-X-TARGETDURATION:3\n";

/// What a viewer has of an object.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Whole(String),
    Refused(u16),
    /// It broke off, and was seen to.
    Half,
}

async fn see(viewer: &mut Viewer, target: &str) -> Seen {
    let answer = viewer.open(ask("GET", target, &[])).await.unwrap();
    let status = answer.status();
    match answer.into_body().collect().await {
        Ok(body) if status == StatusCode::OK => {
            Seen::Whole(String::from_utf8_lossy(&body.to_bytes()).into_owned())
        }
        Ok(_) => Seen::Refused(status.as_u16()),
        Err(_) => Seen::Half,
    }
}

/// Says `bytes` and closes, whatever it is asked.
async fn says(bytes: impl Into<Vec<u8>>) -> Origin {
    let bytes: Arc<[u8]> = bytes.into().into();
    Origin::raw(move |_, mut stream| {
        let bytes = bytes.clone();
        async move {
            // Whoever has heard enough may have left.
            let _left = stream.write_all(&bytes).await;
        }
    })
    .await
}

/// Answers without a body that could be taken for an object, with what is wrong.
fn worthless() -> Vec<(&'static str, Vec<u8>)> {
    let head = |rest: &str| format!("HTTP/1.1 200 OK\r\n{rest}\r\n").into_bytes();
    let status =
        |line: &str| format!("HTTP/1.1 {line}\r\ncontent-length: 4\r\n\r\nnone").into_bytes();
    vec![
        ("another protocol", b"SSH-2.0-OpenSSH_9.2p1\r\n".to_vec()),
        ("no head", b"#EXTM3U\n".to_vec()),
        ("nothing", Vec::new()),
        ("half a head", b"HTTP/1.1 200 OK\r\ncontent-le".to_vec()),
        ("an endless head", head(&"x: y\r\n".repeat(20_000))),
        (
            "a long line",
            head(&format!("x: {}\r\n", "y".repeat(1 << 20))),
        ),
        (
            "nothing but news",
            b"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(10_000),
        ),
        ("500", status("500 Internal Server Error")),
        ("502", status("502 Bad Gateway")),
        (
            "a redirect",
            status("302 Found\r\nlocation: http://evil.example/"),
        ),
        (
            "a part of it",
            status("206 Partial Content\r\ncontent-range: bytes 0-3/9"),
        ),
        (
            "a coding",
            head("content-encoding: gzip\r\ncontent-length: 2\r\n"),
        ),
        (
            "no end",
            [head("connection: close\r\n"), GOOD.into()].concat(),
        ),
        (
            "two lengths",
            head("content-length: 4\r\ncontent-length: 5\r\n"),
        ),
        ("no length", head("content-length: many\r\n")),
        (
            "a bad chunk",
            [head("transfer-encoding: chunked\r\n"), b"ZZ\r\n".to_vec()].concat(),
        ),
        ("too much", head("content-length: 99999999999\r\n")),
    ]
}

#[tokio::test]
async fn where_nothing_of_it_can_be_used_the_next_origin_serves_or_viewers_come_back() {
    for (what, bytes) in worthless() {
        let good = Origin::fixed(GOOD).await;
        let stage = ranked(&says(bytes.clone()).await, &good).await;
        let mut viewer = stage.viewer().await;
        for target in [PLAYLIST, SEGMENT] {
            assert_eq!(
                see(&mut viewer, target).await,
                Seen::Whole(GOOD.into()),
                "{what}: {target}"
            );
        }
        let stage = Stage::new(&[&says(bytes).await]).await;
        let mut viewer = stage.viewer().await;
        for target in [PLAYLIST, SEGMENT] {
            assert_eq!(
                see(&mut viewer, target).await,
                Seen::Refused(503),
                "{what}: {target}"
            );
        }
    }
}

#[tokio::test]
async fn half_of_a_playlist_or_something_else_is_never_given_out() {
    for (what, bytes) in [
        (
            "cut short",
            format!("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{GOOD}"),
        ),
        (
            "cut in a chunk",
            format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n99\r\n{GOOD}"),
        ),
        (
            "a page",
            "HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\n<html>#EXTM3U\n ".to_owned(),
        ),
        (
            "empty",
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned(),
        ),
    ] {
        let stage = ranked(&says(bytes.clone()).await, &Origin::fixed(GOOD).await).await;
        let mut viewers = [stage.viewer().await, stage.viewer_h2().await];
        for viewer in &mut viewers {
            assert_eq!(
                see(viewer, PLAYLIST).await,
                Seen::Whole(GOOD.into()),
                "{what}"
            );
        }
        let stage = Stage::new(&[&says(bytes).await]).await;
        assert_eq!(
            see(&mut stage.viewer().await, PLAYLIST).await,
            Seen::Refused(503),
            "{what}"
        );
    }
}

#[tokio::test]
async fn half_of_a_segment_is_seen_to_be_half_and_then_the_next_origin_has_it() {
    for bytes in [
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\nx: ",
    ] {
        let stage = ranked(&says(bytes).await, &Origin::fixed("whole").await).await;
        assert_eq!(
            see(&mut stage.viewer().await, SEGMENT).await,
            Seen::Half,
            "{bytes}"
        );
        pass(1).await;
        for mut viewer in [stage.viewer().await, stage.viewer_h2().await] {
            assert_eq!(
                see(&mut viewer, SEGMENT).await,
                Seen::Whole("whole".into()),
                "{bytes}"
            );
        }
    }
}

#[tokio::test]
async fn what_is_sent_beyond_the_length_is_in_no_answer() {
    let long = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nmedia\
                HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil";
    let stage = Stage::new(&[&says(long).await]).await;
    let mut viewer = stage.viewer().await;
    for n in 0..20 {
        let target = format!("/live/stage/source/{n}.m4s");
        assert_eq!(see(&mut viewer, &target).await, Seen::Whole("media".into()));
    }
}

/// Says `beginning`, tells that it has, and then nothing more; or another byte each time it is told to.
async fn begins(beginning: &'static str) -> (Origin, Arc<Notify>, watch::Sender<u32>) {
    let (begun, more) = (Arc::new(Notify::new()), watch::Sender::new(0));
    let (tell, told) = (begun.clone(), more.clone());
    let speak = move |_, mut stream: TcpStream| {
        let (tell, mut told) = (tell.clone(), told.subscribe());
        async move {
            stream.write_all(beginning.as_bytes()).await.unwrap();
            tell.notify_one();
            while told.changed().await.is_ok() && stream.write_all(b"x").await.is_ok() {}
        }
    };
    (Origin::raw(speak).await, begun, more)
}

#[tokio::test]
async fn one_that_falls_silent_in_the_middle_is_given_up_after_two_seconds() {
    const BEGUN: &str = "HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n#EXTM3U\n";
    for (target, together, alone) in [
        (PLAYLIST, Seen::Whole(GOOD.into()), Seen::Refused(504)),
        (SEGMENT, Seen::Half, Seen::Half),
    ] {
        for (good, seen) in [(true, together), (false, alone)] {
            let (silent, begun, _more) = begins(BEGUN).await;
            let stage = if good {
                ranked(&silent, &Origin::fixed(GOOD).await).await
            } else {
                Stage::new(&[&silent]).await
            };
            let mut viewer = stage.viewer().await;
            let silence = async {
                begun.notified().await;
                until_fetched(&stage, BEGUN).await;
                pass(2).await;
            };
            let (got, ()) = tokio::join!(see(&mut viewer, target), silence);
            assert_eq!(got, seen, "{target}");
        }
    }
}

/// Returns when the distributor has what of a body is in `said`.
async fn until_fetched(stage: &Stage, said: &str) {
    let (_, body) = said.split_once("\r\n\r\n").unwrap();
    let fetched = body.len() as u64;
    stage
        .until(|status| status["fetched_bytes"].as_u64() >= Some(fetched))
        .await;
}

#[tokio::test]
async fn one_that_sends_a_byte_a_second_is_given_up_after_three_target_durations() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n#EXTM3U\n";
    for (target, seen) in [(PLAYLIST, Seen::Refused(504)), (SEGMENT, Seen::Half)] {
        let (dripping, begun, more) = begins(head).await;
        let stage = Stage::new(&[&dripping]).await;
        let mut viewer = stage.viewer().await;
        let drip = async {
            begun.notified().await;
            // Three times the 6 s that are assumed of a stream that has told nothing yet.
            for n in 0..18_u64 {
                stage
                    .until(|status| status["fetched_bytes"].as_u64() >= Some(8 + n))
                    .await;
                pass(1).await;
                more.send_modify(|n| *n += 1);
            }
        };
        let (got, ()) = tokio::join!(see(&mut viewer, target), drip);
        assert_eq!(got, seen, "{target}");
    }
}

#[tokio::test]
async fn an_endless_body_is_cut_off_and_takes_no_memory() {
    let endless = Origin::raw(|_, mut stream| async move {
        let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        let chunk = [b"10000\r\n".to_vec(), vec![b'#'; 0x10000], b"\r\n".to_vec()].concat();
        if stream.write_all(head).await.is_ok() {
            while stream.write_all(&chunk).await.is_ok() {}
        }
    })
    .await;
    let stage = Stage::with(&[&endless], "cache.memory = \"64MiB\"\n").await;
    let mut viewer = stage.viewer().await;
    assert_eq!(see(&mut viewer, PLAYLIST).await, Seen::Refused(503));
    assert_eq!(see(&mut viewer, SEGMENT).await, Seen::Half);
    let cache = &stage.chassis.status()["cache"];
    assert!(cache["bytes"].as_u64().unwrap() < 1 << 20, "{cache}");
}

#[tokio::test]
async fn while_one_flaps_nobody_who_watches_notices() {
    let (stream, steady) = follow::origin(1000).await;
    let asked = Arc::new(AtomicUsize::new(0));
    // Every other request fails, in another way each time.
    let shown = stream.clone();
    let flapping = Origin::start(move |target| {
        let (n, shown) = (asked.fetch_add(1, Relaxed), shown.subscribe());
        async move {
            match n % 6 {
                1 => status(500),
                3 => status(503),
                5 if target.contains("media.m3u8") => ok("<html>"),
                5 => status(404),
                _ => follow::answer(shown, &target, 1000).await,
            }
        }
    })
    .await;
    let stage = ranked(&flapping, &steady).await;
    let mut honest = Honest::new(&stage, stream, &steady).await;
    for _ in 0..20 {
        honest.goes_on().await;
    }
}
