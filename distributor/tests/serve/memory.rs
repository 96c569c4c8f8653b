//! Memory is what the configuration says, whatever is asked for.

use crate::stage::{Origin, Stage, ok, status};

const MIB: usize = 1 << 20;

#[tokio::test]
async fn what_was_used_longest_ago_goes_first_and_memory_stays_within_its_bound() {
    let origin = Origin::start(|_| async { ok(vec![7; MIB]) }).await;
    let stage = Stage::with(&[&origin], "cache.memory = \"64MiB\"\n").await;
    let mut viewer = stage.viewer().await;
    for n in 0..100 {
        viewer.get(&format!("/live/stage/source/{n}.m4s")).await;
        // The one that every newcomer asks for.
        viewer
            .get("/live/stage/source/init-0000000000000000.mp4")
            .await;
        let cache = &stage.chassis.status()["cache"];
        assert!(
            cache["bytes"].as_u64() <= cache["capacity"].as_u64(),
            "{cache}"
        );
    }
    assert_eq!(origin.asked().len(), 101);
    viewer.get("/live/stage/source/99.m4s").await;
    assert_eq!(origin.asked().len(), 101, "the newest is there");
    viewer.get("/live/stage/source/0.m4s").await;
    assert_eq!(origin.asked().len(), 102, "the oldest is not");
}

#[tokio::test]
async fn an_object_that_is_too_large_is_refused_and_what_is_there_stays() {
    let origin = Origin::start(|target| async move {
        if target.ends_with("8.m4s") {
            ok(vec![7; 33 * MIB])
        } else {
            ok("small")
        }
    })
    .await;
    let stage = Stage::new(&[&origin]).await;
    let mut viewer = stage.viewer().await;
    viewer.get("/live/stage/source/7.m4s").await;
    assert_eq!(
        viewer.get("/live/stage/source/8.m4s").await.status.as_u16(),
        503
    );
    viewer.get("/live/stage/source/7.m4s").await;
    assert_eq!(origin.asked().len(), 2);
}

#[tokio::test]
async fn names_that_nobody_streams_take_a_little_each_and_stay_within_the_bound() {
    let origin = Origin::start(|_| async { status(404) }).await;
    let stage = Stage::with(&[&origin], "cache.memory = \"64MiB\"\n").await;
    let mut viewer = stage.viewer().await;
    for n in 0..300 {
        assert_eq!(
            viewer
                .get(&format!("/live/s{n}/index.m3u8"))
                .await
                .status
                .as_u16(),
            404
        );
    }
    let status = stage.chassis.status();
    assert!(
        status["cache"]["bytes"].as_u64().unwrap() < 1_000_000,
        "{status}"
    );
    assert!(
        status["streams"].as_object().unwrap().is_empty(),
        "nothing is known of a stream that never was"
    );
}
