//! [pure] What of the configuration `doctor` looks at.

use std::path::PathBuf;

use live::{
    daemon::config::SecretSource,
    doctor::{Directory, Plan, Presented},
};

use super::{Config, Raw};

/// What the shipped unit allows: its connections, workers and files.
const DESCRIPTORS: u64 = 16_384;

impl Raw {
    /// What stands in the file, beside what it means.
    pub(crate) fn plan(&self, config: &Config) -> Plan {
        let mut directories = Vec::new();
        if let Some(archive) = &config.archive {
            directories.push(Directory {
                path: archive.directory.clone(),
                what: "winding back",
                least: archive.stop_at_free,
            });
        }
        if config.streams.record() {
            let place = &config.recordings.place;
            directories.push(Directory {
                path: place.directory.clone(),
                what: "recording",
                least: place.stop_at_free,
            });
        }
        let certificate = config.origin.tls.as_ref().map(|tls| {
            let presented = Presented {
                section: "origin".to_owned(),
                public: false,
                names: Vec::new(),
                renewal: "put the new files where [origin] certificate and key name them: they are shown within seconds".to_owned(),
            };
            (presented, tls.certificate.clone())
        });
        Plan {
            listeners: vec![
                ("rtmp", config.rtmp.clone()),
                ("origin", config.origin.listen.clone()),
                ("admin", self.admin.listen.clone()),
            ],
            secrets: self.secret_files(),
            directories,
            certificates: certificate.into_iter().collect(),
            names: Vec::new(),
            descriptors: DESCRIPTORS,
            has_crowds: false,
        }
    }

    fn secret_files(&self) -> Vec<PathBuf> {
        let sources = self.cluster.secret.iter().chain(self.recording.secrets());
        let files = sources.filter_map(|source| match source {
            SecretSource::File(path) => Some(path),
            // systemd reads it.
            SecretSource::Credential(_) => None,
        });
        let mut files: Vec<PathBuf> = files.chain(self.origin.key_file()).cloned().collect();
        files.sort();
        files.dedup();
        files
    }
}
