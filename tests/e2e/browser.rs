//! What a viewer sees: Chromium on the watch page, which comes from another origin than the media.
//!
//! The browser is driven by `tests/browser/watch.mjs`, which tells of its steps in lines of JSON. It measures the
//! latency from a clock in the picture, which `clock_source` draws.

use std::{
    io::{BufRead, BufReader, Lines},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};
use live::placement::{Member, ranks};
use serde_json::{Value, json};
use tests::{Plan, STAGE, Stage};

/// From the camera to the screen, on two loaded cores; the aim is 2.2 s.
const LATENCY_BOUND_S: f64 = 3.5;
/// What the viewer watches, in seconds of the show.
const WATCHED_S: u32 = 30;

#[test]
fn a_viewer_who_waits_sees_the_show_begin_and_stays_near_live() -> Result<()> {
    let mut stage = crate::start(Plan::default());
    let mut browser = Browser::open(
        &stage,
        json!({ "seconds": WATCHED_S, "before": true, "clock": true }),
    )?;
    browser.wait_for("before")?;
    let _camera = Camera::publish(&stage.publish_url(STAGE)?)?;
    let report = browser.wait_for("report")?;
    eprintln!("{report}");

    check_played(&report, WATCHED_S)?;
    check_near_live(&report)?;
    check_page(&report)?;
    check_quiet(&report)?;
    stage.check_unharmed()
}

#[test]
fn a_viewer_notices_nothing_when_a_transcoder_dies() -> Result<()> {
    let mut stage = crate::start(Plan {
        transcoders: 2,
        ..Plan::default()
    });
    let mut browser = Browser::open(
        &stage,
        json!({ "seconds": WATCHED_S, "before": true, "clock": true, "checks": false }),
    )?;
    browser.wait_for("before")?;
    let _camera = Camera::publish(&stage.publish_url(STAGE)?)?;
    browser.wait_for("playing")?;
    let members = [
        Member::new("transcoder-1", 1)?,
        Member::new("transcoder-2", 1)?,
    ];
    let first = ranks(&STAGE.name.parse()?, &members)[0];
    stage.transcoders[first].kill()?;
    stage.distributor.wait_for_line("the switch", |line| {
        line.contains("the origin is out of use").then_some(())
    })?;
    let report = browser.wait_for("report")?;
    eprintln!("{report}");

    check_played(&report, WATCHED_S)?;
    check_near_live(&report)?;
    check_quiet(&report)
}

/// The picture moved all the time.
pub(crate) fn check_played(report: &Value, seconds: u32) -> Result<()> {
    let watched = report["mediaSeconds"].as_f64().unwrap_or_default();
    ensure!(
        watched > f64::from(seconds) * 0.95,
        "only {watched} s of the show: {report}"
    );
    ensure!(report["stats"]["stalls"] == 0, "it stalled: {report}");
    ensure!(report["freezes"] == 0, "the picture froze: {report}");
    Ok(())
}

fn check_near_live(report: &Value) -> Result<()> {
    let reads = report["clockReads"].as_u64().unwrap_or_default();
    ensure!(
        reads > u64::from(WATCHED_S),
        "the clock was read {reads} times: {report}"
    );
    let latency = report["latency"]["p95"]
        .as_f64()
        .context("no latency in the report")?;
    ensure!(
        latency < LATENCY_BOUND_S,
        "{latency} s from camera to screen: {report}"
    );
    Ok(())
}

/// Nothing on the console, and nobody else was asked for anything.
pub(crate) fn check_quiet(report: &Value) -> Result<()> {
    for empty in ["errors", "strangers"] {
        ensure!(report[empty] == json!([]), "{empty}: {}", report[empty]);
    }
    Ok(())
}

/// Quality menu, sound, keyboard and accessibility.
fn check_page(report: &Value) -> Result<()> {
    let qualities = report["qualities"].as_array().context("no quality menu")?;
    ensure!(qualities.len() == 2, "source and one rung: {report}");
    ensure!(
        qualities.iter().all(|quality| quality["played"] == true),
        "a quality does not play: {report}"
    );
    ensure!(report["sound"] == true, "the sound stays off: {report}");
    let unreachable = &report["unreachable"];
    ensure!(unreachable == &json!([]), "not by keyboard: {unreachable}");
    for moment in ["before", "playing"] {
        let found = &report["audits"][moment];
        ensure!(found == &json!([]), "accessibility, {moment}: {found}");
    }
    Ok(())
}

/// A browser with the watch page of `stage` open. Dropping it closes it.
pub(crate) struct Browser {
    driver: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Browser {
    /// `plan`: what the viewer does, see `watch.mjs`.
    pub(crate) fn open(stage: &Stage, mut plan: Value) -> Result<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser");
        ensure!(
            folder.join("node_modules").is_dir(),
            "the browser's driver is not installed: cd tests/browser && npm ci"
        );
        let files = stage.directory().path();
        plan["media"] = format!("https://localhost:{}", stage.https()?.port()).into();
        plan["stream"] = STAGE.name.into();
        plan["certificate"] = files.join("certificate.pem").to_string_lossy().into();
        plan["key"] = files.join("key.pem").to_string_lossy().into();
        let mut driver = Command::new("node")
            .arg(folder.join("watch.mjs"))
            .arg(plan.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("node does not start: make test-deps")?;
        let stdout = driver.stdout.take().context("standard output is a pipe")?;
        Ok(Self {
            driver,
            lines: BufReader::new(stdout).lines(),
        })
    }

    /// Waits for `event`; the driver has a deadline of its own.
    pub(crate) fn wait_for(&mut self, event: &str) -> Result<Value> {
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
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Chromium ends when its driver's pipe does.
        let _gone = self.driver.kill();
        let _reaped = self.driver.wait();
    }
}

/// A camera pointed at a clock, and ffmpeg that publishes it as one who cares for latency would.
pub(crate) struct Camera {
    clock: Child,
    encoder: Child,
}

impl Camera {
    fn publish(url: &str) -> Result<Self> {
        Self::with_clock(url, &[])
    }

    /// `clock`: further arguments of `clock_source`.
    pub(crate) fn with_clock(url: &str, clock: &[&str]) -> Result<Self> {
        let mut clock = Command::new(env!("CARGO_BIN_EXE_clock_source"))
            .args(["1280x720", "30", "240"])
            .args(clock)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let pictures = clock.stdout.take().context("standard output is a pipe")?;
        let encoder = Command::new("ffmpeg")
            .args(["-hide_banner", "-nostats", "-loglevel", "error"])
            .args(["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", "1280x720"])
            .args(["-r", "30", "-i", "-", "-f", "lavfi"])
            .args(["-i", "sine=frequency=440:sample_rate=48000", "-shortest"])
            .args(["-c:v", "libx264", "-preset", "superfast", "-tune"])
            .args(["zerolatency", "-b:v", "2500k", "-maxrate", "2500k"])
            .args(["-bufsize", "2500k", "-g", "60", "-sc_threshold", "0"])
            .args(["-c:a", "aac", "-b:a", "128k", "-f", "flv", url])
            .stdin(pictures)
            .spawn()
            .context("ffmpeg does not start: make deps")?;
        Ok(Self { clock, encoder })
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        for child in [&mut self.encoder, &mut self.clock] {
            let _gone = child.kill();
            let _reaped = child.wait();
        }
    }
}
