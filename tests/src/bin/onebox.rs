//! What `make run` starts: all of Footlight on this machine, and with `SHOW=1` a show to watch.
//!
//! Ctrl-C stops everything and leaves nothing behind.
#![expect(clippy::print_stderr, reason = "a program for a terminal")]
#![expect(
    clippy::disallowed_methods,
    reason = "a shell: reads SHOW, FOOTLIGHT_PORT_BASE and the clock"
)]

use std::{
    fmt,
    io::{self, Write},
    process::ExitCode,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result};
use tests::{Encoder, Plan, Ports, STAGE, Stage};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::interval,
};

/// How often the daemons and the show are looked after.
const ROUND: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    // One thread: the children live as long as the thread that started them.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let _inside = runtime.enter();
    let mut stop = Stop::new()?;
    let ports = match std::env::var("FOOTLIGHT_PORT_BASE") {
        Ok(base) => base
            .parse()
            .ok()
            .and_then(Ports::from_base)
            .with_context(|| {
                format!("FOOTLIGHT_PORT_BASE={base} is no port: give one from 1 to 65092")
            })?,
        Err(_) => Ports::USUAL,
    };
    ports.check_free()?;
    let plan = Plan {
        ports,
        exam: true,
        ..Plan::default()
    };
    let stage = Stage::start(plan, |step| tell(format_args!("==> {step}")))?;
    let show = std::env::var("SHOW").is_ok_and(|value| !value.is_empty() && value != "0");
    welcome(&stage, show)?;
    let ended = runtime.block_on(watch_over(stage, show, &mut stop));
    tell(format_args!("==> stopped; nothing is left behind"));
    ended
}

/// For the terminal, if it is still there: without one the show goes on until somebody stops us.
fn tell(what: fmt::Arguments<'_>) {
    let _nobody_reads = writeln!(io::stdout(), "{what}");
}

fn welcome(stage: &Stage, show: bool) -> Result<()> {
    let rtmp = stage.mux.listener("rtmp")?;
    let rtmps = stage.mux.listener("rtmps")?.port();
    let https = stage.https()?.port();
    let name = STAGE.name;
    let first = if show {
        "A test show is on the air."
    } else {
        "In OBS, Settings, Stream, Service: Custom"
    };
    tell(format_args!(
        "
{first}

    Server      rtmp://{rtmp}/live   (or rtmps://localhost:{rtmps}/live, for one that trusts the authority)
    Stream Key  {}

    Watch       https://localhost:{https}/watch/{name}
    Playlist    https://localhost:{https}/live/{name}/index.m3u8
    Authority   {}   (the browser asks once, or trust this file)
    Logs        {}

Ctrl-C stops everything.",
        STAGE.key,
        stage.root_certificate().display(),
        stage.directory().path().display(),
    ));
    Ok(())
}

async fn watch_over(mut stage: Stage, show: bool, stop: &mut Stop) -> Result<()> {
    let mut encoder = None;
    let mut rounds = interval(ROUND);
    loop {
        tokio::select! {
            _ = rounds.tick() => {}
            () = stop.asked() => break,
        }
        stage.check_unharmed()?;
        if show && !encoder.as_mut().is_some_and(Encoder::is_running) {
            if let Some(ended) = encoder.take() {
                let complaints = ended.complaints();
                tell(format_args!(
                    "==> the test show ended; it starts again\n{complaints}"
                ));
            }
            encoder = Some(start_show(&stage)?);
        }
    }
    tell(format_args!("\n==> stopping"));
    drop(encoder);
    stage.stop()
}

fn start_show(stage: &Stage) -> Result<Encoder> {
    let url = stage.publish_url(STAGE)?;
    let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let of_day = since.as_secs_f64() % 86_400.0;
    Encoder::show(&url, of_day, stage.directory().path()).context("ffmpeg is missing: make deps")
}

/// Ctrl-C, a closed terminal, or somebody's kill.
struct Stop {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Stop {
    fn new() -> Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}
