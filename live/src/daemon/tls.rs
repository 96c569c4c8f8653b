//! The certificate that a daemon shows, and what is agreed on with its peers' TLS.
//!
//! TLS 1.2 and 1.3 by rustls over aws-lc-rs. A new certificate is shown to the next peer who connects, whether it was
//! read again on demand or [`Shown::keep`] found it changed; connections that are open never notice.

use std::{
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::gauge::ConstGauge,
};
use rustls::{
    ServerConfig, SupportedProtocolVersion,
    crypto::aws_lc_rs,
    server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier, danger::ClientCertVerifier},
    sign::CertifiedKey,
    version::{TLS12, TLS13},
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject};
use tokio::time::sleep;
use tracing::{error, info};

use super::{
    Shutdown,
    config::{Problems, Sources},
};

pub use client::{Roots, client_config};
pub use expiry::Validity;

mod client;
mod expiry;

/// How often the files are looked at: a renewal has weeks, an operator who waits for it a few seconds.
const LOOK_EVERY: Duration = Duration::from_secs(5);

const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];

/// Where a certificate and its key are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    /// PEM file with the chain, the server's own certificate first.
    pub certificate: PathBuf,
    /// PEM file with its private key.
    pub key: PathBuf,
}

impl CertificateFiles {
    /// Reads them as the keys `certificate` and `key` of `section`, or notes why that cannot be.
    pub fn load(&self, section: &str, problems: &mut Problems<'_>) -> Option<Certificate> {
        let key = format!("{section}.certificate");
        let chain = problems.file(&key, &self.certificate);
        let private = problems.file(format!("{section}.key"), &self.key);
        let parsed = Certificate::parse(self.clone(), &chain?, &private?);
        parsed.map_err(|error| problems.refuse(key, error)).ok()
    }
}

/// A chain with its key, checked to belong together. `Debug` shows neither.
#[derive(Clone)]
pub struct Certificate {
    key: Arc<CertifiedKey>,
    validity: Validity,
    files: CertificateFiles,
    fingerprint: u64,
}

/// Why there is no certificate. The operator's fault; says of which file, never what is in it.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
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
    pub fn parse(
        files: CertificateFiles,
        chain: &str,
        key: &str,
    ) -> Result<Self, CertificateError> {
        let fingerprint = fingerprint(chain, key);
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain.as_bytes()).collect();
        let chain = chain.map_err(CertificateError::Chain)?;
        let leaf = chain.first().ok_or(CertificateError::NoCertificate)?;
        let validity = expiry::validity(leaf).ok_or(CertificateError::Malformed)?;
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(CertificateError::Key)?;
        let key = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider());
        Ok(Self {
            key: Arc::new(key.map_err(CertificateError::Pair)?),
            validity,
            files,
            fingerprint,
        })
    }

    /// From when to when it holds.
    pub fn validity(&self) -> Validity {
        self.validity
    }

    /// Nobody but its owner vouches for it.
    pub fn is_self_issued(&self) -> bool {
        self.end_entity()
            .is_some_and(|own| expiry::is_self_issued(own))
    }

    /// The server's own certificate, which the rest of the chain vouches for.
    pub fn end_entity(&self) -> Option<&CertificateDer<'static>> {
        self.key.cert.first()
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate(expires {})", self.validity.until)
    }
}

/// Tells contents of the two files apart; no more is kept of a private key than this.
fn fingerprint(chain: &str, key: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (chain, key).hash(&mut hasher);
    hasher.finish()
}

/// The certificate shown from now on. Clones share it.
#[derive(Clone, Debug)]
pub struct Shown(Arc<ArcSwap<Certificate>>);

impl Shown {
    /// Shows `certificate`.
    pub fn new(certificate: Certificate) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(certificate)))
    }

    /// Shows `certificate` to those who connect from now on.
    pub fn replace(&self, certificate: Certificate) {
        self.0.store(Arc::new(certificate));
    }

    /// When the one shown now expires, in unix seconds.
    pub fn expires(&self) -> i64 {
        self.validity().until
    }

    /// From when to when the one shown now holds.
    pub fn validity(&self) -> Validity {
        self.0.load().validity
    }

    /// Shows what the files hold whenever that changes, until the shutdown. What cannot be used is told, and the
    /// certificate before it is shown on.
    pub async fn keep(self, sources: impl Sources, shutdown: Shutdown) {
        let mut look = Look::default();
        loop {
            tokio::select! {
                () = sleep(LOOK_EVERY) => look.again(&self, &sources),
                () = shutdown.triggered() => return,
            }
        }
    }
}

/// What was found wrong when the files were looked at last.
#[derive(Debug, Default)]
struct Look {
    wrong: Option<String>,
    told: bool,
}

impl Look {
    fn again(&mut self, shown: &Shown, sources: &impl Sources) {
        let now = shown.0.load();
        let found = match read(&now.files, sources) {
            Ok((chain, key)) if fingerprint(&chain, &key) == now.fingerprint => {
                *self = Self::default();
                return;
            }
            Ok((chain, key)) => Certificate::parse(now.files.clone(), &chain, &key)
                .map_err(|error| error.to_string()),
            Err(error) => Err(error),
        };
        match found {
            Ok(certificate) => {
                let expires = certificate.validity.until;
                shown.replace(certificate);
                info!(
                    expires,
                    "the certificate has changed; the new one is shown from now on"
                );
                *self = Self::default();
            }
            // Told when it is found the second time: the two files are not replaced at one moment.
            Err(wrong) => {
                let again = self.wrong.as_ref() == Some(&wrong);
                if again && !self.told {
                    error!(
                        "the new certificate is not used, the one before it is shown on: {wrong}"
                    );
                }
                *self = Self {
                    told: again,
                    wrong: Some(wrong),
                };
            }
        }
    }
}

fn read(files: &CertificateFiles, sources: &impl Sources) -> Result<(String, String), String> {
    let read = |path: &PathBuf| {
        let text = sources.file(path);
        text.map_err(|error| format!("{} cannot be read: {error}", path.display()))
    };
    Ok((read(&files.certificate)?, read(&files.key)?))
}

/// When the certificate expires, read at each scrape.
impl Collector for Shown {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let gauge = ConstGauge::new(self.expires());
        let help = "When the certificate expires, in unix seconds";
        let name = "certificate_expiry_timestamp_seconds";
        gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.load().key))
    }
}

/// Who issues the certificates that clients must show (mTLS).
#[derive(Clone)]
pub struct Authority {
    verifier: Arc<dyn ClientCertVerifier>,
    fingerprint: u64,
}

impl Authority {
    /// Reads the PEM file at `path` as the key `key`, or notes why that cannot be.
    pub fn load(key: &str, path: &Path, problems: &mut Problems<'_>) -> Option<Self> {
        let text = problems.file(key, path)?;
        let authority = Self::parse(&text);
        if authority.is_none() {
            problems.refuse(
                key,
                "holds no PEM certificate that issues others: give the certificate of the clients' authority",
            );
        }
        authority
    }

    fn parse(text: &str) -> Option<Self> {
        let roots = client::roots(text)?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        Some(Self {
            verifier: verifier.build().ok()?,
            fingerprint: fingerprint(text, ""),
        })
    }
}

impl PartialEq for Authority {
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authority")
    }
}

/// As [`server_config`]; where there are `clients`, who connects must show a certificate of that authority.
pub fn server_config_for(
    shown: impl ResolvesServerCert + 'static,
    protocols: &[&[u8]],
    clients: Option<Authority>,
) -> Result<Arc<ServerConfig>, rustls::Error> {
    let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_protocol_versions(&VERSIONS)?;
    let builder = match clients {
        Some(clients) => builder.with_client_cert_verifier(clients.verifier),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(Arc::new(shown));
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    config.ticketer = aws_lc_rs::Ticketer::new()?;
    // One is enough for the next connection; each costs bytes in every handshake.
    config.send_tls13_tickets = 1;
    Ok(Arc::new(config))
}

/// The server's side of every handshake, over which one of `protocols` is spoken (ALPN; none asks for nothing). An error
/// is the system's: no randomness for the ticket key.
pub fn server_config(
    shown: impl ResolvesServerCert + 'static,
    protocols: &[&[u8]],
) -> Result<Arc<ServerConfig>, rustls::Error> {
    server_config_for(shown, protocols, None)
}

#[cfg(test)]
mod tests;
