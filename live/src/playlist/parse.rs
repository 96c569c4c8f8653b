//! [pure] What both parsers share: lines, limits and errors.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::{MAX_BYTES, MAX_LINES, Seconds, Start, attributes::Attributes, attributes::needed};

/// Why a text is no playlist that we can use: the server's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {tag}: {mistake}")]
pub struct ParseError {
    /// Line, from 1; 0 is the playlist as a whole.
    pub line: usize,
    /// The tag on it, or what was looked for.
    pub tag: &'static str,
    /// What is wrong.
    pub mistake: Mistake,
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Mistake {
    /// More than [`MAX_BYTES`] or [`MAX_LINES`].
    #[error("the playlist is larger than this parser accepts")]
    TooLarge,
    /// Not UTF-8 (§4.1).
    #[error("the playlist is not UTF-8")]
    NotUtf8,
    /// No EXTM3U on the first line (§4.4.1.1).
    #[error("the first line must be #EXTM3U")]
    NoHeader,
    /// The attribute list is not well formed, names an attribute twice or is too long.
    #[error("the attribute list is not well formed")]
    Attributes,
    /// This attribute is needed.
    #[error("attribute {0} is missing")]
    Missing(&'static str),
    /// This attribute has a value of the wrong form.
    #[error("attribute {0} has a value of the wrong form")]
    Attribute(&'static str),
    /// The tag's value has the wrong form.
    #[error("the value has the wrong form")]
    Value,
    /// A tag that may come once came again.
    #[error("the tag is given twice")]
    Twice,
    /// This playlist cannot be used without the tag.
    #[error("the tag is missing")]
    MissingTag,
    /// A URI line without the tag that says what it is.
    #[error("a URI without its tag")]
    StrayUri,
    /// The tag says something about a URI that does not follow.
    #[error("no URI follows")]
    NoUri,
    /// The tag belongs to the other kind of playlist.
    #[error("the tag belongs to the other kind of playlist")]
    OtherKind,
}

impl Mistake {
    /// With the place where it was made.
    pub(super) const fn at(self, line: usize, tag: &'static str) -> ParseError {
        ParseError {
            line,
            tag,
            mistake: self,
        }
    }
}

/// One line that says something.
#[derive(Clone, Copy)]
pub(super) enum Statement<'a> {
    /// `#EXT…`, split at the first colon.
    Tag(&'a str, &'a str),
    /// Anything that is neither tag, comment nor blank.
    Uri(&'a str),
}

/// Checks size, encoding and header, then gives every line that says something, with its number.
pub(super) fn statements(
    playlist: &[u8],
) -> Result<impl Iterator<Item = (usize, Statement<'_>)>, ParseError> {
    let whole = |mistake: Mistake| mistake.at(0, "playlist");
    if playlist.len() > MAX_BYTES || playlist.iter().filter(|b| **b == b'\n').count() > MAX_LINES {
        return Err(whole(Mistake::TooLarge));
    }
    let text = std::str::from_utf8(playlist).map_err(|_| whole(Mistake::NotUtf8))?;
    let mut lines = (1..).zip(text.lines());
    match lines.next() {
        Some((_, first)) if first.trim_end() == "#EXTM3U" => {}
        _ => return Err(Mistake::NoHeader.at(1, "EXTM3U")),
    }
    Ok(lines.filter_map(|(number, line)| {
        let line = line.trim_end();
        let statement = match line.strip_prefix('#') {
            None if line.is_empty() => return None,
            None => Statement::Uri(line),
            Some(tag) if tag.starts_with("EXT") => {
                let (name, value) = tag.split_once(':').unwrap_or((tag, ""));
                Statement::Tag(name, value)
            }
            Some(_comment) => return None,
        };
        Some((number, statement))
    }))
}

/// EXT-X-VERSION of a playlist, 1 when it has none (§4.4.1.2); none when it is no number.
///
/// The models do not hold it: a writer finds what is needed, and only a checker asks what was written.
pub fn version_of(playlist: &[u8]) -> Result<Option<u32>, ParseError> {
    let version = statements(playlist)?.find_map(|(_, statement)| match statement {
        Statement::Tag("EXT-X-VERSION", value) => Some(value.parse().ok()),
        Statement::Tag(..) | Statement::Uri(_) => None,
    });
    Ok(version.unwrap_or(Some(1)))
}

/// EXT-X-START, of both kinds of playlist.
pub(super) fn start(value: &str) -> Result<Start, Mistake> {
    let attributes = Attributes::parse(value)?;
    let text: String = needed("TIME-OFFSET", attributes.bare("TIME-OFFSET")?)?;
    let (from_end, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.as_str()),
    };
    let offset: Seconds = digits
        .parse()
        .map_err(|_| Mistake::Attribute("TIME-OFFSET"))?;
    Ok(Start {
        from_end,
        offset,
        precise: attributes.yes("PRECISE"),
    })
}

/// Sets what may be said once.
pub(super) fn once<T>(slot: &mut Option<T>, value: T) -> Result<(), Mistake> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(Mistake::Twice),
    }
}
