//! The asking side of TLS between boxes: whom it trusts, and what it shows of itself.

use std::{fmt, path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore, SignatureScheme, client::ResolvesClientCert, crypto::aws_lc_rs,
    sign::CertifiedKey,
};
use rustls_pki_types::{CertificateDer, pem::PemObject};

use super::{Shown, VERSIONS};
use crate::daemon::config::Problems;

/// Who issues the certificates of those that are asked.
#[derive(Clone)]
pub struct Roots(Arc<RootCertStore>);

impl Roots {
    /// Trusts nobody.
    pub fn none() -> Self {
        Self(Arc::new(RootCertStore::empty()))
    }

    /// Trusts those of `certificates` that can be read; none when that is nobody.
    pub fn of(certificates: impl IntoIterator<Item = CertificateDer<'static>>) -> Option<Self> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates);
        (!roots.is_empty()).then(|| Self(Arc::new(roots)))
    }

    /// Reads the PEM file at `path` as the key `key`, or notes why that cannot be.
    pub fn load(key: &str, path: &Path, problems: &mut Problems<'_>) -> Option<Self> {
        let text = problems.file(key, path)?;
        let roots = roots(&text);
        if roots.is_none() {
            problems.refuse(
                key,
                "holds no PEM certificate that issues others: give the certificate of the servers' authority",
            );
        }
        roots.map(|roots| Self(Arc::new(roots)))
    }
}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Roots({})", self.0.len())
    }
}

impl PartialEq for Roots {
    fn eq(&self, other: &Self) -> bool {
        self.0.roots == other.0.roots
    }
}

/// All certificates of a PEM file; `None` when there is none, or one that is damaged.
pub(super) fn roots(text: &str) -> Option<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(text.as_bytes()) {
        roots.add(certificate.ok()?).ok()?;
    }
    (!roots.is_empty()).then_some(roots)
}

impl ResolvesClientCert for Shown {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.load().key))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// The client's side of every handshake: `shown` is what servers that want a certificate see.
pub fn client_config(roots: Roots, shown: Option<Shown>) -> Result<ClientConfig, rustls::Error> {
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_protocol_versions(&VERSIONS)?;
    let builder = builder.with_root_certificates(roots.0);
    Ok(match shown {
        Some(shown) => builder.with_client_cert_resolver(Arc::new(shown)),
        None => builder.with_no_client_auth(),
    })
}
