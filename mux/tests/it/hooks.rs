//! HTTP hooks, with a real HTTP server behind them.

use std::process::Stdio;

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use crate::{
    peer::Client,
    running::{KEY, PLAY_KEY, Running, within},
};

struct Hook {
    port: u16,
    told: std::path::PathBuf,
    _process: Child,
}

impl Hook {
    async fn start(name: &str) -> Self {
        let told = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("hook-{}-{name}", std::process::id()));
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/hooks.py");
        let mut python = Command::new("python3");
        python.arg(script).arg(&told).kill_on_drop(true);
        let mut process = python.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = lines.next_line().await.unwrap().unwrap();
        Self {
            port: port.parse().unwrap(),
            told,
            _process: process,
        }
    }

    fn told(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.told).unwrap_or_default();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

fn top(port: u16, path: &str, rule: &str) -> String {
    // Nothing but "slow" takes anything like it.
    let timeout = if path == "slow" { "500ms" } else { "10s" };
    format!(
        "hooks.on_publish = \"http://127.0.0.1:{port}/{path}\"\nhooks.on_play = \"http://127.0.0.1:{port}/{path}\"\n\
         hooks.on_unpublish = \"http://127.0.0.1:{port}/allow\"\nhooks.timeout = \"{timeout}\"\nhooks.no_answer = \"{rule}\"\n"
    )
}

#[tokio::test]
async fn a_hook_decides_and_is_told_and_never_sees_a_key() {
    within(async {
        let hook = Hook::start("decides").await;
        let mux = Running::start_commanded(&top(hook.port, "allow", "deny")).await;
        drop(Client::publish(mux.address(), KEY).await.unwrap());
        while hook.told().len() < 2 {
            tokio::task::yield_now().await;
        }
        let [asked, gone] = &hook.told()[..] else {
            panic!("{:?}", hook.told());
        };
        assert_eq!(asked["event"], "on_publish");
        assert_eq!(asked["stream"], "stage");
        assert_eq!(asked["role"], "primary");
        assert_eq!(asked["key"], "stage.publish[0]");
        assert_eq!(asked["address"], "127.0.0.1");
        assert_eq!(gone["event"], "on_unpublish");
        assert_eq!(asked["session"], gone["session"]);
        // A wrong key is none of its business.
        assert!(Client::publish(mux.address(), "wrong").await.is_err());
        assert_eq!(hook.told().len(), 2);
        mux.stop().await;

        let mux = Running::start_commanded(&top(hook.port, "deny", "allow")).await;
        assert!(Client::publish(mux.address(), KEY).await.is_err());
        assert!(Client::play(mux.address(), PLAY_KEY).await.is_err());
        assert!(!format!("{:?}", hook.told()).contains(KEY));
        mux.stop().await;
    })
    .await;
}

#[tokio::test]
async fn without_an_answer_the_rule_holds() {
    within(async {
        let hook = Hook::start("rule").await;
        // Bound and let go: nobody is there.
        let dead = std::net::TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .unwrap()
            .port();
        for (port, path) in [
            (hook.port, "slow"),
            (hook.port, "garbage"),
            (hook.port, "broken"),
            (dead, "allow"),
        ] {
            for (rule, comes_in) in [("allow", true), ("deny", false)] {
                let mux = Running::start_commanded(&top(port, path, rule)).await;
                let publisher = Client::publish(mux.address(), KEY).await;
                assert_eq!(publisher.is_ok(), comes_in, "{path} {rule}");
                drop(publisher);
                mux.stop().await;
            }
        }
    })
    .await;
}
