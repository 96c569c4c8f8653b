//! Footlight beside its best peers, in one run on one machine: ratios hold where absolute numbers do not.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a measuring program asks the clock and prints"
)]

mod fan_out;
mod https;
mod server;
mod table;

use std::{
    io::IsTerminal,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use nix::unistd::Pid;

const HELP: &str = "Footlight beside nginx and nginx-rtmp, in the same run

usage: bench [--row rtmp|https] [--rounds N] [--seconds N] [--json FILE]

  --row NAME     only this row; both without
  --rounds N     interleaved rounds, the best of which counts (default 3)
  --seconds N    length of one measurement (default 5)
  --json FILE    keep the numbers as JSON too

Servers run on CPU 0, the load on the others; CPU time is the unit, so a busy machine does not spoil it.
Traffic stays on the loopback.";

/// What to run, and for how long.
pub(crate) struct Plan {
    row: Option<String>,
    /// Interleaved rounds; the best of each server counts.
    pub(crate) rounds: u32,
    /// Length of one measurement.
    pub(crate) window: Duration,
    json: Option<PathBuf>,
    binaries: PathBuf,
}

impl Plan {
    fn from_arguments() -> Result<Option<Self>> {
        use lexopt::prelude::{Long, Short, Value, ValueExt};
        let binaries = std::env::current_exe()?
            .parent()
            .map(Path::to_owned)
            .context("no folder of binaries")?;
        let mut plan = Self {
            row: None,
            rounds: 3,
            window: Duration::from_secs(5),
            json: None,
            binaries,
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
                Long("help") => return Ok(None),
                Short(_) | Long(_) | Value(_) => return Err(argument.unexpected().into()),
            }
        }
        match plan.row.as_deref() {
            None | Some("rtmp" | "https") => Ok(Some(plan)),
            Some(other) => bail!("there is no row '{other}'; rows are rtmp and https"),
        }
    }

    fn wants(&self, row: &str) -> bool {
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
    let Some(plan) = Plan::from_arguments()? else {
        println!("{HELP}");
        return Ok(ExitCode::SUCCESS);
    };
    // With one CPU the load shares it with the server: CPU time per request still holds.
    let _one_cpu = server::pin(Pid::from_raw(0), 1);
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
        "1.00x is the peer of the same run; above is better. CPU time by the scheduler's count."
    );
    if let Some(file) = &plan.json {
        std::fs::write(file, serde_json::to_string_pretty(&table::json(&rows))?)?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn run(plan: &Plan, dir: &Path) -> Result<Vec<table::Row>> {
    let mut rows = Vec::new();
    if plan.wants("rtmp") {
        rows.extend(fan_out::run(plan, dir).await?);
    }
    if plan.wants("https") {
        rows.extend(https::run(plan, dir).await?);
    }
    Ok(rows)
}
