//! [pure] What of the configuration `doctor` looks at.

use std::{collections::BTreeSet, net::IpAddr, path::PathBuf};

use live::{
    daemon::config::SecretSource,
    doctor::{Directory, Plan, Presented},
};

use super::{Config, Identity, Raw, host_of};

/// Room for an account, a certificate and the new ones beside them, bytes.
const STATE_LEAST: u64 = 16 << 20;
/// Two for each of thirty thousand viewers, and some.
const DESCRIPTORS: u64 = 65_536;
const RENEWAL: &str =
    "put the new files where the configuration names them: they are shown within seconds";

impl Raw {
    /// What stands in the file, beside what it means.
    pub(crate) fn plan(&self, config: &Config) -> Plan {
        let mut listeners = vec![
            ("https", config.https.clone()),
            ("http", config.http.clone()),
            ("admin", self.admin.listen.clone()),
        ];
        if let Some(peering) = &config.peering {
            listeners.push(("peer", peering.listen.clone()));
        }
        let mut certificates = Vec::new();
        let mut directories = Vec::new();
        let presented = |section: &str, names| Presented {
            section: section.to_owned(),
            public: section == "https",
            names,
            renewal: RENEWAL.to_owned(),
        };
        match &config.identity {
            Identity::Files(files) => {
                certificates.push((presented("https", self.names(config)), files.clone()));
            }
            Identity::Acme(acme) => directories.push(Directory {
                path: acme.state_directory.clone(),
                what: "keeping the certificate",
                least: STATE_LEAST,
            }),
        }
        let own = config.upstream.as_ref();
        if let Some(own) = own.and_then(|tls| tls.certificate.clone()) {
            certificates.push((presented("upstream", Vec::new()), own));
        }
        Plan {
            listeners,
            secrets: self.secret_files(),
            directories,
            certificates,
            names: self.names(config),
            descriptors: DESCRIPTORS,
            has_crowds: true,
        }
    }

    /// The names that lead viewers to this box, each once.
    pub(crate) fn names(&self, config: &Config) -> Vec<String> {
        let acme = self.acme.iter().flat_map(|acme| acme.names.clone());
        let hosts = self.https.hosts.iter().cloned();
        let peering = config.peering.iter().flat_map(|peering| {
            let own = peering.distributors.get(peering.own);
            let urls = [Some(&peering.url), own.map(|own| &own.url)];
            urls.into_iter().flatten().filter_map(|url| host_of(url))
        });
        let all = acme.chain(hosts).chain(peering.map(str::to_owned));
        let names = all.map(|name| name.to_ascii_lowercase());
        let names = names.filter(|name| name.parse::<IpAddr>().is_err());
        names.collect::<BTreeSet<_>>().into_iter().collect()
    }

    fn secret_files(&self) -> Vec<PathBuf> {
        let secret = match &self.cluster.secret {
            SecretSource::File(path) => Some(path),
            // systemd reads it.
            SecretSource::Credential(_) => None,
        };
        let keys = [&self.https.key, &self.upstream.key].into_iter().flatten();
        let all: BTreeSet<_> = secret.into_iter().chain(keys).cloned().collect();
        all.into_iter().collect()
    }
}
