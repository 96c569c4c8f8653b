//! What a viewer sees: Chromium on the watch page, which comes from another origin than the media.
//!
//! It measures the latency from a clock in the picture, which `clock_source` draws.

use anyhow::{Context, Result, ensure};
use live::placement::{Member, ranks};
use serde_json::{Value, json};
use tests::{Browser, Camera, Plan, STAGE, Stage};

/// From the camera to the screen, on two loaded cores; the aim is 2.2 s.
const LATENCY_BOUND_S: f64 = 3.5;
/// A part, milliseconds.
const PART_MS: f64 = 500.0;
/// What the picture may stand still in all: encoder, three daemons and a browser that paints by software share two cores,
/// perhaps with strangers. Losing any part of the show costs more, for what is lost is waited for. `bench --row glass`
/// counts each stall on a quiet machine.
const HICCUP_MS: f64 = 1_000.0;
/// What the viewer watches, in seconds of the show.
const WATCHED_S: u32 = 30;

#[test]
fn a_viewer_who_waits_sees_the_show_begin_and_stays_near_live() -> Result<()> {
    let mut stage = crate::start(Plan::default());
    let mut browser = watch_page(
        &stage,
        json!({ "seconds": WATCHED_S, "before": true, "clock": true }),
    )?;
    browser.wait_for("before")?;
    let _camera = Camera::publish(&stage.publish_url(STAGE)?, &[])?;
    let report = browser.wait_for("report")?;
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
    let mut browser = watch_page(
        &stage,
        json!({ "seconds": WATCHED_S, "before": true, "clock": true, "checks": false }),
    )?;
    browser.wait_for("before")?;
    let _camera = Camera::publish(&stage.publish_url(STAGE)?, &[])?;
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
    check_played(&report, WATCHED_S)?;
    check_near_live(&report)?;
    check_quiet(&report)
}

#[test]
fn what_mux_is_told_is_seen_at_the_picture_it_belongs_to() -> Result<()> {
    let mut stage = crate::start(Plan::default());
    let mut browser = watch_page(
        &stage,
        json!({ "seconds": 15, "before": true, "clock": true, "checks": false, "told": true }),
    )?;
    browser.wait_for("before")?;
    let _camera = Camera::publish(&stage.publish_url(STAGE)?, &[])?;
    browser.wait_for("playing")?;
    let admin = stage.mux.admin()?;
    let path = format!("/streams/{}/metadata", STAGE.name);
    let (code, said) = admin.post_json(
        &path,
        &json!({ "title": "So \"What\" {$x}", "artist": "Miles Davis" }),
    )?;
    ensure!(code == 200, "{code}: {said}");
    let start = said["start_ms"].as_f64().context("no start")?;
    let report = browser.wait_for("report")?;
    check_played(&report, 15)?;
    check_quiet(&report)?;
    let told = &report["told"];
    let title = "So \u{201d}What\u{201d} ($x}";
    ensure!(
        told["now"] == format!("{title} \u{2013} Miles Davis"),
        "{told}"
    );
    let cues = told["cues"].as_array().context("no cues")?;
    let cue = cues.iter().find(|cue| cue["key"] == "TIT2");
    let cue = cue.with_context(|| format!("no title in {told}"))?;
    ensure!(cue["data"] == title, "{cue}");
    let seen = cue["clockMs"].as_f64().context("no clock")?;
    // Mux's time of a picture is when it came, its clock's when it was drawn.
    ensure!(
        (0.0..PART_MS).contains(&(start - seen)),
        "said at {start}, seen at {seen}"
    );
    stage.check_unharmed()
}

/// The picture moved all the time, but for [`HICCUP_MS`] at most.
pub(crate) fn check_played(report: &Value, seconds: u32) -> Result<()> {
    let watched = report["mediaSeconds"].as_f64().unwrap_or_default();
    ensure!(
        watched > f64::from(seconds) * 0.95,
        "only {watched} s of the show: {report}"
    );
    for stood in [&report["stats"]["stalledMs"], &report["frozenMs"]] {
        let stood = stood.as_f64().context("no time of stalls")?;
        ensure!(stood <= HICCUP_MS, "it stood for {stood} ms: {report}");
    }
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

/// A browser with the watch page of `stage` open; `plan`: what the viewer does, see `watch.mjs`.
pub(crate) fn watch_page(stage: &Stage, mut plan: Value) -> Result<Browser> {
    plan["media"] = format!("https://localhost:{}", stage.https()?.port()).into();
    plan["stream"] = STAGE.name.into();
    Browser::open(stage, "watch.mjs", plan)
}
