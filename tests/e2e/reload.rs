//! A transcoder's configuration changes under a show.

use anyhow::{Context, Result, ensure};
use live::playlist::MediaPlaylist;
use serde_json::{Value, json};
use tests::{Clip, Daemon, Picture, Plan, Recording, STAGE};

use crate::{media, multivariant, start};

const BEFORE: &str = "144p";
const AFTER: &str = "180p";
/// Segments of the running show that viewers follow after the reload.
const WATCHED: u64 = 4;

fn show(status: &Value) -> &Value {
    &status["streams"]["stage"]
}

fn said(daemon: &Daemon, what: &str) -> Result<()> {
    daemon.wait_for_line(what, |line| line.contains(what).then_some(()))
}

#[tokio::test]
async fn a_changed_ladder_is_the_next_show_s_and_the_one_that_is_on_goes_on() -> Result<()> {
    let mut stage = start(Plan {
        transcoders: 2,
        rungs: vec![(144, "100k")],
        ..Plan::default()
    });
    let clip = Clip::of(Picture::Tiny)?;
    let _encoder = stage.publish(STAGE, &clip)?;
    let viewer = stage.viewer().await?;
    let offered = multivariant(&viewer, STAGE, &["source", BEFORE, "audio"]).await?;

    stage.reload_transcoders("height = 144", "height = 180")?;
    for transcoder in &stage.transcoders {
        said(
            transcoder,
            "the ladder of 'stage' changes with its next show",
        )?;
        let admin = transcoder.admin()?;
        let status = admin.wait_until(|status| show(status)["next_show"] == json!(["ladder"]))?;
        ensure!(show(&status)["encoders_started"] == 1, "{status}");
    }
    let went_on = Recording::follow(&viewer, &media(STAGE, BEFORE), WATCHED).await?;
    let segments = &went_on.last()?.segments;
    let begun = segments.iter().skip_while(|segment| segment.gap);
    let whole = |it: &live::playlist::Segment| !it.gap && !it.head.discontinuity;
    ensure!(begun.clone().count() as u64 >= WATCHED && begun.clone().all(whole));
    ensure!(went_on.inits.len() == 1, "{:?}", went_on.inits.keys());
    let still = multivariant(&viewer, STAGE, &["source", BEFORE, "audio"]).await?;
    ensure!(still == offered, "{still:?}");

    stage.mux.admin()?.post("/streams/stage/end")?;
    let ended = |text: &bytes::Bytes| text.ends_with(b"#EXT-X-ENDLIST\n");
    let last = viewer.wait_until(&media(STAGE, BEFORE), ended).await?;
    ensure!(
        MediaPlaylist::parse(&last)?
            .segments
            .iter()
            .any(|it| !it.gap)
    );
    stage.mux.admin()?.post("/streams/stage/resume")?;
    let next = multivariant(&viewer, STAGE, &["source", AFTER, "audio"]).await?;
    let rungs = next.variants.iter().map(|variant| variant.uri.to_string());
    ensure!(rungs.filter(|uri| uri.contains(BEFORE)).count() == 0);
    Recording::follow(&viewer, &media(STAGE, AFTER), 1).await?;
    for transcoder in &stage.transcoders {
        let admin = transcoder.admin()?;
        admin.wait_until(|status| show(status)["next_show"] == json!([]))?;
    }

    stage.reload_transcoders("stop_at_free = \"64MiB\"", "stop_at_free = \"65MiB\"")?;
    let transcoder = stage.transcoders.first().context("a transcoder")?;
    said(
        transcoder,
        "a change of [archive] takes effect at the next restart",
    )?;
    stage.check_unharmed()
}
