//! [pure] The secret that the boxes of one appliance share, and what is derived from it.
//!
//! Nothing between the daemons answers without it (DESIGN §8). The secret itself never travels: each use has a token of
//! its own, so one token says nothing of another. Neither is ever printed.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::StreamName;

/// The cluster secret. `Debug` hides it.
#[derive(Clone)]
pub struct ClusterSecret(Vec<u8>);

/// Too little to be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cluster secret is shorter than 16 bytes; make one with: openssl rand -hex 32")]
pub struct ClusterSecretError;

impl ClusterSecret {
    const MIN_LEN: usize = 16;

    /// From the content of the secret's file; white space around it (a trailing newline) does not count.
    pub fn new(content: &str) -> Result<Self, ClusterSecretError> {
        let secret = content.trim();
        if secret.len() < Self::MIN_LEN {
            Err(ClusterSecretError)
        } else {
            Ok(Self(secret.into()))
        }
    }

    /// What mux presents to a transcoder to publish `stream`.
    pub fn publish_token(&self, stream: &StreamName) -> Token {
        self.token("publish", stream.as_str())
    }

    /// What a distributor presents to a transcoder's origin.
    pub fn origin_token(&self) -> Token {
        self.token("origin", "")
    }

    fn token(&self, purpose: &str, subject: &str) -> Token {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else {
            unreachable!("HMAC takes a key of any length");
        };
        mac.update(purpose.as_bytes());
        mac.update(b":");
        mac.update(subject.as_bytes());
        Token(hex::encode(mac.finalize().into_bytes()))
    }
}

impl fmt::Debug for ClusterSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClusterSecret(hidden)")
    }
}

/// A token derived from the cluster secret: 64 hexadecimal digits. `Debug` hides it.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// The text that travels. Never log it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether `presented` is this token, in a time that does not tell how much of it is right.
    pub fn matches(&self, presented: &str) -> bool {
        self.0.as_bytes().ct_eq(presented.as_bytes()).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_use_has_its_own_token_and_none_is_printed() {
        let secret = ClusterSecret::new("0123456789abcdef\n").unwrap();
        let stage: StreamName = "stage".parse().unwrap();
        let hall: StreamName = "hall".parse().unwrap();
        let token = secret.publish_token(&stage);
        assert!(token.matches(secret.publish_token(&stage).expose()));
        assert!(!token.matches(secret.publish_token(&hall).expose()));
        assert!(!token.matches(secret.origin_token().expose()));
        assert!(!token.matches(""));
        let printed = format!("{secret:?} {token:?}");
        assert!(!printed.contains("0123456789abcdef") && !printed.contains(token.expose()));
        assert_eq!(
            ClusterSecret::new("  short  ").err(),
            Some(ClusterSecretError)
        );
    }
}
