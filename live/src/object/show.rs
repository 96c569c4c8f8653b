//! [pure] What a recorded show consists of: the part of the URL grammar below `vod/{session}/`.
//!
//! A show is one session, recorded; all its objects are immutable once the show is over, its media at once.

use std::{fmt, str::FromStr};

use super::{InitHash, ObjectPathError};
use crate::{Msn, Rendition, segment::decimal};

/// What a path below `/live/{stream}/vod/{session}/` names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ShowObject {
    /// `index.m3u8`, the multivariant playlist.
    Multivariant,
    /// `{rendition}/media.m3u8`, a media playlist.
    Media(Rendition),
    /// `{rendition}/iframes.m3u8`, an I-frame playlist (EXT-X-I-FRAMES-ONLY), once the show is over.
    IFrames(Rendition),
    /// `{rendition}/init-{hash}.mp4`, a media initialization section. Immutable.
    Init(Rendition, InitHash),
    /// `{rendition}/{msn}.m4s`, a media segment. Immutable.
    Segment(Rendition, Msn),
    /// `poster.jpg`, a picture of it.
    Poster,
    /// `storyboard.vtt`, which pictures lie where on the sheets, by time.
    Storyboard,
    /// `storyboard-{number}.jpg`, a sheet of small pictures; the number is of its bytes. Immutable.
    Sheet(u64),
    /// `show.mp4`, the best rendition with its sound in one file, once the show is over.
    File,
}

impl ShowObject {
    /// The rendition it belongs to, if to one.
    pub const fn rendition(self) -> Option<Rendition> {
        match self {
            Self::Multivariant | Self::Poster | Self::Storyboard | Self::Sheet(_) | Self::File => {
                None
            }
            Self::Media(r) | Self::IFrames(r) | Self::Init(r, _) | Self::Segment(r, _) => Some(r),
        }
    }
}

/// The object's path below `vod/{session}/`, which is also its URI relative to the show's multivariant playlist.
impl fmt::Display for ShowObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Multivariant => f.write_str("index.m3u8"),
            Self::Media(rendition) => write!(f, "{rendition}/media.m3u8"),
            Self::IFrames(rendition) => write!(f, "{rendition}/iframes.m3u8"),
            Self::Init(rendition, hash) => write!(f, "{rendition}/init-{hash}.mp4"),
            Self::Segment(rendition, msn) => write!(f, "{rendition}/{msn}.m4s"),
            Self::Poster => f.write_str("poster.jpg"),
            Self::Storyboard => f.write_str("storyboard.vtt"),
            Self::Sheet(number) => write!(f, "storyboard-{number}.jpg"),
            Self::File => f.write_str("show.mp4"),
        }
    }
}

impl FromStr for ShowObject {
    type Err = ObjectPathError;

    fn from_str(text: &str) -> Result<Self, ObjectPathError> {
        parse(text).ok_or(ObjectPathError)
    }
}

fn parse(text: &str) -> Option<ShowObject> {
    match text {
        "index.m3u8" => return Some(ShowObject::Multivariant),
        "poster.jpg" => return Some(ShowObject::Poster),
        "storyboard.vtt" => return Some(ShowObject::Storyboard),
        "show.mp4" => return Some(ShowObject::File),
        _ => {}
    }
    if let Some(number) = text
        .strip_prefix("storyboard-")
        .and_then(|rest| rest.strip_suffix(".jpg"))
    {
        return Some(ShowObject::Sheet(decimal(number)?));
    }
    let (rendition, file) = text.split_once('/')?;
    let rendition: Rendition = rendition.parse().ok()?;
    if file == "media.m3u8" {
        return Some(ShowObject::Media(rendition));
    }
    if file == "iframes.m3u8" {
        return Some(ShowObject::IFrames(rendition));
    }
    if let Some(hash) = file
        .strip_prefix("init-")
        .and_then(|rest| rest.strip_suffix(".mp4"))
    {
        return Some(ShowObject::Init(rendition, hash.parse().ok()?));
    }
    let number = file.strip_suffix(".m4s")?;
    Some(ShowObject::Segment(rendition, Msn(decimal(number)?)))
}
