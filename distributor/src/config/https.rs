//! [pure] `[https]`: where viewers come in, and what the daemon shows of itself there: a certificate from files, or one
//! that it gets itself.

use std::{net::IpAddr, path::PathBuf};

use live::daemon::{
    config::{Listen, Problems},
    tls::{Certificate, CertificateFiles},
};
use serde::{Deserialize, Serialize};

use super::{Acme, AcmeSection, acme::host};
use crate::hosts::Hosts;

/// What may be written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpsSection {
    /// Where to listen. Default `[::]:443`.
    #[serde(default = "listen")]
    pub listen: Listen,
    /// PEM file with the certificate chain, the server's own first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<PathBuf>,
    /// PEM file with its private key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
    /// Up to 100 hosts that viewers may ask for, beside those of `[acme]` and `[peer]`. None means whichever leads here.
    #[serde(default)]
    pub hosts: Vec<String>,
}

/// Names that one box has; a longer list is meant to be "all".
const HOSTS_MAX: usize = 100;

/// Where the certificate comes from.
#[derive(Debug, Clone)]
pub(crate) enum Identity {
    /// Somebody else renews it.
    Files(Certificate),
    /// The daemon gets and renews it.
    Acme(Acme),
}

impl Identity {
    /// Whether they differ in nothing but the content of files.
    pub(super) fn is_kept_alike(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Files(_), Self::Files(_)) => true,
            (Self::Acme(one), Self::Acme(other)) => one == other,
            (Self::Files(_), Self::Acme(_)) | (Self::Acme(_), Self::Files(_)) => false,
        }
    }
}

fn listen() -> Listen {
    Listen::one(([0_u16; 8], 443).into())
}

impl HttpsSection {
    /// The hosts that viewers may ask for: `others` are among them.
    pub(super) fn hosts<'a>(
        &self,
        others: impl Iterator<Item = &'a str>,
        problems: &mut Problems<'_>,
    ) -> Hosts {
        if self.hosts.len() > HOSTS_MAX {
            let why = format_args!("at most {HOSTS_MAX} hosts; an empty list allows every one");
            problems.refuse("https.hosts", why);
        }
        for (index, name) in self.hosts.iter().enumerate() {
            if name.parse::<IpAddr>().is_ok() {
                continue;
            }
            if let Err(why) = host(name) {
                problems.refuse(
                    format!("https.hosts[{index}]"),
                    format_args!("{name:?} {why}"),
                );
            }
        }
        if self.hosts.is_empty() {
            return Hosts::default();
        }
        Hosts::only(others.map(str::to_owned).chain(self.hosts.iter().cloned()))
    }

    pub(super) fn resolve(
        &self,
        acme: Option<&AcmeSection>,
        problems: &mut Problems<'_>,
    ) -> Option<Identity> {
        let given = (&self.certificate, &self.key);
        let missing = match (given, acme) {
            ((Some(certificate), Some(key)), None) => {
                let files = CertificateFiles {
                    certificate: certificate.clone(),
                    key: key.clone(),
                };
                return files.load("https", problems).map(Identity::Files);
            }
            ((None, None), Some(acme)) => return acme.resolve(problems).map(Identity::Acme),
            ((Some(_), _) | (_, Some(_)), Some(_)) => {
                problems.refuse(
                    "acme",
                    "stands beside https.certificate or https.key: keep one of them, the files or [acme]",
                );
                return None;
            }
            ((None, _), None) => "https.certificate",
            ((Some(_), None), None) => "https.key",
        };
        problems.refuse(
            missing,
            "is missing: certificate and key go together, unless [acme] gets them",
        );
        None
    }
}
