//! [pure] Date ranges (EXT-X-DATERANGE, RFC 8216bis §4.4.5.1): what is so for a while, told beside the media.
//!
//! One is written as the attribute list of its tag, in playlists and between our daemons, and read back equal. Whatever
//! text is put in, the list stays one line that every player can read.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::{fmt, str::FromStr};

use super::{
    Line, ProgramDateTime, Seconds, Text,
    attributes::{Attributes, needed},
    parse::Mistake,
};

/// A date range. What is made by [`DateRange::new`] or read keeps the rules of its tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DateRange {
    id: Text,
    class: Option<Text>,
    start: ProgramDateTime,
    extent: Extent,
    planned: Option<Seconds>,
    client: Vec<(String, Text)>,
}

/// How long it is so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// END-ON-NEXT: until the next one of its class starts.
    UntilNext,
    /// DURATION.
    Lasts(Seconds),
    /// Nobody says.
    Unknown,
}

/// Why something is no date range: its author's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DateRangeError {
    /// The attribute list, or one of its values.
    #[error(transparent)]
    Attributes(#[from] Mistake),
    /// ID must say something.
    #[error("its ID is empty")]
    Id,
    /// END-ON-NEXT ends with the next of the same CLASS.
    #[error("it ends with the next one of its class but has no CLASS")]
    NoClass,
    /// Two ends.
    #[error("it has END-ON-NEXT and an end of its own, or a DURATION and another END-DATE")]
    TwoEnds,
    /// END-DATE before START-DATE.
    #[error("it ends before it starts")]
    Backwards,
    /// The name of an attribute of our own.
    #[error("an attribute's name is X- and up to 32 of A-Z, 0-9 and -, each once and 16 in all")]
    Name,
    /// The line is too long.
    #[error("it is longer than {} bytes", DateRange::MAX_BYTES)]
    TooLong,
}

impl DateRange {
    /// Longest attribute list that is made, bytes.
    pub const MAX_BYTES: usize = 4096;
    /// Most attributes of our own (X-…).
    const MAX_CLIENT: usize = 16;

    /// One that starts at `start`.
    pub fn new(
        id: Text,
        class: Option<Text>,
        start: ProgramDateTime,
        extent: Extent,
        planned: Option<Seconds>,
    ) -> Result<Self, DateRangeError> {
        if id.as_str().is_empty() {
            return Err(DateRangeError::Id);
        }
        if extent == Extent::UntilNext && class.is_none() {
            return Err(DateRangeError::NoClass);
        }
        let range = Self {
            id,
            class,
            start,
            extent,
            planned,
            client: Vec::new(),
        };
        range.checked()
    }

    /// With an attribute of our own: `X-TITLE`.
    pub fn with(mut self, name: &str, value: Text) -> Result<Self, DateRangeError> {
        let known = self.client.iter().any(|(known, _)| known == name);
        if known || self.client.len() >= Self::MAX_CLIENT || !is_client(name) {
            return Err(DateRangeError::Name);
        }
        self.client.push((name.to_owned(), value));
        self.checked()
    }

    fn checked(self) -> Result<Self, DateRangeError> {
        let length = self.to_string().len();
        (length <= Self::MAX_BYTES)
            .then_some(self)
            .ok_or(DateRangeError::TooLong)
    }

    /// ID: one among those of its stream.
    pub const fn id(&self) -> &Text {
        &self.id
    }

    /// CLASS: what it is about.
    pub const fn class(&self) -> Option<&Text> {
        self.class.as_ref()
    }

    /// START-DATE.
    pub const fn start(&self) -> ProgramDateTime {
        self.start
    }

    /// How long it is so.
    pub const fn extent(&self) -> Extent {
        self.extent
    }

    /// X-… attributes, in their order.
    pub fn client(&self) -> impl Iterator<Item = (&str, &Text)> {
        self.client
            .iter()
            .map(|(name, value)| (name.as_str(), value))
    }

    /// Its end in Unix milliseconds, if it says that itself.
    pub(super) fn own_end(&self) -> Option<u64> {
        match self.extent {
            Extent::Lasts(lasts) => Some(self.start.unix_millis().saturating_add(lasts.millis())),
            Extent::UntilNext | Extent::Unknown => None,
        }
    }

    /// Whether two lists of one ID say different things of the same attribute.
    pub(super) fn contradicts(list: &str, other: &str) -> bool {
        match (Attributes::parse(list), Attributes::parse(other)) {
            (Ok(list), Ok(other)) => list.contradicts(&other),
            _ => false,
        }
    }

    /// The attribute list of its tag.
    pub fn line(&self) -> Line {
        Line::of_attributes(&self.to_string())
    }
}

/// `X-` and what may follow.
fn is_client(name: &str) -> bool {
    let fits = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-';
    name.strip_prefix("X-")
        .is_some_and(|rest| (1..=32).contains(&rest.len()) && rest.bytes().all(fits))
}

impl fmt::Display for DateRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ID=\"{}\"", self.id)?;
        if let Some(class) = &self.class {
            write!(f, ",CLASS=\"{class}\"")?;
        }
        write!(f, ",START-DATE=\"{}\"", self.start)?;
        if let Extent::Lasts(lasts) = self.extent {
            write!(f, ",DURATION={lasts}")?;
        }
        if let Some(planned) = self.planned {
            write!(f, ",PLANNED-DURATION={planned}")?;
        }
        if self.extent == Extent::UntilNext {
            f.write_str(",END-ON-NEXT=YES")?;
        }
        for (name, value) in &self.client {
            write!(f, ",{name}=\"{value}\"")?;
        }
        Ok(())
    }
}

impl FromStr for DateRange {
    type Err = DateRangeError;

    /// Attributes that it does not know are passed over, and values of X-… that are no text.
    fn from_str(list: &str) -> Result<Self, DateRangeError> {
        let attributes = Attributes::parse(list)?;
        let id: Text = needed("ID", attributes.quoted("ID")?)?;
        let start: ProgramDateTime = needed("START-DATE", attributes.quoted("START-DATE")?)?;
        let end: Option<ProgramDateTime> = attributes.quoted("END-DATE")?;
        let duration: Option<Seconds> = attributes.bare("DURATION")?;
        let planned = attributes.bare("PLANNED-DURATION")?;
        let class = attributes.quoted("CLASS")?;
        let until_next = attributes.yes("END-ON-NEXT");
        let lasts = match (duration, end) {
            (None, None) => None,
            (Some(duration), None) => Some(duration),
            (duration, Some(end)) => {
                let ms = end.unix_millis().checked_sub(start.unix_millis());
                let lasts = Seconds::from_millis(ms.ok_or(DateRangeError::Backwards)?);
                // Dates are read to the millisecond, durations are finer.
                let apart = duration.map_or(0, |told| told.units().abs_diff(lasts.units()));
                if apart > Seconds::from_millis(1).units() {
                    return Err(DateRangeError::TwoEnds);
                }
                Some(duration.unwrap_or(lasts))
            }
        };
        let extent = match (until_next, lasts) {
            (true, Some(_)) => return Err(DateRangeError::TwoEnds),
            (true, None) => Extent::UntilNext,
            (false, Some(lasts)) => Extent::Lasts(lasts),
            (false, None) => Extent::Unknown,
        };
        let mut range = Self::new(id, class, start, extent, planned)?;
        for (name, value) in attributes
            .texts()
            .filter(|(name, _)| name.starts_with("X-"))
        {
            if let Ok(value) = value.parse() {
                range = range.with(name, value)?;
            }
        }
        Ok(range)
    }
}

#[cfg(test)]
mod tests;
