//! [pure] `[upstream]`: whether the transcoders are asked by TLS, whom this box trusts then, and what it shows.

use std::path::PathBuf;

use live::daemon::{
    config::Problems,
    tls::{Certificate, CertificateFiles, Roots},
};
use serde::{Deserialize, Serialize};

/// What may be written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpstreamSection {
    /// PEM file with the certificate of the authority that issued the transcoders' certificates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// PEM file with the chain that this box shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<PathBuf>,
    /// PEM file with its private key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
}

/// What it means where there is TLS.
#[derive(Debug, Clone)]
pub(crate) struct UpstreamTls {
    pub(crate) roots: Roots,
    /// Shown to those that want one.
    pub(crate) certificate: Option<Certificate>,
}

impl UpstreamSection {
    pub(super) fn resolve(&self, problems: &mut Problems<'_>) -> Option<UpstreamTls> {
        let certificate = match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => {
                let files = CertificateFiles {
                    certificate: certificate.clone(),
                    key: key.clone(),
                };
                Some(files.load("upstream", problems)?)
            }
            (None, None) => None,
            (Some(_), None) => return missing("upstream.key", problems),
            (None, Some(_)) => return missing("upstream.certificate", problems),
        };
        match &self.ca {
            Some(path) => Some(UpstreamTls {
                roots: Roots::load("upstream.ca", path, problems)?,
                certificate,
            }),
            None => {
                if certificate.is_some() {
                    problems.refuse(
                        "upstream.ca",
                        "is missing: name the authority of the transcoders' certificates, or nothing is shown to anybody",
                    );
                }
                None
            }
        }
    }
}

fn missing(key: &str, problems: &mut Problems<'_>) -> Option<UpstreamTls> {
    problems.refuse(key, "is missing: certificate and key go together");
    None
}
