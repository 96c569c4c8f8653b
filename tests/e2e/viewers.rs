//! Players in Chromium that are left alone with a show to which something happens.

use anyhow::{Result, ensure};
use serde_json::json;
use tests::{Browser, Camera, Plan, STAGE};

use crate::{browser::watch_page, start};

#[test]
fn hls_js_gets_over_a_mux_that_was_killed_and_knows_of_no_show() -> Result<()> {
    let mut stage = start(Plan::default());
    let mut viewer = Browser::follow(&stage, "hls.js")?;
    viewer.wait_for("waiting")?;
    let camera = Camera::publish(&stage.publish_url(STAGE)?, &["steady"])?;
    viewer.wait_for("clock")?;
    stage.restart_mux_anew()?;
    drop(camera);
    viewer.order("fresh")?;
    let _camera = Camera::publish(&stage.publish_url(STAGE)?, &["steady"])?;
    viewer.wait_for("fresh")?;
    let report = viewer.report()?;
    ensure!(report["fatal"] == json!([]), "{report:#}");
    stage.check_unharmed()
}

/// Shaka 5.2.12 is not among them: it takes the show's length from what it loaded first, and at times waits for the last
/// milliseconds of it for ever.
#[test]
fn hls_js_and_the_page_reach_the_end_of_a_show_that_is_ended() -> Result<()> {
    let mut stage = start(Plan::default());
    let mut player = Browser::follow(&stage, "hls.js")?;
    let mut page = watch_page(&stage, json!({ "states": true, "own": true }))?;
    let camera = Camera::publish(&stage.publish_url(STAGE)?, &["steady"])?;
    player.wait_for("clock")?;
    page.wait_for("playing")?;
    ensure!(stage.mux.admin()?.post("/streams/stage/end")?.0 == 200);
    player.wait_for("ended")?;
    page.wait_for("over")?;
    drop(camera);
    stage.check_unharmed()
}
