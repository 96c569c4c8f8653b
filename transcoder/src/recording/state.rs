//! How far a recorded show has come, as its directory says: over, settled, in the bucket.
//!
//! A show that a restart cut off has an end in its playlists and goes on if its session does. What would do away with it
//! waits until that cannot be any more: then it is settled.

use std::{
    fs, io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use live::{Rendition, SessionId, ShowObject, StreamName};

use super::{
    journal::is_finished,
    shelf::{Shelf, names},
};

/// In a show's directory once its stream has ended it.
pub(super) const ENDED: &str = "ended";
/// In a show's directory once all of it is in the bucket.
pub(super) const UPLOADED: &str = "uploaded";
/// A show that a restart cut off goes on within this or never: an operator may hold a stream for twelve hours.
const MAY_GO_ON: Duration = Duration::from_secs(13 * 3600);

/// More than EXT-X-ENDLIST.
const TAIL: u64 = 64;

/// Tells what a show's playlists said from what they say later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Edition(Vec<(Rendition, u64, SystemTime)>);

/// The renditions that have a playlist.
pub(super) fn playlists(directory: &Path) -> io::Result<Vec<(Rendition, PathBuf)>> {
    let mut found = Vec::new();
    for name in names(directory)? {
        if let Ok(rendition) = name.parse::<Rendition>() {
            let path = directory.join(ShowObject::Media(rendition).to_string());
            if path.exists() {
                found.push((rendition, path));
            }
        }
    }
    Ok(found)
}

/// Whether a show is over and its playlists say so.
pub(super) fn is_over(directory: &Path) -> io::Result<bool> {
    for (_, path) in playlists(directory)? {
        if !is_finished(&tail(&path)?) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The end of a file: its last lines are all that is asked of a playlist that may have a million.
fn tail(path: &Path) -> io::Result<Vec<u8>> {
    let file = fs::File::open(path)?;
    let length = file.metadata()?.len();
    let mut tail = vec![0; usize::try_from(length.min(TAIL)).unwrap_or_default()];
    file.read_exact_at(&mut tail, length.saturating_sub(TAIL))?;
    Ok(tail)
}

/// What its playlists say now.
pub(super) fn edition(directory: &Path) -> io::Result<Edition> {
    let mut told = Vec::new();
    for (rendition, path) in playlists(directory)? {
        let about = fs::metadata(path)?;
        told.push((rendition, about.len(), about.modified()?));
    }
    told.sort_by_key(|(rendition, ..)| *rendition);
    Ok(Edition(told))
}

impl Edition {
    /// When something was added last, or the end; `None` without a playlist.
    pub(super) fn written(&self) -> Option<SystemTime> {
        self.0.iter().map(|(.., written)| *written).max()
    }
}

/// Whether nothing will be added to a show any more, whatever happens.
pub(super) fn is_settled(
    shelf: &Shelf,
    stream: &StreamName,
    session: SessionId,
    now: SystemTime,
) -> io::Result<bool> {
    let directory = shelf.show(stream, session);
    let written = edition(&directory)?.written();
    let old = written.is_some_and(|at| now.duration_since(at).is_ok_and(|age| age > MAY_GO_ON));
    let last = old || directory.join(ENDED).exists() || shelf.has_later(stream, session)?;
    Ok(last && is_over(&directory)?)
}
