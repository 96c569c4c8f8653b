//! Footlight beside its best peers, in one run on one machine: ratios hold where absolute numbers do not.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a measuring program asks the clock and prints"
)]

mod admin;
mod fan_out;
mod glass;
mod https;
mod ladder;
mod server;
mod table;

use std::{
    io::IsTerminal,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use nix::{
    sys::resource::{Resource, getrlimit, setrlimit},
    unistd::Pid,
};

const HELP: &str = "Footlight beside nginx, HAProxy, Varnish with hitch, nginx-rtmp and ffmpeg, in the same run

usage: bench [--row NAME] [--rounds N] [--seconds N] [--json FILE]

  --row NAME     only this row: rtmp (players served), idle (memory of players), takeover, https (playlists, parts
                 and segments), plain (segments without TLS), handshakes, herd (500 first requests at once), crowd
                 (viewers at rest and waiting), edge (what viewers of a show wait for), newcomers (2000 in 10 s),
                 ladder (encoding), delay (of parts), reloads (held ones), glass (from camera to screen in Chromium);
                 all without
  --rounds N     interleaved rounds, the best of which counts (default 2)
  --seconds N    length of one measurement (default 5)
  --json FILE    keep the numbers as JSON too

FOOTLIGHT_BENCH_SRS names a binary of SRS; without it SRS is left out. FOOTLIGHT_PORT_BASE moves all ports (20000).
Servers run on CPU 0, the load on the others; CPU time is the unit, so a busy machine does not spoil it.
Traffic stays on the loopback.";

const ROWS: [&str; 14] = [
    "rtmp",
    "idle",
    "takeover",
    "https",
    "plain",
    "handshakes",
    "herd",
    "crowd",
    "edge",
    "newcomers",
    "ladder",
    "delay",
    "reloads",
    "glass",
];

/// What to run, and for how long.
pub(crate) struct Plan {
    row: Option<String>,
    /// Interleaved rounds; the best of each server counts.
    pub(crate) rounds: u32,
    /// Length of one measurement.
    pub(crate) window: Duration,
    json: Option<PathBuf>,
    binaries: PathBuf,
    /// Where peers are installed that are there for the bench alone.
    pub(crate) peers: PathBuf,
    /// A binary of SRS.
    pub(crate) srs: Option<PathBuf>,
    port_base: u16,
}

/// The kernel floor as a program of its own: see `fan_out::floor`.
struct Floor {
    from_file: bool,
    port: u16,
    dir: PathBuf,
}

/// What was asked for.
enum Order {
    Help,
    Run(Plan),
    Floor(Floor),
}

impl Plan {
    fn from_arguments() -> Result<Order> {
        use lexopt::prelude::{Long, Short, Value, ValueExt};
        let binaries = std::env::current_exe()?
            .parent()
            .map(Path::to_owned)
            .context("no folder of binaries")?;
        let peers = binaries.parent().map(|target| target.join("bench-peers"));
        let port_base = std::env::var("FOOTLIGHT_PORT_BASE").unwrap_or_else(|_| "20000".into());
        let mut floor = Floor {
            from_file: false,
            port: 0,
            dir: PathBuf::new(),
        };
        let mut plan = Self {
            row: None,
            rounds: 2,
            window: Duration::from_secs(5),
            json: None,
            binaries,
            peers: peers.context("no folder to install peers in")?,
            srs: std::env::var_os("FOOTLIGHT_BENCH_SRS").map(PathBuf::from),
            port_base: port_base.parse().context("FOOTLIGHT_PORT_BASE")?,
        };
        let mut arguments = lexopt::Parser::from_env();
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("row") => plan.row = Some(arguments.value()?.parse()?),
                Long("rounds") => plan.rounds = arguments.value()?.parse::<u32>()?.clamp(1, 20),
                Long("seconds") => {
                    plan.window =
                        Duration::from_secs(arguments.value()?.parse::<u64>()?.clamp(1, 120));
                }
                Long("json") => plan.json = Some(arguments.value()?.into()),
                Long("floor") => floor.from_file = arguments.value()? == "sendfile",
                Long("port") => floor.port = arguments.value()?.parse()?,
                Long("clip") => floor.dir = arguments.value()?.into(),
                Long("help") => return Ok(Order::Help),
                Short(_) | Long(_) | Value(_) => return Err(argument.unexpected().into()),
            }
        }
        if floor.port != 0 {
            return Ok(Order::Floor(floor));
        }
        match plan.row.as_deref() {
            Some(row) if !ROWS.contains(&row) => {
                bail!("there is no row '{row}'; rows are {}", ROWS.join(", "))
            }
            Some(_) | None => Ok(Order::Run(plan)),
        }
    }

    /// A port of the bench's own.
    pub(crate) const fn port(&self, offset: u16) -> u16 {
        self.port_base.saturating_add(offset)
    }

    pub(crate) fn wants(&self, row: &str) -> bool {
        self.row.as_deref().is_none_or(|wanted| wanted == row)
    }

    /// One of our daemons, built beside this program.
    pub(crate) fn binary(&self, name: &str) -> PathBuf {
        self.binaries.join(name)
    }

    /// Says where the run is, on a terminal only.
    pub(crate) fn progress(&self, step: &str) {
        if std::io::stderr().is_terminal() {
            eprint!("\r\x1b[K{step} ...");
        }
    }
}

fn main() -> Result<ExitCode> {
    let plan = match Plan::from_arguments()? {
        Order::Run(plan) => plan,
        Order::Floor(floor) => {
            fan_out::floor::run(floor.port, &floor.dir, floor.from_file)?;
            return Ok(ExitCode::SUCCESS);
        }
        Order::Help => {
            println!("{HELP}");
            return Ok(ExitCode::SUCCESS);
        }
    };
    // With one CPU the load shares it with the server: CPU time per request still holds.
    let _one_cpu = server::pin(Pid::from_raw(0), 1);
    // A crowd's connections are files; the servers inherit as many.
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    let dir = std::env::temp_dir().join(format!("footlight-bench-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(run(&plan, &dir));
    if outcome.is_ok() {
        std::fs::remove_dir_all(&dir)?;
    }
    let rows = outcome.with_context(|| format!("logs are in {}", dir.display()))?;
    plan.progress("done");
    println!("{}", table::text(&rows));
    println!(
        "Beside a figure of ours: how many times better it is than the best peer's of the same run; beside a peer's: than\n\
         this one. Each figure is that of its best round.\n\
         CPU time by the scheduler's count. The floors are no servers: they only write the same bytes."
    );
    if let Some(file) = &plan.json {
        std::fs::write(file, serde_json::to_string_pretty(&table::json(&rows))?)?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn run(plan: &Plan, dir: &Path) -> Result<Vec<table::Row>> {
    let mut rows = Vec::new();
    rows.extend(fan_out::run(plan, dir).await?);
    if plan.wants("https") {
        rows.extend(https::run(plan, dir).await?);
    }
    if plan.wants("plain") {
        rows.extend(https::plain(plan, dir).await?);
    }
    if plan.wants("handshakes") {
        rows.extend(https::handshakes::run(plan, dir).await?);
    }
    if plan.wants("herd") {
        rows.extend(https::herd::run(plan, dir).await?);
    }
    if plan.wants("crowd") {
        rows.extend(https::crowd::run(plan, dir).await?);
    }
    if plan.wants("edge") {
        rows.extend(https::edge::run(plan, dir).await?);
    }
    if plan.wants("newcomers") {
        rows.extend(https::newcomers::run(plan, dir).await?);
    }
    rows.extend(ladder::run(plan, dir).await?);
    if plan.wants("glass") {
        rows.extend(glass::run(plan)?);
    }
    Ok(rows)
}
