//! One show while it is recorded: its files.
//!
//! A segment's media are on disk before its playlist names it. When something cannot be written the segment is a GAP
//! and the next is tried again; the playlist on disk is valid at every moment.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use live::{
    InitHash, Msn, Object, Rendition, ShowObject,
    playlist::{MediaPlaylist, Multivariant},
};

use super::{
    album::{self, Album},
    film,
    journal::{Addition, Journal, JournalError, VERSION_AT, held, intact},
    pictures,
    shelf::{append, is_temporary, names, overwrite, remove, write_whole},
    state::{ENDED, UPLOADED, playlists},
    vod::{self, Recorded, Sizes},
};
use crate::{archive::Closed, pictures::Snapshot};

/// A show that is being recorded.
#[derive(Debug)]
pub(super) struct Taking {
    directory: PathBuf,
    target_duration: u32,
    playlists: BTreeMap<Rendition, Playlist>,
    index: Option<Multivariant>,
    album: Option<Album>,
}

#[derive(Debug)]
struct Playlist {
    journal: Journal,
    length: u64,
    inits: BTreeSet<InitHash>,
}

/// What became of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// So many bytes are on disk.
    Kept(u64),
    /// It is a GAP.
    Gap,
    /// It was there already, or there may be no more.
    Left(JournalError),
}

impl Taking {
    /// A show that begins, or goes on where it was left.
    pub(super) const fn new(directory: PathBuf, target_duration: u32) -> Self {
        Self {
            directory,
            target_duration,
            playlists: BTreeMap::new(),
            index: None,
            album: None,
        }
    }

    fn path(&self, object: ShowObject) -> PathBuf {
        self.directory.join(object.to_string())
    }

    /// The next segment of a rendition, its media only if they `may` be written. The error is of the media or of the
    /// playlist; what can still be done is done.
    pub(super) fn segment(&mut self, closed: &Closed, may: bool) -> (Outcome, io::Result<()>) {
        let rendition = closed.rendition;
        if let Err(error) = self.begin(closed) {
            return (Outcome::Gap, Err(error));
        }
        let media = if may && !closed.gap {
            self.media(closed).map(Some)
        } else {
            Ok(None)
        };
        let kept = matches!(media, Ok(Some(_)));
        let path = self.path(ShowObject::Media(rendition));
        let Some(playlist) = self.playlists.get_mut(&rendition) else {
            return (Outcome::Gap, Ok(()));
        };
        let (journal, addition) = match playlist.journal.add(closed, kept) {
            Ok(added) => added,
            Err(error) => return (Outcome::Left(error), Ok(())),
        };
        if let Err(error) = playlist.add(&path, &addition) {
            return (Outcome::Gap, Err(error));
        }
        playlist.journal = journal;
        match media {
            Ok(Some(bytes)) => (Outcome::Kept(bytes), Ok(())),
            Ok(None) => (Outcome::Gap, Ok(())),
            Err(error) => (Outcome::Gap, Err(error)),
        }
    }

    /// Sees to it that the rendition has a playlist.
    fn begin(&mut self, closed: &Closed) -> io::Result<()> {
        let rendition = closed.rendition;
        if self.playlists.contains_key(&rendition) {
            return Ok(());
        }
        let path = self.path(ShowObject::Media(rendition));
        fs::create_dir_all(self.directory.join(rendition.to_string()))?;
        let left = fs::read(&path).unwrap_or_default();
        // What was made of it until now does not hold any more.
        for name in [&ShowObject::File.to_string(), film::FAILED, UPLOADED, ENDED] {
            remove(&self.directory.join(name))?;
        }
        remove(&self.path(ShowObject::IFrames(rendition)))?;
        let (journal, text) = Journal::reopen(rendition, &left)
            .unwrap_or_else(|_| Journal::begin(closed, self.target_duration));
        let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
        write_whole(&path, &[text.into()])?;
        let playlist = Playlist {
            journal,
            length,
            inits: BTreeSet::new(),
        };
        self.playlists.insert(rendition, playlist);
        self.write_index()
    }

    fn media(&mut self, closed: &Closed) -> io::Result<u64> {
        let rendition = closed.rendition;
        let Some((hash, init)) = &closed.init else {
            return Err(io::Error::other("a segment without initialization section"));
        };
        let path = self.path(ShowObject::Init(rendition, *hash));
        let inits = self.playlists.get_mut(&rendition).map(|p| &mut p.inits);
        if let Some(inits) = inits
            && !inits.contains(hash)
        {
            write_whole(&path, std::slice::from_ref(init))?;
            inits.insert(*hash);
        }
        let path = self.path(ShowObject::Segment(rendition, closed.msn));
        write_whole(&path, &closed.parts)?;
        let bytes: usize = closed.parts.iter().map(Bytes::len).sum();
        Ok(u64::try_from(bytes).unwrap_or(u64::MAX))
    }

    /// The next picture.
    pub(super) fn picture(&mut self, picture: &Snapshot) -> io::Result<()> {
        if self.playlists.is_empty() {
            return Ok(());
        }
        let directory = &self.directory;
        let album = self
            .album
            .get_or_insert_with(|| Album::open(directory, picture.at));
        album.add(directory, picture)
    }

    /// What players are offered live.
    pub(super) fn index(&mut self, live: Multivariant) -> io::Result<()> {
        self.index = Some(live);
        self.write_index()
    }

    fn write_index(&self) -> io::Result<()> {
        let Some(live) = &self.index else {
            return Ok(());
        };
        let recorded = |rendition| self.playlists.contains_key(&rendition);
        match vod::running_index(live, recorded) {
            Some(text) => write_whole(&self.path(ShowObject::Multivariant), &[text.into()]),
            None => Ok(()),
        }
    }
}

impl Playlist {
    fn add(&mut self, path: &Path, addition: &Addition) -> io::Result<()> {
        if addition.gaps && !self.journal.has_gaps() {
            overwrite(path, VERSION_AT, b'8')?;
        }
        append(path, self.length, &addition.text)?;
        let added = u64::try_from(addition.text.len()).unwrap_or(u64::MAX);
        self.length = self.length.saturating_add(added);
        Ok(())
    }
}

/// Ends a show's recording: playlists aligned and with EXT-X-ENDLIST, the index with measured rates, leftovers removed.
/// A show of which nothing was kept is removed. Doing it twice does no harm.
pub(super) fn finish(directory: &Path) -> io::Result<Vec<Recorded>> {
    let mut found = BTreeMap::new();
    let mut waited = BTreeSet::new();
    let mut kept = false;
    for (rendition, path) in playlists(directory)? {
        let text = fs::read(&path)?;
        let sizes = sizes(directory, rendition)?;
        kept |= sizes.values().any(|size| *size > 0);
        if let Ok(playlist) = MediaPlaylist::parse(intact(&text)) {
            waited.extend(held(rendition, &text));
            found.insert(rendition, (playlist, sizes));
        }
    }
    let recorded = vod::align(found, &waited);
    if recorded.is_empty() {
        // Media that no playlist names are for a person to look at.
        if !kept && directory.exists() {
            fs::remove_dir_all(directory)?;
        }
        return Ok(recorded);
    }
    let mut winding = BTreeMap::new();
    for one in &recorded {
        let path = directory.join(ShowObject::Media(one.rendition).to_string());
        write_whole(&path, &[one.write().into()])?;
        let lengths = pictures::lengths(directory, one)?;
        if let Some((text, rates)) = one.pictures(&lengths) {
            let path = directory.join(ShowObject::IFrames(one.rendition).to_string());
            write_whole(&path, &[text.into()])?;
            winding.insert(one.rendition, rates);
        }
    }
    // What was cut off is named by nothing any more.
    for one in &recorded {
        for msn in waited.range(one.playlist.open_msn()..) {
            remove(&directory.join(ShowObject::Segment(one.rendition, *msn).to_string()))?;
        }
    }
    album::finish(directory, &recorded)?;
    let index = directory.join(ShowObject::Multivariant.to_string());
    let live = fs::read(&index).ok();
    let live = live.and_then(|text| Multivariant::parse(&text).ok());
    if let Some(text) = vod::final_index(live.as_ref(), &recorded, &winding) {
        write_whole(&index, &[text.into()])?;
    }
    Ok(recorded)
}

/// The segments of a rendition; what is not whole is removed.
fn sizes(directory: &Path, rendition: Rendition) -> io::Result<Sizes> {
    let mut sizes = Sizes::new();
    let directory = directory.join(rendition.to_string());
    for name in names(&directory)? {
        let path = directory.join(&name);
        if is_temporary(&name) {
            fs::remove_file(&path)?;
        } else if let Some(msn) = number(rendition, &name) {
            sizes.insert(msn, fs::metadata(&path)?.len());
        }
    }
    Ok(sizes)
}

fn number(rendition: Rendition, name: &str) -> Option<Msn> {
    match format!("{rendition}/{name}").parse() {
        Ok(Object::Segment(_, msn)) => Some(msn),
        _ => None,
    }
}
