//! The pictures of a recorded show, in its directory: poster, storyboard and its sheets.
//!
//! A sheet is there before the storyboard names it, and goes when nobody names it any more; the storyboard is written
//! whole each time. So what it names is there at every moment, whatever a crash leaves.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use live::{
    InitHash, MediaTime, ShowObject,
    playlist::{Seconds, Segment},
};

use super::{
    shelf::{is_temporary, names, remove, write_whole},
    storyboard::Storyboard,
    vod::Recorded,
};
use crate::pictures::{Snapshot, vtt};

/// The pictures of a show while it is recorded.
#[derive(Debug)]
pub(super) struct Album {
    /// Second 0 of the storyboard, until the show is over and its first segment is known.
    start: MediaTime,
    board: Storyboard,
    /// A sheet that was named until the picture before: players that read the storyboard then may still fetch it.
    former: BTreeSet<u64>,
}

impl Album {
    /// That of a show that begins with a picture `at` that moment, or goes on where it was left.
    pub(super) fn open(show: &Path, at: MediaTime) -> Self {
        let text = fs::read_to_string(path(show, ShowObject::Storyboard)).unwrap_or_default();
        Self {
            start: vtt::read(&text).map_or(at, |(start, _)| start),
            board: Storyboard::read(&text),
            former: BTreeSet::new(),
        }
    }

    /// The next picture.
    pub(super) fn add(&mut self, show: &Path, picture: &Snapshot) -> io::Result<()> {
        let sheet = InitHash::of(&picture.sheet).number();
        let mut board = self.board.clone();
        if !board.add(picture, sheet) {
            return Ok(());
        }
        let write = |object, file| write_whole(&path(show, object), &[file]);
        if board.wants_poster() {
            write(ShowObject::Poster, picture.poster.clone())?;
        }
        write(ShowObject::Sheet(sheet), picture.sheet.clone())?;
        if let Some(text) = board.write(self.start) {
            write(ShowObject::Storyboard, text.into())?;
        }
        let named = board.sheets();
        for sheet in self.former.difference(&named) {
            remove(&path(show, ShowObject::Sheet(*sheet)))?;
        }
        self.former = self.board.sheets();
        self.former.retain(|sheet| !named.contains(sheet));
        self.board = board;
        Ok(())
    }
}

/// The show is over: its storyboard counts from where its playlists begin, and names what is there; the rest goes.
pub(super) fn finish(show: &Path, recorded: &[Recorded]) -> io::Result<()> {
    let storyboard = path(show, ShowObject::Storyboard);
    let Ok(text) = fs::read_to_string(&storyboard) else {
        return Ok(());
    };
    let there = sheets(show)?;
    let Some((start, end)) = recorded.first().and_then(span) else {
        return Ok(());
    };
    let board = Storyboard::read(&text).within((start, end), &there);
    match board.write(start) {
        Some(text) => write_whole(&storyboard, &[text.into()])?,
        None => remove(&storyboard)?,
    }
    for sheet in there.difference(&board.sheets()) {
        remove(&path(show, ShowObject::Sheet(*sheet)))?;
    }
    let torn = names(show)?.into_iter().filter(|name| is_temporary(name));
    // The file of the show may be under way.
    for name in torn.filter(|name| name.starts_with("storyboard")) {
        remove(&show.join(name))?;
    }
    Ok(())
}

/// From the first segment's start to the last one's end.
fn span(recorded: &Recorded) -> Option<(MediaTime, MediaTime)> {
    let segments = &recorded.playlist.segments;
    let at = |segment: &Segment| {
        let date = segment.head.program_date_time?;
        Some(MediaTime::from_millis(date.unix_millis()))
    };
    let last = segments.back()?;
    let length = last.duration.units().saturating_mul(MediaTime::HZ) / Seconds::PER_SECOND;
    Some((at(segments.front()?)?, at(last)?.plus_ticks(length)))
}

fn sheets(show: &Path) -> io::Result<BTreeSet<u64>> {
    let sheet = |name: String| match name.parse() {
        Ok(ShowObject::Sheet(sheet)) => Some(sheet),
        Ok(_) | Err(_) => None,
    };
    Ok(names(show)?.into_iter().filter_map(sheet).collect())
}

fn path(show: &Path, object: ShowObject) -> PathBuf {
    show.join(object.to_string())
}
