//! [pure] The transcoder's configuration: what may be written (see `transcoder.toml`, which says it all), and what it
//! means.

use live::{
    cluster::ClusterSecret,
    daemon::config::{
        AdminSection, DrainSection, Listen, LogSection, Problems, SecretSource,
        Settings as Chassis, Timespan,
    },
};
use serde::{Deserialize, Serialize};

use crate::{
    archive::Place,
    exam::Terms,
    part::PartTarget,
    recording::Terms as Recordings,
    stream::{Settings, SettingsByName},
};

mod admission;
mod archive;
pub(crate) mod encoder;
mod ladder;
mod origin;
mod pictures;
mod plan;
mod recording;
mod restart;
mod slate;
mod stream;
mod window;

pub use admission::Admission;
use admission::RawAdmission;
use archive::RawArchive;
use encoder::RawEncoder;
use ladder::RawLadder;
use origin::RawOrigin;
pub use origin::{Origin, Tls};
use pictures::RawPictures;
use recording::RawRecording;
use slate::RawSlate;
use stream::RawStream;
use window::RawWindow;

/// Where the admin listener is by default.
pub(crate) const ADMIN_PORT: u16 = 9102;

/// What may be written.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Raw {
    rtmp: RawRtmp,
    origin: RawOrigin,
    cluster: RawCluster,
    ladder: RawLadder,
    encoder: RawEncoder,
    admission: RawAdmission,
    parts: RawParts,
    window: RawWindow,
    archive: RawArchive,
    recording: RawRecording,
    slate: RawSlate,
    pictures: RawPictures,
    stream: Vec<RawStream>,
    admin: AdminSection,
    log: LogSection,
    drain: DrainSection,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawRtmp {
    listen: Listen,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawCluster {
    secret: Option<SecretSource>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawParts {
    nominal: Timespan,
}

impl Default for Raw {
    fn default() -> Self {
        Self {
            rtmp: RawRtmp::default(),
            origin: RawOrigin::default(),
            cluster: RawCluster::default(),
            ladder: RawLadder::default(),
            encoder: RawEncoder::default(),
            admission: RawAdmission::default(),
            parts: RawParts::default(),
            window: RawWindow::default(),
            archive: RawArchive::default(),
            recording: RawRecording::default(),
            slate: RawSlate::default(),
            pictures: RawPictures::default(),
            stream: Vec::new(),
            admin: AdminSection::on_port(ADMIN_PORT),
            log: LogSection::default(),
            drain: DrainSection::default(),
        }
    }
}

/// All addresses: the box is on a private net, and only the cluster's secret gets an answer.
fn anywhere(port: u16) -> Listen {
    Listen::one((std::net::Ipv6Addr::UNSPECIFIED, port).into())
}

impl Default for RawRtmp {
    fn default() -> Self {
        Self {
            listen: anywhere(1935),
        }
    }
}

impl Default for RawParts {
    fn default() -> Self {
        Self {
            nominal: Timespan::from_millis(500),
        }
    }
}

/// What it means.
#[derive(Debug, Clone)]
pub struct Config {
    /// The chassis' part.
    pub chassis: Chassis,
    /// Where mux publishes to.
    pub rtmp: Listen,
    /// Where distributors fetch from.
    pub origin: Origin,
    /// What all boxes share.
    pub secret: ClusterSecret,
    /// Where segments are kept that do not fit in memory; none without a disk.
    pub archive: Option<Place>,
    /// What encodes the rungs.
    pub encoder: Terms,
    /// Where recorded shows are.
    pub recordings: Recordings,
    /// How many streams are taken.
    pub admission: Admission,
    /// What holds for each stream.
    pub streams: SettingsByName,
}

impl Raw {
    /// Notes all that is wrong.
    pub fn resolve(&self, problems: &mut Problems<'_>) -> Option<Config> {
        let chassis = Chassis::resolve(&self.admin, &self.log, &self.drain, problems);
        let ladder = self.ladder.resolve("ladder", problems);
        let encoder = self.encoder.resolve(ladder.rungs.clone(), problems);
        let parts = self.parts.resolve(problems);
        let secret = self.cluster.resolve(problems);
        let archive = self.archive.resolve(problems);
        let recordings = self.recording.resolve(problems);
        let origin = self.origin.resolve(problems);
        let window_ms = self.window.length_ms(problems);
        let memory = self.window.memory(problems);
        let others = Settings {
            parts: parts?,
            window_ms,
            memory,
            ladder: ladder.rungs,
            source_bps: ladder.source_bps,
            audio_bps: ladder.audio_bps,
            record: self.recording.record,
            slate: self.slate.resolve("slate", problems),
            pictures: self.pictures.enabled,
        };
        let named = stream::resolve(self, &others, problems);
        Some(Config {
            chassis,
            rtmp: self.rtmp.listen.clone(),
            origin,
            secret: secret?,
            archive,
            encoder,
            admission: self.admission.resolve(problems),
            recordings: recordings?,
            streams: SettingsByName::new(named, others),
        })
    }
}

impl RawCluster {
    fn resolve(&self, problems: &mut Problems<'_>) -> Option<ClusterSecret> {
        let Some(source) = &self.secret else {
            problems.refuse(
                "cluster.secret",
                "is missing: write { file = \"/etc/footlight/cluster-secret\" }, the same content on all boxes",
            );
            return None;
        };
        let secret = problems.secret("cluster.secret", source)?;
        ClusterSecret::new(secret.expose())
            .map_err(|error| problems.refuse("cluster.secret", error))
            .ok()
    }
}

impl RawParts {
    fn resolve(&self, problems: &mut Problems<'_>) -> Option<PartTarget> {
        let ms = u32::try_from(self.nominal.get().as_millis()).unwrap_or(u32::MAX);
        PartTarget::from_millis(ms)
            .map_err(|error| problems.refuse("parts.nominal", error))
            .ok()
    }
}

#[cfg(test)]
mod tests;
