//! [pure] The URL grammar of everything a viewer can fetch (DESIGN §3).
//!
//! Parse and Display are inverses: one path, one spelling. A path that parsed names one object and can be a cache key,
//! a log field and an upstream request as it stands. A path names the same bytes for ever (per transcoder), but for
//! playlists, the poster and the storyboard's index.

use std::{fmt, str::FromStr};

use crate::{Msn, PartIndex, Rendition, SessionId, StreamName, segment::decimal};

mod show;

pub use show::ShowObject;

/// `/live/{stream}/…`: the path of one object.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ObjectPath {
    /// Whose object it is.
    pub stream: StreamName,
    /// Which one.
    pub object: Object,
}

/// What a path below `/live/{stream}/` names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Object {
    /// `index.m3u8`, the multivariant playlist.
    Multivariant,
    /// `{rendition}/media.m3u8`, a media playlist.
    Media(Rendition),
    /// `{rendition}/iframes.m3u8`, an I-frame playlist (EXT-X-I-FRAMES-ONLY).
    IFrames(Rendition),
    /// `{rendition}/init-{hash}.mp4`, a media initialization section. Immutable.
    Init(Rendition, InitHash),
    /// `{rendition}/{msn}.m4s`, a media segment. Immutable.
    Segment(Rendition, Msn),
    /// `{rendition}/{msn}.{part}.m4s`, a partial segment. Immutable.
    Part(Rendition, Msn, PartIndex),
    /// `poster.jpg`, a recent picture.
    Poster,
    /// `storyboard.vtt`, which pictures lie where on the sheets, by time.
    Storyboard,
    /// `storyboard-{number}.jpg`, a sheet of small pictures; the number is of its bytes. Immutable.
    Sheet(u64),
    /// `vod/{session}/…`, an object of a recorded show.
    Show(SessionId, ShowObject),
}

/// The path is not of the grammar: nothing has ever been or will ever be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no such path; objects are /live/{{stream}}/index.m3u8 and what its playlists name")]
pub struct ObjectPathError;

impl Object {
    /// Media type for `Content-Type` (RFC 8216bis §10 for playlists, RFC 4337 for MP4).
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Multivariant
            | Self::Media(_)
            | Self::IFrames(_)
            | Self::Show(
                _,
                ShowObject::Multivariant | ShowObject::Media(_) | ShowObject::IFrames(_),
            ) => "application/vnd.apple.mpegurl",
            Self::Init(Rendition::Audio, _)
            | Self::Segment(Rendition::Audio, _)
            | Self::Part(Rendition::Audio, ..)
            | Self::Show(
                _,
                ShowObject::Init(Rendition::Audio, _) | ShowObject::Segment(Rendition::Audio, _),
            ) => "audio/mp4",
            Self::Init(..)
            | Self::Segment(..)
            | Self::Part(..)
            | Self::Show(_, ShowObject::Init(..) | ShowObject::Segment(..) | ShowObject::File) => {
                "video/mp4"
            }
            Self::Poster
            | Self::Sheet(_)
            | Self::Show(_, ShowObject::Poster | ShowObject::Sheet(_)) => "image/jpeg",
            Self::Storyboard | Self::Show(_, ShowObject::Storyboard) => "text/vtt",
        }
    }

    /// Whether it is text, which is worth compressing.
    pub const fn is_text(self) -> bool {
        matches!(
            self,
            Self::Multivariant
                | Self::Media(_)
                | Self::IFrames(_)
                | Self::Storyboard
                | Self::Show(
                    _,
                    ShowObject::Multivariant
                        | ShowObject::Media(_)
                        | ShowObject::IFrames(_)
                        | ShowObject::Storyboard
                )
        )
    }

    /// Whether the path will always name the same bytes.
    pub const fn is_immutable(self) -> bool {
        match self {
            Self::Multivariant
            | Self::Media(_)
            | Self::IFrames(_)
            | Self::Poster
            | Self::Storyboard
            | Self::Show(
                _,
                ShowObject::Multivariant
                | ShowObject::Media(_)
                | ShowObject::IFrames(_)
                | ShowObject::Poster
                | ShowObject::Storyboard
                | ShowObject::File,
            ) => false,
            Self::Init(..)
            | Self::Segment(..)
            | Self::Part(..)
            | Self::Sheet(_)
            | Self::Show(
                _,
                ShowObject::Init(..) | ShowObject::Segment(..) | ShowObject::Sheet(_),
            ) => true,
        }
    }

    /// The rendition it belongs to, if to one.
    pub const fn rendition(self) -> Option<Rendition> {
        match self {
            Self::Multivariant | Self::Poster | Self::Storyboard | Self::Sheet(_) => None,
            Self::Media(r)
            | Self::IFrames(r)
            | Self::Init(r, _)
            | Self::Segment(r, _)
            | Self::Part(r, ..) => Some(r),
            Self::Show(_, object) => object.rendition(),
        }
    }
}

/// The object's path below `/live/{stream}/`, which is also its URI relative to the multivariant playlist.
impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Multivariant => f.write_str("index.m3u8"),
            Self::Media(rendition) => write!(f, "{rendition}/media.m3u8"),
            Self::IFrames(rendition) => write!(f, "{rendition}/iframes.m3u8"),
            Self::Init(rendition, hash) => write!(f, "{rendition}/init-{hash}.mp4"),
            Self::Segment(rendition, msn) => write!(f, "{rendition}/{msn}.m4s"),
            Self::Part(rendition, msn, part) => write!(f, "{rendition}/{msn}.{part}.m4s"),
            Self::Poster => f.write_str("poster.jpg"),
            Self::Storyboard => f.write_str("storyboard.vtt"),
            Self::Sheet(number) => write!(f, "storyboard-{number}.jpg"),
            Self::Show(session, object) => write!(f, "vod/{session}/{object}"),
        }
    }
}

impl FromStr for Object {
    type Err = ObjectPathError;

    fn from_str(text: &str) -> Result<Self, ObjectPathError> {
        parse_object(text).ok_or(ObjectPathError)
    }
}

impl fmt::Display for ObjectPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/live/{}/{}", self.stream, self.object)
    }
}

impl FromStr for ObjectPath {
    type Err = ObjectPathError;

    fn from_str(path: &str) -> Result<Self, ObjectPathError> {
        let rest = path.strip_prefix("/live/").ok_or(ObjectPathError)?;
        let (stream, object) = rest.split_once('/').ok_or(ObjectPathError)?;
        Ok(Self {
            stream: stream.parse().map_err(|_| ObjectPathError)?,
            object: object.parse()?,
        })
    }
}

fn parse_object(text: &str) -> Option<Object> {
    match text {
        "index.m3u8" => return Some(Object::Multivariant),
        "poster.jpg" => return Some(Object::Poster),
        "storyboard.vtt" => return Some(Object::Storyboard),
        _ => {}
    }
    if let Some(show) = text.strip_prefix("vod/") {
        let (session, object) = show.split_once('/')?;
        let session = SessionId(decimal(session)?);
        return Some(Object::Show(session, object.parse().ok()?));
    }
    if let Some(number) = text
        .strip_prefix("storyboard-")
        .and_then(|rest| rest.strip_suffix(".jpg"))
    {
        return Some(Object::Sheet(decimal(number)?));
    }
    let (rendition, file) = text.split_once('/')?;
    let rendition: Rendition = rendition.parse().ok()?;
    if file == "media.m3u8" {
        return Some(Object::Media(rendition));
    }
    if file == "iframes.m3u8" {
        return Some(Object::IFrames(rendition));
    }
    if let Some(hash) = file
        .strip_prefix("init-")
        .and_then(|rest| rest.strip_suffix(".mp4"))
    {
        return Some(Object::Init(rendition, hash.parse().ok()?));
    }
    let number = file.strip_suffix(".m4s")?;
    Some(match number.split_once('.') {
        None => Object::Segment(rendition, Msn(decimal(number)?)),
        Some((msn, part)) => {
            let part = u32::try_from(decimal(part)?).ok()?;
            Object::Part(rendition, Msn(decimal(msn)?), PartIndex(part))
        }
    })
}

/// The first 64 bits of the SHA-256 of an initialization section, as 16 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InitHash(u64);

impl InitHash {
    /// The hash of the bytes of an initialization section.
    pub fn of(init: &[u8]) -> Self {
        use sha2::Digest;
        let digest = sha2::Sha256::digest(init);
        Self(
            digest
                .iter()
                .take(8)
                .fold(0, |hash, byte| hash << 8 | u64::from(*byte)),
        )
    }

    /// The same 64 bits as a number.
    pub const fn number(self) -> u64 {
        self.0
    }
}

impl FromStr for InitHash {
    type Err = ObjectPathError;

    fn from_str(text: &str) -> Result<Self, ObjectPathError> {
        let canonical =
            text.len() == 16 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if !canonical {
            return Err(ObjectPathError);
        }
        u64::from_str_radix(text, 16)
            .map(Self)
            .map_err(|_| ObjectPathError)
    }
}

impl fmt::Display for InitHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for InitHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Delivery directives of a playlist request (RFC 8216bis §6.2.5).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Directives {
    /// `_HLS_msn` and `_HLS_part`: answer when this segment, or this part of it, is in the playlist.
    pub block: Option<(Msn, Option<PartIndex>)>,
    /// `_HLS_skip`: a delta update will do.
    pub skip: Option<Skip>,
}

/// Values of `_HLS_skip` (RFC 8216bis §6.2.5.1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Skip {
    /// `YES`: older segments may be left out.
    Yes,
    /// `v2`: older segments and date ranges may be left out.
    V2,
}

/// The request's fault: answer 400 (RFC 8216bis §6.2.5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DirectivesError {
    /// `_HLS_part` without `_HLS_msn`.
    #[error("_HLS_part needs _HLS_msn")]
    PartWithoutMsn,
    /// A directive whose value is no number or no known word.
    #[error("directive {0} has a value that is not allowed")]
    Value(&'static str),
    /// The same directive twice.
    #[error("directive {0} is given twice")]
    Twice(&'static str),
}

impl Directives {
    /// Reads the query of a playlist request, without its `?`. Other parameters (CMCD, a player's own) are ignored,
    /// and so never become part of a cache key.
    pub fn parse(query: &str) -> Result<Self, DirectivesError> {
        let mut msn = None;
        let mut part = None;
        let mut skip = None;
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            match name {
                "_HLS_msn" => {
                    let n = decimal(value).ok_or(DirectivesError::Value("_HLS_msn"))?;
                    once(&mut msn, Msn(n), "_HLS_msn")?;
                }
                "_HLS_part" => {
                    let n = decimal(value).and_then(|n| u32::try_from(n).ok());
                    once(
                        &mut part,
                        PartIndex(n.ok_or(DirectivesError::Value("_HLS_part"))?),
                        "_HLS_part",
                    )?;
                }
                "_HLS_skip" => {
                    let word = match value {
                        "YES" => Skip::Yes,
                        "v2" => Skip::V2,
                        _ => return Err(DirectivesError::Value("_HLS_skip")),
                    };
                    once(&mut skip, word, "_HLS_skip")?;
                }
                _ => {}
            }
        }
        match (msn, part) {
            (None, Some(_)) => Err(DirectivesError::PartWithoutMsn),
            (msn, part) => Ok(Self {
                block: msn.map(|msn| (msn, part)),
                skip,
            }),
        }
    }
}

fn once<T>(slot: &mut Option<T>, value: T, name: &'static str) -> Result<(), DirectivesError> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(DirectivesError::Twice(name)),
    }
}

/// The query in its one canonical order, without `?`; empty for a plain request.
impl fmt::Display for Directives {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        if let Some((msn, part)) = self.block {
            write!(f, "_HLS_msn={msn}")?;
            if let Some(part) = part {
                write!(f, "&_HLS_part={part}")?;
            }
            separator = "&";
        }
        match self.skip {
            Some(Skip::Yes) => write!(f, "{separator}_HLS_skip=YES"),
            Some(Skip::V2) => write!(f, "{separator}_HLS_skip=v2"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
