//! The smallest daemon on the chassis: it sends back what it is sent.
//!
//! `cargo run -p live --features daemon --example echo -- --config echo.toml`; its tests are `live/tests/daemon.rs`.

use std::process::ExitCode;

use live::daemon::{
    Chassis, ConnectionLimit, Daemon, StartError,
    config::{
        AdminSection, DrainSection, Listen, LogSection, Problems, Secret, SecretSource, Settings,
        Timespan,
    },
    prometheus_client::metrics::counter::Counter,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

fn main() -> ExitCode {
    live::daemon::run::<Echo>()
}

/// What may be written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Raw {
    echo: EchoSection,
    admin: AdminSection,
    log: LogSection,
    drain: DrainSection,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct EchoSection {
    listen: Listen,
    idle: Timespan,
    secret: Option<SecretSource>,
}

impl Default for Raw {
    fn default() -> Self {
        Self {
            echo: EchoSection::default(),
            admin: AdminSection::on_port(9109),
            log: LogSection::default(),
            drain: DrainSection::default(),
        }
    }
}

impl Default for EchoSection {
    fn default() -> Self {
        Self {
            listen: Listen::one(([127, 0, 0, 1], 7007).into()),
            idle: Timespan::from_secs(60),
            secret: None,
        }
    }
}

/// What it means.
struct Config {
    settings: Settings,
    listen: Listen,
    idle: Timespan,
    /// Nothing here needs it; a real daemon would.
    _secret: Option<Secret>,
}

struct Echo;

impl Daemon for Echo {
    const NAME: &'static str = "echo";
    const ABOUT: &'static str = "Sends back what it is sent.";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    type Raw = Raw;
    type Config = Config;

    fn resolve(raw: &Raw, problems: &mut Problems<'_>) -> Option<Config> {
        let bounds = Timespan::from_secs(1)..=Timespan::from_secs(3600);
        problems.within("echo.idle", raw.echo.idle, bounds);
        let settings = Settings::resolve(&raw.admin, &raw.log, &raw.drain, problems);
        let secret = match &raw.echo.secret {
            Some(source) => Some(problems.secret("echo.secret", source)?),
            None => None,
        };
        Some(Config {
            settings,
            listen: raw.echo.listen.clone(),
            idle: raw.echo.idle,
            _secret: secret,
        })
    }

    fn settings(config: &Config) -> &Settings {
        &config.settings
    }

    async fn start(config: Config, chassis: &Chassis) -> Result<Self, StartError> {
        let limit = ConnectionLimit::new(1000);
        let bytes = Counter::<u64>::default();
        chassis.register(|registry| registry.register("bytes", "Bytes sent back", bytes.clone()));
        for listener in chassis.bind("echo", config.listen.addresses())? {
            let bytes = bytes.clone();
            chassis.serve("echo", listener, &limit, move |stream, _peer| {
                echo(stream, config.idle, bytes.clone())
            });
        }
        chassis.report(move || json!({ "bytes": bytes.get() }));
        Ok(Self)
    }

    async fn reload(&mut self, _config: Config) -> Result<(), String> {
        Ok(())
    }
}

/// Until the peer has nothing more to say; the drain waits for that.
async fn echo(mut stream: TcpStream, idle: Timespan, bytes: Counter) {
    let mut buffer = [0; 4096];
    while let Ok(Ok(read @ 1..)) = timeout(idle.get(), stream.read(&mut buffer)).await {
        let Some(read_bytes) = buffer.get(..read) else {
            return;
        };
        if stream.write_all(read_bytes).await.is_err() {
            return;
        }
        bytes.inc_by(read as u64);
    }
}
