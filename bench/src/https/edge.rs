//! The live edge of a real show: once a stream has a first viewer, nobody who follows it may be the one for whom a part is
//! fetched. By the distributor's own count, while fifty ask for each part as soon as a playlist names it.

use std::{path::Path, time::Duration};

use anyhow::{Context, Result, ensure};
use live::{Msn, PartIndex, playlist::MediaPlaylist};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};
use tokio_rustls::TlsConnector;

use super::{
    servers::{self, ADMIN, Contestant, Kind},
    show::STREAM,
    viewer::Viewer,
};
use crate::{
    Plan, admin,
    ladder::{self, OurBox},
    table::{Figure, Row},
};

const VIEWERS: usize = 50;
const SHORTEST: Duration = Duration::from_secs(20);
/// How long a show may take until it is there.
const PLAYABLE: Duration = Duration::from_secs(30);
/// After a first viewer's first playlist, until all that it names is there.
const SETTLE: Duration = Duration::from_secs(3);
const MISSES: &str = "footlight_distributor_edge_misses_total";
const FILLS: &str = "footlight_distributor_requests_total{class=\"fill\"}";

pub(crate) async fn run(plan: &Plan, dir: &Path) -> Result<Vec<Row>> {
    plan.progress("the live edge of a real show");
    let clip = ladder::clip(dir, "edge.flv", 0)?;
    let ours = OurBox::start(plan, dir, &[]).await?;
    let _publisher = ours.publish(&clip, &dir.join("publisher.log"))?;
    servers::certificate(dir)?;
    let contestant = Contestant::start(plan, dir, Kind::Footlight, ours.origin.port()).await?;
    let connector = servers::connector(dir, None)?;
    let patience = Instant::now() + PLAYABLE;
    let mut first = Viewer::connect(&connector, contestant.tls).await?;
    while list(&mut first, "").await?.is_none() {
        ensure!(Instant::now() < patience, "the show never appears");
        sleep(Duration::from_millis(500)).await;
    }
    sleep(SETTLE).await;
    let counted = async |name| admin::metric(plan.port(ADMIN), name).await;
    let before = (counted(MISSES).await?, counted(FILLS).await?);
    let until = Instant::now() + plan.window.max(SHORTEST);
    let mut watching = JoinSet::new();
    for _ in 0..VIEWERS {
        watching.spawn(watch(connector.clone(), contestant.tls, until));
    }
    let mut parts = 0;
    while let Some(watched) = watching.join_next().await {
        parts += watched??;
    }
    let after = (counted(MISSES).await?, counted(FILLS).await?);
    let more = |after: Option<u64>, before: Option<u64>| after.unwrap_or(0) - before.unwrap_or(0);
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let figure = |name, value: u64, more_is_better| Figure {
        name,
        value: value as f64,
        more_is_better,
    };
    Ok(vec![Row {
        case: format!("live edge of a real show, {VIEWERS} viewers after the first"),
        server: Kind::Footlight.name(),
        figures: vec![
            figure("misses", more(after.0, before.0), false),
            figure("requests that fetched", more(after.1, before.1), false),
            figure("parts asked for", parts, true),
        ],
    }])
}

/// How many parts one who watches `until` then has asked for, each as soon as it was named.
async fn watch(connector: TlsConnector, port: u16, until: Instant) -> Result<u64> {
    let mut viewer = Viewer::connect(&connector, port).await?;
    let mut now = list(&mut viewer, "").await?.context("no playlist")?;
    let mut parts = 0;
    while Instant::now() < until {
        let (msn, part) = next(&now);
        let query = format!("?_HLS_msn={msn}&_HLS_part={part}");
        now = list(&mut viewer, &query)
            .await?
            .context("no newer playlist")?;
        let newest = [now.open.as_ref().map(|open| &open.parts)];
        let last = now.segments.back().map(|last| &last.parts);
        let mut lists = newest.into_iter().flatten().chain(last);
        let uri = lists.find_map(|parts| parts.last()).context("no part")?;
        viewer
            .ask(&format!("{STREAM}/{}", uri.uri.as_str()))
            .await?;
        ensure!(
            viewer.answer().await? == 200,
            "no part {}",
            uri.uri.as_str()
        );
        parts += 1;
    }
    Ok(parts)
}

/// The playlist; none where there is none.
async fn list(viewer: &mut Viewer, query: &str) -> Result<Option<MediaPlaylist>> {
    viewer.ask(&format!("{STREAM}/media.m3u8{query}")).await?;
    let found = viewer.answer().await? == 200;
    Ok(found
        .then(|| MediaPlaylist::parse(&viewer.body))
        .transpose()?)
}

/// The part that follows the newest.
fn next(list: &MediaPlaylist) -> (Msn, PartIndex) {
    let parts = list.open.as_ref().map_or(0, |open| open.parts.len());
    (
        list.open_msn(),
        PartIndex(u32::try_from(parts).unwrap_or(u32::MAX)),
    )
}
