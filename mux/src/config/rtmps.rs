//! [pure] `[rtmps]`: RTMP under TLS, where a certificate is given.

use std::path::PathBuf;

use live::daemon::{
    config::{Listen, Problems},
    tls::{Certificate, CertificateFiles},
};
use serde::{Deserialize, Serialize};

/// What may be written.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawRtmps {
    listen: Listen,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
}

impl Default for RawRtmps {
    fn default() -> Self {
        Self {
            listen: Listen::one((std::net::Ipv6Addr::UNSPECIFIED, 1936).into()),
            certificate: None,
            key: None,
        }
    }
}

/// What it means.
#[derive(Debug)]
pub(crate) struct Rtmps {
    pub(crate) listen: Listen,
    pub(crate) certificate: Certificate,
}

impl RawRtmps {
    /// Where encoders connect, if they may.
    pub(super) fn port(&self) -> Option<u16> {
        self.certificate.as_ref()?;
        self.listen
            .addresses()
            .first()
            .map(std::net::SocketAddr::port)
    }

    /// Where its private key is.
    pub(super) const fn key_file(&self) -> Option<&PathBuf> {
        self.key.as_ref()
    }

    /// Nothing where no certificate is given, or after noting what is wrong.
    pub(super) fn resolve(&self, problems: &mut Problems<'_>) -> Option<Rtmps> {
        let (certificate, key) = match (self.certificate.clone(), self.key.clone()) {
            (Some(certificate), Some(key)) => (certificate, key),
            (None, None) => return None,
            (Some(_), None) => {
                problems.refuse(
                    "rtmps.key",
                    "is missing: name the certificate's private key",
                );
                return None;
            }
            (None, Some(_)) => {
                problems.refuse(
                    "rtmps.certificate",
                    "is missing: name the key's certificate",
                );
                return None;
            }
        };
        let files = CertificateFiles { certificate, key };
        Some(Rtmps {
            listen: self.listen.clone(),
            certificate: files.load("rtmps", problems)?,
        })
    }
}
