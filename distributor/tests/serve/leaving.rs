//! What viewers meet in a daemon that stops.

use http::StatusCode;
use http_body_util::BodyExt;

use crate::{
    follow::{PLAYLIST, origin},
    stage::{Origin, Stage, Viewer, ask, ok},
};

/// The playlist and the part that come next, which the origin holds back.
const NEXT: [&str; 2] = [
    "/live/stage/source/media.m3u8?_HLS_msn=103&_HLS_part=1",
    "/live/stage/source/103.1.m4s",
];

/// Why a request came to nothing, in the words of the protocol.
fn reason(error: &hyper::Error) -> Option<h2::Reason> {
    let source = std::error::Error::source(error)?;
    source.downcast_ref::<h2::Error>()?.reason()
}

#[tokio::test]
async fn who_waits_for_what_is_to_come_is_told_at_once_to_ask_anew() {
    let (_at, origin) = origin(1000).await;
    let stage = Stage::new(&[&origin]).await;
    let mut waiting = Vec::new();
    for target in NEXT {
        for followed in [false, true] {
            for mut viewer in [
                stage.viewer().await,
                stage.viewer_h2().await,
                stage.viewer_h2().await,
            ] {
                if followed {
                    assert_eq!(viewer.get(PLAYLIST).await.status, StatusCode::OK);
                }
                waiting.push(tokio::spawn(async move {
                    let reply = viewer.send(ask("GET", target, &[])).await;
                    (viewer, followed, reply)
                }));
                stage.waiting(waiting.len() as u64).await;
            }
        }
    }
    stage.chassis.shutdown().trigger();
    for waited in waiting {
        let (viewer, used, reply) = waited.await.unwrap();
        match (viewer, reply) {
            (Viewer::H2(_), reply) => {
                assert_eq!(
                    reason(&reply.unwrap_err()),
                    Some(h2::Reason::REFUSED_STREAM)
                );
            }
            (Viewer::H1(_), Err(error)) => {
                assert!(used && error.is_incomplete_message(), "{error:?}")
            }
            (Viewer::H1(_), Ok(reply)) => {
                assert!(!used, "a connection that was used before is closed");
                assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
                assert_eq!(reply.header("retry-after"), "1");
                assert_eq!(reply.header("connection"), "close");
                assert_ne!(reply.header("access-control-allow-origin"), "");
            }
        }
    }
    stage.chassis.tasks().empty().await;
}

#[tokio::test]
async fn who_has_just_connected_is_served_once_and_who_rests_is_let_go() {
    let origin = Origin::fixed("media").await;
    let stage = Stage::new(&[&origin]).await;
    let target = "/live/stage/source/7.m4s";
    let (mut new, mut new_h2) = (stage.viewer().await, stage.viewer_h2().await);
    let (mut used, mut used_h2) = (stage.viewer().await, stage.viewer_h2().await);
    for viewer in [&mut used, &mut used_h2] {
        assert_eq!(viewer.get(target).await.body, "media");
    }
    stage.chassis.shutdown().trigger();
    for viewer in [&mut new, &mut new_h2] {
        assert_eq!(viewer.get(target).await.body, "media");
    }
    stage.chassis.tasks().empty().await;
    for mut viewer in [new, new_h2, used, used_h2] {
        assert!(viewer.send(ask("GET", target, &[])).await.is_err());
    }
}

#[tokio::test]
async fn an_answer_under_way_is_given_whole_to_a_viewer_who_takes_it_slowly() {
    // More than HTTP/2's window and the kernel's buffers hold.
    const LARGE: usize = 24 << 20;
    let origin = Origin::start(|_| async { ok(vec![7; LARGE]) }).await;
    let stage = Stage::new(&[&origin]).await;
    let mut viewers = [stage.viewer_h2().await, stage.viewer().await];
    let mut bodies = Vec::new();
    for viewer in &mut viewers {
        let asked = viewer.open(ask("GET", "/live/stage/source/7.m4s", &[]));
        bodies.push(asked.await.unwrap().into_body());
    }
    stage.chassis.shutdown().trigger();
    for mut body in bodies {
        let mut taken = 0;
        while let Some(frame) = body.frame().await {
            taken += frame.unwrap().into_data().unwrap_or_default().len();
        }
        assert_eq!(taken, LARGE);
    }
    stage.chassis.tasks().empty().await;
}
