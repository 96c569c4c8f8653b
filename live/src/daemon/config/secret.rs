//! Where a secret is kept, and the secret itself, which is never printed.

use std::{fmt, io, path::PathBuf};

use serde::{Deserialize, Deserializer, Serialize, de};

use super::Sources;

/// `{ file = "/path" }`, or `{ credential = "name" }` for one that systemd loaded (LoadCredential=).
///
/// This says where the secret is, not what it is: it may be printed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretSource {
    /// A file that this daemon can read.
    File(PathBuf),
    /// A file of that name in systemd's $CREDENTIALS_DIRECTORY.
    Credential(String),
}

impl<'de> Deserialize<'de> for SecretSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SourceVisitor)
    }
}

/// By hand, since serde's own errors would quote a secret that somebody wrote into the configuration.
struct SourceVisitor;

impl<'de> de::Visitor<'de> for SourceVisitor {
    type Value = SecretSource;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{ file = \"/path\" } or { credential = \"name\" }")
    }

    fn visit_str<E: de::Error>(self, _hidden: &str) -> Result<SecretSource, E> {
        Err(E::custom(
            "a secret is not written here: put it into a file and write { file = \"/path\" }",
        ))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<SecretSource, A::Error> {
        let one =
            || de::Error::custom("write either { file = \"/path\" } or { credential = \"name\" }");
        let source = match map.next_key::<String>()?.as_deref() {
            Some("file") => SecretSource::File(map.next_value()?),
            Some("credential") => SecretSource::Credential(map.next_value()?),
            _ => return Err(one()),
        };
        match map.next_key::<String>()? {
            None => Ok(source),
            Some(_) => Err(one()),
        }
    }
}

/// The content of a secret. `Debug` hides it, there is no `Display`, and it is not written by `--check`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// Why a secret could not be had. Never says what was read.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// A credential is named, but systemd passed none.
    #[error(
        "there is no $CREDENTIALS_DIRECTORY: add LoadCredential={0}:/path to the unit, or use {{ file = \"/path\" }}"
    )]
    NoCredentials(String),
    /// A credential's name is a file's name, not a path.
    #[error("the credential {0:?} is no plain name: it is the ID of LoadCredential=")]
    Name(String),
    /// The file is not there, not readable or not text.
    #[error("{} cannot be read: {error}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// Nothing is in the file.
    #[error("{} is empty", .0.display())]
    Empty(PathBuf),
}

impl SecretSource {
    /// Reads the secret. White space around it (a trailing newline) does not count.
    pub fn load(&self, sources: &dyn Sources) -> Result<Secret, SecretError> {
        let path = match self {
            Self::File(path) => path.clone(),
            Self::Credential(name) if name.is_empty() || name.contains('/') || name == ".." => {
                return Err(SecretError::Name(name.clone()));
            }
            Self::Credential(name) => {
                let directory = sources.variable("CREDENTIALS_DIRECTORY");
                let directory =
                    directory.ok_or_else(|| SecretError::NoCredentials(name.clone()))?;
                PathBuf::from(directory).join(name)
            }
        };
        match sources.file(&path) {
            Ok(text) if text.trim().is_empty() => Err(SecretError::Empty(path)),
            Ok(text) => Ok(Secret(text.trim().to_owned())),
            Err(error) => Err(SecretError::Read { path, error }),
        }
    }
}

impl Secret {
    /// The secret itself. Never log it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}
