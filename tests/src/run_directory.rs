//! The directory of one run: certificates, secret, configurations, logs and state. Gone when dropped.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// A new directory that nobody else can read, below the system's temporary one.
#[derive(Debug)]
pub struct RunDirectory(PathBuf);

impl RunDirectory {
    /// Makes it.
    pub fn new() -> Result<Self> {
        let process = std::process::id();
        for n in 0..1000 {
            let path = std::env::temp_dir().join(format!("footlight-{process}-{n}"));
            match fs::DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error).with_context(|| path.display().to_string()),
            }
        }
        anyhow::bail!(
            "a thousand directories of this name exist: empty {}",
            std::env::temp_dir().display()
        )
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file that only we can read, and says where it is.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> Result<PathBuf> {
        let path = self.0.join(name);
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .with_context(|| path.display().to_string())?;
        file.write_all(content.as_ref())?;
        Ok(path)
    }
}

impl Drop for RunDirectory {
    fn drop(&mut self) {
        // What cannot be removed was removed by somebody else.
        let _gone = fs::remove_dir_all(&self.0);
    }
}
