//! What a probe, a scraper and an operator are answered.

use std::net::SocketAddr;

use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

fn server(chassis: &Chassis) -> Server {
    Server {
        chassis: chassis.clone(),
        names: ["mux.lan".to_owned()].into(),
        watchers: events::places(),
    }
}

async fn ask(chassis: &Chassis, method: hyper::Method, path: &str) -> (StatusCode, String) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "localhost")
        .body(Full::<Bytes>::default())
        .unwrap();
    read(answer(&server(chassis), request).await).await
}

async fn read(answer: Answer) -> (StatusCode, String) {
    let status = answer.status();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

async fn get(chassis: &Chassis, path: &str) -> (u16, String) {
    let (status, body) = ask(chassis, hyper::Method::GET, path).await;
    (status.as_u16(), body)
}

#[tokio::test]
async fn ready_says_what_is_missing_then_ready_then_draining() {
    let chassis = Chassis::new("mux");
    let latch = chassis.latch("the cluster's members");
    let missing = (503, "waiting for: the cluster's members\n".to_owned());
    assert_eq!(get(&chassis, "/ready").await, missing);
    assert_eq!(get(&chassis, "/live").await, (200, "live\n".to_owned()));
    drop(latch);
    assert_eq!(get(&chassis, "/ready").await, (200, "ready\n".to_owned()));
    chassis.concern(|| None);
    chassis.concern(|| Some("the certificate expires in 3 d".to_owned()));
    let concerned = "ready\nconcern: the certificate expires in 3 d\n";
    assert_eq!(get(&chassis, "/ready").await, (200, concerned.to_owned()));
    chassis.shutdown().trigger();
    assert_eq!(
        get(&chassis, "/ready").await,
        (503, "draining\n".to_owned())
    );
    assert_eq!(get(&chassis, "/live").await.0, 200);
}

#[tokio::test]
async fn metrics_have_the_daemons_prefix_and_the_chassis_own() {
    let chassis = Chassis::new("mux");
    let frames = prometheus_client::metrics::counter::Counter::<u64>::default();
    chassis.register(|registry| registry.register("frames", "Frames", frames.clone()));
    frames.inc();
    chassis.metrics().listener("rtmp").accepted.inc();
    let (status, text) = get(&chassis, "/metrics").await;
    assert_eq!(status, 200);
    for line in [
        "footlight_mux_frames_total 1",
        "footlight_mux_build_info{version=\"test\"} 1",
        "footlight_mux_connections_accepted_total{listener=\"rtmp\"} 1",
        "footlight_mux_connections_open{listener=\"rtmp\"} 0",
        "footlight_mux_task_panics_total 0",
        "# EOF",
    ] {
        assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
    }
    for start in [
        "footlight_mux_process_open_fds ",
        "footlight_mux_process_start_time_seconds 1",
    ] {
        assert!(
            text.lines().any(|l| l.starts_with(start)),
            "{start} is not in\n{text}"
        );
    }
}

#[tokio::test]
async fn status_says_who_and_where_and_what_the_daemon_adds() {
    let chassis = Chassis::new("mux");
    let any: [SocketAddr; 2] = [
        "127.0.0.1:0".parse().unwrap(),
        "127.0.0.1:0".parse().unwrap(),
    ];
    let _sockets = chassis.bind("rtmp", &any).unwrap();
    let _latch = chassis.latch("keys");
    chassis.report(|| json!({ "streams": ["stage"] }));
    let (status, text) = get(&chassis, "/status").await;
    assert_eq!(status, 200);
    let mut status: Value = serde_json::from_str(&text).unwrap();
    assert!(status["uptime_seconds"].is_u64());
    status["uptime_seconds"] = 0.into();
    let process = status.as_object_mut().unwrap().remove("process").unwrap();
    assert!(process["resident_bytes"].as_u64().unwrap() > 1 << 20);
    assert!(process["cpu_seconds"].as_f64().unwrap() >= 0.0);
    assert!(process["open_descriptors"].as_u64().unwrap() > 2);
    let address = |name| chassis.address(name).unwrap().to_string();
    let expected = json!({
        "name": "footlight-mux",
        "version": "test",
        "uptime_seconds": 0,
        "concerns": [], "draining": false,
        "missing": ["keys"],
        "listeners": { "rtmp": address("rtmp"), "rtmp.2": address("rtmp.2") },
        "streams": ["stage"],
    });
    assert_eq!(status, expected);
}

#[tokio::test]
async fn what_is_not_there_and_what_is_not_done() {
    let chassis = with_orders();
    let (status, text) = get(&chassis, "/stauts").await;
    assert_eq!(status, 404);
    assert_eq!(
        serde_json::from_str::<Value>(&text).unwrap(),
        json!({
            "error": "there is nothing at \"/stauts\"",
            "advice": "there are: GET /live, GET /ready, GET /metrics, GET /status, POST /lamps/{lamp}/on",
        })
    );
    let post = hyper::Method::POST;
    let (status, text) = ask(&chassis, post, "/ready").await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(text.contains("use GET, HEAD"), "{text}");
    let (status, text) = ask(&chassis, hyper::Method::DELETE, "/lamps/red/on").await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(text.contains("use POST"), "{text}");
}

/// A daemon that switches lamps on: it has a red one only.
fn with_orders() -> Chassis {
    let chassis = Chassis::new("mux");
    chassis.route(Method::Post, "/lamps/{lamp}/on", async |call: Call| match (
        call.parameter("lamp"),
        call.body().is_empty(),
    ) {
        ("red", true) => Ok(Reply::ok(json!({ "lamp": "red", "on": true }))),
        ("red", false) => Err(Refusal::conflict("it is hot", "wait")),
        (_, _) => Err(Refusal::not_found("no such lamp", "there is: red")),
    });
    chassis
}

async fn order(headers: &[(&str, &str)], body: &[u8]) -> (u16, Value) {
    let mut request = Request::post("/lamps/red/on");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = Full::new(Bytes::copy_from_slice(body));
    let answer = answer(&server(&with_orders()), request.body(body).unwrap()).await;
    let (status, text) = read(answer).await;
    (status.as_u16(), serde_json::from_str(&text).unwrap())
}

#[tokio::test]
async fn an_order_is_carried_out_or_refused_with_advice() {
    let local = [("host", "127.0.0.1:9101")];
    let (status, body) = order(&local, b"").await;
    assert_eq!((status, body), (200, json!({ "lamp": "red", "on": true })));
    let (status, body) = order(&local, b"brighter").await;
    let hot = json!({ "error": "it is hot", "advice": "wait" });
    assert_eq!((status, body), (409, hot));
    let (status, _) = order(&local, &[b'x'; BODY_MAX + 1]).await;
    assert_eq!(status, 413);
    assert_eq!(order(&local, &[b'x'; BODY_MAX]).await.0, 409);
}

#[tokio::test]
async fn an_order_from_a_web_page_is_refused() {
    for headers in [
        &[][..],
        &[("host", "evil.example")],
        &[("host", "localhost"), ("origin", "https://evil.example")],
        &[("host", "localhost"), ("origin", "\u{e9}")],
        &[("host", "localhost"), ("sec-fetch-site", "cross-site")],
    ] {
        let (status, body) = order(headers, b"").await;
        assert_eq!(status, 403, "{headers:?}");
        assert!(body["advice"].is_string(), "{body}");
    }
    assert_eq!(order(&[("host", "mux.lan:9101")], b"").await.0, 200);
}

struct Silence;

impl Feed for Silence {
    async fn next(&mut self) -> Option<ServerEvent> {
        std::future::pending().await
    }
}

/// What came first on a connection of its own, which stays open.
async fn first_words(address: SocketAddr, path: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = vec![0; 64];
    let read = stream.read(&mut bytes).await.unwrap();
    bytes.truncate(read);
    (stream, String::from_utf8(bytes).unwrap())
}

#[tokio::test]
async fn a_crowd_that_watches_events_keeps_no_probe_out() {
    let chassis = Chassis::new("mux");
    chassis.events("/events", || Silence);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    serve(&chassis, vec![listener], &[]);
    let (mut watching, mut refused) = (Vec::new(), 0);
    for _ in 0..100 {
        match first_words(address, "/events").await {
            (stream, words) if words.starts_with("HTTP/1.1 200 ") => watching.push(stream),
            (_, words) => {
                assert!(words.starts_with("HTTP/1.1 503 "), "{words}");
                refused += 1;
            }
        }
    }
    assert_eq!(
        (watching.len(), refused),
        (events::CLIENTS, 100 - events::CLIENTS)
    );
    let mut probes = Vec::new();
    for _ in 0..CONNECTIONS {
        let (stream, words) = first_words(address, "/ready").await;
        assert!(words.starts_with("HTTP/1.1 200 "), "{words}");
        probes.push(stream);
    }
    drop(watching.pop());
    drop(probes);
    let words = loop {
        let (_stream, words) = first_words(address, "/events").await;
        if !words.starts_with("HTTP/1.1 503 ") {
            break words;
        }
    };
    assert!(words.starts_with("HTTP/1.1 200 "), "{words}");
}
