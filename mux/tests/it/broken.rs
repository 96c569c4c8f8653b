//! Broken and hostile peers: each is closed, and none costs another anything.

use rtmp::MessageKind;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    peer::{Client, frame, number},
    running::{KEY, PLAY_KEY, Running, within},
};

#[tokio::test]
async fn garbage_is_closed_while_a_show_goes_on() {
    within(async {
        let mux = Running::start(&[]).await;
        let mut player = Client::play(mux.address(), PLAY_KEY).await.unwrap();
        let mut obs = Client::publish(mux.address(), KEY).await.unwrap();
        obs.send_headers().await;
        obs.send(MessageKind::Video, 0, &frame(true, 0, 10)).await;
        let tls = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec();
        let http = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec();
        let chunks = [&[3][..], &[0; 3_072], &[0xff; 5_000]].concat();
        for garbage in [tls, http, vec![0xff; 100_000], chunks] {
            let mut peer = TcpStream::connect(mux.address()).await.unwrap();
            // Mux may close before all is written.
            let _closed = peer.write_all(&garbage).await;
            let mut answer = Vec::new();
            let _reset = peer.read_to_end(&mut answer).await;
        }
        obs.send(MessageKind::Video, 40, &frame(false, 1, 10)).await;
        while number(&player.next().await.unwrap()) != Some((1, false)) {}
        assert_eq!(mux.status()["publishers"], 1);
        mux.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_publisher_of_nonsense_harms_itself_alone() {
    within(async {
        let mux = Running::start(&[]).await;
        let mut player = Client::play(mux.address(), PLAY_KEY).await.unwrap();
        let mut obs = Client::publish(mux.address(), KEY).await.unwrap();
        obs.send_headers().await;
        obs.send(MessageKind::Video, 0, &frame(true, 0, 10)).await;
        // Media that is none, and a faked stamp.
        obs.send(MessageKind::Video, 10, b"\x17").await;
        obs.send(MessageKind::Audio, 10, b"\xaf").await;
        obs.send(MessageKind::DataAmf0, 10, b"\x02\x00\x09onSegment\x05")
            .await;
        obs.send(MessageKind::Video, 40, &frame(false, 1, 10)).await;
        let mut seen = Vec::new();
        while seen.last() != Some(&Some((1, false))) {
            seen.push(number(&player.next().await.unwrap()));
        }
        // Three headers, two frames.
        assert_eq!(seen.len(), 5);
        mux.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_publisher_reset_in_the_middle_of_a_frame_is_held_and_the_next_goes_on() {
    within(async {
        let mux = Running::start(&[]).await;
        let mut player = Client::play(mux.address(), PLAY_KEY).await.unwrap();
        let mut seen = Vec::new();
        let mut newest = 0;
        // In the chunk's header, in the tag's, and before the last byte.
        for (n, cut) in (0..).zip([3, 14, 100_000]) {
            let mut obs = Client::publish(mux.address(), KEY).await.unwrap();
            obs.send_headers().await;
            obs.send(MessageKind::Video, 0, &frame(true, n, 10)).await;
            while seen.last() != Some(&n) {
                let message = player.next().await.expect("a player is never closed");
                assert!(message.timestamp >= newest, "time falls");
                newest = message.timestamp;
                seen.extend(number(&message).map(|(number, _)| number));
            }
            obs.dies_in(40, &frame(true, 1_000 + n, 100_000), cut).await;
            let status = mux.status_when(|status| status["state"] == "held").await;
            assert_eq!(status["publishers"], 0);
            assert_eq!(status["players"]["connected"], 1);
        }
        // Each picture that was whole came once, and none that was not.
        assert_eq!(seen, [0, 1, 2]);
        mux.stop().await;
    })
    .await;
}
