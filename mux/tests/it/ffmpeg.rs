//! Debian's ffmpeg, publishing and playing.

use std::process::{ExitStatus, Stdio};

use rtmp::MessageKind;
use tokio::process::Command;

use crate::{
    peer::{Client, data_name},
    running::{KEY, PLAY_KEY, Running, within},
};

/// Three seconds of a test picture with B-frames and a tone.
const SHOW: &str = "-v error -f lavfi -i testsrc2=size=160x120:rate=30 -f lavfi -i sine=sample_rate=48000 -t 3 \
    -c:v libx264 -preset ultrafast -bf 2 -g 30 -c:a aac -f flv";

async fn ffmpeg(arguments: &str, last: &str) -> ExitStatus {
    let mut command = Command::new("ffmpeg");
    command.args(arguments.split_whitespace()).arg(last);
    command.stdin(Stdio::null()).kill_on_drop(true);
    command.status().await.unwrap()
}

#[tokio::test]
async fn it_publishes_and_a_player_gets_every_frame() {
    within(async {
        let mux = Running::start(&[]).await;
        let mut player = Client::play(mux.address(), PLAY_KEY).await.unwrap();
        let url = format!("rtmp://{}/live/{KEY}", mux.address());
        let publishing = tokio::spawn(async move { ffmpeg(SHOW, &url).await });
        let metadata = player.next().await.unwrap();
        assert_eq!(data_name(&metadata).unwrap(), "onMetaData");
        let mut heads = Vec::new();
        let (mut pictures, mut newest) = (0, [0; 2]);
        while pictures < 90 {
            let message = player.next().await.unwrap();
            heads.push((message.payload[0], message.payload[1]));
            let newest = &mut newest[usize::from(message.kind == MessageKind::Video)];
            assert!(message.timestamp >= *newest, "time falls");
            *newest = message.timestamp;
            let is_picture = message.kind == MessageKind::Video && message.payload[1] == 1;
            pictures += u32::from(is_picture);
        }
        // The two configurations, then a keyframe.
        assert_eq!(heads[..3], [(0x17, 0), (0xaf, 0), (0x17, 1)]);
        assert!(publishing.await.unwrap().success());
        mux.stop().await;
    })
    .await;
}

#[tokio::test]
async fn it_plays_what_it_published() {
    within(async {
        let mux = Running::start(&[]).await;
        let play = format!("rtmp://{}/live/{PLAY_KEY}", mux.address());
        let publish = format!("rtmp://{}/live/{KEY}", mux.address());
        let playing = tokio::spawn(async move {
            // Two seconds of what it gets, decoded; any error fails it.
            let input = format!("-v error -xerror -i {play} -t 2 -f null");
            ffmpeg(&input, "-").await
        });
        mux.status_when(|status| status["players"]["connected"] == 1)
            .await;
        assert!(ffmpeg(SHOW, &publish).await.success());
        assert!(playing.await.unwrap().success());
        mux.stop().await;
    })
    .await;
}

#[tokio::test]
async fn it_is_told_that_its_key_is_wrong() {
    within(async {
        let mux = Running::start(&[]).await;
        let url = format!("rtmp://{}/live/wrong", mux.address());
        assert!(!ffmpeg(SHOW, &url).await.success());
        mux.stop().await;
    })
    .await;
}
