//! [pure] The key file: what `footlight-mux keys` writes and the daemon reads, beside the keys of the configuration.
//!
//! Only hashes are in it, never a key. Whoever may read it can log in by the stored answer to the user/password
//! challenge all the same (see [`Stored::login`]), so that it is as secret as the configuration: mode 0640.

use std::path::Path;

use live::{
    StreamName,
    daemon::config::{AddressRange, ConfigError, Problems, Sources, read},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{Entry, Expiry, KeyHash, KeyId, Label, PublishRole, Use, Verifier};

/// Most keys in the file: all are compared at each look-up.
pub(crate) const MAX_KEYS: usize = 4096;
/// Most networks of one key.
pub(crate) const MAX_RANGES: usize = 16;

/// What stands at its top.
const HEAD: &str = "\
# Stream keys of footlight-mux, by their hashes. Written by \"footlight-mux keys\", which does so safely beside another;
# a running footlight-mux reads it again within two seconds of any change.
";

/// The whole file.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyFile {
    /// In the order of their making.
    #[serde(default, rename = "key")]
    pub(crate) keys: Vec<Stored>,
}

/// One key, as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stored {
    /// What the commands call it.
    pub(crate) id: KeyId,
    /// May be one that is no longer configured; the key is then of no use.
    pub(crate) stream: Name,
    #[serde(rename = "use")]
    pub(crate) usage: Use,
    #[serde(default, skip_serializing_if = "is_primary")]
    pub(crate) role: PublishRole,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) label: Option<Label>,
    /// When it was made.
    pub(crate) made: Expiry,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires: Option<Expiry>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) from: Vec<AddressRange>,
    pub(crate) sha256: Hex,
    /// What the user/password challenge is checked against: it cannot be had from the SHA-256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) login: Option<Verifier>,
}

/// A stream's name that is read and written as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name(pub(crate) StreamName);

/// A hash in hexadecimal.
#[derive(Debug, Clone)]
pub(crate) struct Hex(pub(crate) KeyHash);

const fn is_primary(role: &PublishRole) -> bool {
    matches!(role, PublishRole::Primary)
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(de::Error::custom)
    }
}

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(self.0.0))
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(de::Error::custom)
    }
}

impl KeyFile {
    /// Reads it. One that is not there holds nothing: it is made with the first key.
    pub(crate) fn read(path: &Path, sources: &dyn Sources) -> Result<Self, ConfigError> {
        if let Err(error) = sources.file(path)
            && error.kind() == std::io::ErrorKind::NotFound
        {
            return Ok(Self::default());
        }
        let (raw, ()) = read(path, sources, Self::check)?;
        Ok(raw)
    }

    fn check(&self, problems: &mut Problems<'_>) -> Option<()> {
        if self.keys.len() > MAX_KEYS {
            problems.refuse("key", format_args!("there may be {MAX_KEYS} at most"));
        }
        for (index, key) in self.keys.iter().enumerate() {
            if key.from.len() > MAX_RANGES {
                let most = format_args!("there may be {MAX_RANGES} ranges at most");
                problems.refuse(format!("key[{index}].from"), most);
            }
            let before = self.keys.get(..index).unwrap_or_default();
            if before
                .iter()
                .any(|other| other.id == key.id || other.sha256.0 == key.sha256.0)
            {
                problems.refuse(format!("key[{index}]"), "is written twice");
            }
        }
        Some(())
    }

    /// As it is written.
    pub(crate) fn render(&self) -> String {
        // Plain tables of text: there is nothing in them that TOML could not hold.
        let body = toml::to_string(self).unwrap_or_default();
        format!("{HEAD}\n{body}")
    }
}

impl Stored {
    /// As it is looked up.
    pub(crate) fn entry(&self) -> Entry {
        Entry {
            id: self.id.clone(),
            hash: self.sha256.0,
            stream: self.stream.0.clone(),
            usage: self.usage,
            role: self.role,
            expires: self.expires,
            from: self.from.clone(),
            label: self.label.clone(),
            login: self.login,
        }
    }
}

#[cfg(test)]
mod tests {
    use live::daemon::config::Given;

    use super::*;

    const FILE: &str = "/keys.toml";

    fn parse(text: &str) -> Result<KeyFile, ConfigError> {
        let mut given = Given::default();
        given.files.insert(FILE.into(), text.to_owned());
        KeyFile::read(Path::new(FILE), &given)
    }

    const ONE: &str = "[[key]]\nid = \"k7f3q2\"\nstream = \"stage\"\nuse = \"publish\"\nmade = \"2026-11-21T16:00:00Z\"\n\
        sha256 = \"1b4f0e9851971998e732078544c96b36c3d01cedf7caa332359d6f1d83567014\"\n";

    #[test]
    fn what_is_written_is_read_back() {
        let more = "role = \"backup\"\nlabel = \"truck\"\nexpires = \"2026-12-01\"\nfrom = [\"192.0.2.0/24\"]\n\
            login = \"1B2M2Y8AsgTpgAmY7PhCfg==\"\n";
        let file = parse(&format!("{ONE}{more}")).unwrap();
        let again = parse(&file.render()).unwrap();
        assert_eq!(again.keys[0].entry(), file.keys[0].entry());
        assert_eq!(again.keys[0].role, PublishRole::Backup);
        assert!(file.render().starts_with("# Stream keys"));
        let printed = format!("{file:?}");
        assert!(!printed.contains("1b4f") && !printed.contains("1B2M"));
    }

    #[test]
    fn none_is_empty_and_a_broken_one_is_told_by_its_line() {
        let none = KeyFile::read(Path::new("/none.toml"), &Given::default()).unwrap();
        assert!(none.keys.is_empty());
        for (wrong, told) in [
            ("[[kye]]\n", "known here: key"),
            ("[[key]]\nid = \"k7f3q2\"\n", "key"),
            (&format!("{ONE}{ONE}"), "key[1]: is written twice"),
            (&format!("{ONE}expirse = \"x\"\n"), "did you mean expires?"),
            (
                &format!("{ONE}expires = \"soon\"\n"),
                "/keys.toml:7: key[0].expires",
            ),
        ] {
            let error = parse(wrong).unwrap_err().to_string();
            assert!(error.contains(told), "{wrong}\n gave: {error}");
        }
    }
}
