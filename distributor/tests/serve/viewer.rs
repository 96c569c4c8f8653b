//! What one viewer's player and browser see.

use http::{HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use live::daemon::Daemon as _;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::stage::{Answer, Identity, Origin, Stage, ask, growing, ok};

const MEDIA: &str = "/live/stage/480p/7.m4s";

fn media() -> Answer {
    let mut answer = ok("0123456789");
    for (name, value) in [
        ("etag", "\"v1\""),
        ("access-control-allow-origin", "https://origin.example"),
        ("set-cookie", "a=b"),
        ("server", "secret/1.0"),
        ("content-type", "text/html"),
    ] {
        answer
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    answer
}

async fn stage() -> (Origin, Stage) {
    let origin = Origin::start(|_| async { media() }).await;
    let stage = Stage::new(&[&origin]).await;
    (origin, stage)
}

#[tokio::test]
async fn an_object_with_its_headers_and_nothing_of_the_origins_own() {
    let (_origin, stage) = stage().await;
    for mut viewer in [stage.viewer().await, stage.viewer_h2().await] {
        let reply = viewer.get(MEDIA).await;
        assert_eq!(
            (reply.status, &reply.body[..]),
            (StatusCode::OK, &b"0123456789"[..])
        );
        for (name, value) in [
            ("content-type", "video/mp4"),
            ("content-length", "10"),
            ("cache-control", "public, max-age=3600, immutable"),
            ("etag", "\"v1\""),
            ("age", "0"),
            ("accept-ranges", "bytes"),
            ("access-control-allow-origin", "*"),
            ("timing-allow-origin", "*"),
            ("cross-origin-resource-policy", "cross-origin"),
            ("x-content-type-options", "nosniff"),
            ("set-cookie", ""),
            ("server", ""),
        ] {
            assert_eq!(reply.header(name), value, "{name}");
        }
        assert!(!reply.header("date").is_empty());
        assert!(
            reply
                .header("access-control-expose-headers")
                .contains("Age")
        );
    }
}

#[tokio::test]
async fn heads_ranges_and_conditions_are_answered_from_memory() {
    let (origin, stage) = stage().await;
    let mut viewer = stage.viewer().await;
    for (method, header, status, body) in [
        ("GET", ("x", "y"), 200, "0123456789"),
        ("HEAD", ("x", "y"), 200, ""),
        ("GET", ("range", "bytes=2-4"), 206, "234"),
        ("GET", ("range", "bytes=-3"), 206, "789"),
        ("GET", ("range", "bytes=10-"), 416, ""),
        ("GET", ("if-none-match", "\"v1\""), 304, ""),
        ("GET", ("if-none-match", "\"v2\""), 200, "0123456789"),
    ] {
        let reply = viewer.send(ask(method, MEDIA, &[header])).await.unwrap();
        assert_eq!(
            (reply.status.as_u16(), &reply.body[..]),
            (status, body.as_bytes()),
            "{method} {header:?}"
        );
        assert_eq!(reply.header("access-control-allow-origin"), "*");
        if method == "HEAD" {
            assert_eq!(reply.header("content-length"), "10");
        }
    }
    assert_eq!(origin.asked().len(), 1);
}

#[tokio::test]
async fn a_preflight_is_answered_without_asking_anybody() {
    let (origin, stage) = stage().await;
    let headers = [
        ("origin", "https://venue.example"),
        ("access-control-request-method", "GET"),
        ("access-control-request-headers", "range"),
    ];
    let reply = stage
        .viewer()
        .await
        .send(ask("OPTIONS", MEDIA, &headers))
        .await
        .unwrap();
    assert_eq!(reply.status, StatusCode::NO_CONTENT);
    for (name, value) in [
        ("access-control-allow-origin", "*"),
        ("access-control-allow-methods", "GET, HEAD, OPTIONS"),
        ("access-control-max-age", "86400"),
    ] {
        assert_eq!(reply.header(name), value, "{name}");
    }
    assert!(origin.asked().is_empty());
}

#[tokio::test]
async fn only_named_pages_may_read_when_some_are_named() {
    let origin = Origin::start(|_| async { media() }).await;
    let stage = Stage::with(&[&origin], "cors.origins = [\"https://venue.example\"]\n").await;
    let mut viewer = stage.viewer().await;
    for (target, page, allowed) in [
        (MEDIA, "https://venue.example", "https://venue.example"),
        (MEDIA, "https://other.example", ""),
        (
            "/live/none",
            "https://venue.example",
            "https://venue.example",
        ),
    ] {
        let reply = viewer
            .send(ask("GET", target, &[("origin", page)]))
            .await
            .unwrap();
        assert_eq!(
            (
                reply.header("access-control-allow-origin"),
                reply.header("vary")
            ),
            (allowed, "Origin"),
            "{page}"
        );
    }
}

#[tokio::test]
async fn what_cannot_exist_is_refused_without_asking_anybody() {
    let (origin, stage) = stage().await;
    let mut viewer = stage.viewer().await;
    for (method, target, status) in [
        ("GET", "/live/stage/7.m4s", 404),
        ("GET", "/live/Stage/index.m3u8", 404),
        ("GET", "/live/stage/480p/media.m3u8?_HLS_part=1", 400),
        ("GET", "/etc/passwd", 404),
        ("GET", "/watch/No-Such", 404),
        ("POST", MEDIA, 405),
        ("DELETE", "/", 405),
    ] {
        let reply = viewer.send(ask(method, target, &[])).await.unwrap();
        assert_eq!(reply.status.as_u16(), status, "{method} {target}");
        assert_eq!(reply.header("access-control-allow-origin"), "*");
    }
    assert!(origin.asked().is_empty());
}

#[tokio::test]
async fn the_watch_page_and_its_files() {
    let (origin, stage) = stage().await;
    let mut viewer = stage.viewer().await;
    let page = viewer.get("/watch/stage").await;
    assert_eq!(
        (page.status, page.header("content-type")),
        (StatusCode::OK, "text/html; charset=utf-8")
    );
    assert!(
        page.header("content-security-policy")
            .contains("default-src 'none'")
    );
    let html = std::str::from_utf8(&page.body).unwrap();
    let script = html
        .split('"')
        .find(|text| text.starts_with("/assets/") && text.ends_with(".js"))
        .unwrap();
    let reply = viewer
        .send(ask("GET", script, &[("accept-encoding", "gzip, br")]))
        .await
        .unwrap();
    assert_eq!(
        (reply.status, reply.header("content-encoding")),
        (StatusCode::OK, "br")
    );
    assert_eq!(
        reply.header("cache-control"),
        "public, max-age=31536000, immutable"
    );
    assert!(origin.asked().is_empty());
}

/// Sends `request` in plain HTTP: what comes back, until the connection is closed.
async fn plain(stage: &Stage, request: &str) -> String {
    let mut stream = TcpStream::connect(stage.chassis.address("http").unwrap())
        .await
        .unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn plain_http_is_sent_on_to_https_and_gets_nothing_else() {
    let (origin, stage) = stage().await;
    let port = stage.https.port();
    let answer = plain(
        &stage,
        "GET /watch/stage?a HTTP/1.1\r\nHost: localhost:81\r\n\r\n",
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 308 "), "{answer}");
    assert!(
        answer.contains(&format!(
            "location: https://localhost:{port}/watch/stage?a\r\n"
        )),
        "{answer}"
    );
    for (request, status) in [
        (
            "GET /live/stage/index.m3u8 HTTP/1.1\r\nHost: a@b\r\n\r\n",
            400,
        ),
        ("GET / HTTP/1.0\r\n\r\n", 400),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
            405,
        ),
        ("\u{1}garbage\r\n\r\n", 400),
    ] {
        let answer = plain(&stage, request).await;
        assert!(
            answer.split(' ').nth(1) == Some(&status.to_string()),
            "{request:?} got {answer:?}"
        );
    }
    assert!(origin.asked().is_empty());
}

#[tokio::test]
async fn a_new_certificate_is_shown_to_newcomers_and_open_connections_go_on() {
    let (_origin, mut stage) = stage().await;
    let mut before = stage.viewer().await;
    before.get(MEDIA).await;

    let new = Identity::new();
    let config = stage.config(&new, "");
    stage.distributor.reload(config).await.unwrap();
    assert_eq!(before.get(MEDIA).await.status, StatusCode::OK);
    assert!(stage.tls(&new, b"h2").await.is_ok());
    assert!(
        stage.tls(&stage.identity, b"h2").await.is_err(),
        "the old one is shown to nobody"
    );

    let config = stage.config(&new, "cache.memory = \"64MiB\"\n");
    let said = stage.distributor.reload(config).await.unwrap_err();
    assert!(said.contains("restart"), "{said}");
}

#[tokio::test]
async fn what_is_under_way_when_the_daemon_stops_comes_whole() {
    let gate = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
    let opened = gate.clone();
    let origin = Origin::start(move |_| {
        let gate = gate.clone();
        async move {
            let (mut sender, answer) = growing(8);
            tokio::spawn(async move {
                sender.send_data("begin".into()).await.unwrap();
                gate.acquire().await.unwrap().forget();
                sender.send_data("end".into()).await.unwrap();
            });
            answer
        }
    })
    .await;
    let stage = Stage::new(&[&origin]).await;
    let (mut h1, mut h2) = (stage.viewer().await, stage.viewer_h2().await);
    let first = h1.open(ask("GET", MEDIA, &[])).await.unwrap();
    let second = h2.open(ask("GET", MEDIA, &[])).await.unwrap();
    stage.chassis.shutdown().trigger();
    opened.add_permits(1);
    for answer in [first, second] {
        assert_eq!(
            answer.into_body().collect().await.unwrap().to_bytes(),
            "beginend"
        );
    }
    stage.chassis.tasks().empty().await;
}

#[tokio::test]
async fn a_playlist_is_compressed_for_those_who_take_it() {
    const PLAYLIST: &str = "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXT-X-MEDIA-SEQUENCE:1\n";
    let origin = Origin::fixed(PLAYLIST).await;
    let stage = Stage::new(&[&origin]).await;
    let mut viewer = stage.viewer().await;
    let path = "/live/stage/480p/media.m3u8?_HLS_msn=7";
    let plain = viewer.get(path).await;
    let gzip = [("accept-encoding", "gzip, deflate, br")];
    let small = viewer.send(ask("GET", path, &gzip)).await.unwrap();
    assert_eq!(&plain.body[..], PLAYLIST.as_bytes());
    assert_eq!(small.header("content-encoding"), "gzip");
    assert_eq!(small.body, live::gzip::compress(&[PLAYLIST]));
    assert_eq!(small.header("content-length"), small.body.len().to_string());
    assert_eq!(small.header("vary"), "Accept-Encoding");
    assert_eq!(plain.header("vary"), "Accept-Encoding");
    assert_eq!(origin.asked().len(), 1, "one fetch for both");
    let media = viewer
        .send(ask("GET", "/live/stage/480p/7.m4s", &gzip))
        .await
        .unwrap();
    assert_eq!(media.header("content-encoding"), "");
}

#[tokio::test]
async fn who_asks_for_a_host_that_is_not_ours_is_told_so() {
    let origin = Origin::start(|_| async { media() }).await;
    let hosts = "https.hosts = [\"live.example\", \"127.0.0.1\"]\n";
    let stage = Stage::with(&[&origin], hosts).await;
    for (host, expected) in [
        ("live.example", StatusCode::OK),
        ("LIVE.example:8443", StatusCode::OK),
        ("127.0.0.1", StatusCode::OK),
        ("evil.example", StatusCode::MISDIRECTED_REQUEST),
    ] {
        let by_field = Request::get(MEDIA).header("host", host);
        let by_target = Request::get(format!("https://{host}{MEDIA}"));
        for (mut viewer, request) in [
            (stage.viewer().await, by_field),
            (stage.viewer_h2().await, by_target),
        ] {
            let request = request.body(Empty::new()).unwrap();
            assert_eq!(
                viewer.send(request).await.unwrap().status,
                expected,
                "{host}"
            );
        }
    }
    let plain = stage.chassis.address("http").unwrap();
    for (host, expected) in [("live.example", "308"), ("evil.example", "421")] {
        let mut stream = TcpStream::connect(plain).await.unwrap();
        let request = format!("GET /watch/stage HTTP/1.1\r\nHost: {host}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer.split(' ').nth(1), Some(expected), "{host}");
    }
}
