//! What proves to the authority that a name is ours: a text on port 80, or a certificate on port 443.
//!
//! There is at most one order's worth of it, and only while that order is under way. Who asks for anything else gets
//! what every viewer gets.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use live::daemon::tls::Shown;
use rustls::{
    crypto::aws_lc_rs,
    pki_types::PrivateKeyDer,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

use crate::config::NAMES_MAX;

/// The protocol in which an authority looks at the certificate that proves a name (RFC 8737 §6.2).
pub(crate) const PROTOCOL: &[u8] = b"acme-tls/1";

/// Where a text is asked for (RFC 8555 §8.3).
const PATH: &str = "/.well-known/acme-challenge/";
/// Longest token that is looked up; the authorities' have 43 characters.
const TOKEN_MAX: usize = 128;

/// The token that a request for `target` asks about.
pub(super) fn token_in(target: &str) -> Option<&str> {
    let token = target.strip_prefix(PATH)?;
    is_token(token).then_some(token)
}

/// base64url (RFC 8555 §8.1).
fn is_token(text: &str) -> bool {
    let sound = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    (1..=TOKEN_MAX).contains(&text.len()) && text.bytes().all(sound)
}

/// The answers of the order under way. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Challenges(Arc<Mutex<Table>>);

#[derive(Debug, Default)]
struct Table {
    /// Texts by token.
    texts: BTreeMap<String, String>,
    /// Certificates by name, in lower case.
    certificates: BTreeMap<String, Arc<CertifiedKey>>,
}

/// The answers stand while it is held.
#[derive(Debug)]
#[must_use = "the answers are taken back when it is dropped"]
pub(crate) struct Answering(Challenges);

/// A challenge that cannot be answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChallengeError {
    /// The authority's: more names than were ordered.
    #[error("it wants more proofs than names were ordered")]
    TooMany,
    /// The authority's: a token outside RFC 8555 §8.1.
    #[error("its token is malformed")]
    Token,
    /// The system's.
    #[error("no certificate for the proof can be made: {0}")]
    Certificate(String),
}

impl Challenges {
    /// Begins to answer for one order.
    pub(crate) fn answering(&self) -> Answering {
        Answering(self.clone())
    }

    /// What is sent for `target` on port 80, if an order under way wants it.
    pub(crate) fn text(&self, target: &str) -> Option<String> {
        let token = token_in(target)?;
        self.table(|table| table.texts.get(token).cloned())
    }

    fn certificate(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        let name = name.to_ascii_lowercase();
        self.table(|table| table.certificates.get(&name).cloned())
    }

    fn table<T>(&self, act: impl FnOnce(&mut Table) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Answering {
    /// From now on `authorization` is sent to who asks for `token`.
    pub(crate) fn by_text(&self, token: &str, authorization: &str) -> Result<(), ChallengeError> {
        if !is_token(token) {
            return Err(ChallengeError::Token);
        }
        self.0.table(|table| {
            if table.texts.len() >= NAMES_MAX {
                return Err(ChallengeError::TooMany);
            }
            table
                .texts
                .insert(token.to_owned(), authorization.to_owned());
            Ok(())
        })
    }

    /// From now on who asks for `name` in the authority's protocol is shown a certificate with `digest`.
    pub(crate) fn by_certificate(&self, name: &str, digest: &[u8]) -> Result<(), ChallengeError> {
        let certificate = Arc::new(certificate(name, digest)?);
        self.0.table(|table| {
            if table.certificates.len() >= NAMES_MAX {
                return Err(ChallengeError::TooMany);
            }
            table
                .certificates
                .insert(name.to_ascii_lowercase(), certificate);
            Ok(())
        })
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.table(|table| *table = Table::default());
    }
}

/// Self-signed, with the digest in the extension of RFC 8737 §3.
fn certificate(name: &str, digest: &[u8]) -> Result<CertifiedKey, ChallengeError> {
    let failed = |error: &dyn std::fmt::Display| ChallengeError::Certificate(error.to_string());
    // The library takes SHA-256 only, and would panic.
    if digest.len() != 32 {
        return Err(failed(&"its digest is not SHA-256"));
    }
    let mut params =
        rcgen::CertificateParams::new([name.to_owned()]).map_err(|error| failed(&error))?;
    let extension = rcgen::CustomExtension::new_acme_identifier(digest);
    params.custom_extensions = vec![extension];
    let key = rcgen::KeyPair::generate().map_err(|error| failed(&error))?;
    let shown = params.self_signed(&key).map_err(|error| failed(&error))?;
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let key = aws_lc_rs::sign::any_supported_type(&key).map_err(|error| failed(&error))?;
    Ok(CertifiedKey::new(vec![shown.der().clone()], key))
}

/// Viewers are shown the certificate in use, the authority the one that proves a name.
#[derive(Debug)]
pub(crate) struct Entrance {
    pub(crate) shown: Shown,
    pub(crate) challenges: Challenges,
}

impl ResolvesServerCert for Entrance {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // An authority speaks nothing else (RFC 8737 §3); without an order under way the handshake is refused.
        let only = hello.alpn().is_some_and(|mut protocols| {
            protocols.next() == Some(PROTOCOL) && protocols.next().is_none()
        });
        if only {
            return self.challenges.certificate(hello.server_name()?);
        }
        self.shown.resolve(hello)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_token_of_the_order_under_way_is_answered() {
        let challenges = Challenges::default();
        let target = "/.well-known/acme-challenge/a-token_1";
        assert_eq!(challenges.text(target), None);
        let answering = challenges.answering();
        answering.by_text("a-token_1", "a-token_1.print").unwrap();
        assert_eq!(challenges.text(target).unwrap(), "a-token_1.print");
        for other in [
            "/.well-known/acme-challenge/",
            "/.well-known/acme-challenge/a-token_2",
            "/.well-known/acme-challenge/a-token_1?x",
            "/.well-known/acme-challenge/../a-token_1",
            "/a-token_1",
            "/",
        ] {
            assert_eq!(challenges.text(other), None, "{other}");
        }
        drop(answering);
        assert_eq!(challenges.text(target), None);
    }

    #[test]
    fn an_authority_that_wants_too_much_is_refused() {
        let answering = Challenges::default().answering();
        for index in 0..NAMES_MAX {
            answering.by_text(&index.to_string(), "text").unwrap();
        }
        for bad in ["one-more", "a/b", "", &"x".repeat(TOKEN_MAX + 1)] {
            assert!(answering.by_text(bad, "text").is_err(), "{bad}");
        }
        assert!(answering.by_certificate("a.example", b"short").is_err());
    }

    #[test]
    fn a_name_is_proven_by_a_certificate_in_any_case() {
        let challenges = Challenges::default();
        let answering = challenges.answering();
        answering.by_certificate("Live.example", &[7; 32]).unwrap();
        assert!(challenges.certificate("live.EXAMPLE").is_some());
        assert!(challenges.certificate("other.example").is_none());
        drop(answering);
        assert!(challenges.certificate("live.example").is_none());
    }
}
