//! Viewers of several distributors: where they are sent while a line fills up, and that they are counted together.

use http::StatusCode;
use serde_json::Value;

use crate::{
    stage::{Answer, Origin, Viewer, ok, status},
    troupe::{Troupe, stands},
};

const INDEX: &str = "#EXTM3U\n\
    #EXT-X-STREAM-INF:BANDWIDTH=700000\nsource/media.m3u8\n\
    #EXT-X-STREAM-INF:BANDWIDTH=100000\n480p/media.m3u8\n";
const MEDIA: &str = "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:2,\n7.m4s\n";
const SHOW: &str = "/live/stage/index.m3u8";
const SEGMENT: &str = "/live/stage/480p/7.m4s";
const COUNT: &str = "/live/stage/viewers.json";
/// A line of 1 Mb/s.
const NARROW: &str = "limits.egress = \"1M\"";

async fn origin() -> Origin {
    Origin::start(|target| async move { answer(&target) }).await
}

fn answer(target: &str) -> Answer {
    match target.split('?').next() {
        Some(SHOW) => ok(INDEX),
        Some(path) if path.ends_with("/media.m3u8") => ok(MEDIA),
        Some(path) if path.ends_with(".m4s") => ok(vec![7; 1 << 20]),
        _ => status(404),
    }
}

/// The addresses of a multivariant playlist's variants.
fn variants(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(str::to_owned).collect()
}

/// Watches `source` from the box of this rank, wherever its playlist sends to, for long enough to be counted.
async fn watch(troupe: &Troupe, rank: usize) -> Viewer {
    let text = troupe.get(rank, SHOW).await;
    let first = variants(&text).remove(0);
    let (_, path) = first.split_once(".example").unwrap();
    let mut viewer = troupe.boxes[rank].viewer().await;
    for _ in 0..2 {
        assert_eq!(viewer.get(path).await.status, StatusCode::OK);
    }
    viewer
}

/// Fills the line of the box of this rank until the others know.
async fn fill(troupe: &Troupe, rank: usize) {
    let stage = &troupe.boxes[rank];
    let mut viewer = stage.viewer().await;
    while stage.chassis.status()["admission"]["line"]["level"] != "full" {
        assert_eq!(viewer.get(SEGMENT).await.status, StatusCode::OK);
    }
    for other in &troupe.boxes {
        let name = &troupe.names[rank];
        other
            .until(|status| stands(status, name)["level"] == "full")
            .await;
    }
}

#[tokio::test]
async fn those_who_watch_at_any_box_are_told_together() {
    let origin = origin().await;
    let troupe = Troupe::new(3, &origin).await;
    let mut watching = Vec::new();
    for rank in [0, 1, 1] {
        watching.push(watch(&troupe, rank).await);
    }
    for rank in 0..3 {
        loop {
            let told: Value = serde_json::from_str(&troupe.get(rank, COUNT).await).unwrap();
            if told["viewers"] == 3 {
                assert_eq!(told["renditions"]["source"], 3);
                break;
            }
            tokio::task::yield_now().await;
        }
        let own = troupe.boxes[rank].chassis.status();
        assert_eq!(own["audience"]["viewers"], [1, 2, 0][rank], "its own alone");
    }
}

#[tokio::test]
async fn newcomers_go_where_there_is_room_and_have_everything_there() {
    let origin = origin().await;
    let troupe = Troupe::with(&[NARROW, ""], &origin).await;
    let first = |text: &str| variants(text).remove(0);
    let home = format!("https://{}.example/live/stage/source/", troupe.names[0]);
    assert!(first(&troupe.get(0, SHOW).await).starts_with(&home));
    fill(&troupe, 0).await;
    let next = format!("https://{}.example/live/stage/source/", troupe.names[1]);
    for rank in [0, 1] {
        let text = troupe.get(rank, SHOW).await;
        assert!(first(&text).starts_with(&next), "{text}");
        assert_eq!(variants(&text).len(), 4, "both qualities at both boxes");
    }
}

#[tokio::test]
async fn who_comes_by_another_box_is_reckoned_with_before_his_share_is_measured() {
    let origin = origin().await;
    let troupe = Troupe::with(&[NARROW, ""], &origin).await;
    let home = format!("https://{}.example", troupe.names[0]);
    let text = troupe.get(1, SHOW).await;
    let path = variants(&text)[0].strip_prefix(&home).unwrap().to_owned();
    // He takes a playlist, and nothing that would be measured.
    let reply = troupe.boxes[0].viewer().await.get(&path).await;
    assert_eq!(reply.status, StatusCode::OK);
    troupe.boxes[1]
        .until(|status| stands(status, &troupe.names[0])["load_permille"].as_u64() > Some(300))
        .await;
    let text = troupe.get(1, SHOW).await;
    assert!(!variants(&text)[0].starts_with(&home), "{text}");
}

#[tokio::test]
async fn only_when_all_boxes_are_full_is_a_newcomer_asked_to_come_again() {
    let origin = origin().await;
    let troupe = Troupe::with(&[NARROW, NARROW], &origin).await;
    tokio::join!(fill(&troupe, 0), fill(&troupe, 1));
    for stage in &troupe.boxes {
        let full = stage.viewer().await.get(SHOW).await;
        assert_eq!(full.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(full.header("footlight-refusal"), "full");
    }
}
