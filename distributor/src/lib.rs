//! The distributor: HTTPS for any number of viewers in front of a few transcoders.
//!
//! A request is routed (`route`); its object is looked up in memory (`cache`) or fetched once for all who want it
//! (`fill`, from the origin that `origin` chooses, by `upstream`); and everyone, the first viewer too, reads it as it
//! arrives (`entry`). What is watched is followed (`follow`), so that it is there before anybody asks. Of all that viewers
//! do, one request for each object reaches a transcoder, and none for what is not in the grammar.
//!
//! Its certificate comes from files, or the daemon gets it (`acme`). How many come in, and to what, is decided at the
//! `door`.
//!
//! Pure: `acme::order`, `route`, `audience`, `freshness`, `response`, `presentation`, `viewer`, `window`, `follow`,
//! `origin`, `slots`, `pace`, `redirect`, `page`, `config`, `address`, `ladder`, `admission`, `capacity`.
//! Shells: the rest.

use std::{sync::Arc, time::Instant};

use http::uri::Scheme;
use live::daemon::{
    Chassis, ConnectionLimit, Daemon, Exit, Process, StartError,
    command::{CommandHelp, CommandLine},
    config::{Problems, Settings},
    status_command,
    tls::{self, Roots, Shown},
};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

mod acme;
mod address;
mod admission;
mod answer;
mod attendance;
mod audience;
mod cache;
mod capacity;
mod capacity_command;
mod connection;
mod door;
mod entry;
mod fill;
mod follow;
mod freshness;
mod ladder;
mod metrics;
mod origin;
mod pace;
mod page;
mod plain;
mod presentation;
mod redirect;
mod response;
mod route;
mod slots;
mod upstream;
mod view;
mod viewer;
mod window;

pub mod config;

use acme::{Challenges, Entrance};
use answer::Answers;
use attendance::Attendance;
use cache::Cache;
use config::{Config, Identity, Origin, Raw};
use connection::Server;
use door::Door;
use fill::Objects;
use follow::Followers;
use metrics::Metrics;
use origin::Origins;
use plain::Plain;
use response::Cors;
use upstream::Upstream;
use view::Screen;

/// Viewers' connections at once. 25,000 viewers with two each are what a box with 100 Gb/s can feed; they take about
/// 1.2 GB.
const CONNECTIONS_MAX: usize = 50_000;
/// Connections at once that are sent on to HTTPS: each lives for one request.
const PLAIN_MAX: usize = 1024;

/// The running daemon.
pub struct Distributor {
    shown: Shown,
    /// Shown to the transcoders.
    own: Option<Shown>,
    /// What it was started with, to tell what a reload cannot change.
    config: Config,
}

impl Daemon for Distributor {
    const NAME: &'static str = "distributor";
    const ABOUT: &'static str =
        "Serves live streams over HTTPS to any number of viewers, fetching each object once.";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const COMMANDS: &'static [CommandHelp] = &[status_command::HELP, capacity_command::HELP];
    type Raw = Raw;
    type Config = Config;

    fn command(name: &str, line: &CommandLine) -> Exit {
        match name {
            "status" => status_command::run::<Screen>(line),
            "capacity" => capacity_command::run(line),
            _ => line.refuse::<Self>(name, "there is no such command"),
        }
    }

    fn resolve(raw: &Raw, problems: &mut Problems<'_>) -> Option<Config> {
        Config::resolve(raw, problems)
    }

    fn settings(config: &Config) -> &Settings {
        &config.settings
    }

    async fn start(config: Config, chassis: &Chassis) -> Result<Self, StartError> {
        start(config, chassis)
    }

    async fn reload(&mut self, config: Config) -> Result<(), String> {
        if let Identity::Files(certificate) = &config.identity {
            self.shown.replace(certificate.clone());
        }
        let renewed = config.upstream.as_ref();
        if let Some((own, renewed)) = self
            .own
            .as_ref()
            .zip(renewed.and_then(|tls| tls.certificate.clone()))
        {
            own.replace(renewed);
        }
        if config.is_served_alike(&self.config) {
            Ok(())
        } else {
            Err(
                "certificates were read again, but not the other changes: they need a restart"
                    .to_owned(),
            )
        }
    }
}

fn start(config: Config, chassis: &Chassis) -> Result<Distributor, StartError> {
    let https = chassis.bind("https", config.https.addresses())?;
    let http = chassis.bind("http", config.http.addresses())?;
    let metrics = Metrics::register(chassis);
    let acme::Running {
        shown,
        challenges,
        standing,
    } = identity(&config, chassis, &metrics)?;
    let entrance = Entrance {
        shown: shown.clone(),
        challenges: challenges.clone(),
    };
    // The last is an authority's alone, and refused unless an order is under way.
    let tls = tls::server_config(entrance, &[b"h2", b"http/1.1", acme::PROTOCOL])
        .map_err(|error| StartError::System(format!("TLS cannot be set up: {error}")))?;
    chassis.register(|registry| registry.register_collector(Box::new(shown.clone())));
    let own = own(&config, chassis);
    let upstream = upstream(&config, own.clone())?;
    let objects = objects(&config, upstream, chassis, &metrics);
    let attendance = Attendance::default();
    chassis.register(|registry| registry.register_collector(Box::new(attendance.clone())));
    let followers = Followers::new(objects.clone(), chassis.clone(), metrics.clone());
    let door = Door::new(&config.limits, chassis);
    let watch = door
        .clone()
        .watch(metrics.clone(), chassis.shutdown().clone());
    chassis.spawn_essential("line", watch);
    let answers = Answers::new(
        followers.clone(),
        Cors::new(config.cors.clone()),
        attendance.clone(),
        door.clone(),
        metrics.clone(),
    );
    let server = Server {
        tls: TlsAcceptor::from(tls),
        answers: Arc::new(answers),
        metrics: metrics.clone(),
        chassis: chassis.clone(),
    };
    serve(chassis, (https, http), &server, (&door, &challenges));
    report(
        chassis,
        &config,
        (objects, followers),
        (metrics, attendance, door),
        (shown.clone(), standing),
    );
    Ok(Distributor { shown, own, config })
}

/// What viewers are shown, and what keeps it from ending.
fn identity(
    config: &Config,
    chassis: &Chassis,
    metrics: &Metrics,
) -> Result<acme::Running, StartError> {
    let certificate = match &config.identity {
        Identity::Files(certificate) => certificate.clone(),
        Identity::Acme(acme) => return acme::start(acme.clone(), chassis, metrics),
    };
    let shown = Shown::new(certificate);
    chassis.spawn_essential(
        "certificate",
        shown.clone().keep(Process, chassis.shutdown().clone()),
    );
    let told = shown.clone();
    chassis.concern(move || told.validity().concern(acme::unix()));
    Ok(acme::Running {
        shown,
        challenges: Challenges::default(),
        standing: acme::Standing::default(),
    })
}

/// Lets viewers in.
fn serve(
    chassis: &Chassis,
    (https, http): (Vec<TcpListener>, Vec<TcpListener>),
    server: &Server,
    (door, challenges): (&Door, &Challenges),
) {
    let limit = ConnectionLimit::new(CONNECTIONS_MAX);
    for listener in https {
        let (server, door) = (server.clone(), door.clone());
        chassis.serve("https", listener, &limit, move |stream, peer| {
            let entered = door.enter(peer.ip()).map(|guest| (server.clone(), guest));
            async move {
                if let Some((server, guest)) = entered {
                    server.serve(stream, guest).await;
                }
            }
        });
    }
    let Some(https) = chassis.address("https") else {
        return;
    };
    let limit = ConnectionLimit::new(PLAIN_MAX);
    for listener in http {
        let plain = Plain {
            https,
            challenges: challenges.clone(),
            chassis: chassis.clone(),
        };
        let door = door.clone();
        chassis.serve("http", listener, &limit, move |stream, peer| {
            let entered = door.enter(peer.ip()).map(|guest| (plain.clone(), guest));
            async move {
                if let Some((plain, _guest)) = entered {
                    plain.serve(stream).await;
                }
            }
        });
    }
}

/// What transcoders are shown that want a certificate.
fn own(config: &Config, chassis: &Chassis) -> Option<Shown> {
    let own = shown(config)?;
    let keep = own.clone().keep(Process, chassis.shutdown().clone());
    chassis.spawn_essential("upstream certificate", keep);
    Some(own)
}

fn shown(config: &Config) -> Option<Shown> {
    let certificate = config.upstream.as_ref()?.certificate.clone()?;
    Some(Shown::new(certificate))
}

/// How transcoders are asked; those that want a certificate are shown `own`.
fn upstream(config: &Config, own: Option<Shown>) -> Result<Upstream, StartError> {
    let upstream = config.upstream.as_ref();
    let roots = upstream.map_or_else(Roots::none, |tls| tls.roots.clone());
    let client = tls::client_config(roots, own)
        .map_err(|error| StartError::System(format!("TLS cannot be set up: {error}")))?;
    let authorities = config
        .origins
        .iter()
        .map(|origin| origin.authority.clone())
        .collect();
    let scheme = match config.upstream {
        Some(_) => Scheme::HTTPS,
        None => Scheme::HTTP,
    };
    Ok(Upstream::new(authorities, &config.token, (scheme, client)))
}

fn objects(
    config: &Config,
    upstream: Upstream,
    chassis: &Chassis,
    metrics: &Metrics,
) -> Arc<Objects> {
    let cache = Cache::new(config.memory);
    Metrics::watch(chassis, &cache);
    let members = config
        .origins
        .iter()
        .map(|origin| origin.member.clone())
        .collect();
    let names = config
        .origins
        .iter()
        .map(|origin| origin.member.name().to_owned())
        .collect();
    Objects::new(
        cache,
        upstream,
        Origins::new(members),
        names,
        chassis.clone(),
        metrics.clone(),
    )
}

/// The distributor's part of `/status`.
fn report(
    chassis: &Chassis,
    config: &Config,
    (objects, followers): (Arc<Objects>, Arc<Followers>),
    (metrics, attendance, door): (Metrics, Attendance, Door),
    (shown, standing): (Shown, acme::Standing),
) {
    let is_acme = matches!(config.identity, Identity::Acme(_));
    let origins = config.origins.clone();
    chassis.report(move || {
        let known = objects.origins();
        let name = |index: usize| origins.get(index).map_or("", |origin: &Origin| origin.member.name());
        let origins: Vec<Value> = origins
            .iter()
            .enumerate()
            .map(|(index, origin)| {
                let state = if known.is_down(index) { "down" } else { "up" };
                json!({ "name": origin.member.name(), "address": origin.authority, "state": state })
            })
            .collect();
        let streams = known.streams().map(|(stream, origin)| (stream.to_string(), name(origin).into()));
        let cache = objects.cache();
        let followed = followers.status().into_iter().map(|(stream, renditions)| {
            let renditions: Vec<Value> = renditions.iter().map(|one| one.to_string().into()).collect();
            (stream.to_string(), renditions.into())
        });
        json!({
            "origins": origins,
            "admission": door.report(),
            "audience": attendance.report(),
            "sent_bytes": metrics.sent_so_far(),
            "waiters": metrics.waiters(),
            "stalled": metrics.stalls(),
            "edge_misses": metrics.edge_misses(),
            "certificate_expiry": shown.expires(),
            "acme": is_acme.then(|| standing.report()),
            "streams": Value::Object(streams.collect()),
            "followed": Value::Object(followed.collect()),
            "cache": { "bytes": cache.bytes(), "entries": cache.entries(), "capacity": cache.capacity() },
        })
    });
}

/// What time it is: the one place that asks. It is the runtime's clock, so that a test can hold it.
#[expect(
    clippy::disallowed_methods,
    reason = "the shells' one clock; the cores are told"
)]
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
