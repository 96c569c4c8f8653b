//! A crowd on a small box: what a viewer's TLS connection costs while nothing is asked, what a held reload costs while it
//! waits, and how soon all who wait are answered when the part is there. The distributor follows a stream with parts, as
//! on the night; its peers join all who wait to one request at the origin, where they can.
//!
//! The load reads no answer before all are there, so that what it needs itself is in nobody's waiting time.

use std::path::Path;

use anyhow::{Context, Result, bail};
use tokio::{
    task::JoinSet,
    time::{Duration, Instant, sleep},
};

use super::{
    MEDIA, better,
    servers::{self, ADMIN, Contestant, Kind},
    show::{STREAM, Show},
};
use crate::{
    Plan, admin,
    table::{Figure, Row},
};

mod viewer;

use viewer::{Protocol, Viewer};

const VIEWERS: usize = 5000;
/// What a finished handshake leaves behind is given back in this time, and a connection comes to rest.
const REST: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) async fn run(plan: &Plan, dir: &Path) -> Result<Vec<Row>> {
    servers::certificate(dir)?;
    // Hitch speaks HTTP/1.1 for Varnish; HAProxy would ask the origin for each who waits.
    let h1 = Kind::installed(&Kind::ALL);
    let speaks_h2 = |kind: &Kind| matches!(kind, Kind::Nginx | Kind::Footlight);
    let h2: Vec<Kind> = h1.iter().copied().filter(speaks_h2).collect();
    let mut rows = Vec::new();
    for (protocol, kinds) in [(Protocol::H1, h1), (Protocol::H2, h2)] {
        for kind in kinds {
            rows.extend(one(plan, dir, kind, protocol).await?);
        }
    }
    // By what was measured, then by whom.
    let place = |row: &Row| (row.case.contains("HTTP/2"), row.case.contains("held"));
    rows.sort_by_key(place);
    Ok(rows)
}

/// What a crowd of one protocol is to one server.
async fn one(plan: &Plan, dir: &Path, kind: Kind, protocol: Protocol) -> Result<Vec<Row>> {
    let server = kind.name();
    plan.progress(&format!("a crowd by {}, {server}", protocol.name()));
    let show = Show::begin(MEDIA).await?;
    let contestant = Contestant::start(plan, dir, kind, show.port).await?;
    let (mut crowd, each) = gather(&contestant, dir, protocol).await?;
    let mut rows = vec![Row {
        case: format!("{VIEWERS} TLS connections at rest, {}", protocol.name()),
        server,
        figures: vec![less("KiB/connection", each)],
    }];
    if kind == Kind::Haproxy {
        return Ok(rows);
    }
    let mut best = Vec::new();
    for round in 1..=plan.rounds {
        let released = release(plan, &contestant, &mut crowd, &show, each).await?;
        if round == 1 || better(&released, &best) {
            best = released;
        }
    }
    rows.push(Row {
        case: format!("{VIEWERS} held reloads by TLS, {}", protocol.name()),
        server,
        figures: best,
    });
    Ok(rows)
}

/// Everybody connects and asks for the playlist once. What each costs the server after that, KiB.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
async fn gather(
    contestant: &Contestant,
    dir: &Path,
    protocol: Protocol,
) -> Result<(Vec<Viewer>, f64)> {
    let offered = (protocol == Protocol::H2).then_some(b"h2".as_slice());
    let connector = servers::connector(dir, offered)?;
    let playlist = format!("{STREAM}/media.m3u8");
    let mut first = Viewer::connect(&connector, contestant.tls, protocol).await?;
    first.ask(&playlist).await?;
    first.answer().await?;
    let before = contestant.rss_kib();
    let mut crowd = Vec::with_capacity(VIEWERS);
    for _ in 0..VIEWERS {
        let mut viewer = Viewer::connect(&connector, contestant.tls, protocol).await?;
        viewer.ask(&playlist).await?;
        viewer.answer().await?;
        crowd.push(viewer);
    }
    sleep(REST).await;
    let each = contestant.rss_kib().saturating_sub(before) as f64 / VIEWERS as f64;
    Ok((crowd, each))
}

/// Everybody, who costs `each` KiB at rest, waits for the next part, and is answered.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
async fn release(
    plan: &Plan,
    contestant: &Contestant,
    crowd: &mut Vec<Viewer>,
    show: &Show,
    each: f64,
) -> Result<Vec<Figure>> {
    let path = Show::playlist_with(show.parts());
    let before = contestant.rss_kib();
    for viewer in crowd.iter_mut() {
        viewer.ask(&path).await?;
    }
    if contestant.kind == Kind::Footlight {
        let patience = Instant::now() + PATIENCE;
        while waiting(plan).await? < crowd.len() as u64 {
            if Instant::now() > patience {
                bail!("not all of {} wait", crowd.len());
            }
        }
    }
    sleep(REST).await;
    let more_kib = contestant.rss_kib().saturating_sub(before) as f64 / crowd.len() as f64;
    let mut waiting = JoinSet::new();
    let count = crowd.len();
    for viewer in crowd.drain(..) {
        waiting.spawn(async move {
            viewer.begins().await?;
            anyhow::Ok(viewer)
        });
    }
    // All of them stand at their sockets first.
    tokio::task::yield_now().await;
    let (begun, cpu) = (Instant::now(), contestant.cpu_ns());
    show.go_on();
    while let Some(answered) = waiting.join_next().await {
        crowd.push(answered??);
    }
    let lasted = begun.elapsed();
    let cpu = contestant.cpu_ns() - cpu;
    for viewer in crowd.iter_mut() {
        viewer.answer().await?;
    }
    Ok(vec![
        less("ms to the last", lasted.as_secs_f64() * 1000.0),
        less("CPU us/released", cpu as f64 / 1000.0 / count as f64),
        less("KiB/waiter", each + more_kib),
    ])
}

/// Requests that wait at the distributor.
async fn waiting(plan: &Plan) -> Result<u64> {
    let status = admin::get(plan.port(ADMIN), "/status").await?;
    let status: serde_json::Value = serde_json::from_str(&status)?;
    status["waiters"].as_u64().context("no waiters in /status")
}

const fn less(name: &'static str, value: f64) -> Figure {
    Figure {
        name,
        value,
        more_is_better: false,
    }
}
