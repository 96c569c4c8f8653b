//! [pure] Keys as a stream's `publish` and `play` state them.

use live::{
    StreamName,
    daemon::config::{AddressRange, Problems},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::key::{Entry, Expiry, KeyHash, KeyId, Keys, Label, PublishRole, Use};

/// Most keys of one stream for one use.
const MAX_KEYS: usize = 32;
/// Most networks of one key.
pub(crate) const MAX_RANGES: usize = 16;

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
        };
        if let Err(error) = keys.insert(entry) {
            problems.refuse(at, error);
        }
    }
}
