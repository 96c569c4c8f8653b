//! However many ask, an origin is asked once; and everyone gets it as it comes.

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use http_body_util::BodyExt;
use tokio::{sync::Semaphore, task::JoinSet};

use crate::stage::{Origin, Reply, Stage, ask, growing, ok, order, status};

const CROWD: usize = 500;
/// Requests on one HTTP/2 connection.
const EACH: usize = 20;

/// An origin that answers with `answer` once the gate is opened.
async fn gated(gate: &Arc<Semaphore>, answer: fn() -> crate::stage::Answer) -> Origin {
    let gate = gate.clone();
    Origin::start(move |_| {
        let gate = gate.clone();
        async move {
            gate.acquire().await.unwrap().forget();
            answer()
        }
    })
    .await
}

/// `count` viewers ask for what `target` says, all before the gate opens.
async fn crowd(
    stage: &Stage,
    gate: &Semaphore,
    count: usize,
    target: impl Fn(usize) -> String,
) -> Vec<Reply> {
    let mut replies = JoinSet::new();
    for connection in 0..count.div_ceil(EACH) {
        let viewer = stage.viewer_h2().await;
        for n in (connection * EACH..count).take(EACH) {
            let answer = viewer.sender().send_request(ask("GET", &target(n), &[]));
            replies.spawn(async move {
                let (parts, body) = answer.await.unwrap().into_parts();
                let body = body.collect().await.unwrap().to_bytes();
                Reply {
                    status: parts.status,
                    headers: parts.headers,
                    body,
                }
            });
        }
    }
    stage.waiting(count as u64).await;
    gate.add_permits(Semaphore::MAX_PERMITS / 2);
    replies.join_all().await
}

#[tokio::test]
async fn five_hundred_at_once_are_one_fetch() {
    let gate = Arc::new(Semaphore::new(0));
    let origin = gated(&gate, || ok(vec![7; 200_000])).await;
    let stage = Stage::new(&[&origin]).await;
    let replies = crowd(&stage, &gate, CROWD, |n| {
        format!("/live/stage/source/7.0.m4s?CMCD={n}")
    })
    .await;
    assert_eq!(replies.len(), CROWD);
    for reply in &replies {
        assert_eq!(
            (reply.status, &reply.body[..]),
            (StatusCode::OK, &[7; 200_000][..])
        );
    }
    let first = replies
        .iter()
        .filter(|reply| reply.header("cache-status").ends_with("stored"))
        .count();
    assert_eq!(first, 1, "one fetched, the others waited");
    assert_eq!(origin.asked(), ["/live/stage/source/7.0.m4s"]);
}

#[tokio::test]
async fn a_held_playlist_is_held_once_for_all() {
    let gate = Arc::new(Semaphore::new(0));
    let origin = gated(&gate, || ok("#EXTM3U\n#EXT-X-TARGETDURATION:3\n")).await;
    let stage = Stage::new(&[&origin]).await;
    let spellings = [
        "_HLS_msn=7&_HLS_part=1",
        "_HLS_part=1&_HLS_msn=7",
        "x=1&_HLS_msn=7&CMCD=a&_HLS_part=1",
    ];
    let target = |n: usize| format!("/live/stage/480p/media.m3u8?{}", spellings[n % 3]);
    for reply in crowd(&stage, &gate, 100, target).await {
        assert_eq!(reply.status, StatusCode::OK);
        assert_eq!(
            reply.header("content-type"),
            "application/vnd.apple.mpegurl"
        );
        assert_eq!(reply.header("cache-control"), "public, max-age=18");
    }
    assert_eq!(
        origin.asked(),
        ["/live/stage/480p/media.m3u8?_HLS_msn=7&_HLS_part=1"]
    );
    let mut viewer = stage.viewer().await;
    for other in [
        "_HLS_msn=7&_HLS_part=2",
        "_HLS_msn=7&_HLS_part=1&_HLS_skip=YES",
        "_HLS_msn=7",
        "",
    ] {
        viewer
            .get(&format!("/live/stage/480p/media.m3u8?{other}"))
            .await;
    }
    assert_eq!(origin.asked().len(), 5, "each is another playlist");
}

#[tokio::test]
async fn an_error_reaches_all_who_wait_at_once() {
    let gate = Arc::new(Semaphore::new(0));
    let (a, b) = (
        gated(&gate, || status(503)).await,
        gated(&gate, || status(503)).await,
    );
    let stage = Stage::new(&[&a, &b]).await;
    for reply in crowd(&stage, &gate, CROWD, |_| {
        "/live/stage/source/7.m4s".to_owned()
    })
    .await
    {
        assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(
            (reply.header("retry-after"), reply.header("cache-control")),
            ("1", "no-store")
        );
    }
    assert_eq!((a.asked().len(), b.asked().len()), (1, 1));
    let reply = stage.viewer().await.get("/live/stage/source/7.m4s").await;
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        (a.asked().len(), b.asked().len()),
        (1, 1),
        "an error is remembered too"
    );
}

#[tokio::test]
async fn nothing_there_is_asked_for_once_at_each_origin() {
    let gate = Arc::new(Semaphore::new(0));
    let (a, b) = (
        gated(&gate, || status(404)).await,
        gated(&gate, || status(404)).await,
    );
    let stage = Stage::new(&[&a, &b]).await;
    for reply in crowd(&stage, &gate, 100, |_| "/live/stage/index.m3u8".to_owned()).await {
        assert_eq!(reply.status, StatusCode::NOT_FOUND);
        assert_eq!(reply.header("access-control-allow-origin"), "*");
        assert_eq!(reply.header("cache-control"), "public, max-age=1");
    }
    assert_eq!((a.asked().len(), b.asked().len()), (1, 1));
}

/// An origin that sends `first` at once and `rest` when the gate opens.
async fn slow(gate: &Arc<Semaphore>, first: &'static str, rest: &'static str) -> Origin {
    let gate = gate.clone();
    Origin::start(move |_| {
        let gate = gate.clone();
        async move {
            let (mut sender, answer) = growing(first.len() + rest.len());
            tokio::spawn(async move {
                sender
                    .send_data(Bytes::from_static(first.as_bytes()))
                    .await
                    .unwrap();
                gate.acquire().await.unwrap().forget();
                if !rest.is_empty() {
                    sender
                        .send_data(Bytes::from_static(rest.as_bytes()))
                        .await
                        .unwrap();
                }
            });
            answer
        }
    })
    .await
}

#[tokio::test]
async fn a_viewer_gets_the_beginning_before_the_origin_has_finished() {
    let gate = Arc::new(Semaphore::new(0));
    let origin = slow(&gate, "begin", "end").await;
    let stage = Stage::new(&[&origin]).await;
    let (mut first, mut second) = (stage.viewer().await, stage.viewer_h2().await);
    for viewer in [&mut first, &mut second] {
        let mut answer = viewer
            .open(ask("GET", "/live/stage/source/7.m4s", &[]))
            .await
            .unwrap();
        assert_eq!(answer.headers()["content-length"], "8");
        let frame = answer.body_mut().frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), "begin");
    }
    let range = ask("GET", "/live/stage/source/7.m4s", &[("range", "bytes=1-3")]);
    let reply = stage.viewer().await.send(range).await.unwrap();
    assert_eq!(
        (reply.status, &reply.body[..]),
        (StatusCode::PARTIAL_CONTENT, &b"egi"[..]),
        "what is there is enough"
    );
    gate.add_permits(1);
    assert_eq!(
        stage
            .viewer()
            .await
            .get("/live/stage/source/7.m4s")
            .await
            .body,
        "beginend"
    );
    assert_eq!(origin.asked().len(), 1);
}

#[tokio::test]
async fn a_fetch_outlives_the_viewer_who_caused_it() {
    let gate = Arc::new(Semaphore::new(0));
    let origin = slow(&gate, "begin", "end").await;
    let stage = Stage::new(&[&origin]).await;
    let mut first = stage.viewer().await;
    let answer = first
        .open(ask("GET", "/live/stage/source/7.m4s", &[]))
        .await
        .unwrap();
    let mut second = stage.viewer().await;
    let mut waiting = second
        .open(ask("GET", "/live/stage/source/7.m4s", &[]))
        .await
        .unwrap();
    drop((answer, first));
    waiting.body_mut().frame().await.unwrap().unwrap();
    gate.add_permits(1);
    assert_eq!(
        waiting.into_body().collect().await.unwrap().to_bytes(),
        "end"
    );
    assert_eq!(origin.asked().len(), 1);
}

#[tokio::test]
async fn a_fetch_nobody_waits_for_any_more_is_there_for_the_next() {
    let gate = Arc::new(Semaphore::new(0));
    let origin = gated(&gate, || ok("media")).await;
    let stage = Stage::new(&[&origin]).await;
    let mut first = stage.viewer().await;
    {
        let request = ask("GET", "/live/stage/source/7.m4s", &[]);
        let mut open = std::pin::pin!(first.open(request));
        tokio::select! {
            _ = &mut open => panic!("the gate is closed"),
            () = stage.waiting(1) => {}
        }
    }
    drop(first);
    stage.waiting(0).await;
    gate.add_permits(1);
    let reply = stage.viewer().await.get("/live/stage/source/7.m4s").await;
    assert_eq!(
        (reply.status, &reply.body[..]),
        (StatusCode::OK, &b"media"[..])
    );
    assert_eq!(origin.asked().len(), 1);
}

#[tokio::test]
async fn an_origin_that_breaks_off_is_an_error_and_never_the_end_of_the_object() {
    let gate = Arc::new(Semaphore::new(0));
    let opened = gate.clone();
    let broken = Origin::start(move |_| {
        let gate = gate.clone();
        async move {
            let (mut sender, answer) = growing(100);
            tokio::spawn(async move {
                sender
                    .send_data(Bytes::from_static(b"begin"))
                    .await
                    .unwrap();
                gate.acquire().await.unwrap().forget();
                sender.abort(std::io::Error::other("gone"));
            });
            answer
        }
    })
    .await;
    let stage = Stage::new(&[&broken]).await;
    let (mut first, mut second) = (stage.viewer().await, stage.viewer_h2().await);
    let mut answers = Vec::new();
    for viewer in [&mut first, &mut second] {
        let mut answer = viewer
            .open(ask("GET", "/live/stage/source/7.m4s", &[]))
            .await
            .unwrap();
        answer.body_mut().frame().await.unwrap().unwrap();
        answers.push(answer);
    }
    opened.add_permits(1);
    for answer in answers {
        assert!(answer.into_body().collect().await.is_err());
    }
    assert_eq!(broken.asked().len(), 1);
}

#[tokio::test]
async fn an_origin_that_breaks_off_before_the_first_byte_costs_nobody_anything() {
    let broken = Origin::start(|_| async {
        let (sender, answer) = growing(100);
        tokio::spawn(async move { sender.abort(std::io::Error::other("gone")) });
        answer
    })
    .await;
    let good = Origin::fixed("media").await;
    let ranked = if order(2) == [0, 1] {
        [&broken, &good]
    } else {
        [&good, &broken]
    };
    let stage = Stage::new(&ranked).await;
    assert_eq!(
        stage
            .viewer()
            .await
            .get("/live/stage/source/7.m4s")
            .await
            .body,
        "media"
    );
    assert_eq!((broken.asked().len(), good.asked().len()), (1, 1));
}

#[tokio::test]
async fn whoever_asks_for_everything_of_one_stream_costs_another_nothing() {
    let gate = Arc::new(Semaphore::new(0));
    let held = gate.clone();
    let origin = Origin::start(move |target| {
        let gate = gate.clone();
        async move {
            if !target.starts_with("/live/other/") {
                gate.acquire().await.unwrap().forget();
            }
            ok("media")
        }
    })
    .await;
    let stage = Stage::new(&[&origin]).await;
    let mut replies = JoinSet::new();
    for connection in 0..10 {
        let viewer = stage.viewer_h2().await;
        for n in 0..EACH {
            let target = format!("/live/stage/source/{}.m4s", connection * EACH + n);
            let answer = viewer.sender().send_request(ask("GET", &target, &[]));
            replies.spawn(async move { answer.await.unwrap().status() });
        }
    }
    for _ in 0..200 - 64 {
        assert_eq!(
            replies.join_next().await.unwrap().unwrap(),
            StatusCode::SERVICE_UNAVAILABLE
        );
    }
    let reply = stage.viewer().await.get("/live/other/source/7.m4s").await;
    assert_eq!(reply.status, StatusCode::OK);
    held.add_permits(64);
    for status in replies.join_all().await {
        assert_eq!(status, StatusCode::OK);
    }
}
