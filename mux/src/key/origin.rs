//! [pure] Where the keys come from: the configuration's own lists, and the key file beside them.

use std::path::{Path, PathBuf};

use live::{
    StreamName,
    daemon::config::{ConfigError, Problem, Sources},
};

use super::{Keys, file::KeyFile};

/// Where the key file is if the configuration does not say: beside `mux.toml`, root's as that is. In the state directory
/// a daemon that was broken into could give keys away.
pub(crate) const DEFAULT_FILE: &str = "/etc/footlight/mux-keys.toml";

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct KeyOrigin {
    /// Those of the configuration.
    pub(crate) inline: Keys,
    pub(crate) file: PathBuf,
    /// The streams that there are.
    pub(crate) streams: Vec<StreamName>,
}

impl KeyOrigin {
    /// All keys that open a configured stream. What is wrong with the file is told, and then it gives none at all.
    pub(crate) fn load(&self, sources: &dyn Sources) -> Result<Keys, ConfigError> {
        self.merge(&KeyFile::read(&self.file, sources)?)
            .map_err(|what| refuse(&self.file, what))
    }

    /// The same with a file that was read.
    fn merge(&self, file: &KeyFile) -> Result<Keys, String> {
        let mut keys = self.inline.clone();
        let known = |stream| self.streams.contains(stream);
        for stored in file.keys.iter().filter(|stored| known(&stored.stream.0)) {
            let entry = stored.entry();
            let id = entry.id.clone();
            keys.insert(entry).map_err(|_| {
                format!("key {id} is one of the configuration too: take it out of one of them")
            })?;
        }
        Ok(keys)
    }
}

fn refuse(file: &Path, what: String) -> ConfigError {
    ConfigError {
        file: file.to_owned(),
        problems: vec![Problem {
            key: String::new(),
            line: None,
            what,
        }],
    }
}
