//! From camera to screen: a show with a clock in its picture through mux, transcoder and distributor to hls.js in
//! Chromium, all on this machine and on all of its processors. How far the clock on the screen is behind, and how long
//! after a publisher's first byte a viewer who waits sees the first picture. The camera's encoder is in both.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::mpsc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result};
use nix::{
    sched::{CpuSet, sched_setaffinity},
    unistd::Pid,
};
use serde_json::Value;
use tests::{Browser, Camera, STAGE, Stage};

use crate::{
    Plan, server,
    table::{Figure, Row},
};

/// Until the player has taken back what its start has cost.
const SETTLE: Duration = Duration::from_secs(10);
/// Shorter than this a figure depends on which pictures it saw.
const SHORTEST: Duration = Duration::from_secs(20);

/// Measures as many shows as there are rounds; the best figures of all.
pub(crate) fn run(plan: &Plan) -> Result<Vec<Row>> {
    let mut best: Option<[Vec<Figure>; 2]> = None;
    // Nothing here is alone on a processor.
    let _stays_where_it_was = everywhere();
    for round in 1..=plan.rounds {
        let rounds = plan.rounds;
        plan.progress(&format!("from camera to screen, round {round} of {rounds}"));
        let figures = measure(plan)?;
        best = Some(match best {
            Some([first, steady]) => {
                let [new_first, new_steady] = figures;
                [better(first, new_first), better(steady, new_steady)]
            }
            None => figures,
        });
    }
    let _one_cpu = server::pin(Pid::from_raw(0), 1);
    let row = |case: &str, figures| Row {
        case: format!("{case}, 720p30 by hls.js in Chromium"),
        server: "footlight",
        figures,
    };
    let [first, steady] = best.context("no round")?;
    Ok(vec![
        row("first picture after a publisher's first byte", first),
        row("from camera to screen", steady),
    ])
}

fn better(one: Vec<Figure>, other: Vec<Figure>) -> Vec<Figure> {
    let pairs = one.into_iter().zip(other);
    pairs.map(|(a, b)| a.better(b)).collect()
}

fn measure(plan: &Plan) -> Result<[Vec<Figure>; 2]> {
    let stage = Stage::start(tests::Plan::default(), |_| {})?;
    let mut browser = Browser::follow(&stage, "hls.js")?;
    browser.wait_for("waiting")?;
    let tap = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("rtmp://{}/live/{}", tap.local_addr()?, STAGE.key);
    let mux = stage.mux.listener("rtmp")?;
    let (tell, first_byte) = mpsc::sync_channel(1);
    std::thread::spawn(move || pass_on(&tap, mux, &tell));
    let _camera = Camera::publish(&url, &[])?;
    let first_byte = first_byte.recv().context("the camera never connected")?;
    let playing = browser.wait_for("playing")?;
    std::thread::sleep(SETTLE);
    let start = browser.report()?;
    std::thread::sleep(plan.window.max(SHORTEST));
    let steady = browser.report()?;
    let figure = |name, value: Option<f64>| Figure {
        name,
        value: value.unwrap_or(f64::NAN),
        more_is_better: false,
    };
    let after = |name: &str| Some((playing[name].as_f64()? - first_byte) / 1000.0);
    let latency = |name: &str| steady["latency"][name].as_f64();
    let hold_back = steady["holdBack"].as_f64();
    let over = latency("median")
        .zip(hold_back)
        .map(|(all, held)| all - held);
    let waits = |report: &Value| report["waits"].as_f64();
    let first = vec![
        figure("s (aim 3)", after("at")),
        figure("until the playlist, s", after("foundAt")),
        figure("stalls while it begins", waits(&start)),
    ];
    let steady = vec![
        figure("s p50", latency("median")),
        figure("s p95", latency("p95")),
        figure("PART-HOLD-BACK s", hold_back),
        figure("above it, s (aim 0.7)", over),
        figure("stalls", waits(&steady)),
    ];
    Ok([first, steady])
}

/// Passes one publisher on to `to`, and tells when its first byte came, Unix milliseconds.
fn pass_on(tap: &TcpListener, to: SocketAddr, tell: &mpsc::SyncSender<f64>) -> Result<()> {
    let (mut publisher, _) = tap.accept()?;
    let mut mux = TcpStream::connect(to)?;
    for socket in [&publisher, &mux] {
        socket.set_nodelay(true)?;
    }
    let mut first = [0];
    publisher.read_exact(&mut first)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    tell.send(now.as_secs_f64() * 1000.0)?;
    mux.write_all(&first)?;
    let (mut from_mux, mut to_publisher) = (mux.try_clone()?, publisher.try_clone()?);
    std::thread::spawn(move || std::io::copy(&mut from_mux, &mut to_publisher));
    std::io::copy(&mut publisher, &mut mux)?;
    Ok(())
}

/// Lets this thread and what it starts run on every processor.
fn everywhere() -> nix::Result<()> {
    let mut set = CpuSet::new();
    (0..CpuSet::count()).try_for_each(|cpu| set.set(cpu))?;
    sched_setaffinity(Pid::from_raw(0), &set)
}
