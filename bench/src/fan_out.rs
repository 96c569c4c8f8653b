//! RTMP: mux beside its peers, one publisher of 1080p30 at 4 Mbit/s, players that read as fast as they are served.
//!
//! Servers do the same work in turn, round by round, each time as a fresh process.

use std::{net::SocketAddr, path::Path, sync::Arc, sync::atomic::Ordering, time::Duration};

use anyhow::{Result, bail};
use tokio::time::{Instant, sleep};

use crate::{
    Plan,
    server::Server,
    table::{Figure, Row},
};

mod clip;
pub(crate) mod floor;
mod load;
mod peers;
mod player;
mod publisher;

use clip::Tag;
use load::Load;
use peers::Peer;
use player::Role;
use publisher::Publisher;

const PLAYERS: [usize; 4] = [10, 100, 300, 1000];
const SERVERS: [Peer; 6] = [
    Peer::Nginx,
    Peer::NodeMediaServer,
    Peer::SrsLowLatency,
    Peer::Mux,
    Peer::FloorWritev,
    Peer::FloorSendfile,
];
const MERGED: [Peer; 2] = [Peer::SrsDefault, Peer::MuxMerged];
/// How long the players of a case may take to be served their first picture.
const SERVED: Duration = Duration::from_secs(30);
/// How long all of a case is left to settle: joins are answered with a GOP at once.
const SETTLE: Duration = Duration::from_secs(1);
/// Players of a case that note delays; the rest are only counted. Noting costs the load three times what counting does,
/// and what the load cannot read in time is in every server's delays alike: a hundred hid the servers' own.
const NOTING: usize = 30;
/// Players that come while others are served.
const JOINS: usize = 50;

pub(crate) async fn run(plan: &Plan, dir: &Path) -> Result<Vec<Row>> {
    let rows = ["rtmp", "idle", "takeover"];
    if !rows.iter().any(|row| plan.wants(row)) {
        return Ok(Vec::new());
    }
    plan.progress("encoding the clip");
    let bench = Bench {
        plan,
        dir,
        clip: Arc::new(clip::make(dir)?),
    };
    if let Err(error) = peers::install(plan) {
        println!("left out: Node-Media-Server ({error})");
    }
    if plan.srs.is_none() {
        println!("left out: SRS (name a binary of it by FOOTLIGHT_BENCH_SRS)");
    }
    let mut rows = Vec::new();
    if plan.wants("rtmp") {
        for players in PLAYERS {
            let case = format!("RTMP fan-out, {players} players");
            rows.extend(
                bench
                    .case(&case, &SERVERS, async |peer| {
                        bench.fan_out(peer, players).await
                    })
                    .await?,
            );
        }
        for players in [100, 300, 1000] {
            let case = format!("RTMP fan-out, {players} players, writes merged over 350 ms");
            rows.extend(
                bench
                    .case(&case, &MERGED, async |peer| {
                        bench.fan_out(peer, players).await
                    })
                    .await?,
            );
        }
    }
    let servers = &SERVERS[..4];
    if plan.wants("idle") {
        let case = "RTMP memory, 300 idle players; 100 players of which 20 stop reading";
        rows.extend(
            bench
                .case(case, servers, async |peer| bench.memory(peer).await)
                .await?,
        );
    }
    if plan.wants("takeover") {
        let case = "RTMP takeover, 100 players: publisher cut, the next 1 s later";
        rows.extend(
            bench
                .case(case, servers, async |peer| bench.takeover(peer).await)
                .await?,
        );
    }
    Ok(rows)
}

struct Bench<'a> {
    plan: &'a Plan,
    dir: &'a Path,
    clip: Arc<Vec<Tag>>,
}

impl Bench<'_> {
    /// All servers in turn, round by round; of each figure the best counts.
    async fn case(
        &self,
        case: &str,
        servers: &[Peer],
        measure: impl AsyncFn(Peer) -> Result<Vec<Figure>>,
    ) -> Result<Vec<Row>> {
        let mut rows: Vec<Row> = Vec::new();
        for round in 1..=self.plan.rounds {
            for peer in servers.iter().filter(|peer| peer.is_there(self.plan)) {
                let (name, rounds) = (peer.name(), self.plan.rounds);
                self.plan
                    .progress(&format!("{case}, round {round} of {rounds}, {name}"));
                let figures = match measure(*peer).await {
                    Ok(figures) => figures,
                    Err(error) if !peer.is_ours() => {
                        println!("left out of \"{case}\", round {round}: {error}");
                        continue;
                    }
                    Err(error) => return Err(error),
                };
                match rows.iter_mut().find(|row| row.server == name) {
                    Some(row) => {
                        let before = std::mem::take(&mut row.figures);
                        let both = before.into_iter().zip(figures);
                        row.figures = both.map(|(before, now)| before.better(now)).collect();
                    }
                    None => rows.push(Row {
                        case: case.to_owned(),
                        server: name,
                        figures,
                    }),
                }
            }
        }
        Ok(rows)
    }

    async fn begin(&self, peer: Peer) -> Result<(Server, SocketAddr, Option<Publisher>, Load)> {
        let server = peer.start(self.plan, self.dir).await?;
        let address = peer.address(self.plan);
        let (publish, play) = peer.keys();
        let publisher = if peer.is_floor() {
            None
        } else {
            Some(Publisher::start(&self.clip, address, publish, 1)?)
        };
        // The stream is known before it is asked for.
        sleep(Duration::from_millis(200)).await;
        Ok((server, address, publisher, Load::start(address, play)?))
    }

    async fn fan_out(&self, peer: Peer, players: usize) -> Result<Vec<Figure>> {
        let (server, _address, publisher, load) = self.begin(peer).await?;
        for number in 0..players {
            load.join(if peer.is_floor() {
                Role::Raw
            } else if number.is_multiple_of(players.div_ceil(NOTING)) {
                Role::Notes
            } else {
                Role::Discards
            });
        }
        served(peer, &load, players).await?;
        let bytes = || load.seen.bytes.load(Ordering::Relaxed);
        let (cpu, before, began) = (server.cpu_ns(), bytes(), Instant::now());
        load.seen.noting.store(true, Ordering::Relaxed);
        sleep(self.plan.window).await;
        load.seen.noting.store(false, Ordering::Relaxed);
        let (cpu, bytes) = (server.cpu_ns() - cpu, bytes() - before);
        let seconds = began.elapsed().as_secs_f64();
        let peak = server.peak_kib();
        if !peer.is_floor() {
            for _ in 0..JOINS {
                load.join(Role::Joins);
                sleep(Duration::from_millis(20)).await;
            }
            sleep(SETTLE).await;
        }
        alive(peer, &load, publisher.as_ref())?;
        let mut notes = load.seen.notes();
        let gbit = float(bytes) * 8.0 / 1e9;
        let mut figures = vec![
            less("CPU s/Gbit", float(cpu) / 1e9 / gbit),
            more(
                "Mbit/s each",
                gbit * 1000.0 / seconds / float(players as u64),
            ),
            less("peak MiB", float(peak) / 1024.0),
        ];
        if !peer.is_floor() {
            figures.push(less("delay ms p50", quantile(&mut notes.delays, 0.5)));
            figures.push(less("p99", quantile(&mut notes.delays, 0.99)));
            figures.push(less("join ms p50", quantile(&mut notes.joins, 0.5)));
            figures.push(less("p99 ", quantile(&mut notes.joins, 0.99)));
        }
        Ok(figures)
    }

    async fn memory(&self, peer: Peer) -> Result<Vec<Figure>> {
        const IDLE: u64 = 300;
        let server = peer.start(self.plan, self.dir).await?;
        let load = Load::start(peer.address(self.plan), peer.keys().1)?;
        let base = server.rss_kib();
        for _ in 0..IDLE {
            load.join(Role::Notes);
        }
        sleep(2 * SETTLE).await;
        let idle = server.rss_kib().saturating_sub(base);
        drop((load, server));
        let mut peaks = Vec::new();
        for stalled in [0, 20] {
            let (server, _address, publisher, load) = self.begin(peer).await?;
            for number in 0..100 {
                load.join(if number < stalled {
                    Role::Stalls
                } else {
                    Role::Discards
                });
            }
            served(peer, &load, 100).await?;
            sleep(self.plan.window).await;
            alive(peer, &load, publisher.as_ref())?;
            peaks.push(float(server.peak_kib()) / 1024.0);
        }
        let [reading, stalled] = peaks[..] else {
            bail!("two were measured");
        };
        Ok(vec![
            less("base MiB", float(base) / 1024.0),
            less("KiB an idle player", float(idle) / float(IDLE)),
            less("MiB, 100 read", reading),
            less("MiB, 80 read", stalled),
        ])
    }

    async fn takeover(&self, peer: Peer) -> Result<Vec<Figure>> {
        const PLAYERS: usize = 100;
        let (_server, address, publisher, load) = self.begin(peer).await?;
        for _ in 0..PLAYERS {
            load.join(Role::Notes);
        }
        served(peer, &load, PLAYERS).await?;
        drop(publisher);
        sleep(Duration::from_secs(1)).await;
        // One that is refused leaves the players where they are: none goes on.
        let _second = Publisher::start(&self.clip, address, peer.keys().0, 2);
        sleep(self.plan.window).await;
        let mut notes = load.seen.notes();
        let went_on = notes.takeovers.len();
        Ok(vec![
            more("went on", float(went_on as u64)),
            more(
                "at a keyframe, in time",
                float((went_on - notes.broken) as u64),
            ),
            less(
                "disconnected",
                float(load.seen.lost.load(Ordering::Relaxed) as u64),
            ),
            less(
                "first picture, worst ms",
                quantile(&mut notes.takeovers, 1.0),
            ),
        ])
    }
}

/// Waits until all players have had a picture, and a moment longer.
async fn served(peer: Peer, load: &Load, players: usize) -> Result<()> {
    let began = Instant::now();
    while load.seen.served.load(Ordering::Relaxed) < players {
        if began.elapsed() > SERVED || !load.lives() {
            let served = load.seen.served.load(Ordering::Relaxed);
            bail!(
                "{}: only {served} of {players} players are served",
                peer.name()
            );
        }
        sleep(Duration::from_millis(20)).await;
    }
    sleep(SETTLE).await;
    Ok(())
}

fn alive(peer: Peer, load: &Load, publisher: Option<&Publisher>) -> Result<()> {
    let lost = load.seen.lost.load(Ordering::Relaxed);
    if lost > 0 {
        println!("{}: {lost} players were dropped", peer.name());
    }
    if !load.lives() || publisher.is_some_and(|publisher| !publisher.lives()) {
        bail!("{}: the load or the publisher came to an end", peer.name());
    }
    Ok(())
}

const fn less(name: &'static str, value: f64) -> Figure {
    Figure {
        name,
        value,
        more_is_better: false,
    }
}

const fn more(name: &'static str, value: f64) -> Figure {
    Figure {
        name,
        value,
        more_is_better: true,
    }
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
const fn float(number: u64) -> f64 {
    number as f64
}

/// The value that `share` of all are not above; not a number when there are none.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an index from a share of a length"
)]
fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let index = ((values.len() as f64 - 1.0) * share).round() as usize;
    values.get(index).copied().unwrap_or(f64::NAN)
}
