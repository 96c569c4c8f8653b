//! The certificate that is shown, and what is agreed on with a viewer's TLS.
//!
//! TLS 1.2 and 1.3 by rustls over aws-lc-rs; HTTP/2 and HTTP/1.1 by ALPN. A new certificate is shown to the next
//! viewer who connects; connections that are open never notice.

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::{
    ServerConfig, SupportedProtocolVersion,
    crypto::aws_lc_rs,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
    version::{TLS12, TLS13},
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject};

mod expiry;

const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];

/// A chain with its key, checked to belong together. `Debug` shows neither.
#[derive(Clone)]
pub(crate) struct Certificate {
    key: Arc<CertifiedKey>,
    expires: i64,
}

/// Why there is no certificate. The operator's fault; says of which file, never what is in it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CertificateError {
    /// The chain is not PEM.
    #[error(
        "the certificate file holds no PEM certificate ({0}): give the full chain, the server's own first"
    )]
    Chain(pem::Error),
    /// The chain is empty.
    #[error(
        "the certificate file holds no PEM certificate: give the full chain, the server's own first"
    )]
    NoCertificate,
    /// The key is not PEM.
    #[error("the key file holds no PEM private key ({0})")]
    Key(pem::Error),
    /// They do not belong together, or are of a kind that is not supported.
    #[error("the certificate and the key cannot be used together: {0}")]
    Pair(rustls::Error),
    /// The certificate does not say when it expires.
    #[error("the first certificate in the file is malformed")]
    Malformed,
}

impl Certificate {
    /// From the texts of two PEM files: the chain, the server's own certificate first, and its private key.
    pub(crate) fn parse(chain: &str, key: &str) -> Result<Self, CertificateError> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain.as_bytes()).collect();
        let chain = chain.map_err(CertificateError::Chain)?;
        let leaf = chain.first().ok_or(CertificateError::NoCertificate)?;
        let expires = expiry::not_after(leaf).ok_or(CertificateError::Malformed)?;
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(CertificateError::Key)?;
        let key = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider());
        Ok(Self {
            key: Arc::new(key.map_err(CertificateError::Pair)?),
            expires,
        })
    }

    /// When it expires, in unix seconds.
    pub(crate) fn expires(&self) -> i64 {
        self.expires
    }
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Certificate(expires {})", self.expires)
    }
}

/// The certificate shown from now on. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Shown(Arc<ArcSwap<CertifiedKey>>);

impl Shown {
    /// Shows `certificate`.
    pub(crate) fn new(certificate: &Certificate) -> Self {
        Self(Arc::new(ArcSwap::new(certificate.key.clone())))
    }

    /// Shows `certificate` to those who connect from now on.
    pub(crate) fn replace(&self, certificate: &Certificate) {
        self.0.store(certificate.key.clone());
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

/// The server's side of every handshake. An error is the system's: no randomness for the ticket key.
pub(crate) fn server_config(shown: Shown) -> Result<Arc<ServerConfig>, rustls::Error> {
    let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let mut config = builder
        .with_protocol_versions(&VERSIONS)?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(shown));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.ticketer = aws_lc_rs::Ticketer::new()?;
    // One is enough for the next connection; each costs bytes in every handshake.
    config.send_tls13_tickets = 1;
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(name: &str) -> (String, String) {
        let rcgen::CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        (cert.pem(), signing_key.serialize_pem())
    }

    #[test]
    fn a_chain_and_its_key_are_taken_and_not_printed() {
        let (chain, key) = made("live.example");
        let certificate = Certificate::parse(&chain, &key).unwrap();
        assert!(certificate.expires() > 0);
        assert!(!format!("{certificate:?}").contains("BEGIN"));
        server_config(Shown::new(&certificate)).unwrap();
    }

    #[test]
    fn what_cannot_be_used_is_told_by_file() {
        let (chain, key) = made("a");
        let (_, other) = made("b");
        let said = |chain: &str, key: &str| Certificate::parse(chain, key).unwrap_err().to_string();
        assert!(said("", &key).starts_with("the certificate file holds no"));
        assert!(said(&key, &key).starts_with("the certificate file holds no"));
        assert!(said(&chain, "").starts_with("the key file holds no"));
        assert!(said(&chain, &chain).starts_with("the key file holds no"));
        assert!(
            said(&chain, &other).starts_with("the certificate and the key cannot be used together")
        );
        let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(said(garbage, &key).contains("malformed"));
    }
}
