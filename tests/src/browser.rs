//! Chromium as a script in `tests/browser` drives it: its lines of JSON tell what a viewer sees, in order.

use std::{
    io::{BufRead, BufReader, Lines, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::{STAGE, Stage};

/// A script and its browser. Dropping it closes both.
#[derive(Debug)]
pub struct Browser {
    driver: Child,
    orders: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Browser {
    /// Runs `script` with `plan`, and with the certificate of `stage` for its own page.
    pub fn open(stage: &Stage, script: &str, mut plan: Value) -> Result<Self> {
        let files = stage.directory().path();
        for (name, file) in [("certificate", "certificate.pem"), ("key", "key.pem")] {
            plan[name] = files.join(file).to_string_lossy().into();
        }
        let mut driver = Command::new("node")
            .arg(Self::scripts()?.join(script))
            .arg(plan.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("node does not start: make test-deps")?;
        let orders = driver.stdin.take().context("standard input is a pipe")?;
        let stdout = driver.stdout.take().context("standard output is a pipe")?;
        Ok(Self {
            driver,
            orders,
            lines: BufReader::new(stdout).lines(),
        })
    }

    /// A viewer who is left alone with the stage's show, before whose begin it may sit; `player`: `hls.js` or `shaka`.
    pub fn follow(stage: &Stage, player: &str) -> Result<Self> {
        let port = stage.https()?.port();
        let media = format!("https://localhost:{port}/live/{}/index.m3u8", STAGE.name);
        Self::open(
            stage,
            "follow.mjs",
            json!({ "media": media, "player": player }),
        )
    }

    /// Where the scripts are.
    pub fn scripts() -> Result<PathBuf> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser");
        ensure!(
            folder.join("node_modules").is_dir(),
            "the browser's driver is not installed: cd tests/browser && npm ci"
        );
        Ok(folder)
    }

    /// Waits for `event`; the script has a deadline of its own.
    pub fn wait_for(&mut self, event: &str) -> Result<Value> {
        for line in self.lines.by_ref() {
            let line: Value = serde_json::from_str(&line?)?;
            if line["event"] == event {
                return Ok(line);
            }
            if line["event"] == "failed" {
                bail!("waiting for {event}: {line}");
            }
        }
        bail!("the browser's driver ended before {event}")
    }

    /// Gives the script an order, where it takes any.
    pub fn order(&mut self, order: &str) -> Result<()> {
        Ok(writeln!(self.orders, "{order}")?)
    }

    /// What was seen since it was last asked, from `follow.mjs`.
    pub fn report(&mut self) -> Result<Value> {
        self.order("report")?;
        self.wait_for("report")
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Chromium ends when its driver's pipe does.
        let _gone = self.driver.kill();
        let _reaped = self.driver.wait();
    }
}
