//! [pure] Stream keys: the secrets that publishers and players present, known here by their SHA-256 alone.
//!
//! A key that came from a peer is hashed at once and never kept, printed or compared as text. Looking one up takes the
//! same time whether it is right, wrong or nearly right: every configured key is compared, each in constant time.

use std::{fmt, str::FromStr};

use live::StreamName;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

/// SHA-256 of a stream key, as the configuration states it. `Debug` hides it: a weak key could be guessed from it.
#[derive(Clone, Copy, PartialEq, Eq)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Role {
    /// Put a stream on the air.
    Publish,
    /// Take a stream from here over RTMP.
    Play,
}

/// All configured keys.
#[derive(Debug, Clone, Default)]
pub(crate) struct Keys(Vec<Entry>);

#[derive(Debug, Clone)]
struct Entry {
    hash: KeyHash,
    role: Role,
    stream: StreamName,
}

/// The operator's fault: one key in two places would make its stream a matter of luck.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the same key is configured twice; give each stream and each use a key of its own")]
pub(crate) struct DuplicateKey;

impl Keys {
    /// Adds a key.
    pub(crate) fn insert(
        &mut self,
        hash: KeyHash,
        role: Role,
        stream: StreamName,
    ) -> Result<(), DuplicateKey> {
        if self.0.iter().any(|entry| entry.hash == hash) {
            return Err(DuplicateKey);
        }
        self.0.push(Entry { hash, role, stream });
        Ok(())
    }

    /// The stream that `presented` opens for `role`. What stands behind a `?` is not part of the key (OBS and the
    /// platforms send options there).
    pub(crate) fn find(&self, presented: &str, role: Role) -> Option<&StreamName> {
        let key = presented.split('?').next().unwrap_or(presented);
        let hash = KeyHash::of(key);
        let mut found = u64::MAX;
        for (index, entry) in (0_u64..).zip(&self.0) {
            let right = entry.hash.0.ct_eq(&hash.0) & Choice::from(u8::from(entry.role == role));
            found.conditional_assign(&index, right);
        }
        let entry = self.0.get(usize::try_from(found).ok()?)?;
        Some(&entry.stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_opens_its_stream_for_its_role_and_nothing_else() {
        let stage: StreamName = "stage".parse().unwrap();
        let hall: StreamName = "hall".parse().unwrap();
        let mut keys = Keys::default();
        keys.insert(KeyHash::of("one"), Role::Publish, stage.clone())
            .unwrap();
        keys.insert(KeyHash::of("two"), Role::Play, stage.clone())
            .unwrap();
        keys.insert(KeyHash::of("three"), Role::Publish, hall.clone())
            .unwrap();
        assert_eq!(keys.find("one", Role::Publish), Some(&stage));
        assert_eq!(
            keys.find("one?bandwidthtest=true", Role::Publish),
            Some(&stage)
        );
        assert_eq!(keys.find("three", Role::Publish), Some(&hall));
        assert_eq!(keys.find("two", Role::Play), Some(&stage));
        for wrong in ["", "on", "onee", "One", "stage", "?one"] {
            assert_eq!(keys.find(wrong, Role::Publish), None, "{wrong:?}");
        }
        assert_eq!(keys.find("one", Role::Play), None);
        assert_eq!(keys.find("two", Role::Publish), None);
        assert_eq!(
            keys.insert(KeyHash::of("one"), Role::Play, hall),
            Err(DuplicateKey)
        );
    }

    #[test]
    fn a_hash_is_read_and_never_printed() {
        let digits = "b8b8eb83374c0bf3b1c3224159f6119dbfff1b7ed6dfecdd80d4e8a895790a34";
        let hash: KeyHash = digits.parse().unwrap();
        assert!(!format!("{hash:?}").contains("b8b8"));
        for bad in ["", "b8", "zz", &digits.repeat(2)] {
            assert_eq!(bad.parse::<KeyHash>(), Err(KeyHashError));
        }
    }
}
