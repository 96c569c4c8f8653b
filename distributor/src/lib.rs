//! The distributor: HTTPS for any number of viewers in front of a few transcoders.
//!
//! A request is routed (`route`); its object is looked up in memory (`cache`) or fetched once for all who want it
//! (`fill`, from the origin that `origin` chooses, by `upstream`); and everyone, the first viewer too, reads it as it
//! arrives (`entry`). What is watched is followed (`follow`), so that it is there before anybody asks. Of all that viewers
//! do, one request for each object reaches a transcoder, and none for what is not in the grammar. Where there are several
//! distributors (`routing`), a stream's home asks the transcoder and the others ask it (`private`), and viewers are spread
//! over all of them and steered.
//!
//! Its certificate comes from files, or the daemon gets it (`acme`). How many come in, and to what, is decided at the
//! `door`.
//!
//! Pure: `acme::order`, `record`, `http1`, `route`, `audience`, `freshness`, `response`, `presentation`, `viewer`, `window`, `follow`,
//! `origin`, `peer`, `steering`, `slots`, `pace`, `redirect`, `page`, `config`, `address`, `ladder`, `admission`,
//! `capacity`.
//! Shells: the rest.

use std::{sync::Arc, time::Instant};

use http::uri::Scheme;
use live::daemon::{
    Chassis, Daemon, Exit, Process, StartError,
    command::{CommandHelp, CommandLine},
    config::{Problems, Settings},
    status_command,
    tls::{self, Roots, Shown},
};
use tokio_rustls::TlsAcceptor;

mod acme;
mod address;
mod admission;
mod allowance;
mod answer;
mod attendance;
mod audience;
mod cache;
mod capacity;
mod capacity_command;
mod connection;
mod doctor;
mod door;
mod entry;
mod fill;
mod follow;
mod freshness;
mod hosts;
mod http1;
mod ladder;
mod listeners;
mod metrics;
mod order_command;
mod origin;
mod pace;
mod page;
mod peer;
mod plain;
mod presentation;
mod private;
mod record;
mod redirect;
mod report;
mod response;
mod route;
mod routing;
mod slots;
mod steering;
mod upstream;
mod view;
mod viewer;
mod window;

pub mod config;
pub mod fuzzing;

use acme::{Challenges, Entrance, Proofs};
use answer::Answers;
use attendance::Attendance;
use cache::Cache;
use config::{Config, Identity, Raw};
use connection::Server;
use door::Door;
use fill::Objects;
use follow::Followers;
use listeners::Listeners;
use metrics::Metrics;
use origin::Origins;
use private::Private;
use report::Report;
use response::Cors;
use routing::Routing;
use upstream::{Source, Upstream};
use view::Screen;

/// The running daemon.
pub struct Distributor {
    shown: Shown,
    /// Shown to the transcoders.
    own: Option<Shown>,
    /// None where it is the only distributor.
    routing: Option<Arc<Routing>>,
    /// What it was started with, to tell what a reload cannot change.
    config: Config,
}

impl Distributor {
    /// Sends viewers to the other distributors, if there are any, or no more: as POST /drain and /undrain do.
    pub fn drain(&self, drained: bool) {
        if let Some(routing) = &self.routing {
            routing.drain(drained);
        }
    }
}

impl Daemon for Distributor {
    const NAME: &'static str = "distributor";
    const ABOUT: &'static str =
        "Serves live streams over HTTPS to any number of viewers, fetching each object once.";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const COMMANDS: &'static [CommandHelp] = &[
        status_command::HELP,
        capacity_command::HELP,
        order_command::HELP,
        live::doctor::HELP,
    ];
    type Raw = Raw;
    type Config = Config;

    fn command(name: &str, line: &CommandLine) -> Exit {
        match name {
            "status" => status_command::run::<Screen>(line),
            "capacity" => capacity_command::run(line),
            "order" => order_command::run(line),
            "doctor" => live::doctor::run::<Self>(line),
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
    let listeners = Listeners::bind(&config, chassis)?;
    let metrics = Metrics::register(chassis);
    let acme::Running {
        shown,
        challenges,
        standing,
    } = identity(&config, chassis, &metrics)?;
    chassis.register(|registry| registry.register_collector(Box::new(shown.clone())));
    let own = own(&config, chassis);
    let upstream = Arc::new(upstream(&config, own.clone())?);
    let peering = config.peering.as_ref();
    let routing = peering.map(|all| Routing::new(all, config.origins.len(), chassis));
    let objects = objects(&config, &upstream, routing.clone(), chassis, &metrics);
    let attendance = Attendance::default();
    chassis.register(|registry| registry.register_collector(Box::new(attendance.clone())));
    let followers = Followers::new(objects.clone(), chassis.clone(), metrics.clone());
    let door = door(&config, &metrics, chassis);
    let answers = Answers::new(
        followers.clone(),
        (config.hosts.clone(), Cors::new(config.cors.clone())),
        attendance.clone(),
        (door.clone(), routing.clone()),
        metrics.clone(),
    );
    let server = Arc::new(Server {
        tls: acceptor(&shown, &challenges)?,
        answers: Arc::new(answers),
        metrics: metrics.clone(),
        chassis: chassis.clone(),
    });
    if let Some(routing) = &routing {
        let open = listeners.connections();
        routing.start(&upstream, open, (&metrics, &door), chassis);
    }
    let private = routing.as_ref().map(|routing| Private {
        answers: server.answers.clone(),
        routing: routing.clone(),
        attendance: attendance.clone(),
        challenges: challenges.clone(),
        token: config.token.clone(),
        chassis: chassis.clone(),
    });
    let proofs = Proofs::new(challenges, routing.as_ref(), &upstream);
    let known = (&door, &proofs, &config.hosts);
    listeners.serve(&server, known, private.as_ref());
    let report = Report {
        origins: config.origins.clone(),
        objects,
        followers,
        metrics,
        attendance,
        door,
        routing: routing.clone(),
        shown: shown.clone(),
        acme: matches!(config.identity, Identity::Acme(_)).then_some(standing),
    };
    chassis.report(move || report.now());
    Ok(Distributor {
        shown,
        own,
        routing,
        config,
    })
}

/// Who comes in, and to what.
fn door(config: &Config, metrics: &Metrics, chassis: &Chassis) -> Door {
    let door = Door::new(&config.limits, chassis);
    let shutdown = chassis.shutdown().clone();
    let watch = door.clone().watch(metrics.clone(), shutdown);
    chassis.spawn_essential("line", watch);
    door
}

/// How viewers' handshakes are made. What follows one is sealed by `record`.
fn acceptor(shown: &Shown, challenges: &Challenges) -> Result<TlsAcceptor, StartError> {
    let entrance = Entrance {
        shown: shown.clone(),
        challenges: challenges.clone(),
    };
    // The last is an authority's alone, and refused unless an order is under way.
    let tls = tls::server_config(entrance, &[b"h2", b"http/1.1", acme::PROTOCOL])
        .map_err(|error| StartError::System(format!("TLS cannot be set up: {error}")))?;
    let mut tls = Arc::unwrap_or_clone(tls);
    tls.enable_secret_extraction = true;
    Ok(Arc::new(tls).into())
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

/// The transcoders, and after them the distributors, and how they are asked; transcoders that want a certificate are shown
/// `own`.
fn upstream(config: &Config, own: Option<Shown>) -> Result<Upstream, StartError> {
    let roots = config.upstream.as_ref();
    let roots = roots.map_or_else(Roots::none, |tls| tls.roots.clone());
    let client = tls::client_config(roots, own)
        .map_err(|error| StartError::System(format!("TLS cannot be set up: {error}")))?;
    let scheme = match config.upstream {
        Some(_) => Scheme::HTTPS,
        None => Scheme::HTTP,
    };
    let origins = config.origins.iter().map(|origin| Source {
        authority: origin.authority.clone(),
        scheme: scheme.clone(),
        is_peer: false,
    });
    let peering = config.peering.as_ref();
    let distributors = peering.map_or(&[][..], |peering| &peering.distributors);
    let peers = distributors.iter().map(|one| Source {
        authority: one.authority.clone(),
        scheme: Scheme::HTTP,
        is_peer: true,
    });
    let name = peering.and_then(|peering| {
        let own = peering.distributors.get(peering.own)?;
        Some(own.member.name())
    });
    let sources = origins.chain(peers).collect();
    Ok(Upstream::new(sources, &config.token, client, name))
}

fn objects(
    config: &Config,
    upstream: &Arc<Upstream>,
    routing: Option<Arc<Routing>>,
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
        upstream.clone(),
        (Origins::new(members), names),
        routing,
        chassis.clone(),
        metrics.clone(),
    )
}

/// What time it is: the one place that asks. It is the runtime's clock, so that a test can hold it.
#[expect(
    clippy::disallowed_methods,
    reason = "the shells' one clock; the cores are told"
)]
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
