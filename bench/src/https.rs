//! HTTPS by the distributor beside its peers, each with a cache in memory in front of the same origin, warm, TLS 1.3 with
//! one ECDSA certificate, keep-alive HTTP/1.1, closed loop: requests per second and core. And the same in the clear.

use std::{path::Path, time::Duration};

use anyhow::Result;
use tokio::{net::TcpStream, time::Instant};

use crate::{
    Plan,
    ladder::OurBox,
    table::{Figure, Row},
};

pub(crate) mod crowd;
pub(crate) mod edge;
pub(crate) mod handshakes;
pub(crate) mod herd;
pub(crate) mod newcomers;
mod player;
mod servers;
mod show;
mod viewer;

use servers::{Contestant, Kind};
use show::{Media, STREAM, Show};
use viewer::{Carrier, Viewer};

const CONNECTIONS: usize = 32;
/// A part of a good 1080p rendition, and a segment of the same.
const MEDIA: Media = Media {
    part: 200_000,
    segment: 1_000_000,
    takes: Duration::ZERO,
    refuses: false,
};

/// TLS: a playlist that is followed, a part and a segment.
pub(crate) async fn run(plan: &Plan, dir: &Path) -> Result<Vec<Row>> {
    let show = Show::begin(MEDIA).await?;
    servers::certificate(dir)?;
    let contestants = start(plan, dir, &Kind::ALL, &show).await?;
    let connector = servers::connector(dir, None)?;
    let mut rows = Vec::new();
    for (name, path) in [
        ("1 KB playlist", format!("{STREAM}/media.m3u8")),
        ("200 KB part", Show::part(0)),
        ("1 MB segment", segment()),
    ] {
        let case = format!("HTTPS, {name}, {CONNECTIONS} connections");
        let measured = best(plan, &contestants, &case, async |contestant| {
            let mut viewers = Vec::new();
            for _ in 0..CONNECTIONS {
                viewers.push(Viewer::connect(&connector, contestant.tls).await?);
            }
            drive(contestant, viewers, &path, plan.window).await
        });
        rows.extend(measured.await?);
    }
    Ok(rows)
}

/// In the clear: a segment. Ours is the listener for other distributors, as viewers are always served by TLS.
pub(crate) async fn plain(plan: &Plan, dir: &Path) -> Result<Vec<Row>> {
    let show = Show::begin(MEDIA).await?;
    servers::certificate(dir)?;
    let kinds = [
        Kind::Nginx,
        Kind::Haproxy,
        Kind::Varnish,
        Kind::FootlightPeer,
    ];
    let contestants = start(plan, dir, &kinds, &show).await?;
    let says = format!("Authorization: {}\r\n", OurBox::authorization()?);
    let case = format!("HTTP in the clear, 1 MB segment, {CONNECTIONS} connections");
    best(plan, &contestants, &case, async |contestant| {
        let mut viewers = Vec::<Viewer<TcpStream>>::new();
        for _ in 0..CONNECTIONS {
            viewers.push(Viewer::plain(contestant.plain, &says).await?);
        }
        drive(contestant, viewers, &segment(), plan.window).await
    })
    .await
}

/// The path of a whole segment, before the first part.
fn segment() -> String {
    format!("{STREAM}/1794999995.m4s")
}

async fn start(plan: &Plan, dir: &Path, kinds: &[Kind], show: &Show) -> Result<Vec<Contestant>> {
    let mut contestants = Vec::new();
    for kind in Kind::installed(kinds) {
        contestants.push(Contestant::start(plan, dir, kind, show.port).await?);
    }
    Ok(contestants)
}

/// A row for each, with the figures of the round in which the first of them was best. The rounds are interleaved.
async fn best(
    plan: &Plan,
    contestants: &[Contestant],
    case: &str,
    measure: impl AsyncFn(&Contestant) -> Result<Vec<Figure>>,
) -> Result<Vec<Row>> {
    let mut rows: Vec<Row> = Vec::new();
    for round in 1..=plan.rounds {
        for contestant in contestants {
            let server = contestant.kind.name();
            plan.progress(&format!(
                "{case}, {server}, round {round} of {}",
                plan.rounds
            ));
            let figures = measure(contestant).await?;
            match rows.iter_mut().find(|row| row.server == server) {
                Some(row) if better(&figures, &row.figures) => row.figures = figures,
                Some(_) => {}
                None => rows.push(Row {
                    case: case.to_owned(),
                    server,
                    figures,
                }),
            }
        }
    }
    Ok(rows)
}

/// Whether the first of the `new` figures is better than that of the `old`.
fn better(new: &[Figure], old: &[Figure]) -> bool {
    let pair = new.first().zip(old.first());
    pair.is_some_and(|(new, old)| (new.value > old.value) == new.more_is_better)
}

/// What it costs to let all of the `viewers` ask for `path` over and over.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
async fn drive<C: Carrier>(
    contestant: &Contestant,
    mut viewers: Vec<Viewer<C>>,
    path: &str,
    window: Duration,
) -> Result<Vec<Figure>> {
    let mut size = 0;
    for viewer in &mut viewers {
        viewer.ask(path).await?;
        viewer.answer().await?;
        size = viewer.body.len();
    }
    let before = contestant.cpu_ns();
    let until = Instant::now() + window;
    let running: Vec<_> = viewers
        .into_iter()
        .map(|mut viewer| {
            let path = path.to_owned();
            tokio::spawn(async move {
                let mut requests = 0u64;
                while Instant::now() < until {
                    viewer.get(&path, size).await?;
                    requests += 1;
                }
                anyhow::Ok(requests)
            })
        })
        .collect();
    let mut requests = 0;
    for viewer in running {
        requests += viewer.await??;
    }
    let cpu_s = (contestant.cpu_ns() - before) as f64 / 1e9;
    let per_core = requests as f64 / cpu_s;
    Ok(vec![
        Figure {
            name: "requests/s/core",
            value: per_core,
            more_is_better: true,
        },
        Figure {
            name: "Gbit/s/core",
            value: per_core * size as f64 * 8.0 / 1e9,
            more_is_better: true,
        },
        Figure {
            name: "peak MiB",
            value: contestant.peak_kib() as f64 / 1024.0,
            more_is_better: false,
        },
    ])
}
