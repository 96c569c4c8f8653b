//! What a probe, a scraper and an operator are answered.

use http_body_util::BodyExt;
use serde_json::json;

use super::*;

async fn ask(chassis: &Chassis, method: Method, path: &str) -> (StatusCode, String) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .body(())
        .unwrap();
    let answer = answer(chassis, &request);
    let status = answer.status();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

async fn get(chassis: &Chassis, path: &str) -> (u16, String) {
    let (status, body) = ask(chassis, Method::GET, path).await;
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
    let any: [std::net::SocketAddr; 2] = [
        "127.0.0.1:0".parse().unwrap(),
        "127.0.0.1:0".parse().unwrap(),
    ];
    let _sockets = chassis.bind("rtmp", &any).unwrap();
    let _latch = chassis.latch("keys");
    chassis.report(|| json!({ "streams": ["stage"] }));
    let (status, text) = get(&chassis, "/status").await;
    assert_eq!(status, 200);
    let mut status: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(status["uptime_seconds"].is_u64());
    status["uptime_seconds"] = 0.into();
    let address = |name| chassis.address(name).unwrap().to_string();
    let expected = json!({
        "name": "footlight-mux",
        "version": "test",
        "uptime_seconds": 0,
        "draining": false,
        "missing": ["keys"],
        "listeners": { "rtmp": address("rtmp"), "rtmp.2": address("rtmp.2") },
        "streams": ["stage"],
    });
    assert_eq!(status, expected);
}

#[tokio::test]
async fn what_is_not_there_and_what_is_not_done() {
    let chassis = Chassis::new("mux");
    assert_eq!(get(&chassis, "/").await.0, 404);
    let (status, _) = ask(&chassis, Method::POST, "/ready").await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
}
