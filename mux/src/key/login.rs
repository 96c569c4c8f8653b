//! [pure] The user/password challenge (Adobe's `authmod=adobe`) on the side of the keys: what is stored to check it.
//!
//! The user is the stream's name, the password a publish key of it. Several keys share the user, so that their salt must
//! be the stream's; it need not be secret nor random, since keys that the commands make cannot be guessed offline.

use std::fmt;

use live::StreamName;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// `base64(md5(user + salt + password))`: what a client hashes with the challenge. Whoever has it can answer one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verifier(rtmp::login::Verifier);

impl Verifier {
    /// Of a key as the password of its stream.
    pub(crate) fn of(stream: &StreamName, key: &str) -> Self {
        Self(rtmp::login::Verifier::of(stream.as_str(), key))
    }

    /// Whether `proof` was made from this.
    pub(crate) fn is_proved_by(self, proof: &rtmp::login::Login) -> bool {
        proof.is_made_from(self.0)
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier(hidden)")
    }
}

impl Serialize for Verifier {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

impl<'de> Deserialize<'de> for Verifier {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let verifier = rtmp::login::Verifier::from_text(&text);
        verifier
            .map(Self)
            .ok_or_else(|| de::Error::custom("a login is 24 characters of base64"))
    }
}
