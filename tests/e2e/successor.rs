//! A distributor becomes another process under its viewers: it is restarted and killed, with socket units and without.
//! Nobody is refused, nothing that was cut off looks whole, and what is whole is right to the byte.

mod audience;

use std::{collections::BTreeMap, sync::Arc};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use live::playlist::MediaPlaylist;
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tests::{Browser, Camera, Clip, Picture, Plan, Program, STAGE, Service, Stage};

use crate::{media, multivariant, start};
use audience::{Audience, Blow};

/// Listeners with socket units, and none: systemd's descriptor store has them all then.
const UNITS: [&[&str]; 2] = [&["https", "http"], &[]];
/// Restarts and kills of each.
const BLOWS: usize = 5;
/// Answers that everybody has after each.
const AFTER: usize = 4;
/// Seconds that the picture may stand still over four restarts and four kills. It does not, but for what a busy machine costs.
const STALL_BUDGET_S: f64 = 1.0;

/// A second distributor of the stage, under a service manager.
fn service(stage: &Stage, units: &[&'static str]) -> Result<Service> {
    let directory = stage.directory().path();
    let config = directory.join("distributor.toml");
    let service = Service::start(Program::Distributor, units, &config, directory)?;
    service.daemon.wait_until_ready()?;
    if units.is_empty() {
        service.wait_until_stored("listener.https", 1)?;
    }
    Ok(service)
}

/// Ends the process, as asked or not, and starts the next.
fn strike(service: &mut Service, blow: Blow) -> Result<()> {
    match blow {
        Blow::Stop => {
            service.daemon.signal(Signal::SIGTERM)?;
            let ended = service.daemon.exited()?;
            ensure!(ended.success(), "{}", service.daemon.tail());
            let cut = service.daemon.log();
            let cut = cut
                .iter()
                .find(|line| line.contains("cut off at the deadline"));
            ensure!(cut.is_none(), "{cut:?}");
        }
        Blow::Kill => service.daemon.kill()?,
    }
    let panic = service.daemon.panic();
    ensure!(panic.is_none(), "{panic:?}");
    service.start_again()?;
    service.daemon.wait_until_ready()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn viewers_are_never_refused_and_never_given_half_for_whole() -> Result<()> {
    let mut stage = start(Plan {
        rungs: Vec::new(),
        ..Plan::default()
    });
    let _encoder = stage.publish(STAGE, &Clip::of(Picture::Small)?)?;
    let viewer = stage.viewer().await?;
    multivariant(&viewer, STAGE, &["source"]).await?;
    let objects = segments(&viewer).await?;
    let root = std::fs::read_to_string(stage.root_certificate())?;
    for units in UNITS {
        let mut service = service(&stage, units)?;
        let address = service.address("https")?;
        for blow in [Blow::Stop, Blow::Kill] {
            let audience = Audience::come(address, &root, blow, &objects);
            for _ in 0..BLOWS {
                audience.goes_on(AFTER).await?;
                let now_at = service.address("https")?;
                ensure!(now_at == address, "it listens elsewhere: {now_at}");
                tokio::task::block_in_place(|| strike(&mut service, blow))?;
            }
            audience.goes_on(AFTER).await?;
            audience.leave().await?;
        }
    }
    stage.check_unharmed()
}

/// Some segments that a second distributor must serve as this one does.
async fn segments(viewer: &tests::Viewer) -> Result<Arc<BTreeMap<String, Bytes>>> {
    let path = media(STAGE, "source");
    let base = path.trim_end_matches("media.m3u8");
    let at_least = |text: &Bytes| {
        MediaPlaylist::parse(text).is_ok_and(|playlist| {
            let whole = playlist.segments.iter().filter(|segment| !segment.gap);
            whole.count() >= AFTER
        })
    };
    let playlist = MediaPlaylist::parse(&viewer.wait_until(&path, at_least).await?)?;
    let mut objects = BTreeMap::new();
    // What is missing has no bytes: a GAP.
    for segment in playlist.segments.iter().filter(|segment| !segment.gap) {
        let path = format!("{base}{}", segment.uri);
        objects.insert(path.clone(), viewer.fetch(&path).await?);
    }
    Ok(Arc::new(objects))
}

#[test]
fn hls_js_plays_on_through_restarts_and_kills() -> Result<()> {
    let mut stage = start(Plan {
        rungs: vec![(240, "400k")],
        ..Plan::default()
    });
    let _camera = Camera::publish(&stage.publish_url(STAGE)?, &["steady"])?;
    for units in UNITS {
        let mut service = service(&stage, units)?;
        let port = service.address("https")?.port();
        let show = format!("https://localhost:{port}/live/{}/index.m3u8", STAGE.name);
        let plan = json!({ "media": show, "player": "hls.js" });
        let mut player = Browser::open(&stage, "follow.mjs", plan)?;
        player.wait_for("clock")?;
        // What the start has cost is not looked at.
        player.report()?;
        for blow in [Blow::Stop, Blow::Kill, Blow::Stop, Blow::Kill] {
            strike(&mut service, blow)?;
            player.order("fresh")?;
            player.wait_for("fresh")?;
            let report = player.report()?;
            let stood = stood(&report).context("a report")?;
            ensure!(
                report["fatal"] == json!([]) && stood <= STALL_BUDGET_S,
                "{blow:?}: {report:#}"
            );
            if blow == Blow::Stop {
                // Whom it could not answer asked anew, unseen by the player.
                ensure!(report["errors"] == json!([]), "{report:#}");
            }
        }
    }
    stage.check_unharmed()
}

/// Seconds that the picture stood still.
fn stood(report: &Value) -> Option<f64> {
    Some(report["seconds"].as_f64()? - report["mediaSeconds"].as_f64()?)
}
