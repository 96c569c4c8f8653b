//! [pure] Keys as a stream's `publish` and `play` state them.

use std::net::SocketAddr;

use live::{
    StreamName,
    daemon::config::{AddressRange, Listen, Problems},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::key::{
    Entry, Expiry, KeyHash, KeyId, KeyOrigin, Keys, Label, PublishRole, Use, file::MAX_RANGES,
};

use super::Raw;

/// Most keys of one stream for one use.
const MAX_KEYS: usize = 32;

/// One key.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawKey {
    sha256: HiddenHash,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    role: Option<PublishRole>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<Expiry>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    from: Vec<AddressRange>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    label: Option<Label>,
}

/// A key's hash that is read, and written as hidden: a short key could be guessed from its hash.
#[derive(Debug)]
struct HiddenHash(KeyHash);

impl Serialize for HiddenHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("(hidden)")
    }
}

impl<'de> Deserialize<'de> for HiddenHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(de::Error::custom)
    }
}

/// Adds the keys of one list, written at `at`, to `keys`.
pub(super) fn resolve(
    given: &[RawKey],
    (stream, usage): (&StreamName, Use),
    at: &str,
    keys: &mut Keys,
    problems: &mut Problems<'_>,
) {
    if given.len() > MAX_KEYS {
        problems.refuse(at, format_args!("there may be {MAX_KEYS} keys at most"));
    }
    for (index, raw) in given.iter().enumerate() {
        let at = format!("{at}[{index}]");
        if raw.role.is_some() && usage == Use::Play {
            problems.refuse(format!("{at}.role"), "only a key to publish has a role");
        }
        if raw.from.len() > MAX_RANGES {
            let most = format_args!("there may be {MAX_RANGES} ranges at most");
            problems.refuse(format!("{at}.from"), most);
        }
        let entry = Entry {
            id: KeyId::of_place(stream, usage.as_str(), index),
            hash: raw.sha256.0,
            stream: stream.clone(),
            usage,
            role: raw.role.unwrap_or_default(),
            expires: raw.expires,
            from: raw.from.clone(),
            label: raw.label.clone(),
            login: None,
        };
        if let Err(error) = keys.insert(entry) {
            problems.refuse(at, error);
        }
    }
}

/// All keys. A key file that is wrong is told line by line.
pub(super) fn load(origin: &KeyOrigin, problems: &mut Problems<'_>) -> Option<Keys> {
    let loaded = origin.load(problems.sources());
    let told = |error: &str| problems.refuse("keys_file", error);
    loaded
        .map_err(|error| error.to_string().lines().for_each(told))
        .ok()
}

/// What the commands of keys want to know: they need no secret of any other section.
#[derive(Debug)]
pub(crate) struct KeysView {
    pub(crate) origin: KeyOrigin,
    pub(crate) app: String,
    pub(crate) login_app: String,
    /// Where encoders connect.
    pub(crate) port: u16,
    /// The same under TLS, if anybody listens there.
    pub(crate) tls_port: Option<u16>,
}

impl Raw {
    /// In place of [`Raw::resolve`]. The key file itself is not looked at.
    pub(crate) fn resolve_keys(&self, problems: &mut Problems<'_>) -> Option<KeysView> {
        let (streams, inline) = self.resolve_streams(problems);
        let port = |listen: &Listen| listen.addresses().first().map(SocketAddr::port);
        Some(KeysView {
            origin: KeyOrigin {
                inline,
                file: self.keys_file.clone(),
                streams,
            },
            app: self.rtmp.app.clone(),
            login_app: self.rtmp.login_app.clone(),
            port: port(&self.rtmp.listen).unwrap_or(1935),
            tls_port: self.rtmps.port(),
        })
    }
}
