//! The first pictures of a recorded rendition's segments, for players that show pictures while they wind. Where each ends
//! is read from the segments themselves, so a show that a crash cut off has them too.

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};

use live::{Rendition, ShowObject};

use super::vod::{Recorded, Sizes};
use crate::fmp4::read;

/// What is read of a segment: the tables before the media of its first part, of a thousand pictures at most.
const HEAD: u64 = 32 << 10;

/// How many bytes at each segment's start decode its first picture. None of sound.
pub(super) fn lengths(directory: &Path, of: &Recorded) -> io::Result<Sizes> {
    let mut lengths = Sizes::new();
    if of.rendition == Rendition::Audio {
        return Ok(lengths);
    }
    let kept = of.playlist.numbered().filter(|(_, segment)| !segment.gap);
    for (msn, _) in kept {
        let path = directory.join(ShowObject::Segment(of.rendition, msn).to_string());
        let mut head = Vec::new();
        File::open(path)?.take(HEAD).read_to_end(&mut head)?;
        if let Some(length) = read::first_picture(&head.into()) {
            lengths.insert(msn, length);
        }
    }
    Ok(lengths)
}
