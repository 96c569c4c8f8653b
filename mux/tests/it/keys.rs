//! The command `footlight-mux keys`, the file that it writes, and a mux that takes it over.

use std::{net::SocketAddr, os::unix::fs::PermissionsExt, path::Path, process::Stdio};

use rtmp::{CloseReason, client::Purpose};
use serde_json::Value;
use tokio::process::Command;

use crate::{
    peer::{Client, frame},
    running::{KEY, Running, within},
};

/// What it printed, or what it complained of with its exit code.
async fn keys(directory: &Path, words: &str) -> Result<String, (i32, String)> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_footlight-mux"));
    command.arg("keys").args(words.split(' '));
    command.arg("--config").arg(directory.join("mux.toml"));
    let output = command.stdin(Stdio::null()).output().await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    match output.status.code().unwrap() {
        0 => Ok(text(&output.stdout)),
        code => Err((code, text(&output.stderr))),
    }
}

async fn made(directory: &Path, words: &str) -> Value {
    let text = keys(directory, &format!("{words} --json")).await.unwrap();
    serde_json::from_str(&text).unwrap()
}

fn field<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap()
}

/// Publishes as soon as the key is taken over. Wrong keys are few: each try waits for its answer.
async fn publish_when_known(mux: SocketAddr, key: &str) -> Client {
    loop {
        if let Ok(client) = Client::publish(mux, key).await {
            return client;
        }
    }
}

async fn refused(mux: SocketAddr, key: &str) -> bool {
    matches!(
        Client::publish(mux, key).await.err(),
        Some(CloseReason::Refused { code, .. }) if code == "NetStream.Publish.Denied"
    )
}

#[tokio::test]
async fn a_key_is_made_shown_once_published_with_rotated_and_revoked() {
    within(async {
        let mux = Running::start_commanded("").await;
        let directory = mux.directory().to_owned();
        let one = made(&directory, "add stage --role backup --label truck").await;
        let key = field(&one, "key");
        assert_eq!(key.len(), 28);
        assert!(field(&one, "server").ends_with("/live"));
        let file = directory.join("keys.toml");
        let stored = std::fs::read_to_string(&file).unwrap();
        assert!(!stored.contains(key), "a key is in the file");
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);

        let mut obs = publish_when_known(mux.address(), key).await;
        obs.send_headers().await;

        // A new one; the old is good for its grace.
        let two = made(
            &directory,
            &format!("rotate {} --grace 1h", field(&one, "id")),
        )
        .await;
        assert_eq!(two["role"], "backup");
        let mut newer = publish_when_known(mux.address(), field(&two, "key")).await;
        drop(Client::publish(mux.address(), key).await.unwrap());

        // The old is taken away: whoever is there by it goes, the other stays.
        keys(&directory, &format!("revoke {}", field(&one, "id")))
            .await
            .unwrap();
        obs.closed().await;
        assert!(refused(mux.address(), key).await);
        newer.send_headers().await;
        newer
            .send(rtmp::MessageKind::Video, 0, &frame(true, 0, 10))
            .await;
        mux.status_when(|status| status["state"] == "live").await;
        mux.stop().await;
    })
    .await;
}

#[tokio::test]
async fn an_old_key_and_one_from_elsewhere_are_refused() {
    within(async {
        let mut mux = Running::start_commanded("").await;
        let directory = mux.directory().to_owned();
        let elsewhere = made(&directory, "add stage --from 192.0.2.0/24").await;
        let here = made(
            &directory,
            "add stage --from 192.0.2.0/24 --from 127.0.0.0/8",
        )
        .await;
        let _here = publish_when_known(mux.address(), field(&here, "key")).await;
        assert!(refused(mux.address(), field(&elsewhere, "key")).await);
        let date = "\", expires = \"2026-01-01";
        mux.reload(
            crate::running::KEY_HASH,
            &format!("{}{date}", crate::running::KEY_HASH),
        )
        .await
        .unwrap();
        assert!(refused(mux.address(), KEY).await);
        mux.stop().await;
    })
    .await;
}

#[tokio::test]
async fn who_guesses_waits_and_the_right_key_comes_in_all_the_same() {
    within(async {
        let mux = Running::start_commanded("").await;
        for n in 0..11 {
            assert!(refused(mux.address(), &format!("guess-{n}")).await);
        }
        // Together, so that the test waits once.
        let (wrong, right) = tokio::join!(
            refused(mux.address(), "guess-12"),
            Client::publish(mux.address(), KEY),
        );
        assert!(wrong && right.is_ok());
        mux.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_broken_file_changes_nothing_and_mistakes_are_told() {
    within(async {
        let mux = Running::start_commanded("").await;
        let directory = mux.directory().to_owned();
        let one = made(&directory, "add stage").await;
        let _obs = publish_when_known(mux.address(), field(&one, "key")).await;
        for (words, code, told) in [
            ("add stagee", 64, "did you mean stage?"),
            ("revoke zzzz", 64, "no key has the ID"),
            (
                "revoke stage.publish[0]",
                64,
                "is written in the configuration",
            ),
            ("lst", 64, "did you mean keys list?"),
        ] {
            let (found, text) = keys(&directory, words).await.unwrap_err();
            assert!(
                found == code && text.contains(told),
                "{words}: {found} {text}"
            );
        }
        let table = keys(&directory, "list").await.unwrap();
        assert!(table.contains("stage.publish[0]") && table.contains(field(&one, "id")));
        assert!(!table.contains('\x1b'));
        let stored = std::fs::read_to_string(directory.join("keys.toml")).unwrap();
        std::fs::write(
            directory.join("keys.toml"),
            format!("{stored}\nexpirse = 1\n"),
        )
        .unwrap();
        let (code, text) = keys(&directory, "list").await.unwrap_err();
        assert!(
            code == 64 && text.contains("did you mean expires?"),
            "{text}"
        );
        mux.stop().await;
    })
    .await;
}

#[tokio::test]
async fn ffmpeg_and_rtmpdump_log_in_by_user_and_password() {
    within(async {
        let mux = Running::start_commanded("").await;
        let directory = mux.directory().to_owned();
        let one = made(&directory, "add stage").await;
        let key = field(&one, "key");
        drop(publish_when_known(mux.address(), key).await);
        let show = "-v error -f lavfi -i testsrc2=size=160x120:rate=30 -t 1 -c:v libx264 -preset ultrafast -g 30 -f flv";
        for (password, good) in [(key, true), ("wrong", false)] {
            let url = format!("rtmp://stage:{password}@{}/login/any", mux.address());
            let mut ffmpeg = Command::new("ffmpeg");
            ffmpeg.args(show.split(' ')).arg(url).kill_on_drop(true);
            let output = ffmpeg.stdin(Stdio::null()).output().await.unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.success(), good, "{password}: {said}");
        }
        assert_eq!(mux.status()["segments"].as_u64().map(|n| n > 0), Some(true));
        // Without user and password nobody comes in there.
        let plain = Client::connect(mux.address(), "login", key, Purpose::Publish).await;
        assert!(plain.is_err());
        mux.stop().await;
    })
    .await;
}
