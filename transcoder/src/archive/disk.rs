//! What is done to the archive's directory. Every function blocks as long as the disk likes.
//!
//! Files are written under another name and renamed, so that one which has its name is whole. Nothing is synced: a window
//! is worth nothing after a crash, and a sync for each file would make the disk the slowest part of the daemon. Nothing
//! is deleted that has not our names, nor of a show whose directory holds `index.m3u8`: that one is recorded.

use std::{
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
};

use live::{SessionId, ShowObject, StreamName};
use nix::sys::statvfs::statvfs;

use super::{Name, Place, queue::Removal};
use crate::archive::Closed;

/// Files that one sweep deletes at most, a million segments: what is left is there for the next start.
const MAX_SWEPT: usize = 1 << 20;

/// Why nothing is written. The operator's to mend.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    #[error(
        "less than [archive].stop_at_free is left in {0}: make room, or write to another directory"
    )]
    Full(PathBuf),
    #[error("{0} cannot be written: {1}")]
    File(PathBuf, io::Error),
    #[error("{0} belongs to another transcoder that runs: give each a directory of its own")]
    Taken(PathBuf),
}

/// Makes the directory this process's own, for as long as the file is held, and deletes what an earlier one left there:
/// how many shows.
pub(super) fn open(place: &Place) -> Result<(fs::File, usize), WriteError> {
    let told = |error| WriteError::File(place.directory.clone(), error);
    fs::create_dir_all(&place.directory).map_err(told)?;
    let lock = fs::File::create(place.directory.join("lock")).map_err(told)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => {
            return Err(WriteError::Taken(place.directory.clone()));
        }
        Err(fs::TryLockError::Error(error)) => return Err(told(error)),
    }
    let shows = sweep(place).map_err(told)?;
    Ok((lock, shows))
}

/// Writes a segment, and the initialization section it needs if that is not there. Its length.
pub(super) fn write(place: &Place, name: &Name, closed: &Closed) -> Result<u64, WriteError> {
    let target = place.segment(name);
    let told = |path: &Path| {
        let path = path.to_owned();
        move |error| WriteError::File(path, error)
    };
    let directory = target.parent().unwrap_or(&place.directory);
    fs::create_dir_all(directory).map_err(told(directory))?;
    let free = statvfs(directory).map_err(|error| told(directory)(error.into()))?;
    // The types differ between platforms.
    #[allow(clippy::useless_conversion, reason = "u32 on some platforms")]
    let free = u64::from(free.blocks_available()).saturating_mul(u64::from(free.fragment_size()));
    if free < place.stop_at_free {
        return Err(WriteError::Full(place.directory.clone()));
    }
    if let Some((hash, init)) = &closed.init {
        let path = place.object(name, ShowObject::Init(name.rendition, *hash));
        if !path.exists() {
            whole(&path, std::slice::from_ref(init)).map_err(told(&path))?;
        }
    }
    whole(&target, &closed.parts).map_err(told(&target))
}

fn whole(path: &Path, pieces: &[bytes::Bytes]) -> io::Result<u64> {
    let aside = path.with_extension("new");
    let written = (|| {
        let mut file = fs::File::create(&aside)?;
        for piece in pieces {
            file.write_all(piece)?;
        }
        fs::rename(&aside, path)
    })();
    if written.is_err() {
        let _what_is_left = fs::remove_file(&aside);
    }
    written?;
    let length: usize = pieces.iter().map(bytes::Bytes::len).sum();
    Ok(u64::try_from(length).unwrap_or(u64::MAX))
}

/// Deletes; what is not there is deleted already.
pub(super) fn remove(place: &Place, removal: &Removal) -> io::Result<()> {
    let removed = match removal {
        Removal::Segment(name) => {
            if is_recorded(&place.show(&name.stream, name.session)) {
                return Ok(());
            }
            fs::remove_file(place.segment(name))
        }
        Removal::Show(stream, session) => {
            let show = place.show(stream, *session);
            if is_recorded(&show) {
                return Ok(());
            }
            fs::remove_dir_all(&show).and_then(|()| remove_if_empty(show.parent()))
        }
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn is_recorded(show: &Path) -> bool {
    show.join(ShowObject::Multivariant.to_string()).exists()
}

fn remove_if_empty(directory: Option<&Path>) -> io::Result<()> {
    match directory.map(fs::remove_dir) {
        Some(Err(error)) if error.kind() != io::ErrorKind::DirectoryNotEmpty => Err(error),
        _ => Ok(()),
    }
}

fn sweep(place: &Place) -> io::Result<usize> {
    let mut shows = 0;
    let mut files = 0;
    for stream in named(&place.directory, |name| name.parse::<StreamName>().is_ok())? {
        for show in named(&stream, is_session)? {
            if is_recorded(&show) {
                continue;
            }
            for rendition in named(&show, |_| true)? {
                files += fs::read_dir(&rendition).map_or(1, Iterator::count);
            }
            if files > MAX_SWEPT {
                return Ok(shows);
            }
            fs::remove_dir_all(&show)?;
            shows += 1;
        }
        remove_if_empty(Some(&stream))?;
    }
    Ok(shows)
}

fn is_session(name: &str) -> bool {
    name.parse()
        .is_ok_and(|number| SessionId(number).to_string() == name)
}

/// The directories in `directory` whose names are ours. Links are not followed.
fn named(directory: &Path, ours: impl Fn(&str) -> bool) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() && entry.file_name().to_str().is_some_and(&ours) {
            found.push(entry.path());
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
