//! The transcoder as a daemon on the chassis: binds, spawns, reports.

use std::{sync::Arc, thread};

use live::daemon::{
    Chassis, ConnectionLimit, Daemon, Exit, Process, StartError,
    command::{CommandHelp, CommandLine},
    config::{Problems, Settings},
    status_command,
    tls::{self, Shown},
};
use rustls::ServerConfig;
use serde_json::{Value, json};

use crate::{
    admission::Capacity,
    archive::Archive,
    config::{Admission, Config, Raw, Tls},
    encoder::Encoders,
    exam::{self, Standing},
    ingest::{self, Ingest},
    lint,
    metrics::StreamMetrics,
    origin::{self, Origin},
    probe_command,
    recording::{Recorder, Shelf},
    store::Store,
    view::Screen,
    worker::Encoder,
};

/// The transcoder.
#[derive(Debug)]
pub struct Transcoder {
    store: Arc<Store>,
    shown: Option<Shown>,
    /// What it was started with.
    config: Config,
}

impl Daemon for Transcoder {
    const NAME: &'static str = "transcoder";
    const ABOUT: &'static str = "Takes mux's feed of each stream, makes its renditions, and serves them to the distributors.";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const COMMANDS: &'static [CommandHelp] = &[
        status_command::HELP,
        lint::HELP,
        probe_command::HELP,
        live::doctor::HELP,
    ];
    type Raw = Raw;
    type Config = Config;

    fn command(name: &str, line: &CommandLine) -> Exit {
        match name {
            "doctor" => live::doctor::run::<Self>(line),
            "lint" => lint::run(line),
            "probe" => probe_command::run(line),
            "status" => status_command::run::<Screen>(line),
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
        let kept = config.clone();
        let archive = Archive::new(config.archive.clone());
        let preset = config.encoder.preset;
        let (standing, verdicts) = exam::start(chassis, config.encoder);
        let encoders = Encoders::new(chassis.clone(), standing.clone(), preset, verdicts);
        let shelf = Shelf::new(config.recordings.place.directory.clone());
        let recorder = Recorder::start(config.recordings, chassis);
        let recordings = recorder.figures().clone();
        let capacity = Capacity::new(processors(config.admission));
        let store = Store::new(config.streams.clone(), encoders)
            .with_archive(archive.clone())
            .with_recorder(recorder)
            .with_room(config.admission.max_streams, capacity);
        let store = Arc::new(store);
        let rtmp = chassis.bind("rtmp", config.rtmp.addresses())?;
        let http = chassis.bind("origin", config.origin.listen.addresses())?;
        let origin = Origin::new(store.clone(), &config.secret, chassis);
        let (shown, tls) = encryption(config.origin.tls, chassis)?.unzip();
        let origin = Arc::new(origin.with_recordings(shelf).under_tls(tls));
        let ingest = Arc::new(Ingest::new(store.clone(), config.secret, chassis));
        chassis.register(|registry| {
            ingest.register(registry);
            origin.register(registry);
            archive.register(registry);
            recordings.register(registry);
            registry.register_collector(Box::new(StreamMetrics(store.clone())));
        });
        let transcoder = Self {
            store: store.clone(),
            shown,
            config: kept,
        };
        let limit = ConnectionLimit::new(ingest::MAX_CONNECTIONS);
        for listener in rtmp {
            let ingest = ingest.clone();
            chassis.serve("rtmp", listener, &limit, move |stream, _peer| {
                ingest.clone().serve(stream)
            });
        }
        let limit = ConnectionLimit::new(origin::MAX_CONNECTIONS);
        for listener in http {
            let origin = origin.clone();
            chassis.serve("origin", listener, &limit, move |stream, _peer| {
                origin.clone().serve(stream)
            });
        }
        let written = archive
            .clone()
            .run(store.clone(), chassis.shutdown().clone());
        // Detached: it ends at the shutdown, and the chassis drains it.
        drop(chassis.spawn("archive", written));
        chassis.report(move || {
            let mut status = status(&store, &archive, &standing.borrow());
            status["refused"] = json!(ingest.refused());
            status["recording"] = json!(recordings.now());
            status
        });
        Ok(transcoder)
    }

    /// Settings of streams hold from each one's next show on, places and certificates at once.
    async fn reload(&mut self, config: Config) -> Result<(), String> {
        let changed = self.config.changed_for_good(&config);
        if let (Some(shown), Some(tls)) = (&self.shown, config.origin.tls) {
            shown.replace(tls.certificate);
        }
        let admission = config.admission;
        self.store
            .reconfigure(config.streams, admission.max_streams, processors(admission));
        if changed.is_empty() {
            return Ok(());
        }
        Err(format!(
            "a change of {} takes effect at the next restart; whatever else is new was taken over",
            changed.join(", ")
        ))
    }
}

/// Thousandths of a processor for encoders: as configured, else as far as the daemon's affinity and its share of time
/// (cgroup) go.
fn processors(admission: Admission) -> u64 {
    admission
        .millicores
        .unwrap_or_else(|| thread::available_parallelism().map_or(1000, |n| n.get() as u64 * 1000))
}

/// How the origin's connections are encrypted, and the certificate that is shown, which is watched.
fn encryption(
    tls: Option<Tls>,
    chassis: &Chassis,
) -> Result<Option<(Shown, Arc<ServerConfig>)>, StartError> {
    let Some(Tls {
        certificate,
        clients,
    }) = tls
    else {
        return Ok(None);
    };
    let shown = Shown::new(certificate);
    chassis.register(|registry| registry.register_collector(Box::new(shown.clone())));
    chassis.spawn_essential(
        "certificate",
        shown.clone().keep(Process, chassis.shutdown().clone()),
    );
    tls::server_config_for(shown.clone(), &origin::PROTOCOLS, clients)
        .map(|config| Some((shown, config)))
        .map_err(|error| StartError::System(format!("TLS cannot be set up: {error}")))
}

/// `"streams": { "stage": { … } }`, `"archive"` and `"encoders"`; a stream without a stamp yet is there with little.
fn status(store: &Store, archive: &Archive, standing: &Standing) -> Value {
    let streams: serde_json::Map<String, Value> = store
        .all()
        .iter()
        .map(|stream| {
            let (status, counts) = stream.status();
            let mut value = serde_json::to_value(status).unwrap_or_default();
            if !value.is_object() {
                value = json!({});
            }
            value["publishers"] = counts.publishers.into();
            value["encoders_started"] = counts.encoders.into();
            value["encoded_by"] = counts.encoder.map(Encoder::name).into();
            value["encoder_process"] = counts.process.into();
            value["encoding_millicores"] = store.millicores_of(stream.name()).into();
            value["encoder_changes"] = counts.encoder_changes.into();
            value["faults"] = stream.faults().into();
            value["waiting"] = stream.waiting().into();
            (stream.name().to_string(), value)
        })
        .collect();
    json!({ "streams": streams, "encoding_millicores": store.encoding_millicores(), "archive": archive.status(), "encoders": standing.status() })
}
