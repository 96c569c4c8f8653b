//! Mux as a daemon: what is bound, what is spawned, what a reload takes over.

use std::sync::{Arc, Mutex};

use live::{
    StreamName,
    daemon::{
        Chassis, ConnectionLimit, Daemon, Exit, Process, StartError,
        command::{CommandHelp, CommandLine},
        config::{AddressRange, Problems, Settings},
        status_command,
        tls::{self, Shown},
    },
    doctor,
    placement::{self, Member},
};
use rtmp::{Secret, login::LoginConfig};
use serde_json::json;
use tokio::net::TcpListener;

use crate::{
    admission::{Admission, Strangers},
    budget::Budget,
    clock::WallClock,
    config::{Config, Raw, Transcoders},
    connection::{self, Ports, Server},
    control,
    events::{Events, Kind},
    handover::{Handover, Left},
    hooks::Hooks,
    keyring::Keyring,
    keys_command,
    metrics::{Ends, HandoverMetrics, MemoryMetrics, StreamMetrics},
    notices::Notices,
    numbers::NumbersFile,
    order_command,
    output::{Output, OutputStatus},
    random, status,
    streams::{SharedStream, Streams},
    view::Screen,
};

/// Ranks that are sent a stream: the active transcoder and its standby.
const RANKS: usize = 2;

/// The daemon.
pub struct Mux {
    server: Arc<Server>,
    chassis: Chassis,
    shown: Option<Shown>,
    /// What it runs with; keys, the certificate and push targets are those of the newest that was read.
    config: Config,
}

impl Daemon for Mux {
    const NAME: &'static str = "mux";
    const ABOUT: &'static str = "Takes streams from encoders over RTMP, keeps their time, and sends them to the transcoders.";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const COMMANDS: &'static [CommandHelp] = &[
        status_command::HELP,
        order_command::HELP,
        keys_command::HELP,
        doctor::HELP,
    ];
    type Raw = Raw;
    type Config = Config;

    fn command(name: &str, line: &CommandLine) -> Exit {
        match name {
            "keys" => keys_command::run(line),
            "order" => order_command::run(line),
            "status" => status_command::run::<Screen>(line),
            "doctor" => doctor::run::<Self>(line),
            _ => line.refuse::<Self>(name, "there is no such command"),
        }
    }

    fn resolve(raw: &Raw, problems: &mut Problems<'_>) -> Option<Config> {
        raw.resolve(problems)
    }

    fn settings(config: &Config) -> &Settings {
        &config.chassis
    }

    async fn start(config: Config, chassis: &Chassis) -> Result<Self, StartError> {
        let listeners = chassis.bind("rtmp", config.listen.addresses())?;
        let rtmps = config.rtmps.as_ref();
        let tls_listeners = match rtmps {
            Some(rtmps) => chassis.bind("rtmps", rtmps.listen.addresses())?,
            None => Vec::new(),
        };
        let shown = rtmps.map(|rtmps| Shown::new(rtmps.certificate.clone()));
        make_state_directory(&config)?;
        if config.streams.is_empty() {
            tracing::warn!("no [[stream]] is configured: nothing can be published");
        }
        let clock = Arc::new(WallClock::default());
        let events = Events::new(Arc::clone(&clock));
        let login = login(&config)?;
        // What may fail comes first: what is taken over here and dropped is over.
        let (handover, mut left) =
            match Handover::begin(chassis, kept_at_most(&config), clock.now()) {
                Ok((handover, left)) => (Ok(handover), left),
                Err(not_kept) => (Err(not_kept), Left::default()),
            };
        let kept = (handover.as_ref().ok(), &mut left);
        let streams = Arc::new(spawn_streams(&config, chassis, &clock, &events, kept));
        control::add_routes(chassis, &streams, &events);
        let server = Arc::new(Server {
            app: config.app.clone(),
            keys: Arc::new(Keyring::new(config.keys.clone(), config.key_origin.clone())),
            login,
            guesses: Mutex::default(),
            hooks: Hooks::new(config.hooks.clone(), chassis.tasks().clone()),
            clock,
            streams: Arc::clone(&streams),
            ends: Ends::default(),
            events,
            notices: Notices::default(),
            budget: Budget::new(config.memory),
            ports: Ports {
                rtmp: chassis.address("rtmp").map(|address| address.port()),
                rtmps: chassis.address("rtmps").map(|address| address.port()),
            },
            handover,
            shutdown: chassis.shutdown().clone(),
        });
        chassis.register(|registry| {
            server.ends.register(registry);
            server.hooks.register(registry);
            registry.register_collector(Box::new(StreamMetrics(Arc::clone(&streams))));
            registry.register_collector(Box::new(MemoryMetrics(Arc::clone(&server.budget))));
            registry.register_collector(Box::new(HandoverMetrics(Arc::clone(&server))));
        });
        watch_keys(chassis, &server);
        report(chassis, &server, shown.clone());
        let doors = Doors {
            limit: ConnectionLimit::new(config.connections),
            strangers: Arc::default(),
            proxies: config.proxies.clone(),
            server: Arc::clone(&server),
        };
        carry_on(left, &server, chassis, &doors.limit);
        doors.open("rtmp", listeners, None, chassis);
        if let Some(shown) = &shown {
            doors.open_tls(tls_listeners, shown, chassis)?;
        }
        Ok(Self {
            server,
            chassis: chassis.clone(),
            shown,
            config,
        })
    }

    fn hands_over(&self) -> bool {
        self.server.handover.is_ok()
    }

    /// Keys and push targets of known streams are taken over, and the certificate: whose key is gone is closed, a target
    /// that is not changed is not touched. Anything else waits for a restart.
    async fn reload(&mut self, config: Config) -> Result<(), String> {
        let keys = &self.server.keys;
        keys.replace(config.keys.clone(), config.key_origin.clone());
        if let (Some(shown), Some(rtmps)) = (&self.shown, &config.rtmps) {
            shown.replace(rtmps.certificate.clone());
        }
        for (name, stream) in self.server.streams.iter() {
            let targets = config.pushes.get(name).map_or(&[][..], Vec::as_slice);
            stream.pushes.replace(targets, stream, &self.chassis);
        }
        let text = "the configuration was read again";
        let events = &self.server.events;
        events.publish(None, Kind::Reloaded, text, serde_json::json!({}));
        let changed = self.config.changed_but_keys(&config);
        if changed.is_empty() {
            Ok(())
        } else {
            Err(format!(
                "keys and push targets were taken over; a change of {} takes effect at the next restart",
                changed.join(", ")
            ))
        }
    }
}

/// Takes over what the commands do to the key file.
fn watch_keys(chassis: &Chassis, server: &Server) {
    let watch = Arc::clone(&server.keys).watch(server.events.clone());
    let shutdown = chassis.shutdown().clone();
    chassis.spawn_essential("key file", async move {
        tokio::select! {
            () = watch => {}
            () = shutdown.triggered() => {}
        }
    });
}

/// How publishers log in by user and password.
fn login(config: &Config) -> Result<LoginConfig, StartError> {
    let seal = random::bytes().map_err(|error| {
        StartError::System(format!("the system gives no random numbers: {error}"))
    })?;
    Ok(LoginConfig {
        app: config.login_app.clone(),
        seal,
    })
}

/// What all listeners share.
struct Doors {
    limit: ConnectionLimit,
    strangers: Arc<Strangers>,
    proxies: Vec<AddressRange>,
    server: Arc<Server>,
}

impl Doors {
    fn open(
        &self,
        name: &'static str,
        listeners: Vec<TcpListener>,
        tls: Option<Arc<rustls::ServerConfig>>,
        chassis: &Chassis,
    ) {
        let admission = Arc::new(Admission {
            server: Arc::clone(&self.server),
            proxies: self.proxies.clone(),
            tls,
            strangers: Arc::clone(&self.strangers),
        });
        for listener in listeners {
            let admission = Arc::clone(&admission);
            chassis.serve(name, listener, &self.limit, move |socket, peer| {
                Arc::clone(&admission).serve(socket, peer)
            });
        }
    }

    fn open_tls(
        &self,
        listeners: Vec<TcpListener>,
        shown: &Shown,
        chassis: &Chassis,
    ) -> Result<(), StartError> {
        let config = tls::server_config(shown.clone(), &[])
            .map_err(|error| StartError::System(format!("TLS cannot be set up: {error}")))?;
        self.open("rtmps", listeners, Some(config), chassis);
        chassis.register(|registry| registry.register_collector(Box::new(shown.clone())));
        let keep = shown.clone().keep(Process, chassis.shutdown().clone());
        chassis.spawn_essential("certificate", keep);
        Ok(())
    }
}

/// Mux's part of `/status`.
fn report(chassis: &Chassis, server: &Arc<Server>, shown: Option<Shown>) {
    let server = Arc::clone(server);
    chassis.report(move || {
        let mut value = status::status(&server.streams);
        if let Some(fields) = value.as_object_mut() {
            let memory = json!({ "budget": server.budget.total(), "used": server.budget.used() });
            fields.insert("memory".to_owned(), memory);
            let handover = status::of_handover(&server.handover);
            fields.insert("handover".to_owned(), handover);
            if let Some(shown) = &shown {
                fields.insert("certificate_expiry".to_owned(), shown.expires().into());
            }
        }
        value
    });
}

fn make_state_directory(config: &Config) -> Result<(), StartError> {
    let directory = &config.state_directory;
    std::fs::create_dir_all(directory).map_err(|error| {
        let directory = directory.display();
        StartError::System(format!(
            "state_directory {directory} cannot be made: {error}; create it for mux's user, or name another"
        ))
    })
}

/// Connections that may be open at once: peers', and ours to transcoders and platforms.
fn kept_at_most(config: &Config) -> usize {
    let outputs = config.streams.len().saturating_mul(RANKS);
    let pushes = config.pushes.values().map(Vec::len).sum();
    config
        .connections
        .saturating_add(outputs)
        .saturating_add(pushes)
}

/// Serves the peers that the last process left; then its streams know who is not coming back.
fn carry_on(mut left: Left, server: &Arc<Server>, chassis: &Chassis, limit: &ConnectionLimit) {
    let peers = left.peers().into_iter();
    let carried: Vec<_> = peers
        .filter_map(|peer| connection::carry_on(Arc::clone(server), peer))
        .collect();
    for stream in server.streams.values() {
        stream.settle();
    }
    for (peer, serving) in carried {
        chassis.carry_on("rtmp", peer, limit, serving);
    }
    if let Ok(handover) = &server.handover {
        handover.forget(left);
    }
}

/// All streams with their timers, keepers and outputs.
fn spawn_streams(
    config: &Config,
    chassis: &Chassis,
    clock: &Arc<WallClock>,
    events: &Events,
    (handover, left): (Option<&Arc<Handover>>, &mut Left),
) -> Streams {
    let mut streams = Streams::new();
    for name in &config.streams {
        let file = NumbersFile::new(&config.state_directory, name);
        let targets = targets(config.transcoders.as_ref(), name);
        let status = targets
            .iter()
            .map(|member| Arc::new(OutputStatus::new(member.name())));
        let mut stream = SharedStream::new(
            name.clone(),
            config.stream,
            file.load(),
            Arc::clone(clock),
            events.clone(),
            status.collect(),
        );
        if let Some(handover) = handover {
            stream.carry_on(handover, left, config.stream);
        }
        let stream = Arc::new(stream);
        let shutdown = chassis.shutdown().clone();
        chassis.spawn_essential(
            format!("{name} numbers"),
            file.keep(stream.numbers(), shutdown.clone()),
        );
        let timed = Arc::clone(&stream);
        let time = async move {
            tokio::select! {
                () = timed.keep_time() => {}
                () = shutdown.triggered() => {}
            }
        };
        chassis.spawn_essential(format!("{name} clock"), time);
        if let Some(transcoders) = &config.transcoders {
            spawn_outputs(&stream, transcoders, chassis);
        }
        let targets = config.pushes.get(name).map_or(&[][..], Vec::as_slice);
        stream.pushes.replace(targets, &stream, chassis);
        streams.insert(name.clone(), stream);
    }
    streams
}

fn targets<'a>(transcoders: Option<&'a Transcoders>, stream: &StreamName) -> Vec<&'a Member> {
    let members = transcoders.map_or(&[][..], |transcoders| &transcoders.members);
    let ranks = placement::ranks(stream, members).into_iter().take(RANKS);
    ranks.filter_map(|rank| members.get(rank)).collect()
}

fn spawn_outputs(stream: &Arc<SharedStream>, transcoders: &Transcoders, chassis: &Chassis) {
    let token = transcoders.secret.publish_token(stream.name());
    for status in &stream.outputs {
        let Some(address) = transcoders.addresses.get(&status.name) else {
            continue;
        };
        let output = Output {
            stream: Arc::clone(stream),
            status: Arc::clone(status),
            address: address.clone(),
            key: Secret::new(format!("{}?token={}", stream.name(), token.expose())),
            shutdown: chassis.shutdown().clone(),
        };
        // Now, not in its task: what nobody has taken when all is set up is let go.
        let left = stream.take_left(&output.kept_as());
        let name = format!("{} to {}", stream.name(), status.name);
        chassis.spawn_essential(name, output.run(left));
    }
}
