//! [pure] What of the configuration `doctor` looks at.

use std::path::PathBuf;

use live::{
    daemon::config::SecretSource,
    doctor::{Directory, Plan, Presented},
};

use super::{Config, Raw};

/// Less is no room for a few bytes a segment and for the file that is written beside the old one, bytes.
const STATE_LEAST: u64 = 16 << 20;
/// What the shipped unit allows: its publishers, its outputs, its players.
const DESCRIPTORS: u64 = 16_384;

impl Raw {
    /// What stands in the file, beside what it means.
    pub(crate) fn plan(&self, config: &Config) -> Plan {
        let mut listeners = vec![("rtmp", config.listen.clone())];
        let mut certificates = Vec::new();
        if let Some(rtmps) = &config.rtmps {
            listeners.push(("rtmps", rtmps.listen.clone()));
            // Encoders check it, and which name they use is theirs to know.
            let presented = Presented {
                section: "rtmps".to_owned(),
                public: true,
                names: Vec::new(),
                renewal: "put the new files where [rtmps] certificate and key name them: they are taken over within seconds".to_owned(),
            };
            certificates.push((presented, rtmps.certificate.clone()));
        }
        listeners.push(("admin", self.admin.listen.clone()));
        Plan {
            listeners,
            secrets: self.secret_files(),
            directories: vec![Directory {
                path: self.state_directory.clone(),
                what: "keeping the streams' numbers",
                least: STATE_LEAST,
            }],
            certificates,
            names: Vec::new(),
            descriptors: DESCRIPTORS,
            has_crowds: false,
        }
    }

    fn secret_files(&self) -> Vec<PathBuf> {
        let pushes = self.stream.iter().flat_map(|stream| &stream.push);
        let sources = pushes.flat_map(|push| push.sources());
        let sources = sources.chain(&self.cluster.secret);
        let mut files: Vec<PathBuf> = sources
            .filter_map(|source| match source {
                SecretSource::File(path) => Some(path.clone()),
                // systemd reads it.
                SecretSource::Credential(_) => None,
            })
            .collect();
        files.push(self.keys_file.clone());
        files.extend(self.rtmps.key_file().cloned());
        files.sort();
        files.dedup();
        files
    }
}
