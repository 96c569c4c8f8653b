//! Encoders that are stopped, killed and replaced, and players that notice nothing but a seam.

use std::{net::SocketAddr, process::Stdio};

use rtmp::{CloseReason, MessageKind};
use serde_json::Value;
use tokio::process::{Child, Command};

use crate::{
    peer::Client,
    running::{BACKUP_KEY, KEY, PLAY_KEY, Running, within},
};

/// Thirty pictures a second and a tone, in real time, without end; a keyframe every second.
const ENDLESS: &str = "-v error -re -f lavfi -i testsrc2=size=160x120:rate=30 -f lavfi -i sine=sample_rate=48000 \
    -c:v libx264 -preset ultrafast -g 30 -c:a aac -f flv";
/// Pictures that show that a show goes on: two seconds.
const GOES_ON: u32 = 60;

fn encoder(mux: SocketAddr, key: &str) -> Child {
    let mut command = Command::new("ffmpeg");
    command.args(ENDLESS.split_whitespace());
    command.arg(format!("rtmp://{mux}/live/{key}"));
    command.stdin(Stdio::null()).stderr(Stdio::null());
    command.kill_on_drop(true).spawn().unwrap()
}

/// Stops it as a machine that hangs does: its connection stays open.
async fn freeze(encoder: &Child) {
    let id = encoder.id().unwrap().to_string();
    let kill = Command::new("kill").args(["-STOP", &id]).status().await;
    assert!(kill.unwrap().success());
}

/// A player, and what it has seen.
struct Player {
    client: Client,
    newest: [u32; 2],
    pictures: u32,
}

impl Player {
    async fn join(mux: SocketAddr) -> Self {
        Self {
            client: Client::play(mux, PLAY_KEY).await.unwrap(),
            newest: [0; 2],
            pictures: 0,
        }
    }

    /// Takes the next message, which must be in its time and decodable.
    async fn watch(&mut self) -> Result<(), CloseReason> {
        let message = self.client.next().await?;
        let is_picture = message.kind == MessageKind::Video;
        if !is_picture && message.kind != MessageKind::Audio || message.payload[1] != 1 {
            return Ok(());
        }
        let newest = &mut self.newest[usize::from(is_picture)];
        assert!(message.timestamp >= *newest, "time falls");
        let gap = message.timestamp - std::mem::replace(newest, message.timestamp);
        if is_picture {
            let key = message.payload[0] == 0x17;
            let begins = self.pictures == 0 || gap > 100;
            assert!(key || !begins, "a seam of {gap} ms without a keyframe");
            self.pictures += 1;
        }
        Ok(())
    }

    /// Watches until the show has gone on for a while.
    async fn goes_on(&mut self) {
        let until = self.pictures + GOES_ON;
        while self.pictures < until {
            self.watch().await.expect("a player is never closed");
        }
    }
}

/// Watches until the status says so.
async fn watch_until(mux: &Running, players: &mut [Player], is: impl Fn(&Value) -> bool) {
    while !is(&mux.status()) {
        // One of them paces the loop; the others have it buffered.
        players[0].watch().await.expect("a player is never closed");
    }
    for player in players {
        player.goes_on().await;
    }
}

async fn three(mux: &Running) -> [Player; 3] {
    let address = mux.address();
    [
        Player::join(address).await,
        Player::join(address).await,
        Player::join(address).await,
    ]
}

#[tokio::test]
async fn players_go_on_when_an_encoder_hangs_or_dies_and_another_takes_its_place() {
    within(async {
        let mux = Running::start(&[]).await;
        let mut players = three(&mux).await;
        let first = encoder(mux.address(), KEY);
        watch_until(&mux, &mut players, |status| status["state"] == "live").await;
        freeze(&first).await;
        let mut second = encoder(mux.address(), KEY);
        watch_until(&mux, &mut players, |status| status["takeovers"] == 1).await;
        second.start_kill().unwrap();
        let _third = encoder(mux.address(), KEY);
        watch_until(&mux, &mut players, |status| status["takeovers"] == 2).await;
        let status = mux.status();
        assert_eq!(status["players"]["connected"], 3);
        assert_eq!(status["players"]["skips"], 0);
        mux.stop().await;
    })
    .await;
}

#[tokio::test]
async fn players_go_on_with_the_backup_when_the_primary_hangs() {
    within(async {
        let mux = Running::start(&[]).await;
        let mut players = three(&mux).await;
        let primary = encoder(mux.address(), KEY);
        watch_until(&mux, &mut players, |status| status["state"] == "live").await;
        let _backup = encoder(mux.address(), BACKUP_KEY);
        let stands_by = |status: &Value| status["publishing"][1]["standing"] == "stands_by";
        watch_until(&mux, &mut players, stands_by).await;
        freeze(&primary).await;
        let on_air = |status: &Value| status["publishing"][1]["standing"] == "on_air";
        let silent = players[0].newest[1];
        watch_until(&mux, &mut players, on_air).await;
        assert!(players[0].newest[1] > silent);
        let status = mux.status();
        assert_eq!(status["holds"], 0, "the stream was never held");
        assert_eq!(status["players"]["connected"], 3);
        mux.stop().await;
    })
    .await;
}
