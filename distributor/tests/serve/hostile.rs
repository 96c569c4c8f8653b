//! Whoever breaks the rules is closed; the next viewer never notices.

use http::StatusCode;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
};

use crate::{
    follow::{self, At, Honest, PLAYLIST},
    stage::{Origin, Stage, ask, ok, pass, status},
};

const MEDIA: &str = "/live/stage/source/7.m4s";

/// Reads until the connection is closed, however it is closed.
async fn closed(stream: &mut (impl AsyncReadExt + Unpin)) {
    let mut buffer = vec![0; 64 << 10];
    while stream.read(&mut buffer).await.is_ok_and(|bytes| bytes > 0) {}
}

/// The same, when it takes a deadline: lets time pass until one does it.
async fn closed_in_time(stream: &mut (impl AsyncReadExt + Unpin)) {
    tokio::select! {
        () = closed(stream) => {}
        () = async { loop { pass(10).await } } => {}
    }
}

#[tokio::test]
async fn garbage_instead_of_tls_is_closed() {
    let stage = Stage::new(&[&Origin::fixed("media").await]).await;
    for garbage in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        &[0; 100],
        &[0x16, 3, 1, 0xff, 0xff, 0, 0, 0],
        &[0x80; 20000],
    ] {
        let mut stream = TcpStream::connect(stage.https).await.unwrap();
        stream.write_all(garbage).await.unwrap();
        stream.shutdown().await.unwrap();
        closed(&mut stream).await;
    }
    assert_eq!(stage.viewer().await.get(MEDIA).await.status, StatusCode::OK);
}

#[tokio::test]
async fn garbage_inside_tls_is_closed() {
    let stage = Stage::new(&[&Origin::fixed("media").await]).await;
    for protocol in [&b"http/1.1"[..], b"h2"] {
        for garbage in [
            &b"\x00\x01\x02\r\n\r\n"[..],
            b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n",
            &[b'A'; 40_000],
            b"GET / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
        ] {
            let mut stream = stage.tls(&stage.identity, protocol).await.unwrap();
            // It may be closed before all of it is taken.
            if stream.write_all(garbage).await.is_ok() {
                closed_in_time(&mut stream).await;
            }
        }
    }
    assert_eq!(stage.viewer().await.get(MEDIA).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_handshake_that_is_never_finished_is_closed() {
    let stage = Stage::new(&[&Origin::fixed("media").await]).await;
    for beginning in [&b""[..], &[0x16, 3, 1, 2, 0, 1]] {
        let mut stream = TcpStream::connect(stage.https).await.unwrap();
        stream.write_all(beginning).await.unwrap();
        assert_eq!(
            stage.viewer().await.get(MEDIA).await.status,
            StatusCode::OK,
            "meanwhile"
        );
        closed_in_time(&mut stream).await;
    }
}

#[tokio::test]
async fn a_request_that_is_never_finished_is_closed() {
    let stage = Stage::new(&[&Origin::fixed("media").await]).await;
    for (protocol, beginning) in [
        (&b"http/1.1"[..], "GET /live"),
        (b"http/1.1", ""),
        (b"h2", ""),
        (b"h2", "PRI *"),
    ] {
        let mut stream = stage.tls(&stage.identity, protocol).await.unwrap();
        stream.write_all(beginning.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        closed_in_time(&mut stream).await;
    }
}

#[tokio::test]
async fn a_viewer_who_takes_nothing_is_cut_off() {
    // More than the sockets of both ends hold.
    let origin = Origin::start(|_| async { ok(vec![7; 24 << 20]) }).await;
    let stage = Stage::new(&[&origin]).await;
    assert_eq!(stage.viewer().await.get(MEDIA).await.body.len(), 24 << 20);
    let mut stream = stage.tls(&stage.identity, b"http/1.1").await.unwrap();
    let request = format!("GET {MEDIA} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
    while stage.chassis.status()["stalled"] == 0 {
        pass(10).await;
    }
    assert_eq!(stage.viewer().await.get(MEDIA).await.body.len(), 24 << 20);
}

#[tokio::test]
async fn a_request_with_a_body_is_refused() {
    let origin = Origin::fixed("media").await;
    let stage = Stage::new(&[&origin]).await;
    let mut stream = stage.tls(&stage.identity, b"http/1.1").await.unwrap();
    let request =
        format!("GET {MEDIA} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 400");
    assert!(origin.asked().is_empty());
}

/// A stream that goes on, and its origin.
async fn show() -> (watch::Sender<At>, Origin, Stage) {
    let (stream, origin) = follow::origin(1000).await;
    let stage = Stage::with(&[&origin], "limits.exempt = []").await;
    (stream, origin, stage)
}

/// The statuses of the answers to `bytes`, until the connection is closed.
async fn answers(stage: &Stage, bytes: &[u8]) -> Vec<u16> {
    let mut stream = stage.tls(&stage.identity, b"http/1.1").await.unwrap();
    // It may be closed before all of it is taken.
    let _closed_early = stream.write_all(bytes).await;
    let _closed_early = stream.flush().await;
    let mut answer = Vec::new();
    let mut buffer = vec![0; 64 << 10];
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        answer.extend_from_slice(&buffer[..read]);
    }
    let text = String::from_utf8_lossy(&answer);
    let heads = text.split("HTTP/1.1 ").skip(1);
    heads
        .map(|head| head.split(' ').next().unwrap().parse().unwrap())
        .collect()
}

/// A request behind another, which no reader of the first must take for one.
const SMUGGLED: &str = "GET /live/smuggled/index.m3u8 HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// Fields that say in two ways where their request ends, or in none that counts, with what follows them.
const AMBIGUOUS: [&str; 18] = [
    "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding: identity\r\n\r\n",
    "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n",
    "Content-Length: 4\r\nContent-Length: 5\r\n\r\nbody",
    "Content-Length: 4, 4\r\n\r\nbody",
    "Content-Length: +4\r\n\r\nbody",
    "Content-Length: 0x4\r\n\r\nbody",
    "Content-Length: -1\r\n\r\n",
    "Content-Length: 18446744073709551616\r\n\r\n",
    "Content-Length:\r\n\r\n",
    "X: a\r\n Transfer-Encoding: chunked\r\n\r\n",
    "X: a\rTransfer-Encoding: chunked\r\n\r\n",
    "X: a\0\r\n\r\n",
    "Host: other\r\n\r\n",
    ": a\r\n\r\n",
];

#[tokio::test]
async fn what_could_be_read_as_two_requests_is_refused_and_ends_its_connection() {
    let (stream, origin, stage) = show().await;
    let mut honest = Honest::new(&stage, stream, &origin).await;
    for ambiguous in AMBIGUOUS {
        for method in ["GET", "POST"] {
            let request =
                format!("{method} {MEDIA} HTTP/1.1\r\nHost: localhost\r\n{ambiguous}{SMUGGLED}");
            assert_eq!(
                answers(&stage, request.as_bytes()).await,
                [400],
                "{request:?}"
            );
        }
    }
    for (request, statuses) in [
        (
            format!("GET {PLAYLIST} HTTP/1.1\r\n\r\n{SMUGGLED}"),
            &[400][..],
        ),
        (
            format!("GET {PLAYLIST} HTTP/1.0\r\nConnection: keep-alive\r\n\r\n{SMUGGLED}"),
            &[200],
        ),
        (
            format!("GET {PLAYLIST} HTTP/2.0\r\nHost: localhost\r\n\r\n{SMUGGLED}"),
            &[400],
        ),
        (
            format!("GET {PLAYLIST} HTTP/1.1\nHost: localhost\n\n\0\0{SMUGGLED}"),
            &[200, 400],
        ),
        (
            format!("GET {PLAYLIST} HTTP/1.1\r\nHost: localhost\r\n\r\n\x16\x03\x01{SMUGGLED}"),
            &[200, 400],
        ),
        (
            format!(
                "GET {PLAYLIST} HTTP/1.1\r\nHost: localhost\r\nConnection: x, close\r\n\r\n{SMUGGLED}"
            ),
            &[200],
        ),
    ] {
        assert_eq!(
            answers(&stage, request.as_bytes()).await,
            statuses,
            "{request:?}"
        );
        honest.goes_on().await;
    }
    assert!(
        origin
            .asked()
            .iter()
            .all(|target| !target.contains("smuggled"))
    );
}

#[tokio::test]
async fn heads_that_are_too_large_in_any_way_are_refused() {
    let (stream, origin, stage) = show().await;
    let mut honest = Honest::new(&stage, stream, &origin).await;
    let fields = |field: &str, count: usize| field.repeat(count);
    for flood in [
        fields("a: b\r\n", 65),
        fields("a: b\r\n", 100_000),
        fields("a:\r\n", 4096),
        format!("a: {}\r\n", fields("b", 20_000)),
        format!("{}: b\r\n", fields("a", 20_000)),
        // Never to end.
        format!("a: {}", fields("b", 1 << 20)),
    ] {
        let request = format!("GET {PLAYLIST} HTTP/1.1\r\nHost: localhost\r\n{flood}\r\n");
        let said = answers(&stage, request.as_bytes()).await;
        // Whoever sends on while he is refused may miss what he is told.
        assert!(
            said.is_empty() || said == [431],
            "{said:?} to {} bytes",
            flood.len()
        );
        honest.goes_on().await;
    }
    let target = format!(
        "GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n",
        fields("a", 10_000)
    );
    let asked = answers(&stage, format!("{target}\0").as_bytes()).await;
    assert_eq!(asked, [404, 400]);
}

#[tokio::test]
async fn no_range_makes_an_answer_longer_than_the_object() {
    let (stream, origin, stage) = show().await;
    let mut honest = Honest::new(&stage, stream, &origin).await;
    let mut viewer = stage.viewer().await;
    let many: Vec<String> = (0..900).map(|n| format!("{n}-")).collect();
    let many = format!("bytes={}", many.join(","));
    let part = "/live/stage/source/102.m4s";
    for (range, status, length) in [
        (many.as_str(), 200, 1000),
        ("bytes=0-,0-,0-,0-,0-,0-", 200, 1000),
        ("bytes=0-18446744073709551615", 206, 1000),
        ("bytes=999-18446744073709551615", 206, 1),
        ("bytes=-18446744073709551615", 206, 1000),
        ("bytes=0-18446744073709551616", 200, 1000),
        ("bytes=18446744073709551615-", 416, 0),
        ("bytes=1000-", 416, 0),
        ("bytes=-0", 416, 0),
        ("bytes=9-1", 200, 1000),
    ] {
        let reply = viewer
            .send(ask("GET", part, &[("range", range)]))
            .await
            .unwrap();
        assert_eq!(
            (reply.status.as_u16(), reply.body.len()),
            (status, length),
            "{range}"
        );
    }
    honest.goes_on().await;
}

#[tokio::test]
async fn who_makes_up_names_has_a_few_looked_for_and_the_next_address_notices_nothing() {
    let (stream, origin, stage) = show().await;
    let mut honest = Honest::new(&stage, stream, &origin).await;
    let before = origin.asked().len();
    let mut attacker = stage.viewer_from([127, 0, 0, 9]).await;
    let mut refused = 0;
    for n in 0..1000 {
        let (target, busted) = match n % 4 {
            0 => (format!("/live/s{n}/index.m3u8"), false),
            1 => (format!("/live/stage/1080p/{}.m4s", 5_000_000 + n), false),
            2 => (format!("/live/stage/source/{}.{n}.m4s", 9000 + n), false),
            _ => (format!("{PLAYLIST}?cb={n}"), true),
        };
        let reply = attacker.get(&target).await;
        match reply.status.as_u16() {
            200 if busted => {}
            404 if !busted => {}
            503 if !busted && reply.header("footlight-refusal") == "busy" => refused += 1,
            other => panic!("{other} for {target}"),
        }
        if n % 100 == 0 {
            honest.goes_on().await;
        }
    }
    assert!(refused > 300, "{refused}");
    assert_eq!(
        stage.chassis.status()["admission"]["refused"]["searches"],
        refused
    );
    // What he may, one more in each eighth of a second, and what the show itself takes.
    let asked = origin.asked();
    let made_up = asked.iter().skip(before).filter(|target| {
        target.starts_with("/live/s")
            && (!target.starts_with("/live/stage") || target.contains("1080p"))
    });
    let made_up = made_up.count();
    assert_eq!(made_up, 500 - refused);
    // From elsewhere anything is still looked for.
    let reply = stage.viewer().await.get("/live/other/index.m3u8").await;
    assert_eq!(reply.status, StatusCode::NOT_FOUND);
    follow::each_once(&origin);
}

#[tokio::test]
async fn a_show_that_has_not_begun_is_looked_for_once_however_many_wait_for_it_behind_one_router() {
    let origin = Origin::start(|_| async { status(404) }).await;
    let stage = Stage::with(&[&origin], "limits.exempt = []").await;
    let mut viewer = stage.viewer().await;
    for _ in 0..1000 {
        let reply = viewer.get("/live/stage/index.m3u8").await;
        assert_eq!(reply.status, StatusCode::NOT_FOUND);
    }
    assert_eq!(
        stage.chassis.status()["admission"]["refused"]["searches"],
        0
    );
}
