//! Origins come and go; a stream is served while any of them has it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use http::StatusCode;
use tokio::{io::AsyncWriteExt, sync::Semaphore};

use crate::stage::{Answer, Origin, Stage, ok, order, pass, status, target};

/// Two origins in the order in which the stream asks them.
pub(crate) async fn ranked(first: &Origin, second: &Origin) -> Stage {
    let origins = if order(2) == [0, 1] {
        [first, second]
    } else {
        [second, first]
    };
    Stage::new(&origins).await
}

#[tokio::test]
async fn when_the_first_is_dead_the_second_serves_and_keeps_the_stream() {
    let (dead, alive) = (Origin::dead().await, Origin::fixed("media").await);
    let stage = ranked(&dead, &alive).await;
    let mut viewer = stage.viewer().await;
    for n in 0..3 {
        assert_eq!(
            viewer
                .get(&format!("/live/stage/source/{n}.m4s"))
                .await
                .body,
            "media"
        );
    }
    let status = stage.chassis.status();
    let names = ["a", "b"];
    assert_eq!(status["streams"]["stage"], names[order(2)[1]]);
    assert_eq!(status["origins"][order(2)[0]]["state"], "down");
    assert_eq!(status["origins"][order(2)[1]]["state"], "up");
}

#[tokio::test]
async fn an_origin_without_the_stream_is_passed_over() {
    let (empty, full) = (
        Origin::start(|_| async { status(404) }).await,
        Origin::fixed("#EXTM3U\n").await,
    );
    let stage = ranked(&empty, &full).await;
    let mut viewer = stage.viewer().await;
    assert_eq!(viewer.get("/live/stage/index.m3u8").await.body, "#EXTM3U\n");
    assert_eq!(
        viewer.get("/live/stage/source/media.m3u8").await.body,
        "#EXTM3U\n"
    );
    assert_eq!(
        (empty.asked().len(), full.asked().len()),
        (1, 2),
        "the second time nobody asks the empty one"
    );
}

#[tokio::test]
async fn a_part_that_the_streams_origin_lacks_may_be_at_the_other() {
    let answer = |target: String| async move {
        if target.ends_with("7.m4s") {
            status(404)
        } else {
            ok("first")
        }
    };
    let (first, second) = (Origin::start(answer).await, Origin::fixed("second").await);
    let stage = ranked(&first, &second).await;
    let mut viewer = stage.viewer().await;
    assert_eq!(viewer.get("/live/stage/source/6.m4s").await.body, "first");
    assert_eq!(viewer.get("/live/stage/source/7.m4s").await.body, "second");
    assert_eq!(viewer.get("/live/stage/source/8.m4s").await.body, "first");
}

#[tokio::test]
async fn with_no_origin_at_all_viewers_are_told_to_come_back() {
    let (a, b) = (Origin::dead().await, Origin::dead().await);
    let stage = Stage::new(&[&a, &b]).await;
    let reply = stage.viewer().await.get("/live/stage/index.m3u8").await;
    assert_eq!(
        (reply.status, reply.header("retry-after")),
        (StatusCode::SERVICE_UNAVAILABLE, "1")
    );
    assert_eq!(
        reply.header("access-control-allow-origin"),
        "*",
        "or a player could not read it"
    );
}

#[tokio::test]
async fn an_origin_that_does_not_know_our_token_is_out_of_use() {
    let stranger = Origin::start(|_| async { status(401) }).await;
    let stage = Stage::new(&[&stranger]).await;
    let reply = stage.viewer().await.get("/live/stage/index.m3u8").await;
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(stage.chassis.status()["origins"][0]["state"], "down");
}

#[tokio::test]
async fn a_request_that_the_origin_calls_wrong_is_wrong_for_the_viewer() {
    let strict = Origin::start(|_| async { status(400) }).await;
    let other = Origin::fixed("").await;
    let stage = ranked(&strict, &other).await;
    let reply = stage
        .viewer()
        .await
        .get("/live/stage/source/media.m3u8?_HLS_msn=99")
        .await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    assert_eq!((strict.asked().len(), other.asked().len()), (1, 0));
}

#[tokio::test]
async fn an_origin_that_never_answers_gives_way_to_the_next() {
    let silent = Origin::start(|_| std::future::pending()).await;
    let good = Origin::fixed("media").await;
    let stage = ranked(&silent, &good).await;
    let mut viewer = stage.viewer().await;
    let late = async {
        while silent.asked().is_empty() {
            tokio::task::yield_now().await;
        }
        pass(2).await;
    };
    let (reply, ()) = tokio::join!(viewer.get("/live/stage/source/7.m4s"), late);
    assert_eq!(reply.body, "media");
    assert_eq!(viewer.get("/live/stage/source/8.m4s").await.body, "media");
    assert_eq!(
        silent.asked().len(),
        1,
        "it failed the stream and is asked last from then on"
    );
}

#[tokio::test]
async fn while_no_origin_answers_the_last_playlist_is_served_until_it_is_of_no_use() {
    let failing = Arc::new(AtomicBool::new(false));
    let switch = failing.clone();
    let origin = Origin::start(move |_| {
        let failing = failing.load(Relaxed);
        async move {
            if failing {
                status(500)
            } else {
                ok("#EXTM3U\n#EXT-X-TARGETDURATION:3\n")
            }
        }
    })
    .await;
    let stage = Stage::new(&[&origin]).await;
    let mut viewer = stage.viewer().await;
    let playlist = "/live/stage/source/media.m3u8";
    viewer.get(playlist).await;
    switch.store(true, Relaxed);
    for _ in 0..2 {
        pass(2).await;
        let reply = viewer.get(playlist).await;
        assert_eq!(
            (reply.status, &reply.body[..]),
            (StatusCode::OK, &b"#EXTM3U\n#EXT-X-TARGETDURATION:3\n"[..])
        );
        assert!(reply.header("cache-status").contains("stale"));
    }
    pass(1).await;
    assert_eq!(
        viewer.get(playlist).await.status,
        StatusCode::SERVICE_UNAVAILABLE
    );
    switch.store(false, Relaxed);
    pass(1).await;
    assert!(
        viewer
            .get(playlist)
            .await
            .header("cache-status")
            .ends_with("stored")
    );
}

/// An origin that answers what it holds by `held` once the gate opens, and anything else at once.
async fn holding(gate: &Arc<Semaphore>, held: fn() -> Answer) -> Origin {
    let gate = gate.clone();
    Origin::start(move |target| {
        let gate = gate.clone();
        async move {
            if target.contains("_HLS_msn") || target.ends_with(".0.m4s") {
                gate.acquire().await.unwrap().forget();
                return held();
            }
            ok("#EXTM3U\n#EXT-X-TARGETDURATION:3\n")
        }
    })
    .await
}

const HELD: [&str; 2] = ["source/media.m3u8?_HLS_msn=7", "source/7.0.m4s"];

#[tokio::test]
async fn what_does_not_come_about_in_time_is_no_fault_of_the_origin() {
    let gate = Arc::new(Semaphore::new(0));
    let (first, other) = (
        holding(&gate, || status(503)).await,
        Origin::fixed("#EXTM3U\n#other\n").await,
    );
    let stage = ranked(&first, &other).await;
    let mut viewer = stage.viewer().await;
    viewer.get("/live/stage/source/media.m3u8").await;
    for held in HELD {
        let asked = first.asked().len();
        let patience = async {
            while first.asked().len() == asked {
                tokio::task::yield_now().await;
            }
            pass(9).await;
            gate.add_permits(1);
        };
        let target = format!("/live/stage/{held}");
        let (reply, ()) = tokio::join!(viewer.get(&target), patience);
        assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
    }
    assert_ne!(
        viewer.get("/live/stage/source/6.m4s").await.body,
        "#EXTM3U\n#other\n"
    );
    assert!(other.asked().is_empty());
}

#[tokio::test]
async fn an_origin_that_gives_up_early_is_stopping_and_another_is_asked() {
    let gate = Arc::new(Semaphore::new(Semaphore::MAX_PERMITS));
    let (first, other) = (
        holding(&gate, || status(503)).await,
        Origin::fixed("#EXTM3U\n#other\n").await,
    );
    let stage = ranked(&first, &other).await;
    let mut viewer = stage.viewer().await;
    viewer.get("/live/stage/source/media.m3u8").await;
    for held in HELD {
        assert_eq!(
            viewer.get(&format!("/live/stage/{held}")).await.body,
            "#EXTM3U\n#other\n"
        );
    }
}

#[tokio::test]
async fn a_part_that_is_yet_to_come_is_waited_for_as_long_as_a_playlist() {
    let gate = Arc::new(Semaphore::new(0));
    let (first, other) = (
        holding(&gate, || ok("part")).await,
        Origin::fixed("#EXTM3U\n#other\n").await,
    );
    let stage = ranked(&first, &other).await;
    let mut viewer = stage.viewer().await;
    viewer.get("/live/stage/source/media.m3u8").await;
    let patience = async {
        while first.asked().len() == 1 {
            tokio::task::yield_now().await;
        }
        pass(8).await;
        gate.add_permits(1);
    };
    let (reply, ()) = tokio::join!(viewer.get("/live/stage/source/7.0.m4s"), patience);
    assert_eq!(reply.body, "part");
    assert!(other.asked().is_empty());
}

#[tokio::test]
async fn a_kept_connection_that_the_origin_closes_is_no_failure() {
    // Answers the first request of each connection, and closes it with the second one in it.
    let origin = Origin::raw(|_, mut stream| async move {
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nmedia";
        stream.write_all(answer).await.unwrap();
        target(&mut stream).await;
    })
    .await;
    let stage = Stage::new(&[&origin]).await;
    let mut viewer = stage.viewer().await;
    for n in 0..2 {
        let reply = viewer.get(&format!("/live/stage/source/{n}.m4s")).await;
        assert_eq!(
            (reply.status, &reply.body[..]),
            (StatusCode::OK, &b"media"[..])
        );
    }
    assert_eq!(stage.chassis.status()["origins"][0]["state"], "up");
}
