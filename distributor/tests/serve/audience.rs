//! Who is counted as a viewer, and who may know the number.

use http::StatusCode;
use serde_json::{Value, json};

use crate::stage::{Answer, Origin, Stage, Viewer, ask, ok, pass, status};

const INDEX: &str = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=2\nsource/media.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=1\n480p/media.m3u8\n";
const MEDIA: &str = "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:2,\n7.m4s\n";
const COUNT: &str = "/live/stage/viewers.json";

fn answer(target: &str) -> Answer {
    match target.split('?').next() {
        Some("/live/stage/index.m3u8") => ok(INDEX),
        Some(path) if path.starts_with("/live/stage/") && path.ends_with("/media.m3u8") => {
            ok(MEDIA)
        }
        _ => status(404),
    }
}

async fn stage() -> (Origin, Stage) {
    let origin = Origin::start(|target| async move { answer(&target) }).await;
    let stage = Stage::new(&[&origin]).await;
    (origin, stage)
}

/// Takes the multivariant playlist as a player does: the addresses of both qualities.
async fn takes(viewer: &mut Viewer) -> [String; 2] {
    let index = viewer.get("/live/stage/index.m3u8").await;
    let text = String::from_utf8(index.body.to_vec()).unwrap();
    let mut lines = text.lines().filter(|line| !line.starts_with('#'));
    let mut next = || format!("/live/stage/{}", lines.next().unwrap());
    [next(), next()]
}

async fn reloads(viewer: &mut Viewer, address: &str, times: usize) {
    for _ in 0..times {
        assert_eq!(viewer.get(address).await.status, StatusCode::OK);
    }
}

fn counted(stage: &Stage) -> Value {
    stage.chassis.status()["audience"]["streams"]["stage"].clone()
}

#[tokio::test]
async fn people_of_one_address_are_as_many_as_they_are_and_who_changes_the_quality_is_one() {
    let (_origin, stage) = stage().await;
    // All over one connection, as behind one router.
    let mut viewer = stage.viewer_h2().await;
    let mut addresses = Vec::new();
    for _ in 0..3 {
        addresses.push(takes(&mut viewer).await);
    }
    for [source, _] in &addresses {
        reloads(&mut viewer, source, 2).await;
    }
    let [_, rung] = &addresses[0];
    reloads(&mut viewer, rung, 3).await;
    assert_eq!(
        counted(&stage),
        json!({ "viewers": 3, "most": 3, "renditions": { "source": 2, "480p": 1 } })
    );
    let told = viewer.get(COUNT).await;
    let told: Value = serde_json::from_slice(&told.body).unwrap();
    assert_eq!(
        told,
        json!({ "stream": "stage", "viewers": 3, "renditions": { "source": 2, "480p": 1 } })
    );
    pass(9).await;
    assert_eq!(
        counted(&stage),
        json!({ "viewers": 0, "most": 3, "renditions": {} })
    );
}

#[tokio::test]
async fn who_looks_once_or_asks_without_a_number_or_for_what_there_is_not_is_nobody() {
    let (_origin, stage) = stage().await;
    let mut viewer = stage.viewer().await;
    let [source, _] = takes(&mut viewer).await;
    reloads(&mut viewer, &source, 1).await;
    for _ in 0..3 {
        let head = viewer.send(ask("HEAD", &source, &[])).await.unwrap();
        assert_eq!(head.status, StatusCode::OK);
        reloads(&mut viewer, "/live/stage/source/media.m3u8", 1).await;
        let elsewhere = source.replace("stage", "hall");
        let nothing = viewer.get(&elsewhere).await;
        assert_eq!(nothing.status, StatusCode::NOT_FOUND);
        viewer.get("/watch/stage").await;
    }
    assert_eq!(counted(&stage)["viewers"], 0);
    assert_eq!(stage.chassis.status()["audience"]["viewers"], 0);
}

#[tokio::test]
async fn the_number_is_told_to_every_page_and_kept_for_some_seconds() {
    let (origin, stage) = stage().await;
    let mut viewer = stage.viewer().await;
    let [source, _] = takes(&mut viewer).await;
    reloads(&mut viewer, &source, 2).await;
    let first = viewer.get(COUNT).await;
    for (name, value) in [
        ("content-type", "application/json"),
        ("cache-control", "public, max-age=5"),
        ("access-control-allow-origin", "*"),
        ("age", "0"),
    ] {
        assert_eq!(first.header(name), value, "{name}");
    }
    let [source, _] = takes(&mut viewer).await;
    reloads(&mut viewer, &source, 2).await;
    pass(3).await;
    let second = viewer.get(COUNT).await;
    assert_eq!((&second.body, second.header("age")), (&first.body, "3"));
    pass(2).await;
    let third: Value = serde_json::from_slice(&viewer.get(COUNT).await.body).unwrap();
    assert_eq!(third["viewers"], 2);
    let head = viewer.send(ask("HEAD", COUNT, &[])).await.unwrap();
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
    // Nobody is asked for it.
    assert!(
        !origin
            .asked()
            .iter()
            .any(|target| target.contains("viewers"))
    );
}

#[tokio::test]
async fn the_page_for_frames_is_the_page_and_only_it_may_be_in_one() {
    let (_origin, stage) = stage().await;
    let mut viewer = stage.viewer().await;
    let watch = viewer.get("/watch/stage").await;
    let embed = viewer.get("/embed/stage").await;
    assert_eq!((embed.status, &embed.body), (StatusCode::OK, &watch.body));
    let policy = "content-security-policy";
    assert!(watch.header(policy).ends_with("frame-ancestors 'none'"));
    assert!(embed.header(policy).ends_with("frame-ancestors *"));
    let nowhere = viewer.get("/embed/NoSuchStream").await;
    assert_eq!(nowhere.status, StatusCode::NOT_FOUND);
}
