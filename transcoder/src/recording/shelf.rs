//! Where recorded shows are on disk: `{directory}/{stream}/{session}/…`, named as in URLs below `vod/`, so that any web
//! server can serve the directory.
//!
//! Media and finished playlists come into being whole, by rename; a playlist that grows is cut back to what it was when
//! a write fails. What is written is on the disk, not only on its way, when the call returns.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Seek, SeekFrom, Write},
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use live::{InitHash, SessionId, ShowObject, StreamName};

/// Ending of a file that is not whole.
const TEMPORARY: &str = ".tmp";
/// Ending of a show's directory that is being removed.
const GONE: &str = "gone";

/// The directory of all recordings. Clones are one shelf.
#[derive(Debug, Clone)]
pub struct Shelf {
    directory: PathBuf,
    /// Held while a show is written to, called complete or taken away.
    hand: Arc<Mutex<()>>,
}

/// A file of a show.
#[derive(Debug)]
pub struct Opened {
    /// To be read from its start.
    pub file: File,
    /// Its length.
    pub bytes: u64,
    /// Tells it from what was there before under its name.
    pub tag: InitHash,
}

impl Shelf {
    /// Recordings are below `directory`.
    pub fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            hand: Arc::default(),
        }
    }

    /// While it is held nobody else changes what a show is.
    pub(super) fn hand(&self) -> MutexGuard<'_, ()> {
        self.hand.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A show's own directory.
    pub fn show(&self, stream: &StreamName, session: SessionId) -> PathBuf {
        self.directory
            .join(stream.as_str())
            .join(session.to_string())
    }

    /// Opens an object of a show; `None` when it is not there.
    pub fn open(
        &self,
        stream: &StreamName,
        session: SessionId,
        object: ShowObject,
    ) -> io::Result<Option<Opened>> {
        let path = self.show(stream, session).join(object.to_string());
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let about = file.metadata()?;
        if !about.is_file() {
            return Ok(None);
        }
        let tag = format!("{} {} {}", about.len(), about.mtime(), about.mtime_nsec());
        Ok(Some(Opened {
            file,
            bytes: about.len(),
            tag: InitHash::of(tag.as_bytes()),
        }))
    }

    /// All shows, the oldest of each stream first. What is no show is passed over.
    pub fn shows(&self) -> io::Result<Vec<(StreamName, SessionId)>> {
        let mut shows = Vec::new();
        for stream in names(&self.directory)? {
            let Ok(name) = stream.parse::<StreamName>() else {
                continue;
            };
            let sessions = names(&self.directory.join(&stream))?;
            let sessions = sessions.iter().filter_map(|session| {
                let number: u64 = session.parse().ok()?;
                (number.to_string() == *session).then_some(SessionId(number))
            });
            shows.extend(sessions.map(|session| (name.clone(), session)));
        }
        shows.sort();
        Ok(shows)
    }

    /// Whether the stream has had another session since.
    pub(super) fn has_later(&self, stream: &StreamName, session: SessionId) -> io::Result<bool> {
        let sessions = names(&self.directory.join(stream.as_str()))?;
        let mut numbers = sessions.iter().filter_map(|name| name.parse::<u64>().ok());
        Ok(numbers.any(|number| number > session.0))
    }

    /// Takes a show away, all of it at one moment, if it `may` go. Says whether it did.
    pub(super) fn take_away(
        &self,
        stream: &StreamName,
        session: SessionId,
        may: impl FnOnce(&Path) -> io::Result<bool>,
    ) -> io::Result<bool> {
        let show = self.show(stream, session);
        let gone = show.with_extension(GONE);
        let hand = self.hand();
        if !may(&show)? {
            return Ok(false);
        }
        fs::rename(&show, &gone)?;
        drop(hand);
        fs::remove_dir_all(&gone)?;
        Ok(true)
    }

    /// Removes what was being taken away when the daemon ended.
    pub(super) fn sweep(&self) -> io::Result<()> {
        for stream in names(&self.directory)? {
            if stream.parse::<StreamName>().is_err() {
                continue;
            }
            let directory = self.directory.join(stream);
            for name in names(&directory)? {
                let number = name
                    .strip_suffix(GONE)
                    .and_then(|name| name.strip_suffix('.'));
                if number.is_some_and(|number| number.parse::<u64>().is_ok()) {
                    fs::remove_dir_all(directory.join(name))?;
                }
            }
        }
        Ok(())
    }

    /// Bytes that may still be written to the directory's disk, which is made if it is not there.
    pub fn free(&self) -> io::Result<u64> {
        fs::create_dir_all(&self.directory)?;
        let about = nix::sys::statvfs::statvfs(&self.directory)?;
        Ok(about
            .blocks_available()
            .saturating_mul(about.fragment_size()))
    }
}

/// Names in a directory; none when it is not there.
pub(super) fn names(directory: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error)
            if [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory].contains(&error.kind()) =>
        {
            return Ok(Vec::new());
        }
        Err(error) => return Err(error),
    };
    entries
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect()
}

/// The name under which a file is written until it is whole.
pub(super) fn temporary(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(TEMPORARY);
    name.into()
}

/// Whether a file was never finished.
pub(super) fn is_temporary(name: &str) -> bool {
    name.ends_with(TEMPORARY)
}

/// Removes a file, if it is there.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Writes a file that is there whole or not at all.
pub(super) fn write_whole(path: &Path, pieces: &[Bytes]) -> io::Result<()> {
    let unfinished = temporary(path);
    let written = File::create(&unfinished).and_then(|mut file| {
        pieces.iter().try_for_each(|piece| file.write_all(piece))?;
        file.sync_data()
    });
    let renamed = written.and_then(|()| fs::rename(&unfinished, path));
    if renamed.is_err() {
        // What cannot be removed is removed at the next start.
        let _still_there = fs::remove_file(&unfinished);
    }
    renamed
}

/// Adds to a file of which `length` bytes count; after a failure they still are all that count.
pub(super) fn append(path: &Path, length: u64, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    file.set_len(length)?;
    file.seek(SeekFrom::Start(length))?;
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_data());
    if written.is_err() {
        // The next addition cuts it all the same.
        let _uncut = file.set_len(length);
    }
    written
}

/// Writes over one byte.
pub(super) fn overwrite(path: &Path, at: u64, byte: u8) -> io::Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    file.write_all_at(&[byte], at)
}
