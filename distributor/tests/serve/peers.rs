//! Several distributors: a stream's home fills the others, and viewers are steered.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::client;
use hyper_util::rt::TokioIo;
use live::cluster::ClusterSecret;
use serde_json::Value;
use tokio::{net::TcpStream, sync::Notify};

use crate::{
    follow::{At, PLAYLIST, each_once, origin, until_held},
    stage::{Answer, Origin, SECRET, Stage, ok, pass, status},
    troupe::{Troupe, address, order, section, stands},
};

const INDEX: &str =
    "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=2,CODECS=\"avc1.64001e\"\nsource/media.m3u8\n";
const WELL: &str = "{\"egress\":0,\"connections\":0,\"limit\":1000,\"drained\":false}";
const PART: &str = "/live/stage/source/7.m4s";

/// A distributor that is not the home, in front of `origin`; `home` says what the home says.
async fn beside(home: &Origin, origin: &Origin) -> Stage {
    let weights = [1, 100];
    assert_eq!(order(&weights)[0], 1, "the heavier one has the stream");
    let list = [(address(), weights[0]), (home.address, weights[1])];
    let stage = Stage::with(&[origin], &section(0, &list)).await;
    stage
        .until(|status| stands(status, "d1")["state"] == "up")
        .await;
    stage
}

/// What a home that is well answers to `target`; what it says of an object is `answer`'s.
async fn home(answer: fn() -> Option<Answer>) -> Origin {
    Origin::start(move |target| async move {
        match answer() {
            _ if target == "/peer/state" => ok(WELL),
            Some(answer) => answer,
            None => std::future::pending().await,
        }
    })
    .await
}

async fn until_asked(origin: &Origin, target: &str) {
    while !origin.asked().iter().any(|asked| asked == target) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_home_alone_asks_the_transcoder_however_many_are_asked() {
    let origin = Origin::fixed("media").await;
    let troupe = Troupe::new(3, &origin).await;
    for rank in [2, 1, 0, 2] {
        assert_eq!(troupe.get(rank, PART).await, "media");
    }
    assert_eq!(origin.asked(), [PART]);
    let home = troupe.boxes[0].chassis.status();
    assert_eq!(home["streams"]["stage"], "a");
    assert_eq!(home["audience"]["viewers"], 0, "peers are no viewers");
}

#[tokio::test]
async fn when_the_home_is_gone_nobody_notices_and_the_next_is_the_home() {
    let origin = Origin::fixed("media").await;
    let mut troupe = Troupe::new(3, &origin).await;
    assert_eq!(troupe.get(2, PART).await, "media");
    let home = troupe.boxes.remove(0);
    let name = troupe.names.remove(0);
    home.chassis.shutdown().trigger();
    for rank in [0, 1] {
        assert_eq!(troupe.get(rank, "/live/stage/source/8.m4s").await, "media");
    }
    for stage in &troupe.boxes {
        stage
            .until(|status| stands(status, &name)["state"] == "down")
            .await;
        let concerns = stage.chassis.concerns();
        assert!(concerns[0].contains(&name), "{concerns:?}");
    }
    let target = "/live/stage/source/9.m4s";
    for rank in [1, 0] {
        assert_eq!(troupe.get(rank, target).await, "media");
    }
    let asked = origin.asked();
    assert_eq!(asked.iter().filter(|asked| *asked == target).count(), 1);
}

#[tokio::test]
async fn a_home_that_is_slow_is_helped_and_whoever_begins_first_serves() {
    for home_is_first in [false, true] {
        // Whichever is first answers when both were asked, and the other never.
        let both = Arc::new(Notify::new());
        let asked = both.clone();
        let home = Origin::start(move |target| {
            let both = both.clone();
            async move {
                if target == "/peer/state" {
                    return ok(WELL);
                }
                both.notified().await;
                if home_is_first {
                    return ok("home");
                }
                std::future::pending().await
            }
        })
        .await;
        let origin = Origin::start(move |_| {
            asked.notify_one();
            async move {
                if home_is_first {
                    std::future::pending().await
                } else {
                    ok("origin")
                }
            }
        })
        .await;
        let stage = beside(&home, &origin).await;
        let mut viewer = stage.viewer().await;
        let slow = async {
            until_asked(&home, PART).await;
            pass(1).await;
        };
        let (reply, ()) = tokio::join!(viewer.get(PART), slow);
        let first = if home_is_first { "home" } else { "origin" };
        assert_eq!(reply.body, first);
        assert_eq!(origin.asked(), [PART]);
    }
}

#[tokio::test]
async fn a_home_that_cannot_serve_is_passed_over_at_once_and_one_that_has_no_such_show_is_believed()
{
    let origin = Origin::fixed("media").await;
    let failing = home(|| Some(status(503))).await;
    let stage = beside(&failing, &origin).await;
    assert_eq!(stage.viewer().await.get(PART).await.body, "media");

    let empty = home(|| Some(status(404))).await;
    let stage = beside(&empty, &origin).await;
    let mut viewer = stage.viewer().await;
    let reply = viewer.get("/live/stage/index.m3u8").await;
    assert_eq!(reply.status, StatusCode::NOT_FOUND);
    assert_eq!(
        viewer.get(PART).await.body,
        "media",
        "what a playlist names may be at a transcoder"
    );
    assert_eq!(origin.asked(), [PART, PART]);
}

#[tokio::test]
async fn what_is_held_at_a_home_that_falls_silent_is_asked_of_the_transcoder() {
    let silent = Arc::new(AtomicBool::new(false));
    let switch = silent.clone();
    let home = Origin::start(move |target| {
        let silent = silent.load(Relaxed);
        async move {
            if target == "/peer/state" && !silent {
                ok(WELL)
            } else {
                std::future::pending().await
            }
        }
    })
    .await;
    let origin = Origin::fixed("#EXTM3U\n").await;
    let stage = beside(&home, &origin).await;
    let mut viewer = stage.viewer().await;
    let target = format!("{PLAYLIST}?_HLS_msn=7");
    let silence = async {
        until_asked(&home, &target).await;
        switch.store(true, Relaxed);
    };
    let (reply, ()) = tokio::join!(viewer.get(&target), silence);
    assert_eq!(reply.body, "#EXTM3U\n");
    assert_eq!(stands(&stage.chassis.status(), "d1")["state"], "down");
}

#[tokio::test]
async fn boxes_that_take_each_other_for_the_home_both_serve() {
    let origin = Origin::fixed("#EXTM3U\n").await;
    let (a, b) = (address(), address());
    assert_eq!((order(&[1, 100])[0], order(&[100, 1])[0]), (1, 0));
    let boxes = [
        Stage::with(&[&origin], &section(0, &[(a, 1), (b, 100)])).await,
        Stage::with(&[&origin], &section(1, &[(a, 100), (b, 1)])).await,
    ];
    for (stage, other) in boxes.iter().zip(["d1", "d0"]) {
        stage
            .until(|status| stands(status, other)["state"] == "up")
            .await;
    }
    let (mut first, mut second) = (boxes[0].viewer().await, boxes[1].viewer().await);
    // Were each to wait for the other, they would do so for as long as a playlist may be held.
    let target = format!("{PLAYLIST}?_HLS_msn=7");
    let both = async { tokio::join!(first.get(&target), second.get(&target)) };
    let both = tokio::time::timeout(Duration::from_secs(10), both).await;
    let (first, second) = both.unwrap();
    assert_eq!(
        (&first.body[..], &second.body[..]),
        (&b"#EXTM3U\n"[..], &b"#EXTM3U\n"[..])
    );
    assert!(origin.asked().len() <= 2, "{:?}", origin.asked());
}

#[tokio::test]
async fn what_is_watched_elsewhere_is_followed_through_the_home() {
    let (at, origin) = origin(1000).await;
    let troupe = Troupe::new(2, &origin).await;
    let before = At::new(100, 103, 1);
    assert_eq!(troupe.get(1, PLAYLIST).await, before.playlist());
    for stage in &troupe.boxes {
        stage
            .until(|status| status["followed"]["stage"][0] == "source")
            .await;
    }
    for parts in 2..=3 {
        let now = At::new(100, 103, parts);
        let reload = format!("{PLAYLIST}?_HLS_msn=103&_HLS_part={}", parts - 1);
        let appears = async {
            until_asked(&origin, &reload).await;
            at.send_replace(now);
        };
        let (playlist, ()) = tokio::join!(troupe.get(1, &reload), appears);
        assert_eq!(playlist, now.playlist());
        let part = format!("/live/stage/source/103.{}.m4s", parts - 1);
        assert_eq!(troupe.get(1, &part).await.len(), 1000);
    }
    each_once(&origin);
    assert_eq!(troupe.boxes[1].chassis.status()["edge_misses"], 0);
}

#[tokio::test]
async fn a_viewer_is_given_two_boxes_and_an_order_that_a_drain_changes() {
    let origin = Origin::fixed(INDEX).await;
    let troupe = Troupe::new(3, &origin).await;
    let [home, next, last] = &troupe.names[..] else {
        panic!()
    };
    let index = "/live/stage/index.m3u8";
    let variants = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| line.starts_with("https://"));
        let host = |line: &str| line.split('/').nth(2).unwrap().to_owned();
        lines.map(host).collect()
    };
    for rank in 0..3 {
        let text = troupe.get(rank, index).await;
        let hosts = [format!("{home}.example"), format!("{next}.example")];
        assert_eq!(variants(&text), hosts, "{text}");
        assert!(
            text.contains(
                "#EXT-X-CONTENT-STEERING:SERVER-URI=\"https://live.example/steer/stage?v="
            )
        );
        assert!(text.contains(&format!("PATHWAY-ID=\"{home}\"")));
    }
    let here = format!("v=00000000000000ff&_HLS_pathway={home}");
    assert_eq!(troupe.steered(2, &here).await[0], *home);
    let elsewhere = format!("v=00000000000000ff&_HLS_pathway={last}");
    assert_eq!(troupe.steered(0, &elsewhere).await[0], *last, "he stays");

    troupe.boxes[0].distributor.drain(true);
    troupe.boxes[2]
        .until(|status| stands(status, home)["drained"] == true)
        .await;
    let concerns = || troupe.boxes[0].chassis.concerns();
    assert!(concerns()[0].contains("order undrain"), "{:?}", concerns());
    let order = troupe.steered(2, &here).await;
    assert_eq!(order[2], *home, "{order:?}");
    let text = troupe.get(2, index).await;
    let hosts = [format!("{next}.example"), format!("{last}.example")];
    assert_eq!(variants(&text), hosts);
    assert_eq!(
        troupe.get(0, index).await.matches(".example/live/").count(),
        2
    );

    troupe.boxes[0].distributor.drain(false);
    troupe.boxes[2]
        .until(|status| stands(status, home)["drained"] == false)
        .await;
    assert_eq!(troupe.steered(2, &here).await[0], *home);
    assert!(concerns().is_empty(), "{:?}", concerns());
}

#[tokio::test]
async fn who_is_sent_elsewhere_hears_so_in_mid_segment_and_who_stays_at_once() {
    let (at, origin) = origin(1000).await;
    let troupe = Troupe::new(2, &origin).await;
    let home = &troupe.names[0];
    assert_eq!(troupe.get(1, PLAYLIST).await, at.borrow().playlist());
    let (stage, begun) = (&troupe.boxes[1], *at.borrow());
    until_held(stage, &origin, begun).await;
    let here = format!("v=00000000000000ff&_HLS_pathway={home}");
    assert_eq!(troupe.steered(1, &here).await[0], *home);
    troupe.boxes[0].distributor.drain(true);
    stage
        .until(|status| stands(status, home)["drained"] == true)
        .await;
    let steered = troupe.steered(1, &here);
    let moves_on = async {
        stage.waiting(1).await;
        for (open, parts) in [(103, 4), (104, 1)] {
            at.send_replace(At::new(100, open, parts));
            let part = format!("/live/stage/source/{open}.{}.m4s", parts - 1);
            assert_eq!(troupe.get(1, &part).await.len(), 1000);
            assert_eq!(stage.chassis.status()["waiters"], 1, "{open} {parts}");
        }
        at.send_replace(At::new(100, 104, 2));
    };
    let (order, ()) = tokio::join!(steered, moves_on);
    assert_eq!(order[1], *home);
    // And whoever comes now is not kept waiting.
    assert_eq!(troupe.steered(1, &here).await[1], *home);
}

#[tokio::test]
async fn the_watch_page_may_play_from_every_box_and_from_nowhere_else() {
    let origin = Origin::fixed(INDEX).await;
    let troupe = Troupe::new(2, &origin).await;
    let reply = troupe.boxes[0].viewer().await.get("/watch/stage").await;
    let policy = reply.header("content-security-policy");
    let hosts = "https://live.example https://d0.example https://d1.example;";
    assert!(
        policy.contains(&format!("connect-src 'self' {hosts}")),
        "{policy}"
    );
    assert!(policy.contains("default-src 'none'"));
}

#[tokio::test]
async fn of_a_distributor_that_is_alone_nothing_is_said_of_others() {
    let origin = Origin::fixed(INDEX).await;
    let stage = Stage::new(&[&origin]).await;
    let mut viewer = stage.viewer().await;
    let index = viewer.get("/live/stage/index.m3u8").await;
    let text = String::from_utf8(index.body.to_vec()).unwrap();
    assert!(!text.contains("PATHWAY") && !text.contains("STEERING") && !text.contains("https:"));
    let steer = viewer.get("/steer/stage").await;
    assert_eq!(steer.status, StatusCode::NOT_FOUND);
    assert!(stage.chassis.status().get("peers").is_none());
}

/// What the private listener of `stage` answers.
async fn private(
    stage: &Stage,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
) -> (u16, Bytes) {
    let tcp = TcpStream::connect(stage.chassis.address("peer").unwrap())
        .await
        .unwrap();
    let handshake = client::conn::http1::handshake(TokioIo::new(tcp)).await;
    let (mut sender, connection) = handshake.unwrap();
    tokio::spawn(connection);
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.header("host", "d").body(Empty::<Bytes>::new());
    let response = sender.send_request(request.unwrap()).await.unwrap();
    let status = response.status().as_u16();
    (
        status,
        response.into_body().collect().await.unwrap().to_bytes(),
    )
}

#[tokio::test]
async fn the_private_listener_is_for_peers_that_do_not_go_round_in_a_circle() {
    let origin = Origin::fixed(INDEX).await;
    let troupe = Troupe::new(2, &origin).await;
    let stage = &troupe.boxes[1];
    let token = ClusterSecret::new(SECRET).unwrap().origin_token();
    let bearer = format!("Bearer {}", token.expose());
    let known = ("authorization", bearer.as_str());
    let index = "/live/stage/index.m3u8";

    assert_eq!(private(stage, "GET", index, &[]).await.0, 401);
    let stranger = ("authorization", "Bearer 00");
    assert_eq!(
        private(stage, "GET", "/peer/state", &[stranger]).await.0,
        401
    );
    assert_eq!(private(stage, "POST", index, &[known]).await.0, 405);
    assert_eq!(private(stage, "GET", "/watch/stage", &[known]).await.0, 404);
    let been = ("cdn-loop", troupe.names[1].as_str());
    assert_eq!(private(stage, "GET", index, &[known, been]).await.0, 508);

    let (status, body) = private(stage, "GET", index, &[known]).await;
    assert_eq!(
        (status, &body[..]),
        (200, INDEX.as_bytes()),
        "as it was written"
    );
    assert_eq!(
        origin.asked(),
        [index],
        "this one is not the home, but asked by a peer it asks no other"
    );
    let home = troupe.boxes[0].chassis.status();
    assert!(home["streams"].as_object().unwrap().is_empty());
    let (status, body) = private(stage, "GET", "/peer/state", &[known]).await;
    let state: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((status, &state["drained"]), (200, &false.into()));
}
