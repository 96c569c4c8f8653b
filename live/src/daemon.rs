//! The chassis that the three daemons ride, and the one order in which each of them lives:
//! arguments, configuration, log, banner, runtime, bind, spawn, READY, wait, drain under a deadline, exit.
//!
//! A daemon is a type that implements [`Daemon`]; its `main.rs` is
//!
//! ```no_run
//! # use live::daemon::{*, config::*};
//! # use serde::{Serialize, Deserialize};
//! /// What may be written in the file.
//! #[derive(Serialize, Deserialize)]
//! #[serde(deny_unknown_fields, default)]
//! struct Raw {
//!     echo: Echo,
//!     admin: AdminSection,
//!     log: LogSection,
//!     drain: DrainSection,
//! }
//!
//! #[derive(Serialize, Deserialize)]
//! #[serde(deny_unknown_fields, default)]
//! struct Echo {
//!     listen: Listen,
//!     idle: Timespan,
//!     secret: Option<SecretSource>,
//! }
//! # impl Default for Raw {
//! #     fn default() -> Self {
//! #         Self {
//! #             echo: Echo::default(),
//! #             admin: AdminSection::on_port(9109),
//! #             log: LogSection::default(),
//! #             drain: DrainSection::default(),
//! #         }
//! #     }
//! # }
//! # impl Default for Echo {
//! #     fn default() -> Self {
//! #         Self { listen: Listen::one(([127, 0, 0, 1], 7).into()), idle: Timespan::from_secs(5), secret: None }
//! #     }
//! # }
//!
//! /// What it means.
//! struct Config {
//!     settings: Settings,
//!     listen: Listen,
//!     secret: Option<Secret>,
//! }
//!
//! struct Echoer;
//!
//! impl Daemon for Echoer {
//!     const NAME: &'static str = "echo";
//!     const ABOUT: &'static str = "Sends back what it is sent.";
//!     const VERSION: &'static str = env!("CARGO_PKG_VERSION");
//!     type Raw = Raw;
//!     type Config = Config;
//!
//!     fn resolve(raw: &Raw, problems: &mut Problems<'_>) -> Option<Config> {
//!         problems.within("echo.idle", raw.echo.idle, Timespan::from_secs(1)..=Timespan::from_secs(60));
//!         let secret = match &raw.echo.secret {
//!             Some(source) => Some(problems.secret("echo.secret", source)?),
//!             None => None,
//!         };
//!         let settings = Settings::resolve(&raw.admin, &raw.log, &raw.drain, problems);
//!         Some(Config { settings, listen: raw.echo.listen.clone(), secret })
//!     }
//!
//!     fn settings(config: &Config) -> &Settings {
//!         &config.settings
//!     }
//!
//!     async fn start(config: Config, chassis: &Chassis) -> Result<Self, StartError> {
//!         let limit = ConnectionLimit::new(1000);
//!         for listener in chassis.bind("echo", config.listen.addresses())? {
//!             chassis.serve("echo", listener, &limit, |_stream, _peer| async { /* ... */ });
//!         }
//!         chassis.report(|| serde_json::json!({ "echoes": 0 }));
//!         Ok(Echoer)
//!     }
//!
//!     async fn reload(&mut self, _config: Config) -> Result<(), String> {
//!         Ok(())
//!     }
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     live::daemon::run::<Echoer>()
//! }
//! ```
//!
//! `live/examples/echo.rs` is this daemon whole.

#![expect(
    clippy::disallowed_methods,
    reason = "the shell that reads the process's arguments and environment"
)]

use std::{ffi::OsString, future::Future, io, path::Path, process::ExitCode};

use serde::{Serialize, de::DeserializeOwned};
use tracing::{error, info};

mod accept;
pub mod admin;
mod arguments;
pub mod asking;
mod chassis;
pub mod command;
pub mod config;
pub mod event;
mod exit;
pub mod figure;
mod lifecycle;
mod listen;
mod metrics;
mod notify;
pub mod paper;
mod process;
mod readiness;
mod run;
pub mod status_command;
mod telemetry;
pub mod terminal;
#[cfg(feature = "tls")]
pub mod tls;
pub mod usage;

pub use accept::ConnectionLimit;
pub use chassis::Chassis;
pub use exit::Exit;
pub use lexopt;
pub use lifecycle::{Shutdown, Tasks};
pub use listen::{BACKLOG, BindError, Inherited};
pub use notify::Notify;
pub use prometheus_client;
pub use readiness::{Latch, Readiness};
pub use telemetry::Level;

use arguments::{Command, Options};
use command::{CommandHelp, CommandLine, answer, complain};
use config::{ConfigError, Problems, Settings, Sources};
use metrics::Metrics;
use telemetry::Telemetry;

/// One of the daemons.
pub trait Daemon: Sized {
    /// `mux`: the binary is footlight-mux, the configuration /etc/footlight/mux.toml, the metrics footlight_mux_*.
    const NAME: &'static str;
    /// One sentence for `--help`.
    const ABOUT: &'static str;
    /// `env!("CARGO_PKG_VERSION")` of the daemon's own crate.
    const VERSION: &'static str;
    /// What may be written: unknown fields denied, defaults filled in. What `--check` prints; it holds no secret.
    type Raw: Serialize + DeserializeOwned;
    /// What it means.
    type Config;

    /// The daemon's own commands, for `--help`.
    const COMMANDS: &'static [CommandHelp] = &[];

    /// Carries out one of [`Daemon::COMMANDS`] in the operator's shell.
    fn command(name: &str, line: &CommandLine) -> Exit {
        line.refuse::<Self>(name, "there is no such command")
    }

    /// The second stage: notes in `problems` all that is wrong. Returns nothing only after noting why.
    fn resolve(raw: &Self::Raw, problems: &mut Problems<'_>) -> Option<Self::Config>;

    /// The chassis' own part of the configuration.
    fn settings(config: &Self::Config) -> &Settings;

    /// Binds everything, then spawns everything, and returns: READY=1 is sent when it has. Must not wait for another
    /// machine; what the daemon is not useful without is held by a [`Latch`].
    fn start(
        config: Self::Config,
        chassis: &Chassis,
    ) -> impl Future<Output = Result<Self, StartError>>;

    /// Takes over what may change while running (SIGHUP): keys, certificates, targets. The error is one line that says
    /// what was not taken over; the daemon goes on with what it had. Of its own, the chassis takes over `[log]` only.
    fn reload(&mut self, config: Self::Config) -> impl Future<Output = Result<(), String>>;

    /// Whether another process carries on what this one does: asked when it is to stop. Then nothing is drained or told
    /// to anybody: the process ends where it is, as if it were killed.
    fn hands_over(&self) -> bool {
        false
    }

    /// Called once when the drain begins, after the shutdown was triggered, under the drain's deadline: for what must
    /// be done in order. Most daemons need nothing here: their tasks watch [`Chassis::shutdown`].
    fn stop(&mut self) -> impl Future<Output = ()> {
        std::future::ready(())
    }
}

/// Why a daemon did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address could not be listened on.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// Something in the configuration shows itself wrong only now.
    #[error("{0}")]
    Configuration(String),
    /// The system refused a resource: a directory, memory, a thread.
    #[error("{0}")]
    System(String),
}

impl StartError {
    fn exit(&self) -> Exit {
        match self {
            Self::Bind(error) => error.exit(),
            Self::Configuration(_) => Exit::Usage,
            Self::System(_) => Exit::System,
        }
    }
}

/// The files and the environment of this process.
#[derive(Debug, Clone, Copy)]
pub struct Process;

impl Sources for Process {
    fn file(&self, path: &Path) -> io::Result<String> {
        /// A configuration, a certificate chain, a secret: more than this is the wrong file.
        const MAX: u64 = 4 << 20;
        let file = std::fs::File::open(path)?;
        let mut text = String::new();
        io::Read::read_to_string(&mut io::Read::take(file, MAX + 1), &mut text)?;
        if text.len() as u64 > MAX {
            return Err(io::Error::other("longer than 4 MiB"));
        }
        Ok(text)
    }

    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}

/// The whole life of a daemon, from its command line to its exit code: a `main` that does nothing else.
pub fn run<D: Daemon>() -> ExitCode {
    run_with::<D, _>(std::env::args_os().skip(1)).into()
}

/// As [`run`], with the arguments given: for a binary that has taken some for itself.
pub fn run_with<D, I>(arguments: I) -> Exit
where
    D: Daemon,
    I: IntoIterator<Item: Into<OsString>>,
{
    match arguments::parse(D::NAME, D::COMMANDS, arguments) {
        Ok(Command::Help) => answer(&usage::help(D::NAME, D::ABOUT, D::COMMANDS)),
        Ok(Command::Own(name, line)) => D::command(name, &line),
        Ok(Command::Version) => answer(&format!("footlight-{} {}\n", D::NAME, D::VERSION)),
        Ok(Command::Run(options)) if options.check => check::<D>(&options),
        Ok(Command::Run(options)) => start::<D>(&options),
        Err(error) => {
            complain(&format!("footlight-{}: {error}\n", D::NAME));
            Exit::Usage
        }
    }
}

fn check<D: Daemon>(options: &Options) -> Exit {
    let effective = match read::<D>(options) {
        Ok((raw, _config)) => toml::to_string_pretty(&raw),
        Err(error) => {
            complain(&format!("{error}\n"));
            return Exit::Usage;
        }
    };
    match effective {
        Ok(text) => answer(&text),
        Err(error) => {
            complain(&format!(
                "the configuration is good but cannot be printed: {error}\n"
            ));
            Exit::Software
        }
    }
}

fn start<D: Daemon>(options: &Options) -> Exit {
    let read = read::<D>(options);
    let level = read
        .as_ref()
        .ok()
        .map(|(_, config)| D::settings(config).level);
    let level = options.log_level.or(level).unwrap_or_default();
    let telemetry = Telemetry::start(format!("footlight-{}", D::NAME), options.log, level);
    match read {
        Ok((_raw, config)) => {
            info!(version = D::VERSION, config = %options.config.display(), "footlight-{} starts", D::NAME);
            run::process::<D>(config, options, &telemetry)
        }
        Err(error) => {
            refuse(&error);
            Exit::Usage
        }
    }
}

fn read<D: Daemon>(options: &Options) -> Result<(D::Raw, D::Config), ConfigError> {
    config::read(&options.config, &Process, D::resolve)
}

/// One entry for each problem.
fn refuse(error: &ConfigError) {
    for line in error.to_string().lines() {
        error!(message_id = event::CONFIGURATION_REFUSED, "{line}");
    }
}
