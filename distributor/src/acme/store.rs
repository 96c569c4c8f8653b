//! What must outlive the daemon, in its state directory: the account, the certificate with its key, and when was tried.
//!
//! Each is one file, readable by the daemon only and replaced by rename: a full disk or a power cut leaves the one
//! before it.

use std::{
    fs, io,
    io::{Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use instant_acme::AccountCredentials;
use live::daemon::tls::{Certificate, CertificateFiles};
use serde::{Deserialize, Serialize};

use crate::config::Acme;

/// Largest file of ours; a chain with its key has some 8 KiB.
const FILE_MAX: u64 = 256 << 10;
/// Owner only.
const MODE: u32 = 0o600;
const ACCOUNT: &str = "acme-account.json";
const CERTIFICATE: &str = "acme-certificate.pem";
const TRIED: &str = "acme-tried.json";

/// The state directory.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    directory: PathBuf,
    authority: String,
    /// The first line of a certificate's file: for what it was ordered, and from whom.
    ordered: String,
}

/// The account's file.
#[derive(Serialize, Deserialize)]
struct Account {
    authority: String,
    credentials: AccountCredentials,
}

/// A certificate from before the start.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) certificate: Certificate,
    /// Whether it is for the names, and from the authority, of the configuration.
    pub(crate) is_as_ordered: bool,
}

impl Store {
    /// Makes the directory where it is missing.
    pub(crate) fn open(config: &Acme) -> io::Result<Self> {
        fs::create_dir_all(&config.state_directory)?;
        Ok(Self::at(config))
    }

    /// The same, to read what is there.
    pub(crate) fn at(config: &Acme) -> Self {
        let names = config.names.join(" ");
        Self {
            directory: config.state_directory.clone(),
            authority: config.directory.clone(),
            ordered: format!("Ordered from {} for {names}", config.directory),
        }
    }

    /// The account at the configured authority; none when there is none, or no longer one that can be read.
    pub(crate) fn account(&self) -> Option<AccountCredentials> {
        let text = self.read(ACCOUNT).ok()?;
        let account: Account = serde_json::from_str(&text).ok()?;
        (account.authority == self.authority).then_some(account.credentials)
    }

    /// Keeps the account.
    pub(crate) fn keep_account(&self, credentials: AccountCredentials) -> io::Result<()> {
        let account = Account {
            authority: self.authority.clone(),
            credentials,
        };
        self.write(ACCOUNT, &serde_json::to_vec(&account)?)
    }

    /// The authority does not know the account any more.
    pub(crate) fn forget_account(&self) -> io::Result<()> {
        fs::remove_file(self.directory.join(ACCOUNT))
    }

    /// The certificate that was kept; none when there is none. An error says why it cannot be used.
    pub(crate) fn certificate(&self) -> Result<Option<Kept>, String> {
        let text = match self.read(CERTIFICATE) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.to_string()),
        };
        let certificate = self.parse(&text)?;
        Ok(Some(Kept {
            certificate,
            is_as_ordered: text.lines().next() == Some(&self.ordered),
        }))
    }

    /// The content of the certificate's file: what the authority issued, and the key it was ordered with.
    pub(crate) fn text(&self, chain: &str, key: &str) -> String {
        format!("{}\n{}\n{key}", self.ordered, chain.trim_end())
    }

    /// Such a content as a certificate, or what is wrong with it.
    pub(crate) fn parse(&self, text: &str) -> Result<Certificate, String> {
        let path = self.directory.join(CERTIFICATE);
        let files = CertificateFiles {
            certificate: path.clone(),
            key: path,
        };
        Certificate::parse(files, text, text).map_err(|error| error.to_string())
    }

    /// Keeps a certificate's text.
    pub(crate) fn keep_certificate(&self, text: &str) -> io::Result<()> {
        self.write(CERTIFICATE, text.as_bytes())
    }

    /// When was tried, in unix seconds; nothing when it is not known.
    pub(crate) fn tried(&self) -> Vec<i64> {
        let text = self.read(TRIED).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Keeps that.
    pub(crate) fn keep_tried(&self, tried: &[i64]) -> io::Result<()> {
        self.write(TRIED, &serde_json::to_vec(tried)?)
    }

    fn read(&self, name: &str) -> io::Result<String> {
        let mut text = String::new();
        let file = fs::File::open(self.directory.join(name))?;
        file.take(FILE_MAX).read_to_string(&mut text)?;
        Ok(text)
    }

    fn write(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let path = self.directory.join(name);
        let aside = path.with_extension("new");
        let written = write_new(&aside, content).and_then(|()| fs::rename(&aside, &path));
        if written.is_err() {
            // What did not fit must not stay in the way of what might.
            let _best_effort = fs::remove_file(&aside);
        }
        written
    }
}

fn write_new(path: &Path, content: &[u8]) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(MODE).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

#[cfg(test)]
mod tests;
