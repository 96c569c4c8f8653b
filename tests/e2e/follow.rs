//! What is watched comes from the transcoder once and before anybody asks; what nobody watches does not come at all.

use anyhow::{Context, Result};
use live::playlist::MediaPlaylist;
use serde_json::Value;
use tests::{Clip, Picture, Plan, STAGE, Stage, Viewer};
use tokio::task::JoinSet;

use crate::{media, multivariant, start};

const CROWD: usize = 20;
/// Parts that each of them watches: five segments and more.
const PARTS: usize = 22;

/// Watches as a low-latency player does: waits for each part's playlist, then takes what is new in it. What was neither
/// there nor on its way comes back.
async fn watch(viewer: Viewer, path: String) -> Result<Vec<String>> {
    let directory = path.trim_end_matches("media.m3u8");
    let mut missed = Vec::new();
    let mut seen = MediaPlaylist::parse(&viewer.fetch(&path).await?)?;
    for _ in 0..PARTS {
        let part = seen.open.as_ref().map_or(0, |open| open.parts.len());
        let query = format!("_HLS_msn={}&_HLS_part={part}", seen.open_msn());
        let next = MediaPlaylist::parse(&viewer.fetch(&format!("{path}?{query}")).await?)?;
        let parts = |list: &MediaPlaylist| {
            let whole = list.segments.iter().map(|segment| segment.uri.clone());
            let listed = list.segments.iter().flat_map(|segment| &segment.parts);
            let listed = listed.chain(list.open.iter().flat_map(|open| &open.parts));
            whole
                .chain(listed.map(|part| part.uri.clone()))
                .collect::<Vec<_>>()
        };
        let known = parts(&seen);
        for uri in parts(&next).into_iter().filter(|uri| !known.contains(uri)) {
            let answer = viewer.get(&format!("{directory}{uri}")).await?;
            if answer.header("cache-status").ends_with("stored") || answer.status != 200 {
                missed.push(format!("{uri}: {}", answer.status));
            }
        }
        seen = next;
    }
    Ok(missed)
}

fn fetches(stage: &Stage) -> Result<f64> {
    let admin = stage.distributor.admin()?;
    admin.metric("footlight_distributor_fetches_total", "")
}

fn segments(status: &Value) -> Option<u64> {
    let renditions = status.pointer("/streams/stage/renditions")?.as_array()?;
    let source = renditions
        .iter()
        .find(|rendition| rendition["name"] == "source")?;
    source["segments"].as_u64()
}

#[tokio::test]
async fn a_crowd_costs_the_transcoder_one_viewer_and_nobody_costs_it_nothing() -> Result<()> {
    let mut stage = start(Plan {
        rungs: Vec::new(),
        ..Plan::default()
    });
    let encoder = stage.publish(STAGE, &Clip::of(Picture::Small)?)?;
    let first = stage.viewer().await?;
    multivariant(&first, STAGE, &["source", "audio"]).await?;
    let path = media(STAGE, "source");
    first.fetch(&path).await?;
    let distributor = stage.distributor.admin()?;
    let followed = |status: &Value| status["followed"]["stage"][0] == "source";
    distributor.wait_until(followed)?;
    // What there was before the first viewer came has come too.
    let missed = watch(first, path.clone()).await?;
    assert!(missed.is_empty(), "{missed:?}");

    let before = fetches(&stage)?;
    let mut crowd = JoinSet::new();
    for _ in 0..CROWD {
        crowd.spawn(watch(stage.viewer().await?, path.clone()));
    }
    while let Some(watched) = crowd.join_next().await {
        let missed = watched??;
        assert!(
            missed.is_empty(),
            "not there before it was asked for: {missed:?}"
        );
    }
    // For each part a playlist and the part; a segment for each few of them; some to begin and to end with.
    let asked = fetches(&stage)? - before;
    assert!(asked < 3.5 * PARTS as f64, "{asked} for {PARTS} parts");
    let status = distributor.wait_until(|_| true)?;
    assert_eq!(status["edge_misses"], 0, "{status}");

    distributor.wait_until(|status| {
        status["followed"]
            .as_object()
            .is_some_and(|all| all.is_empty())
    })?;
    let before = fetches(&stage)?;
    let transcoder = stage.transcoders[0].admin()?;
    let now = segments(&transcoder.wait_until(|_| true)?).context("no segments")?;
    transcoder.wait_until(|status| segments(status) > Some(now + 2))?;
    let since = fetches(&stage)? - before;
    assert!(
        since <= 1.0,
        "{since} with nobody watching, one of which may have been held"
    );
    drop(encoder);
    stage.check_unharmed()
}
