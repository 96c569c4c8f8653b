//! OBS Studio itself, as Debian packages it, publishes; the watch page, as the distributor serves it, plays it on a
//! screen as small as a phone's.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use rtmp::{MessageKind, client::Purpose};
use serde_json::{Value, json};
use tests::{Entrance, Peer, Plan, Program, STAGE};

use crate::browser::{check_played, check_quiet, watch_page};

/// What the viewer watches, in seconds of the show.
const WATCHED_S: u32 = 30;

#[test]
fn obs_publishes_and_the_page_plays_it() -> Result<()> {
    let mut stage = crate::start(Plan::default());
    let mut browser = watch_page(
        &stage,
        json!({ "seconds": WATCHED_S, "before": true, "checks": false, "own": true, "size": [390, 844] }),
    )?;
    browser.wait_for("before")?;
    let _obs = Obs::publish(&stage.publish_url(STAGE)?, &[], None)?;
    let report = browser.wait_for("report")?;
    eprintln!("{report}");

    check_played(&report, WATCHED_S)?;
    check_quiet(&report)?;
    stage.check_unharmed()
}

#[tokio::test]
async fn obs_logs_in_by_user_and_password() -> Result<()> {
    let entrance = Entrance::start(&Entrance::stream("stage", "unused", "login-plays"))?;
    let added = Command::new(Program::Mux.path()?)
        .args(["keys", "add", "stage", "--json", "--config"])
        .arg(entrance.directory().join("mux.toml"))
        .output()?;
    let added: Value = serde_json::from_slice(&added.stdout)
        .with_context(|| String::from_utf8_lossy(&added.stderr).into_owned())?;
    let password = added["key"].as_str().context("no key")?;
    entrance.mux.signal(Signal::SIGHUP)?;
    entrance.mux.wait_for_line("the new key", |line| {
        line.contains("configuration was read again").then_some(())
    })?;
    let address = entrance.address("rtmp")?;
    let mut player = Peer::connect(address, b"", Purpose::Play, "login-plays").await?;

    let server = format!("rtmp://{address}/login/anything");
    let _wrong = Obs::publish(&server, &["2", "stage", "not-the-password"], None)?;
    entrance.mux.wait_for_line("a refusal", |line| {
        line.contains("the key is wrong").then_some(())
    })?;
    let _obs = Obs::publish(&server, &["2", "stage", password], None)?;
    while player.next().await?.kind != MessageKind::Video {}
    let log = entrance.mux.log();
    let publishes = log.iter().filter(|line| line.contains("\"publishes\""));
    assert_eq!(publishes.count(), 1, "{log:#?}");
    assert!(
        !log.concat().contains(password),
        "the password is in the log"
    );
    Ok(())
}

/// OBS and its screen. Dropping it stops both.
pub(crate) struct Obs(Child);

impl Obs {
    /// Publishes to `url`. `more` is what the script takes behind server and key; `trust` is the authority that it
    /// trusts in the place of the system's.
    pub(crate) fn publish(url: &str, more: &[&str], trust: Option<&Path>) -> Result<Self> {
        let (server, key) = url.rsplit_once('/').context("app and key")?;
        let mut script = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("obs/publish.sh"));
        script.args([server, key]).args(more);
        script.envs(trust.map(|file| ("TRUST", file)));
        script
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("tests/obs/publish.sh does not start")
            .map(Self)
    }
}

impl Drop for Obs {
    fn drop(&mut self) {
        // Asked, not killed: the script then takes OBS and its screen along.
        if let Ok(id) = i32::try_from(self.0.id()) {
            let _gone = kill(Pid::from_raw(id), Signal::SIGTERM);
        }
        let _reaped = self.0.wait();
    }
}
