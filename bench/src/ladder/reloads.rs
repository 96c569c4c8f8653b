//! Held reloads: what it costs the origin to answer ten thousand who wait for the same part, each on a connection of its
//! own. What the show itself costs meanwhile, measured after it, is taken off.

use std::{path::Path, time::Duration};

use anyhow::{Context, Result, bail};
use live::{Object, Rendition};
use tokio::{
    io::{AsyncWriteExt, BufReader},
    net::TcpStream,
    time::{Instant, sleep},
};

use super::{
    box_of_ours::{OurBox, STREAM},
    delay::{Follower, answer},
};
use crate::{
    Plan, admin,
    table::{Figure, Row},
};

const WAITERS: usize = 10_000;
/// Segments ahead of one that has just begun: as far as an origin lets anybody wait, so that all stand in line before
/// it comes.
const AHEAD: u64 = 2;
/// For all to stand in line.
const PATIENCE: Duration = Duration::from_secs(10);
const RENDERS: &str =
    "footlight_transcoder_playlist_renders_total{stream=\"bench\",rendition=\"source\"}";
const WAITING: &str = "footlight_transcoder_waiting_requests{stream=\"bench\"}";

pub(super) async fn run(plan: &Plan, dir: &Path, clip: &Path) -> Result<Vec<Row>> {
    let ours = OurBox::start(plan, dir, &[]).await?;
    let _publisher = ours.publish(clip, &dir.join("publisher.log"))?;
    let mut follower = Follower::connect(&ours, Rendition::Source).await?;
    follower.appears().await?;
    let before_kib = ours.transcoder.rss_kib();
    let mut waiters = Vec::with_capacity(WAITERS);
    for _ in 0..WAITERS {
        waiters.push(TcpStream::connect(ours.origin).await?);
    }
    let mut best: Option<Measured> = None;
    for round in 1..=plan.rounds {
        plan.progress(&format!("held reloads, round {round} of {}", plan.rounds));
        let measured = measure(plan, &ours, &mut follower, &mut waiters).await?;
        best = Some(match best {
            Some(best) if best.cpu_us < measured.cpu_us => best,
            _ => measured,
        });
    }
    let best = best.context("no round")?;
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let each_kib = best.waiting_kib.saturating_sub(before_kib) as f64 / WAITERS as f64;
    let figure = |name, value| Figure {
        name,
        value,
        more_is_better: false,
    };
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let figures = vec![
        figure("CPU us/released", best.cpu_us),
        figure("renders", best.renders as f64),
        figure("KiB/waiter", each_kib),
    ];
    Ok(vec![Row {
        case: format!("{WAITERS} held reloads of one playlist, a connection each"),
        server: "footlight-tr.",
        figures,
    }])
}

struct Measured {
    cpu_us: f64,
    renders: u64,
    waiting_kib: u64,
}

async fn measure(
    plan: &Plan,
    ours: &OurBox,
    follower: &mut Follower,
    waiters: &mut [TcpStream],
) -> Result<Measured> {
    let open = follower.appears().await?.open_msn();
    let next = follower
        .get(&format!("?_HLS_msn={}&_HLS_part=0", open.next()))
        .await?;
    let now = next.context("the playlist vanished")?;
    let path = format!("/live/{STREAM}/{}", Object::Media(Rendition::Source));
    let request = format!(
        "GET {path}?_HLS_msn={}&_HLS_part=0 HTTP/1.1\r\nHost: origin\r\nAuthorization: {}\r\n\r\n",
        now.open_msn().0 + AHEAD,
        OurBox::authorization()?
    );
    for waiter in waiters.iter_mut() {
        waiter.write_all(request.as_bytes()).await?;
    }
    let patience = Instant::now() + PATIENCE;
    while metric(plan, WAITING).await? < WAITERS as u64 {
        if Instant::now() > patience {
            bail!("the part came before all {WAITERS} stood in line: the machine is too busy");
        }
    }
    let waiting_kib = ours.transcoder.rss_kib();
    let renders = metric(plan, RENDERS).await?;
    let (begun, cpu) = (Instant::now(), ours.transcoder.cpu_ns());
    for waiter in waiters {
        let found = answer(&mut BufReader::new(waiter)).await?;
        found.context("somebody who waited got no playlist")?;
    }
    let (lasted, used) = (begun.elapsed(), ours.transcoder.cpu_ns() - cpu);
    let renders = metric(plan, RENDERS).await? - renders;
    let cpu = ours.transcoder.cpu_ns();
    sleep(lasted).await;
    let alone = ours.transcoder.cpu_ns() - cpu;
    let used = Duration::from_nanos(used.saturating_sub(alone));
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let cpu_us = used.as_secs_f64() * 1e6 / WAITERS as f64;
    Ok(Measured {
        cpu_us,
        renders,
        waiting_kib,
    })
}

/// A figure of the transcoder's /metrics.
async fn metric(plan: &Plan, name: &str) -> Result<u64> {
    let value = admin::metric(plan.port(102), name).await?;
    value.with_context(|| format!("no {name} in /metrics"))
}
