//! What push targets get.

use rtmp::{Message, MessageKind};
use serde_json::Value;

use crate::{
    peer::{AAC, AVC, Client, Feed, METADATA, Transcoder, frame, number},
    running::{KEY, Running, within},
};

async fn next(feed: &mut Feed) -> Message {
    feed.next().await.unwrap()
}

/// Metadata as a publisher sends it, headers, and the keyframe; answers with its number and time.
async fn opening(feed: &mut Feed) -> (u32, u32) {
    for expected in [METADATA, AVC, AAC] {
        assert_eq!(next(feed).await.payload, expected);
    }
    let key = next(feed).await;
    let (number, is_key) = number(&key).unwrap();
    assert!(is_key);
    (number, key.timestamp)
}

/// Waits until the push called `name` is as `is` wants it.
async fn push_is(mux: &Running, name: &str, is: impl Fn(&Value) -> bool) -> Value {
    let called = |status: &Value| {
        let pushes = status["pushes"].as_array().unwrap();
        pushes
            .iter()
            .find(|push| push["name"] == name)
            .unwrap()
            .clone()
    };
    called(&mux.status_when(|status| is(&called(status))).await)
}

#[tokio::test]
async fn a_target_gets_what_an_encoder_would_send_from_the_newest_keyframe_on() {
    within(async {
        let platform = Transcoder::start().await;
        let mux = Running::start_pushing(&[("p", platform.address())]).await;
        let mut obs = Client::publish(mux.address(), KEY).await.unwrap();
        obs.send_headers().await;
        obs.send(MessageKind::Video, 5_000, &frame(true, 0, 10))
            .await;
        let mut feed = platform.accept().await;
        assert_eq!(feed.key, "push-key");
        assert_eq!(opening(&mut feed).await, (0, 0));
        for n in 1..=10 {
            obs.send(
                MessageKind::Video,
                5_000 + n * 500,
                &frame(n % 4 == 0, n, 10),
            )
            .await;
        }
        // No stamps, and its own clock.
        for n in 1..=10 {
            let message = next(&mut feed).await;
            assert_eq!(number(&message), Some((n, n % 4 == 0)));
            assert_eq!(message.timestamp, n * 500);
        }
        let push = push_is(&mux, "p", |push| push["state"] == "live").await;
        assert_eq!(push["failures"], 0);
        assert_eq!(push["target"], format!("rtmp://{}", platform.address()));
        mux.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_reload_starts_ends_and_leaves_alone_what_it_should() {
    within(async {
        let (one, two) = (Transcoder::start().await, Transcoder::start().await);
        let mut mux =
            Running::start_pushing(&[("kept", one.address()), ("gone", two.address())]).await;
        let mut obs = Client::publish(mux.address(), KEY).await.unwrap();
        obs.send_headers().await;
        obs.send(MessageKind::Video, 0, &frame(true, 0, 10)).await;
        let (mut kept, mut gone) = (one.accept().await, two.accept().await);
        opening(&mut kept).await;
        opening(&mut gone).await;
        mux.reload("name = \"gone\"", "name = \"new\"")
            .await
            .unwrap();
        // The removed one hears a goodbye, and the new one begins where decoding can begin.
        assert!(gone.next().await.is_none());
        let mut new = two.accept().await;
        opening(&mut new).await;
        obs.send(MessageKind::Video, 40, &frame(false, 1, 10)).await;
        assert_eq!(number(&next(&mut kept).await), Some((1, false)));
        assert_eq!(number(&next(&mut new).await), Some((1, false)));
        assert_eq!(push_is(&mux, "kept", |_| true).await["failures"], 0);
        mux.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_show_that_a_target_does_not_take_is_refused_with_advice() {
    within(async {
        let platform = Transcoder::start().await;
        let mux = Running::start_pushing(&[("p", platform.address())]).await;
        let mut obs = Client::publish(mux.address(), KEY).await.unwrap();
        obs.send(MessageKind::Video, 0, b"\x90hvc1configuration")
            .await;
        obs.send(MessageKind::Video, 0, b"\x91hvc1\x00\x00\x00key")
            .await;
        let push = push_is(&mux, "p", |push| push["state"] == "refused").await;
        let why = push["why"].as_str().unwrap();
        assert!(why.contains("hevc") && why.contains("codecs"), "{why}");
        // Another encoder with the same key: now it fits.
        let mut obs = Client::publish(mux.address(), KEY).await.unwrap();
        obs.send_headers().await;
        obs.send(MessageKind::Video, 0, &frame(true, 7, 10)).await;
        let mut feed = platform.accept().await;
        assert_eq!(opening(&mut feed).await, (7, 0));
        mux.stop().await;
    })
    .await;
}
