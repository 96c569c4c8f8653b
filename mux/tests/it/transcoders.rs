//! What transcoders get.

use rtmp::{Message, MessageKind};

use crate::{
    peer::{AAC, AVC, Client, Feed, METADATA, Transcoder, data_name, frame, number, stamp_field},
    running::{KEY, Running, publish_token, within},
};

async fn next(feed: &mut Feed) -> Message {
    feed.next().await.unwrap()
}

/// Headers, then the stamp, then its keyframe. Answers with the stamp and the keyframe's number.
async fn opening(feed: &mut Feed) -> (Message, u32) {
    assert_eq!(next(feed).await.payload, METADATA);
    assert_eq!(next(feed).await.payload, AVC);
    assert_eq!(next(feed).await.payload, AAC);
    let stamp = next(feed).await;
    assert_eq!(data_name(&stamp).unwrap(), "onSegment");
    let key = next(feed).await;
    let (number, is_key) = number(&key).unwrap();
    assert!(is_key);
    // The wire has the low 32 bits of the absolute time.
    let pts_ms = stamp_field(&stamp, "pts") / 90.0;
    assert_eq!(pts_ms % 4_294_967_296.0, f64::from(key.timestamp));
    (stamp, number)
}

#[tokio::test]
async fn two_transcoders_get_the_same_stamps_and_frames_with_their_token() {
    within(async {
        let (one, two) = (Transcoder::start().await, Transcoder::start().await);
        let mux = Running::start(&[one.address(), two.address()]).await;
        let mut obs = Client::publish(mux.address(), KEY).await.unwrap();
        obs.send_headers().await;
        obs.send(MessageKind::Video, 0, &frame(true, 0, 10)).await;
        let (mut one, mut two) = (one.accept().await, two.accept().await);
        for feed in [&mut one, &mut two] {
            assert_eq!(feed.key, format!("stage?token={}", publish_token()));
        }
        let (stamp, _) = opening(&mut one).await;
        assert_eq!(opening(&mut two).await.0.payload, stamp.payload);
        for n in 1..=100 {
            obs.send(MessageKind::Video, n * 40, &frame(n % 50 == 0, n, 10))
                .await;
        }
        let mut stamps = Vec::new();
        let mut last = 0;
        while last < 100 {
            let (a, b) = (next(&mut one).await, next(&mut two).await);
            assert_eq!((a.timestamp, &a.payload), (b.timestamp, &b.payload));
            match number(&a) {
                Some((number, _)) => last = number,
                None => stamps.push((last, stamp_field(&a, "msn") - stamp_field(&stamp, "msn"))),
            }
        }
        // Just before the keyframes of 2 and 4 seconds.
        assert_eq!(stamps, [(49, 1.0), (99, 2.0)]);
        mux.stop().await;
    })
    .await;
}

#[tokio::test]
async fn mux_starts_without_its_transcoder_says_so_and_finds_it() {
    within(async {
        let address = Transcoder::start().await.address();
        let mux = Running::start(&[address]).await;
        let mut obs = Client::publish(mux.address(), KEY).await.unwrap();
        obs.send_headers().await;
        obs.send(MessageKind::Video, 0, &frame(true, 0, 10)).await;
        mux.status_when(|status| status["outputs"][0]["state"] == "waiting")
            .await;
        let mut feed = Transcoder::start_at(address).await.accept().await;
        assert_eq!(opening(&mut feed).await.1, 0);
        mux.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_transcoder_that_dies_is_found_again_and_starts_at_the_newest_boundary() {
    within(async {
        let transcoder = Transcoder::start().await;
        let mux = Running::start(&[transcoder.address()]).await;
        let mut obs = Client::publish(mux.address(), KEY).await.unwrap();
        obs.send_headers().await;
        obs.send(MessageKind::Video, 0, &frame(true, 0, 10)).await;
        let mut feed = transcoder.accept().await;
        assert_eq!(opening(&mut feed).await.1, 0);
        obs.send(MessageKind::Video, 2_000, &frame(true, 1, 10))
            .await;
        obs.send(MessageKind::Video, 2_040, &frame(false, 2, 10))
            .await;
        while number(&next(&mut feed).await) != Some((2, false)) {}
        drop(feed);
        let mut feed = transcoder.accept().await;
        assert_eq!(opening(&mut feed).await.1, 1);
        assert_eq!(number(&next(&mut feed).await), Some((2, false)));
        let output = &mux.status()["outputs"][0];
        assert_eq!(
            (&output["state"], &output["failures"]),
            (&"publishing".into(), &1.into())
        );
        mux.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_restart_goes_on_with_higher_numbers_and_the_next_discontinuity() {
    within(async {
        let transcoder = Transcoder::start().await;
        let mut mux = Running::start(&[transcoder.address()]).await;
        let mut last = (0.0, -1.0);
        for _ in 0..2 {
            let mut obs = Client::publish(mux.address(), KEY).await.unwrap();
            obs.send_headers().await;
            obs.send(MessageKind::Video, 0, &frame(true, 0, 10)).await;
            let (stamp, _) = opening(&mut transcoder.accept().await).await;
            let numbers = (stamp_field(&stamp, "msn"), stamp_field(&stamp, "dsn"));
            assert!(
                numbers.0 > last.0 && numbers.1 > last.1,
                "{numbers:?} after {last:?}"
            );
            last = numbers;
            let directory = mux.stop().await;
            mux = Running::start_in(directory, &[transcoder.address()]).await;
        }
        mux.stop().await;
    })
    .await;
}
