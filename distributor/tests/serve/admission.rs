//! What one address may take, and what viewers are given while the line fills up.

use std::future::pending;

use http::StatusCode;
use serde_json::{Value, json};

use crate::stage::{Answer, Origin, Reply, Stage, ask, ok, pass, status};

const INDEX: &str = "#EXTM3U\n\
    #EXT-X-STREAM-INF:BANDWIDTH=700000\nsource/media.m3u8\n\
    #EXT-X-STREAM-INF:BANDWIDTH=100000\n480p/media.m3u8\n\
    #EXT-X-STREAM-INF:BANDWIDTH=10000\naudio/media.m3u8\n";
const MEDIA: &str = "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:2,\n7.m4s\n";
const SHOW: &str = "/live/stage/index.m3u8";
const SEGMENT: &str = "/live/stage/480p/7.m4s";

/// A line of 1 Mb/s.
const NARROW: &str = "limits.egress = \"1M\"";

fn answer(target: &str) -> Answer {
    match target.split('?').next() {
        Some("/live/stage/index.m3u8") => ok(INDEX),
        Some(path) if path.ends_with("/media.m3u8") => ok(MEDIA),
        Some(path) if path.ends_with(".m4s") => ok(vec![7; 1 << 20]),
        _ => status(404),
    }
}

async fn stage(limits: &str) -> (Origin, Stage) {
    let origin = Origin::start(|target| async move { answer(&target) }).await;
    let stage = Stage::with(&[&origin], limits).await;
    (origin, stage)
}

fn line(stage: &Stage) -> Value {
    stage.chassis.status()["admission"]["line"].clone()
}

fn refused(stage: &Stage, class: &str) -> Value {
    stage.chassis.status()["admission"]["refused"][class].clone()
}

/// The qualities that a multivariant playlist offers.
fn offered(reply: &Reply) -> Vec<String> {
    let text = String::from_utf8(reply.body.to_vec()).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.split('/').next().unwrap().to_owned())
        .collect()
}

fn assert_refused(reply: &Reply, status: StatusCode, why: &str) {
    assert_eq!(reply.status, status);
    for (name, value) in [
        ("footlight-refusal", why),
        ("cache-control", "no-store"),
        ("access-control-allow-origin", "*"),
    ] {
        assert_eq!(reply.header(name), value, "{name}");
    }
}

#[tokio::test]
async fn an_address_has_so_many_connections_and_gets_another_one_for_each_it_closes() {
    let limits = "limits = { connections = 2, exempt = [] }";
    let (_origin, stage) = stage(limits).await;
    let mut first = stage.viewer().await;
    let second = stage.viewer_h2().await;
    assert!(stage.tls(&stage.identity, b"h2").await.is_err());
    assert_eq!(refused(&stage, "connections"), 1);
    assert_eq!(first.get(SHOW).await.status, StatusCode::OK);
    drop(second);
    while stage.tls(&stage.identity, b"h2").await.is_err() {}
    assert_eq!(first.get(SHOW).await.status, StatusCode::OK);
}

#[tokio::test]
async fn this_machine_is_not_limited_unless_it_is_said() {
    let (_origin, stage) = stage("limits = { connections = 1, requests = 1 }").await;
    let mut viewers = [stage.viewer().await, stage.viewer_h2().await];
    for viewer in &mut viewers {
        for _ in 0..10 {
            assert_eq!(viewer.get(SHOW).await.status, StatusCode::OK);
        }
    }
}

#[tokio::test]
async fn who_asks_too_fast_is_told_to_ask_again_and_is_served_then() {
    let (_origin, stage) = stage("limits = { requests = 10, exempt = [] }").await;
    let mut viewer = stage.viewer().await;
    let mut served = 0;
    let refusal = loop {
        let reply = viewer.get(SHOW).await;
        if reply.status != StatusCode::OK {
            break reply;
        }
        served += 1;
    };
    assert!(served >= 10, "{served}");
    assert_refused(&refusal, StatusCode::SERVICE_UNAVAILABLE, "busy");
    assert_eq!(refusal.header("retry-after"), "1");
    assert_eq!(refused(&stage, "requests"), 1);
    pass(1).await;
    assert_eq!(viewer.get(SHOW).await.status, StatusCode::OK);
}

#[tokio::test]
async fn more_requests_than_memory_is_given_for_do_not_wait() {
    let origin = Origin::start(|_| pending::<Answer>()).await;
    let stage = Stage::with(&[&origin], "limits.parked = \"1MiB\"").await;
    for _ in 0..4 {
        let viewer = stage.viewer_h2().await;
        for _ in 0..32 {
            let mut sender = viewer.sender();
            tokio::spawn(async move { sender.send_request(ask("GET", SEGMENT, &[])).await });
        }
    }
    stage.waiting(128).await;
    let reply = stage.viewer().await.get(SEGMENT).await;
    assert_refused(&reply, StatusCode::SERVICE_UNAVAILABLE, "busy");
    assert_eq!(refused(&stage, "parked"), 1);
}

#[tokio::test]
async fn newcomers_are_given_less_step_by_step_and_at_the_last_nothing() {
    let (_origin, stage) = stage(NARROW).await;
    let mut viewer = stage.viewer().await;
    let mut steps: Vec<Vec<String>> = Vec::new();
    let full = loop {
        let reply = viewer.get(SHOW).await;
        if reply.status != StatusCode::OK {
            break reply;
        }
        let offered = offered(&reply);
        if steps.last() != Some(&offered) {
            steps.push(offered);
        }
    };
    assert_eq!(
        steps,
        [
            &["source", "480p", "audio"][..],
            &["480p", "audio"],
            &["audio"]
        ]
    );
    assert_refused(&full, StatusCode::SERVICE_UNAVAILABLE, "full");
    let seconds: u64 = full.header("retry-after").parse().unwrap();
    assert!((5..16).contains(&seconds), "{seconds}");
    assert_eq!(line(&stage)["level"], "full");
    assert_eq!(line(&stage)["lowers_all"], false);
    let page = viewer.get("/watch/stage").await;
    assert_eq!(
        page.status,
        StatusCode::OK,
        "it says that the house is full"
    );
    // Nobody came after all.
    while line(&stage)["level"] != "all" {
        pass(1).await;
    }
    let again = stage.viewer().await.get(SHOW).await;
    assert_eq!(offered(&again), ["source", "480p", "audio"]);
}

#[tokio::test]
async fn who_watches_goes_on_at_a_lower_quality_while_newcomers_wait() {
    let (_origin, stage) = stage(NARROW).await;
    let mut viewer = stage.viewer().await;
    let index = viewer.get(SHOW).await;
    let text = String::from_utf8(index.body.to_vec()).unwrap();
    let mut addresses = text.lines().filter(|line| !line.starts_with('#'));
    let [source, rung] = [(); 2].map(|()| format!("/live/stage/{}", addresses.next().unwrap()));
    let query = source.split('?').nth(1).unwrap();
    assert_eq!(viewer.get(&source).await.status, StatusCode::OK);
    while line(&stage)["lowers_all"] != true {
        viewer.get(&source).await;
        assert_eq!(viewer.get(SEGMENT).await.status, StatusCode::OK);
        pass(1).await;
    }
    assert_eq!(line(&stage)["level"], "full");
    let newcomer = stage.viewer().await.get(SHOW).await;
    assert_refused(&newcomer, StatusCode::SERVICE_UNAVAILABLE, "full");
    let lowered = viewer.get(&source).await;
    assert_refused(&lowered, StatusCode::NOT_FOUND, "quality");
    for goes_on in [&rung, "/live/stage/source/7.m4s", SEGMENT] {
        assert_eq!(viewer.get(goes_on).await.status, StatusCode::OK);
    }
    // He is known by his number, and others by none that was made up.
    let known = viewer.get(&format!("{SHOW}?{query}")).await;
    assert_eq!(offered(&known), ["480p", "audio"]);
    let made_up = viewer.get(&format!("{SHOW}?v=0123456789abcdef")).await;
    assert_refused(&made_up, StatusCode::SERVICE_UNAVAILABLE, "full");
    while line(&stage)["level"] != "all" {
        pass(1).await;
    }
    assert_eq!(
        stage.viewer().await.get(&source).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn without_a_limit_nobody_is_refused_for_the_lines_sake() {
    let (_origin, stage) = stage("").await;
    let mut viewer = stage.viewer().await;
    for _ in 0..20 {
        viewer.get(SEGMENT).await;
    }
    pass(1).await;
    assert_eq!(offered(&viewer.get(SHOW).await).len(), 3);
    assert_eq!(line(&stage), json!(null));
}
