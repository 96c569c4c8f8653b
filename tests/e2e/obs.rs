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
use serde_json::json;
use tests::{Plan, STAGE, Stage};

use crate::browser::{Browser, check_played, check_quiet};

/// What the viewer watches, in seconds of the show.
const WATCHED_S: u32 = 30;

#[test]
fn obs_publishes_and_the_page_plays_it() -> Result<()> {
    let mut stage = crate::start(Plan::default());
    let mut browser = Browser::open(
        &stage,
        json!({ "seconds": WATCHED_S, "before": true, "checks": false, "own": true, "size": [390, 844] }),
    )?;
    browser.wait_for("before")?;
    let _obs = Obs::publish(&stage)?;
    let report = browser.wait_for("report")?;
    eprintln!("{report}");

    check_played(&report, WATCHED_S)?;
    check_quiet(&report)?;
    stage.check_unharmed()
}

/// OBS and its screen. Dropping it stops both.
struct Obs(Child);

impl Obs {
    fn publish(stage: &Stage) -> Result<Self> {
        let url = stage.publish_url(STAGE)?;
        let (server, key) = url.rsplit_once('/').context("app and key")?;
        Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("obs/publish.sh"))
            .args([server, key])
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
