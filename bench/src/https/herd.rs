//! Five hundred viewers, connected by TLS, who ask for the same part at the same instant: how many fetches that is at an
//! origin which takes 50 ms, and how long the last one waits for a first byte. A part that nobody has asked for before,
//! the same from an origin that answers 503, and a part of a stream that is followed.
//!
//! The load reads no answer before all have begun, so that what it needs itself is in nobody's waiting time.

use std::{path::Path, time::Duration};

use anyhow::{Result, ensure};
use tokio::{task::JoinSet, time::Instant};

use super::{
    better,
    servers::{self, Contestant, Kind},
    show::{INIT, Media, STREAM, Show},
    viewer::Viewer,
};
use crate::{
    Plan,
    table::{Figure, Row},
};

const VIEWERS: usize = 500;
const TAKES: Duration = Duration::from_millis(50);
const MEDIA: Media = Media {
    part: 200_000,
    segment: 1_000_000,
    takes: TAKES,
    refuses: false,
};

pub(crate) async fn run(plan: &Plan, dir: &Path) -> Result<Vec<Row>> {
    servers::certificate(dir)?;
    let mut rows = Vec::new();
    let kinds = Kind::installed(&Kind::ALL);
    for refuses in [false, true] {
        let media = Media { refuses, ..MEDIA };
        for &kind in &kinds {
            rows.push(first_requests(plan, dir, kind, media).await?);
        }
    }
    rows.extend(followed(plan, dir).await?);
    Ok(rows)
}

/// All ask for what nobody has asked for before.
async fn first_requests(plan: &Plan, dir: &Path, kind: Kind, media: Media) -> Result<Row> {
    let show = Show::begin(media).await?;
    let contestant = Contestant::start(plan, dir, kind, show.port).await?;
    let mut viewers = gather(dir, &contestant).await?;
    let (case, status, rounds) = if media.refuses {
        // Peers take up to half a minute.
        ("an origin that answers 503 after 50 ms", 503, 1)
    } else {
        ("an origin that takes 50 ms", 200, plan.rounds)
    };
    let mut best = Vec::new();
    for round in 1..=rounds {
        plan.progress(&format!("first requests, {}, {case}", kind.name()));
        let path = format!("/live/cold{round}/source/1795000000.0.m4s");
        let waited = ask_at_once(&mut viewers, &path, status).await?;
        let figures = vec![
            less("ms over origin's", ms(waited) - ms(TAKES)),
            less("ms to the last", ms(waited)),
            less("fetches", f64::from(show.asked(&path))),
        ];
        if round == 1 || better(&figures, &best) {
            best = figures;
        }
    }
    Ok(Row {
        case: format!("{VIEWERS} first requests for a 200 KB part, {case}"),
        server: kind.name(),
        figures: best,
    })
}

/// All ask for a part that a playlist has just named; and once more, as a measure of what the answers alone take.
async fn followed(plan: &Plan, dir: &Path) -> Result<[Row; 2]> {
    let show = Show::begin(MEDIA).await?;
    let contestant = Contestant::start(plan, dir, Kind::Footlight, show.port).await?;
    let mut viewers = gather(dir, &contestant).await?;
    let connector = servers::connector(dir, None)?;
    let mut first = Viewer::connect(&connector, contestant.tls).await?;
    first.ask(&format!("{STREAM}/media.m3u8")).await?;
    ensure!(first.answer().await? == 200, "no playlist");
    let mut best: [Vec<Figure>; 2] = Default::default();
    for round in 1..=plan.rounds {
        plan.progress("first requests, a followed stream");
        let next = show.parts();
        first.ask(&Show::playlist_with(next)).await?;
        // It is held at the origin, and so is the part, before there is one.
        tokio::time::sleep(4 * TAKES).await;
        show.go_on();
        ensure!(first.answer().await? == 200, "no playlist");
        let path = Show::part(next);
        for best in &mut best {
            let waited = ask_at_once(&mut viewers, &path, 200).await?;
            let figures = vec![
                less("ms to the last", ms(waited)),
                less("fetches", f64::from(show.asked(&path))),
            ];
            if round == 1 || better(&figures, best) {
                *best = figures;
            }
        }
    }
    let case = format!("{VIEWERS} first requests for a 200 KB part of a followed stream");
    let mut servers = ["footlight-distributor", "floor: asked again"].into_iter();
    Ok(best.map(|figures| Row {
        case: case.clone(),
        server: servers.next().unwrap_or_default(),
        figures,
    }))
}

/// Everybody, connected and answered once.
async fn gather(dir: &Path, contestant: &Contestant) -> Result<Vec<Viewer>> {
    let connector = servers::connector(dir, None)?;
    let mut viewers = Vec::with_capacity(VIEWERS);
    for _ in 0..VIEWERS {
        let mut viewer = Viewer::connect(&connector, contestant.tls).await?;
        let init = "/live/warm/source/init-0123456789abcdef.mp4";
        viewer.get(init, INIT).await?;
        viewers.push(viewer);
    }
    Ok(viewers)
}

/// Everybody asks for `path`, and is answered with `status`. The longest that anybody waited for a first byte.
async fn ask_at_once(viewers: &mut Vec<Viewer>, path: &str, status: u16) -> Result<Duration> {
    let mut waiting = JoinSet::new();
    for mut viewer in viewers.drain(..) {
        let path = path.to_owned();
        waiting.spawn(async move {
            let asked = Instant::now();
            viewer.ask(&path).await?;
            viewer.begins().await?;
            anyhow::Ok((viewer, asked.elapsed()))
        });
    }
    let mut longest = Duration::ZERO;
    let mut reading = JoinSet::new();
    while let Some(begun) = waiting.join_next().await {
        let (viewer, waited) = begun??;
        longest = longest.max(waited);
        viewers.push(viewer);
    }
    for mut viewer in viewers.drain(..) {
        reading.spawn(async move {
            let answered = viewer.answer().await?;
            ensure!(answered == status, "{answered} instead of {status}");
            Ok(viewer)
        });
    }
    while let Some(read) = reading.join_next().await {
        viewers.push(read??);
    }
    Ok(longest)
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

const fn less(name: &'static str, value: f64) -> Figure {
    Figure {
        name,
        value,
        more_is_better: false,
    }
}
