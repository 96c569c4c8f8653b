//! [pure] `[origin]`: where playlists and media are fetched from, under TLS where a certificate is given.

use std::path::PathBuf;

use live::daemon::{
    config::{Listen, Problems},
    tls::{Authority, Certificate, CertificateFiles},
};
use serde::{Deserialize, Serialize};

/// What may be written.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawOrigin {
    listen: Listen,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    client_ca: Option<PathBuf>,
}

impl Default for RawOrigin {
    fn default() -> Self {
        Self {
            listen: super::anywhere(8080),
            certificate: None,
            key: None,
            client_ca: None,
        }
    }
}

/// What it means.
#[derive(Debug, Clone)]
pub struct Origin {
    /// Where distributors fetch from.
    pub listen: Listen,
    /// None is in the clear.
    pub tls: Option<Tls>,
}

/// How connections are encrypted.
#[derive(Debug, Clone)]
pub struct Tls {
    /// What is shown.
    pub certificate: Certificate,
    /// Who issues the certificates that clients must show, if they must.
    pub clients: Option<Authority>,
}

impl RawOrigin {
    /// Where its private key is.
    pub(super) const fn key_file(&self) -> Option<&PathBuf> {
        self.key.as_ref()
    }

    /// After noting what is wrong, what is right.
    pub(super) fn resolve(&self, problems: &mut Problems<'_>) -> Origin {
        Origin {
            listen: self.listen.clone(),
            tls: self.tls(problems),
        }
    }

    fn tls(&self, problems: &mut Problems<'_>) -> Option<Tls> {
        let missing = |name| (name, "is missing: certificate and key go together");
        let absent = match (&self.certificate, &self.key, &self.client_ca) {
            (Some(certificate), Some(key), authority) => {
                let files = CertificateFiles {
                    certificate: certificate.clone(),
                    key: key.clone(),
                };
                let clients = match authority {
                    Some(path) => Some(Authority::load("origin.client_ca", path, problems)?),
                    None => None,
                };
                let certificate = files.load("origin", problems)?;
                return Some(Tls {
                    certificate,
                    clients,
                });
            }
            (None, None, None) => return None,
            (None, None, Some(_)) => (
                "origin.client_ca",
                "needs TLS: name a certificate and its key too",
            ),
            (Some(_), None, _) => missing("origin.key"),
            (None, Some(_), _) => missing("origin.certificate"),
        };
        problems.refuse(absent.0, absent.1);
        None
    }
}
