//! [pure] Stream keys: the secrets that publishers and players present, known here by their SHA-256 alone.
//!
//! A key that came from a peer is hashed at once and never kept, printed or compared as text. Looking one up takes the
//! same time whether it is right, wrong or nearly right: every configured key is compared, each in constant time.
//! When it expires and where it may come from is asked only of a key that was found.
//! An expiry keeps newcomers out; who is on the air by then stays. A key that is taken away is gone at once, with
//! whoever came by it: see [`Keys::holds`].

use std::{fmt, net::IpAddr, str::FromStr};

use live::{StreamName, daemon::config::AddressRange};
use rtmp::login::Login;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

mod expiry;
pub(crate) mod file;
mod login;
mod name;
mod origin;
pub(crate) mod secret;

pub(crate) use expiry::Expiry;
pub(crate) use login::Verifier;
pub(crate) use name::{KeyId, Label};
pub(crate) use origin::{DEFAULT_FILE, KeyOrigin};

/// SHA-256 of a stream key, as the configuration states it. `Debug` hides it: a weak key could be guessed from it.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeyHash([u8; 32]);

/// The operator's fault: no SHA-256 in hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key's sha256 is 64 hexadecimal digits; make it with: printf %s 'THE-KEY' | sha256sum")]
pub(crate) struct KeyHashError;

impl KeyHash {
    /// The hash of a key as a peer presents it.
    pub(crate) fn of(key: &str) -> Self {
        Self(Sha256::digest(key.as_bytes()).into())
    }
}

impl FromStr for KeyHash {
    type Err = KeyHashError;

    fn from_str(text: &str) -> Result<Self, KeyHashError> {
        let mut hash = [0; 32];
        hex::decode_to_slice(text, &mut hash).map_err(|_| KeyHashError)?;
        Ok(Self(hash))
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHash(hidden)")
    }
}

/// What a key lets its holder do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Use {
    /// Put a stream on the air.
    Publish,
    /// Take a stream from here over RTMP.
    Play,
}

impl Use {
    /// As it is written in the configuration.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Play => "play",
        }
    }
}

/// Which of a stream's encoders a publish key is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PublishRole {
    /// The one that is on the air when it sends.
    #[default]
    Primary,
    /// The one that waits, warm, until no primary sends.
    Backup,
}

impl PublishRole {
    /// As it is written in the configuration.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Backup => "backup",
        }
    }
}

/// One key: whom it lets in, where to, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its name in the log.
    pub(crate) id: KeyId,
    pub(crate) hash: KeyHash,
    pub(crate) stream: StreamName,
    pub(crate) usage: Use,
    /// Of a key to publish with.
    pub(crate) role: PublishRole,
    pub(crate) expires: Option<Expiry>,
    /// Networks that it may be used from; none is all.
    pub(crate) from: Vec<AddressRange>,
    /// Words for people.
    pub(crate) label: Option<Label>,
    /// What a login by this key is checked against; a SHA-256 alone allows none.
    pub(crate) login: Option<Verifier>,
}

/// How a peer shows which key it has.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Presented<'a> {
    /// It says it. What stands behind a `?` is not part of the key (OBS and the platforms send options there).
    Key(&'a str),
    /// It proves that it has a key of the stream that it named as the user.
    Login(&'a Login),
}

/// What the right key opens, and by which key it was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) stream: StreamName,
    pub(crate) role: PublishRole,
    pub(crate) key: KeyId,
    pass: Pass,
}

/// By which key somebody came in, as it is looked for again: also in another process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pass {
    stream: String,
    hash: KeyHash,
    usage: Use,
}

impl From<Found> for Pass {
    fn from(found: Found) -> Self {
        found.pass
    }
}

/// Why a key opens nothing: for our log and counters. The peer is told no more than that it is denied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// The peer's fault, or its operator's: a wrong key.
    #[error(
        "the key is wrong; the right ones are those of [[stream]] {} and of \"footlight-mux keys list\"", .0.as_str()
    )]
    Unknown(Use),
    /// It was right once.
    #[error("key {0} expired on {1}; make a new one with: footlight-mux keys rotate {0}")]
    Expired(KeyId, Expiry),
    /// It is right, but not there.
    #[error("key {0} may not be used from this address, only from those of its \"from\"")]
    WrongAddress(KeyId),
}

impl Refused {
    /// For a metric's label.
    pub(crate) const fn class(&self) -> &'static str {
        match self {
            Self::Unknown(_) => "unknown",
            Self::Expired(..) => "expired",
            Self::WrongAddress(_) => "wrong_address",
        }
    }
}

/// All keys.
#[derive(Debug, Clone, Default)]
pub(crate) struct Keys(Vec<Entry>);

/// The operator's fault: one key in two places would make its stream a matter of luck.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the same key is configured twice; give each stream and each use a key of its own")]
pub(crate) struct DuplicateKey;

impl Keys {
    /// Adds a key.
    pub(crate) fn insert(&mut self, entry: Entry) -> Result<(), DuplicateKey> {
        if self.0.iter().any(|other| other.hash == entry.hash) {
            return Err(DuplicateKey);
        }
        self.0.push(entry);
        Ok(())
    }

    /// What `presented` opens for somebody at `peer` who wants to use it at `now`, Unix milliseconds.
    pub(crate) fn find(
        &self,
        presented: Presented<'_>,
        usage: Use,
        peer: IpAddr,
        now: u64,
    ) -> Result<Found, Refused> {
        let entry = match presented {
            Presented::Key(key) => {
                let key = key.split('?').next().unwrap_or(key);
                self.lookup(KeyHash::of(key), usage)
            }
            Presented::Login(login) => self.prove(login, usage),
        };
        let entry = entry.ok_or(Refused::Unknown(usage))?;
        if let Some(expires) = entry.expires.filter(|expires| expires.is_past(now)) {
            return Err(Refused::Expired(entry.id.clone(), expires));
        }
        if !entry.from.is_empty() && !entry.from.iter().any(|range| range.contains(peer)) {
            return Err(Refused::WrongAddress(entry.id.clone()));
        }
        Ok(Found {
            stream: entry.stream.clone(),
            role: entry.role,
            key: entry.id.clone(),
            pass: Pass {
                stream: entry.stream.to_string(),
                hash: entry.hash,
                usage: entry.usage,
            },
        })
    }

    /// Whether the key that somebody came by is still there and opens the same.
    pub(crate) fn holds(&self, pass: &Pass) -> bool {
        self.lookup(pass.hash, pass.usage)
            .is_some_and(|entry| entry.stream.as_str() == pass.stream)
    }

    /// All of them, in no order that means anything.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.0
    }

    fn lookup(&self, hash: KeyHash, usage: Use) -> Option<&Entry> {
        self.select(|entry| entry.hash.0.ct_eq(&hash.0) & is(entry.usage == usage))
    }

    fn prove(&self, login: &Login, usage: Use) -> Option<&Entry> {
        self.select(|entry| {
            let proved = entry.login.is_some_and(|stored| stored.is_proved_by(login));
            is(proved) & is(entry.usage == usage && entry.stream.as_str() == login.user)
        })
    }

    /// The entry that is right; all of them are asked.
    fn select(&self, right: impl Fn(&Entry) -> Choice) -> Option<&Entry> {
        let mut found = u64::MAX;
        for (index, entry) in (0_u64..).zip(&self.0) {
            found.conditional_assign(&index, right(entry));
        }
        self.0.get(usize::try_from(found).ok()?)
    }
}

fn is(condition: bool) -> Choice {
    Choice::from(u8::from(condition))
}

#[cfg(test)]
mod tests;
