//! The key file on the disk, for the commands: one writer at a time, and a file that is whole at every moment.
//!
//! The lock is one on the directory, so that a file which is replaced by a rename needs no second file beside it. The
//! new file is written aside, synced and renamed. It keeps the old one's owner, group and mode; a first one takes owner
//! and group of the configuration, so that mux can read it, and mode 0640.

use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown},
    path::{Path, PathBuf},
};

use live::daemon::{Exit, Process, config::ConfigError};

use crate::key::file::{KeyFile, MAX_KEYS};

/// See the module.
const MODE: u32 = 0o640;

/// See the module.
#[derive(Debug)]
pub(crate) struct KeyStore<'a> {
    file: &'a Path,
    config: &'a Path,
}

/// Why the file could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// What is in it makes no sense.
    #[error("{0}")]
    Content(#[from] ConfigError),
    /// It is full.
    #[error("{} holds {MAX_KEYS} keys, which is the most: revoke some", .0.display())]
    Full(PathBuf),
    /// The system refused it.
    #[error("{} cannot be changed: {error}", .path.display())]
    Io {
        /// The file or its directory.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

impl StoreError {
    /// The command's exit code.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Content(_) | Self::Full(_) => Exit::Usage,
            Self::Io { error, .. } if error.kind() == io::ErrorKind::PermissionDenied => {
                Exit::NoPermission
            }
            Self::Io { .. } => Exit::System,
        }
    }
}

impl<'a> KeyStore<'a> {
    /// The key file, and the configuration that names it.
    pub(crate) const fn new(file: &'a Path, config: &'a Path) -> Self {
        Self { file, config }
    }

    /// What is in it.
    pub(crate) fn read(&self) -> Result<KeyFile, StoreError> {
        Ok(KeyFile::read(self.file, &Process)?)
    }

    /// Reads, changes and writes it; nothing is written when `change` fails. Waits for another writer.
    pub(crate) fn change<T, E: From<StoreError>>(
        &self,
        change: impl FnOnce(&mut KeyFile) -> Result<T, E>,
    ) -> Result<T, E> {
        let directory = self.file.parent().unwrap_or_else(|| Path::new("/"));
        let locked = File::open(directory).and_then(|directory| {
            directory.lock()?;
            Ok(directory)
        });
        let directory = locked.map_err(|error| self.fail(directory, error))?;
        let mut file = self.read()?;
        let result = change(&mut file)?;
        if file.keys.len() > MAX_KEYS {
            return Err(StoreError::Full(self.file.to_owned()).into());
        }
        self.write(&file, &directory)
            .map_err(|error| self.fail(self.file, error))?;
        Ok(result)
    }

    fn fail(&self, path: &Path, error: io::Error) -> StoreError {
        StoreError::Io {
            path: path.to_owned(),
            error,
        }
    }

    fn write(&self, content: &KeyFile, directory: &File) -> io::Result<()> {
        let aside = self.file.with_extension("new");
        let written = self.write_aside(content, &aside);
        if written.is_err() {
            // What was left there is of no use to anybody.
            let _best_effort = fs::remove_file(&aside);
        }
        written?;
        fs::rename(&aside, self.file)?;
        directory.sync_all()
    }

    fn write_aside(&self, content: &KeyFile, aside: &Path) -> io::Result<()> {
        let old = match fs::metadata(self.file) {
            Ok(old) => Some(old),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        // One that a writer left who died; the lock says that none is at it.
        if let Err(error) = fs::remove_file(aside)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
        let mut file = File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(aside)?;
        let owner = match &old {
            Some(old) => old.clone(),
            None => fs::metadata(self.config)?,
        };
        let own = file.metadata()?;
        if (own.uid(), own.gid()) != (owner.uid(), owner.gid()) {
            let owned = fchown(&file, Some(owner.uid()), Some(owner.gid()));
            // Of a first file nobody expects anything yet.
            if old.is_some() {
                owned?;
            }
        }
        let mode = old.map_or(MODE, |old| old.mode() & 0o7777);
        file.set_permissions(fs::Permissions::from_mode(mode))?;
        file.write_all(content.render().as_bytes())?;
        file.sync_all()
    }
}
