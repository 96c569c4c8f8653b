//! [pure] A bucket of S3-compatible storage that recordings are uploaded to.

use live::{SessionId, ShowObject, StreamName, daemon::config::Secret};

/// Where it is, and with which keys. `Debug` shows no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// Its region.
    pub region: String,
    /// `https://host:port` of another provider than AWS.
    pub endpoint: Option<String>,
    /// What all keys begin with: empty, or without a slash at either end.
    pub prefix: String,
    /// The access key's ID.
    pub access_key: Secret,
    /// Its secret.
    pub secret_key: Secret,
    /// Whether files stay here once they are there.
    pub keep_local: bool,
}

impl Bucket {
    /// The key of a show's object: the path of its file below the directory of recordings, after the prefix.
    pub fn key(&self, stream: &StreamName, session: SessionId, object: ShowObject) -> String {
        let slash = if self.prefix.is_empty() { "" } else { "/" };
        format!("{}{slash}{stream}/{session}/{object}", self.prefix)
    }
}
