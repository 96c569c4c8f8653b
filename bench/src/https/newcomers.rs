//! Two thousand who come by TLS within ten seconds while five hundred watch a stream of 1.6 Mbit/s with parts of half a
//! second, all of one core: stalls of the five hundred, as a player's buffer would have them. Every viewer waits for each
//! playlist and asks for each part. Which CPU was busy is said, that of the server or that of the load.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::{Context, Result, ensure};
use live::playlist::MediaPlaylist;
use tokio::{
    task::JoinSet,
    time::{Instant, interval, sleep_until},
};
use tokio_rustls::TlsConnector;

use super::{
    player::{AHEAD, Buffer, PART},
    servers::{self, Contestant, Kind},
    show::{Media, STREAM, Show},
    viewer::Viewer,
};
use crate::{
    Plan,
    table::{Figure, Row},
};

const WATCHERS: usize = 500;
const NEWCOMERS: usize = 2000;
/// In which the newcomers come.
const RUSH: Duration = Duration::from_secs(10);
/// Before they come, and after the last has come.
const QUIET: Duration = Duration::from_secs(4);
const MEDIA: Media = Media {
    part: 100_000,
    segment: 100_000,
    takes: Duration::ZERO,
    refuses: false,
};
/// A CPU that was busier than this had no more to give.
const BUSY: f64 = 95.0;

pub(crate) async fn run(plan: &Plan, dir: &Path) -> Result<Vec<Row>> {
    plan.progress("two thousand newcomers");
    servers::certificate(dir)?;
    let show = Arc::new(Show::begin(MEDIA).await?);
    let contestant = Contestant::start(plan, dir, Kind::Footlight, show.port).await?;
    let clock = tokio::spawn({
        let show = show.clone();
        async move {
            let mut ticks = interval(PART);
            loop {
                ticks.tick().await;
                show.go_on();
            }
        }
    });
    // Enough for whoever comes first to begin with.
    sleep_until(Instant::now() + PART * AHEAD * 2).await;
    let connector = servers::connector(dir, None)?;
    let rush = Instant::now() + QUIET;
    let until = rush + RUSH + QUIET;
    let mut watching = JoinSet::new();
    let crowds = [(WATCHERS, rush - QUIET, QUIET / 2), (NEWCOMERS, rush, RUSH)];
    for (crowd, (viewers, first, within)) in crowds.into_iter().enumerate() {
        for number in 0..viewers {
            let comes = first + within * u32::try_from(number)? / u32::try_from(viewers)?;
            let watched = watch(connector.clone(), contestant.tls, comes, until);
            watching.spawn(async move { (crowd, watched.await) });
        }
    }
    sleep_until(rush).await;
    let (server, load) = (contestant.cpu_ns(), own_cpu_ns()?);
    sleep_until(rush + RUSH).await;
    let share =
        |used: u64| Duration::from_nanos(used).as_secs_f64() * 100.0 / rush.elapsed().as_secs_f64();
    let (server, load) = (
        share(contestant.cpu_ns() - server),
        share(own_cpu_ns()? - load),
    );
    let mut crowds: [Crowd; 2] = Default::default();
    while let Some(watched) = watching.join_next().await {
        let (crowd, buffer) = watched?;
        if let Some(crowd) = crowds.get_mut(crowd) {
            crowd.take(buffer);
        }
    }
    clock.abort();
    let limit = match (server > BUSY, load > BUSY) {
        (true, false) => "the server's CPU",
        (false, true) => "the load's own CPU",
        (true, true) => "both CPUs",
        (false, false) => "none",
    };
    println!(
        "{NEWCOMERS} newcomers in {} s while {WATCHERS} watch: the limit hit was {limit} (server {server:.0} %, load {load:.0} %)",
        RUSH.as_secs()
    );
    let [watchers, newcomers] = crowds;
    let busy = [less("server CPU %", server), less("load CPU %", load)];
    let mut rows = vec![
        watchers.row("the 500 who watch"),
        newcomers.row("the 2000 who come"),
    ];
    if let Some(row) = rows.first_mut() {
        row.figures.extend(busy);
    }
    Ok(rows)
}

/// What became of some viewers.
#[derive(Default)]
struct Crowd {
    stalled: u32,
    longest: Duration,
    least: Option<Duration>,
    broken: u32,
    why: Option<anyhow::Error>,
}

impl Crowd {
    fn take(&mut self, watched: Result<Buffer>) {
        match watched {
            Ok(buffer) => {
                self.stalled += u32::from(buffer.stalls > 0);
                self.longest = self.longest.max(buffer.stalled);
                self.least = self.least.into_iter().chain(buffer.least).min();
            }
            Err(error) => {
                self.broken += 1;
                self.why = Some(error);
            }
        }
    }

    fn row(self, who: &str) -> Row {
        if let Some(why) = self.why {
            println!("{who}: {} were not served: {why:#}", self.broken);
        }
        let ms = |duration: Duration| duration.as_secs_f64() * 1000.0;
        Row {
            case: format!("{NEWCOMERS} new TLS viewers in {} s: {who}", RUSH.as_secs()),
            server: Kind::Footlight.name(),
            figures: vec![
                less("who stalled", f64::from(self.stalled)),
                less("longest ms", ms(self.longest)),
                Figure {
                    name: "least ms in hand",
                    value: ms(self.least.unwrap_or_default()),
                    more_is_better: true,
                },
                less("not served", f64::from(self.broken)),
            ],
        }
    }
}

/// One who `comes` and watches `until` then.
async fn watch(
    connector: TlsConnector,
    port: u16,
    comes: Instant,
    until: Instant,
) -> Result<Buffer> {
    sleep_until(comes).await;
    let mut viewer = Viewer::connect(&connector, port).await?;
    viewer.ask(&format!("{STREAM}/media.m3u8")).await?;
    ensure!(viewer.answer().await? == 200, "no playlist");
    let there = Show::parts_in(&MediaPlaylist::parse(&viewer.body)?);
    let mut next = there
        .context("another show")?
        .saturating_sub(u64::from(AHEAD));
    let mut buffer = Buffer::default();
    for _ in 0..AHEAD {
        viewer.get(&Show::part(next), MEDIA.part).await?;
        buffer.arrived(Instant::now());
        next += 1;
    }
    while Instant::now() < until {
        viewer.ask(&Show::playlist_with(next)).await?;
        ensure!(
            viewer.answer().await? == 200,
            "no playlist with part {next}"
        );
        viewer.get(&Show::part(next), MEDIA.part).await?;
        buffer.arrived(Instant::now());
        next += 1;
    }
    buffer.end(Instant::now());
    Ok(buffer)
}

/// CPU time that this program's only busy thread has used.
fn own_cpu_ns() -> Result<u64> {
    let stat = std::fs::read_to_string("/proc/self/schedstat")?;
    let used = stat.split_whitespace().next().context("no schedstat")?;
    Ok(used.parse()?)
}

const fn less(name: &'static str, value: f64) -> Figure {
    Figure {
        name,
        value,
        more_is_better: false,
    }
}
