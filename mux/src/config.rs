//! [pure] Mux's configuration: what may be written (see `mux.toml`, which says it all), and what it means.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use live::{
    StreamName,
    cluster::ClusterSecret,
    cutter::SegmentTarget,
    daemon::config::{
        AddressRange, AdminSection, ByteSize, DrainSection, HostPort, Listen, LogSection, Problems,
        SecretSource, Settings, Timespan,
    },
    placement::{MAX_MEMBERS, Member},
};
use serde::{Deserialize, Serialize};

use crate::{
    key::{DEFAULT_FILE, KeyOrigin, Keys, Use},
    metrics::PLAYERS,
    push::Target,
    ring::RingLimits,
    stream,
};

mod hooks;
mod key;
mod memory;
mod plan;
mod players;
mod push;
mod rtmp;
mod rtmps;

use hooks::RawHooks;
pub(crate) use key::KeysView;
use key::RawKey;
use memory::RawMemory;
use players::RawPlayers;
use push::RawPush;
use rtmp::RawRtmp;
use rtmps::RawRtmps;
pub(crate) use rtmps::Rtmps;

/// Where the admin listener is by default, on loopback.
pub(crate) const ADMIN_PORT: u16 = 9101;
/// Most streams: each may hold a full ring.
const MAX_STREAMS: usize = 256;

/// What may be written.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Raw {
    state_directory: PathBuf,
    keys_file: PathBuf,
    rtmp: RawRtmp,
    rtmps: RawRtmps,
    hooks: RawHooks,
    segment: RawSegment,
    ring: RawRing,
    memory: RawMemory,
    players: RawPlayers,
    cluster: RawCluster,
    admin: AdminSection,
    log: LogSection,
    drain: DrainSection,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    transcoder: Vec<RawTranscoder>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stream: Vec<RawStream>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawSegment {
    target: Timespan,
    hold: Timespan,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawRing {
    span: Timespan,
    size: ByteSize,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawCluster {
    secret: Option<SecretSource>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTranscoder {
    name: String,
    address: HostPort,
    #[serde(default = "one")]
    weight: u16,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStream {
    name: String,
    #[serde(default)]
    publish: Vec<RawKey>,
    #[serde(default)]
    play: Vec<RawKey>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    push: Vec<RawPush>,
}

const fn one() -> u16 {
    1
}

impl Default for Raw {
    fn default() -> Self {
        Self {
            state_directory: "/var/lib/footlight/mux".into(),
            keys_file: DEFAULT_FILE.into(),
            rtmp: RawRtmp::default(),
            rtmps: RawRtmps::default(),
            hooks: RawHooks::default(),
            segment: RawSegment::default(),
            ring: RawRing::default(),
            memory: RawMemory::default(),
            players: RawPlayers::default(),
            cluster: RawCluster::default(),
            admin: AdminSection::on_port(ADMIN_PORT),
            log: LogSection::default(),
            drain: DrainSection::default(),
            transcoder: Vec::new(),
            stream: Vec::new(),
        }
    }
}

impl Default for RawSegment {
    fn default() -> Self {
        Self {
            target: Timespan::from_secs(2),
            hold: Timespan::from_secs(300),
        }
    }
}

impl Default for RawRing {
    fn default() -> Self {
        Self {
            span: Timespan::from_secs(12),
            size: ByteSize::from_mib(32),
        }
    }
}

/// What it means.
#[derive(Debug)]
pub struct Config {
    pub(crate) chassis: Settings,
    pub(crate) listen: Listen,
    pub(crate) app: String,
    pub(crate) connections: usize,
    pub(crate) proxies: Vec<AddressRange>,
    pub(crate) rtmps: Option<Rtmps>,
    pub(crate) hooks: crate::hooks::Settings,
    pub(crate) memory: u64,
    pub(crate) state_directory: PathBuf,
    pub(crate) stream: stream::Settings,
    pub(crate) streams: Vec<StreamName>,
    pub(crate) keys: Keys,
    pub(crate) key_origin: KeyOrigin,
    pub(crate) login_app: String,
    /// Where else each stream is published to.
    pub(crate) pushes: BTreeMap<StreamName, Vec<Target>>,
    pub(crate) transcoders: Option<Transcoders>,
}

impl Config {
    /// What differs from `newer` and cannot be taken over while running, by section.
    pub(crate) fn changed_but_keys(&self, newer: &Self) -> Vec<&'static str> {
        let sections = [
            (
                "[rtmp]",
                (
                    &self.listen,
                    &self.app,
                    &self.login_app,
                    self.connections,
                    &self.proxies,
                ) != (
                    &newer.listen,
                    &newer.app,
                    &newer.login_app,
                    newer.connections,
                    &newer.proxies,
                ),
            ),
            (
                "[rtmps] listen",
                self.rtmps.as_ref().map(|rtmps| &rtmps.listen)
                    != newer.rtmps.as_ref().map(|rtmps| &rtmps.listen),
            ),
            ("[memory]", self.memory != newer.memory),
            ("[hooks]", self.hooks != newer.hooks),
            (
                "state_directory",
                self.state_directory != newer.state_directory,
            ),
            (
                "[segment], [ring] or [players]",
                self.stream != newer.stream,
            ),
            ("the list of [[stream]]", self.streams != newer.streams),
            (
                "[[transcoder]] or [cluster]",
                self.transcoders != newer.transcoders,
            ),
        ];
        sections
            .into_iter()
            .filter(|(_, changed)| *changed)
            .map(|(name, _)| name)
            .collect()
    }
}

/// Where streams are sent.
#[derive(Debug)]
pub(crate) struct Transcoders {
    pub(crate) secret: ClusterSecret,
    pub(crate) members: Vec<Member>,
    pub(crate) addresses: BTreeMap<String, HostPort>,
}

impl PartialEq for Transcoders {
    fn eq(&self, other: &Self) -> bool {
        // A token stands for the secret, which cannot be compared.
        let same_secret = self
            .secret
            .origin_token()
            .matches(other.secret.origin_token().expose());
        same_secret && self.members == other.members && self.addresses == other.addresses
    }
}

impl Raw {
    /// The second stage.
    pub(crate) fn resolve(&self, problems: &mut Problems<'_>) -> Option<Config> {
        for (key, path) in [
            ("state_directory", &self.state_directory),
            ("keys_file", &self.keys_file),
        ] {
            if !path.is_absolute() {
                problems.refuse(key, "give an absolute path");
            }
        }
        let proxies = self.rtmp.resolve(problems);
        let rtmps = self.rtmps.resolve(problems);
        let hooks = self.hooks.resolve(problems);
        let memory = self.memory.resolve(self.ring.size, problems);
        let chassis = Settings::resolve(&self.admin, &self.log, &self.drain, problems);
        let (streams, inline) = self.resolve_streams(problems);
        let key_origin = KeyOrigin {
            inline,
            file: self.keys_file.clone(),
            streams: streams.clone(),
        };
        let keys = key::load(&key_origin, problems);
        let pushes = self.resolve_pushes(problems);
        let transcoders = self.resolve_transcoders(problems);
        let stream = self.resolve_stream(problems)?;
        Some(Config {
            chassis,
            listen: self.rtmp.listen.clone(),
            app: self.rtmp.app.clone(),
            login_app: self.rtmp.login_app.clone(),
            connections: usize::try_from(self.rtmp.connections).unwrap_or(usize::MAX),
            proxies,
            rtmps,
            hooks,
            memory,
            state_directory: self.state_directory.clone(),
            stream,
            streams,
            keys: keys?,
            key_origin,
            pushes,
            transcoders: transcoders?,
        })
    }

    fn resolve_stream(&self, problems: &mut Problems<'_>) -> Option<stream::Settings> {
        let seconds = Timespan::from_secs;
        // The cutter fills at most ten minutes with holds.
        problems.within(
            "segment.hold",
            self.segment.hold,
            seconds(10)..=seconds(600),
        );
        problems.within("ring.span", self.ring.span, seconds(4)..=seconds(60));
        // It must hold the largest message twice over.
        let (least, most) = (ByteSize::from_mib(16), ByteSize::from_mib(1024));
        problems.within("ring.size", self.ring.size, least..=most);
        let target = u32::try_from(millis(self.segment.target)).unwrap_or(u32::MAX);
        let target = SegmentTarget::from_millis(target)
            .map_err(|error| problems.refuse("segment.target", error))
            .ok()?;
        Some(stream::Settings {
            target,
            hold: millis(self.segment.hold),
            ring: RingLimits {
                bytes: usize::try_from(self.ring.size.get()).unwrap_or(usize::MAX),
                span: millis(self.ring.span),
            },
            merge: self.players.resolve(problems),
        })
    }

    fn resolve_streams(&self, problems: &mut Problems<'_>) -> (Vec<StreamName>, Keys) {
        let mut streams = Vec::new();
        let mut keys = Keys::default();
        if self.stream.len() > MAX_STREAMS {
            problems.refuse("stream", format_args!("there may be {MAX_STREAMS} at most"));
        }
        for (index, raw) in self.stream.iter().enumerate() {
            let at = format!("stream[{index}]");
            let Some(name) = problems.parse::<StreamName>(format!("{at}.name"), &raw.name) else {
                continue;
            };
            if streams.contains(&name) {
                problems.refuse(format!("{at}.name"), "another stream has this name");
            }
            for (usage, given) in [(Use::Publish, &raw.publish), (Use::Play, &raw.play)] {
                let at = format!("{at}.{}", usage.as_str());
                key::resolve(given, (&name, usage), &at, &mut keys, problems);
            }
            streams.push(name);
        }
        (streams, keys)
    }

    fn resolve_pushes(&self, problems: &mut Problems<'_>) -> BTreeMap<StreamName, Vec<Target>> {
        // One label tells all outputs of a stream apart.
        let mut taken: BTreeSet<&str> = self.transcoder.iter().map(|t| t.name.as_str()).collect();
        taken.insert(PLAYERS);
        let mut pushes = BTreeMap::new();
        for (index, raw) in self.stream.iter().enumerate() {
            let targets = push::resolve(&raw.push, &taken, &format!("stream[{index}]"), problems);
            // What is wrong with a stream's name is said elsewhere.
            pushes.extend(raw.name.parse().ok().map(|name| (name, targets)));
        }
        pushes
    }

    /// `Some(None)` when there is none.
    #[expect(
        clippy::option_option,
        reason = "the outer one is whether it could be resolved, the inner one whether there is any"
    )]
    fn resolve_transcoders(&self, problems: &mut Problems<'_>) -> Option<Option<Transcoders>> {
        let secret = match &self.cluster.secret {
            Some(source) => {
                let text = problems.secret("cluster.secret", source)?;
                let secret = ClusterSecret::new(text.expose());
                Some(
                    secret
                        .map_err(|e| problems.refuse("cluster.secret", e))
                        .ok()?,
                )
            }
            None => None,
        };
        if self.transcoder.is_empty() {
            return Some(None);
        }
        let Some(secret) = secret else {
            problems.refuse(
                "cluster.secret",
                "is missing: transcoders take streams from none but their own cluster",
            );
            return None;
        };
        if self.transcoder.len() > MAX_MEMBERS {
            problems.refuse(
                "transcoder",
                format_args!("there may be {MAX_MEMBERS} at most"),
            );
        }
        let mut members = Vec::new();
        let mut addresses = BTreeMap::new();
        for (index, raw) in self.transcoder.iter().enumerate() {
            let at = format!("transcoder[{index}]");
            match Member::new(&raw.name, raw.weight) {
                Ok(member) => members.push(member),
                Err(error) => problems.refuse(&at, error),
            }
            if addresses
                .insert(raw.name.clone(), raw.address.clone())
                .is_some()
            {
                problems.refuse(format!("{at}.name"), "another transcoder has this name");
            }
        }
        Some(Some(Transcoders {
            secret,
            members,
            addresses,
        }))
    }
}

fn millis(span: Timespan) -> u64 {
    u64::try_from(span.get().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
