//! [pure] ISO base media files as a stranger wrote them (ISO/IEC 14496-12): boxes within boxes, and the fields in them.
//!
//! Nothing is trusted: a box that does not fit is an error, and no length is taken before it was checked.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

/// Why bytes are no media that we can look into: the server's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Broken {
    #[error("a box {0} does not fit into what it is in")]
    Box(Kind),
    #[error("{0} is missing")]
    Missing(&'static str),
    #[error("a field goes beyond its box")]
    Short,
    #[error("more than {0}")]
    TooMany(&'static str),
    #[error("the samples account for {told} of {there} bytes of media")]
    Bytes { told: u64, there: u64 },
}

/// Four characters.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind(pub(super) [u8; 4]);

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

/// The boxes in some bytes, one after the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Boxes<'a>(pub(super) &'a [u8]);

impl<'a> Boxes<'a> {
    /// The content of the first box at `path`, each within the one before.
    pub(super) fn find(self, path: &[&'static str]) -> Result<&'a [u8], Broken> {
        let mut within = self;
        for name in path {
            within = Self(within.first(name)?.ok_or(Broken::Missing(name))?);
        }
        Ok(within.0)
    }

    /// The content of the first box of this name.
    pub(super) fn first(self, name: &str) -> Result<Option<&'a [u8]>, Broken> {
        for next in self {
            let (kind, content) = next?;
            if kind.0 == name.as_bytes() {
                return Ok(Some(content));
            }
        }
        Ok(None)
    }
}

impl<'a> Iterator for Boxes<'a> {
    type Item = Result<(Kind, &'a [u8]), Broken>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let next = one_box(self.0);
        self.0 = next.as_ref().map_or(&[], |(_, _, rest)| rest);
        Some(next.map(|(kind, content, _)| (kind, content)))
    }
}

type Split<'a> = (Kind, &'a [u8], &'a [u8]);

fn one_box(bytes: &[u8]) -> Result<Split<'_>, Broken> {
    let mut fields = Fields(bytes);
    let size = fields.u32()?;
    let kind = Kind(fields.array()?);
    let size = match size {
        0 => bytes.len(),
        1 => usize::try_from(fields.u64()?).map_err(|_| Broken::Box(kind))?,
        size => usize::try_from(size).map_err(|_| Broken::Box(kind))?,
    };
    let head = bytes.len().saturating_sub(fields.0.len());
    let length = size.checked_sub(head).ok_or(Broken::Box(kind))?;
    let (content, rest) = fields.0.split_at_checked(length).ok_or(Broken::Box(kind))?;
    Ok((kind, content, rest))
}

/// Fields of a box, read from the front.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], Broken> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Broken::Short)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Broken> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Broken::Short)?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(super) fn u8(&mut self) -> Result<u8, Broken> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Result<u16, Broken> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Broken> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, Broken> {
        self.array().map(u64::from_be_bytes)
    }

    /// The next field, if its flag says that it is there.
    pub(super) fn optional(&mut self, flags: u32, flag: u32) -> Result<Option<u32>, Broken> {
        if flags & flag == 0 {
            Ok(None)
        } else {
            self.u32().map(Some)
        }
    }
}
