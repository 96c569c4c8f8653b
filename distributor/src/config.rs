//! [pure] The distributor's configuration: what may be written, and what it means.
//!
//! `distributor.toml` beside the crate describes every key; a test keeps the two equal.

use std::collections::BTreeSet;

use http::{HeaderValue, Uri};
use live::{
    cluster::{ClusterSecret, Token},
    daemon::config::{
        AdminSection, ByteSize, DrainSection, HostPort, Listen, LogSection, Problems, SecretSource,
        Settings, Timespan,
    },
    placement::{MAX_MEMBERS, Member},
};
use serde::{Deserialize, Serialize};

use crate::hosts::Hosts;

pub(crate) use acme::{Acme, NAMES_MAX};
pub use acme::{AcmeSection, Challenge};
pub use https::HttpsSection;
pub(crate) use https::Identity;
pub(crate) use limits::Limits;
pub use limits::LimitsSection;
pub(crate) use peer::Peering;
pub use peer::{DistributorSection, PeerSection};
pub use upstream::UpstreamSection;
pub(crate) use upstream::UpstreamTls;

mod acme;
mod https;
mod limits;
mod peer;
mod plan;
mod upstream;

/// What may be written in `/etc/footlight/distributor.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raw {
    /// `[https]`
    pub https: HttpsSection,
    /// `[acme]`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acme: Option<AcmeSection>,
    /// `[http]`
    #[serde(default)]
    pub http: HttpSection,
    /// `[cluster]`
    pub cluster: ClusterSection,
    /// `[[transcoder]]`
    pub transcoder: Vec<TranscoderSection>,
    /// `[upstream]`
    #[serde(default)]
    pub upstream: UpstreamSection,
    /// `[limits]`
    #[serde(default)]
    pub limits: LimitsSection,
    /// `[peer]`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<PeerSection>,
    /// `[cors]`
    #[serde(default)]
    pub cors: CorsSection,
    /// `[cache]`
    #[serde(default)]
    pub cache: CacheSection,
    /// `[admin]`
    #[serde(default = "admin")]
    pub admin: AdminSection,
    /// `[log]`
    #[serde(default)]
    pub log: LogSection,
    /// `[drain]`
    #[serde(default = "drain")]
    pub drain: DrainSection,
}

/// `[http]`: only sends viewers on to HTTPS, and proves names to an ACME authority.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpSection {
    /// Where to listen. Default `[::]:80`.
    #[serde(default = "http_listen")]
    pub listen: Listen,
}

/// `[cluster]`: what the boxes of one appliance share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterSection {
    /// Where the shared secret is kept.
    pub secret: SecretSource,
}

/// `[[transcoder]]`: one origin. The same list in the same words on every box.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TranscoderSection {
    /// Its name, by which streams are placed.
    pub name: String,
    /// Host and port of its origin listener.
    pub address: HostPort,
    /// Its share of the streams beside the others: 1 to 100. Default 1.
    #[serde(default = "weight")]
    pub weight: u16,
}

/// `[cors]`: which pages may read what is served.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorsSection {
    /// Origins such as `https://venue.example`; none means every page.
    #[serde(default)]
    pub origins: Vec<String>,
}

/// `[cache]`: what is kept in memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CacheSection {
    /// Bytes of objects: 64MiB to 1024GiB. Default `512MiB`.
    #[serde(default = "memory")]
    pub memory: ByteSize,
}

/// Where operators ask, by default.
pub(crate) const ADMIN_PORT: u16 = 9103;

const fn memory() -> ByteSize {
    ByteSize::from_mib(512)
}

const fn weight() -> u16 {
    1
}

fn http_listen() -> Listen {
    Listen::one(([0_u16; 8], 80).into())
}

/// Viewers who come while the answers of those before them are finished wait until the next process listens, and a
/// low-latency player has two seconds in hand. Who can keep up with a show takes no longer for a segment.
fn drain() -> DrainSection {
    DrainSection {
        deadline: Timespan::from_secs(2),
    }
}

fn admin() -> AdminSection {
    AdminSection::on_port(ADMIN_PORT)
}

impl Default for HttpSection {
    fn default() -> Self {
        Self {
            listen: http_listen(),
        }
    }
}

impl Default for CacheSection {
    fn default() -> Self {
        Self { memory: memory() }
    }
}

/// One origin, resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Its place among the others.
    pub member: Member,
    /// `host:port`, as a URL has it.
    pub authority: String,
}

/// What the configuration means.
#[derive(Debug, Clone)]
pub struct Config {
    pub(crate) settings: Settings,
    pub(crate) https: Listen,
    pub(crate) hosts: Hosts,
    pub(crate) http: Listen,
    pub(crate) identity: Identity,
    pub(crate) token: Token,
    pub(crate) origins: Vec<Origin>,
    pub(crate) upstream: Option<UpstreamTls>,
    pub(crate) limits: Limits,
    /// None where this is the only distributor.
    pub(crate) peering: Option<Peering>,
    pub(crate) cors: Vec<HeaderValue>,
    pub(crate) memory: u64,
}

/// Least memory that is a cache: two of the largest objects.
const MEMORY_LEAST: ByteSize = ByteSize::from_mib(64);
/// More than any machine this is meant for.
const MEMORY_MOST: ByteSize = ByteSize::from_mib(1 << 20);
/// Pages that may be named; a longer list is meant to be "all".
const CORS_MAX: usize = 100;

impl Config {
    /// Notes all that is wrong with `raw`.
    pub fn resolve(raw: &Raw, problems: &mut Problems<'_>) -> Option<Self> {
        problems.within("cache.memory", raw.cache.memory, MEMORY_LEAST..=MEMORY_MOST);
        let settings = Settings::resolve(&raw.admin, &raw.log, &raw.drain, problems);
        let identity = raw.https.resolve(raw.acme.as_ref(), problems);
        let token = token(&raw.cluster, problems);
        let origins = origins(&raw.transcoder, problems);
        let upstream = raw.upstream.resolve(problems);
        let limits = raw.limits.resolve(problems);
        let peering = raw.peer.as_ref().and_then(|peer| peer.resolve(problems));
        let mut cors = cors(&raw.cors, problems);
        if let Some(peering) = peering.as_ref().filter(|_| !cors.is_empty()) {
            // The watch page of one may play from another.
            let own = peering
                .urls()
                .filter_map(|url| HeaderValue::from_str(url).ok());
            cors.extend(own);
        }
        let names = raw.acme.iter().flat_map(|acme| &acme.names);
        let urls = peering.iter().flat_map(Peering::urls);
        let others = names.map(String::as_str).chain(urls.filter_map(host_of));
        let hosts = raw.https.hosts(others, problems);
        Some(Self {
            settings,
            https: raw.https.listen.clone(),
            hosts,
            http: raw.http.listen.clone(),
            identity: identity?,
            token: token?,
            origins,
            upstream,
            limits,
            peering,
            cors,
            memory: raw.cache.memory.get(),
        })
    }

    /// Whether only certificates differ between two configurations of which one is in use.
    pub(crate) fn is_served_alike(&self, other: &Self) -> bool {
        let tls = |upstream: &Option<UpstreamTls>| {
            let upstream = upstream.clone();
            upstream.map(|tls| (tls.roots, tls.certificate.is_some()))
        };
        self.token.matches(other.token.expose())
            && self.identity.is_kept_alike(&other.identity)
            && tls(&self.upstream) == tls(&other.upstream)
            && (
                &self.https,
                &self.hosts,
                &self.http,
                &self.origins,
                &self.limits,
                &self.peering,
                &self.cors,
                self.memory,
            ) == (
                &other.https,
                &other.hosts,
                &other.http,
                &other.origins,
                &other.limits,
                &other.peering,
                &other.cors,
                other.memory,
            )
    }
}

/// The host of a URL, without its port.
pub(crate) fn host_of(url: &str) -> Option<&str> {
    let authority = url.split_once("://")?.1;
    Some(match authority.strip_prefix('[') {
        Some(address) => address.split_once(']')?.0,
        None => authority
            .split_once(':')
            .map_or(authority, |(host, _port)| host),
    })
}

fn token(cluster: &ClusterSection, problems: &mut Problems<'_>) -> Option<Token> {
    let secret = problems.secret("cluster.secret", &cluster.secret)?;
    let secret = ClusterSecret::new(secret.expose());
    let secret = secret
        .map_err(|error| problems.refuse("cluster.secret", error))
        .ok()?;
    Some(secret.origin_token())
}

fn origins(sections: &[TranscoderSection], problems: &mut Problems<'_>) -> Vec<Origin> {
    if sections.is_empty() || sections.len() > MAX_MEMBERS {
        problems.refuse(
            "transcoder",
            format_args!("list 1 to {MAX_MEMBERS} transcoders"),
        );
    }
    let mut names = BTreeSet::new();
    let mut origins = Vec::new();
    for (index, section) in sections.iter().enumerate() {
        if !names.insert(&section.name) {
            problems.refuse(
                format!("transcoder[{index}].name"),
                "this name is given twice: each box has its own",
            );
        }
        match Member::new(&section.name, section.weight) {
            Ok(member) => origins.push(Origin {
                member,
                authority: section.address.to_string(),
            }),
            Err(error @ live::placement::MemberError::Weight) => {
                problems.refuse(format!("transcoder[{index}].weight"), error);
            }
            Err(error @ live::placement::MemberError::Name(_)) => {
                problems.refuse(format!("transcoder[{index}].name"), error);
            }
        }
    }
    origins
}

fn cors(section: &CorsSection, problems: &mut Problems<'_>) -> Vec<HeaderValue> {
    if section.origins.len() > CORS_MAX {
        problems.refuse(
            "cors.origins",
            format_args!("at most {CORS_MAX} origins; an empty list allows every page"),
        );
    }
    let mut origins = Vec::new();
    for (index, text) in section.origins.iter().enumerate() {
        match web_origin(text) {
            Some(origin) => origins.push(origin),
            None => problems.refuse(
                format!("cors.origins[{index}]"),
                format_args!("{text:?} is no web origin: write scheme and host as a browser sends them, such as \"https://venue.example\""),
            ),
        }
    }
    origins
}

/// `https://host` or `https://host:port`, in lower case, with nothing behind it: what a browser sends as `Origin`.
fn web_origin(text: &str) -> Option<HeaderValue> {
    let uri: Uri = text.parse().ok()?;
    let scheme = matches!(uri.scheme_str(), Some("https" | "http"));
    let host = uri
        .authority()
        .is_some_and(|authority| !authority.as_str().contains('@'));
    let bare = !text.ends_with('/')
        && uri.path() == "/"
        && uri.query().is_none()
        && *text == text.to_lowercase();
    (scheme && host && bare).then(|| HeaderValue::from_str(text).ok())?
}

#[cfg(test)]
mod tests;
