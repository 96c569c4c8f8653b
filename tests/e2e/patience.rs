//! What those hear who wait for something that does not come: no longer than the rule says, and that it is not there.
#![expect(
    clippy::disallowed_methods,
    reason = "that nobody is sent away too early can be told by a clock alone"
)]

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use hyper::StatusCode;
use live::{cluster::ClusterSecret, playlist::MediaPlaylist};
use tests::{Clip, Picture, Plan, STAGE, http_get};

use crate::{media, multivariant, start};

#[tokio::test]
async fn a_part_that_never_comes_is_404_at_once_and_a_reload_503_in_time() -> Result<()> {
    let mut stage = start(Plan {
        rungs: Vec::new(),
        ..Plan::default()
    });
    let mut encoder = stage.publish(STAGE, &Clip::of(Picture::Small)?)?;
    let viewer = stage.viewer().await?;
    multivariant(&viewer, STAGE, &["source"]).await?;
    let path = media(STAGE, "source");
    let now = async || MediaPlaylist::parse(&viewer.fetch(&path).await?).context("no playlist");

    // The encoder dies. What is hinted at then may still come, for it may have been sent; at last there is one that
    // does not, and nobody waits for it any longer than until that is known.
    encoder.kill()?;
    loop {
        let hint = now().await?.preload_hint.context("no hint")?;
        let hint = path.replace("media.m3u8", hint.as_str());
        let answer = viewer.get(&hint).await?;
        if answer.status == StatusCode::NOT_FOUND {
            break;
        }
        ensure!(answer.status == StatusCode::OK, "{hint}: {}", answer.status);
    }

    // Nothing comes any more, and nobody says so; what was on its way may still be there first.
    stage.mux.kill()?;
    let secret = std::fs::read_to_string(stage.directory().path().join("cluster-secret"))?;
    let token = ClusterSecret::new(&secret)?.origin_token();
    let authorization = format!("Authorization: Bearer {}\r\n", token.expose());
    let origin = stage.transcoders[0].listener("origin")?;
    loop {
        let (_, _, playlist) = http_get(origin, &path, &authorization)?;
        let playlist = MediaPlaylist::parse(&playlist)?;
        let held = format!("{path}?_HLS_msn={}", playlist.open_msn());
        let asked = Instant::now();
        let (at, authorization) = (held.clone(), authorization.clone());
        let direct = tokio::task::spawn_blocking(move || http_get(origin, &at, &authorization));
        let answer = viewer.get(&held).await?;
        let (status, head, _) = direct.await??;
        if status == 200 {
            continue;
        }
        ensure!(status == 503, "the origin: {head}");
        ensure!(
            answer.status == StatusCode::SERVICE_UNAVAILABLE,
            "the distributor: {answer:?}"
        );
        let three_targets = Duration::from_secs(3 * playlist.target_duration);
        ensure!(asked.elapsed() >= three_targets, "{:?}", asked.elapsed());
        return stage.transcoders[0]
            .panic()
            .map_or(Ok(()), |line| bail!("{line}"));
    }
}
