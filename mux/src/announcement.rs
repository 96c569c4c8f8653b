//! [pure] What an operator says beside the media: the body of an order, as a date range (EXT-X-DATERANGE).
//!
//! Nothing in it can break a playlist: whatever text comes is made one line that every player reads.

use std::collections::BTreeMap;

use live::{
    InitHash,
    playlist::{DateRange, DateRangeError, Extent, ProgramDateTime, Seconds, Text},
};
use serde::Deserialize;

/// What is said when nothing else is: the music.
const CLASS: &str = "org.footlight.now-playing";
/// Most characters of one text.
const MAX_CHARACTERS: usize = 512;
/// Longest time ahead that is planned, milliseconds: an hour.
const MAX_AHEAD: u64 = 60 * 60 * 1_000;
/// Longest that it may last, milliseconds: a day.
const MAX_LENGTH: u64 = 24 * 60 * 60 * 1_000;

/// The request.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    id: Option<String>,
    class: Option<String>,
    title: Option<String>,
    artist: Option<String>,
    text: Option<String>,
    link: Option<String>,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
    #[serde(default)]
    in_ms: u64,
    duration_ms: Option<u64>,
    planned_ms: Option<u64>,
    end_on_next: Option<bool>,
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Announcement {
    id: Option<Text>,
    class: Text,
    in_ms: u64,
    extent: Extent,
    planned: Option<Seconds>,
    client: Vec<(String, Text)>,
}

/// The operator's fault: no such thing can be said.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AnnouncementError {
    /// No JSON object of ours.
    #[error("the body is not what is said: {0}")]
    Json(#[from] serde_json::Error),
    /// A text of more than [`MAX_CHARACTERS`].
    #[error("{0} is longer than {MAX_CHARACTERS} characters")]
    Long(String),
    /// A time out of bounds.
    #[error("{0} is out of bounds: {1} ms at most")]
    Time(&'static str, u64),
    /// The tag's own rules.
    #[error(transparent)]
    Range(#[from] DateRangeError),
}

impl Announcement {
    /// Reads the body of an order.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, AnnouncementError> {
        let body: Body = serde_json::from_slice(body)?;
        for (name, ms, most) in [
            ("in_ms", Some(body.in_ms), MAX_AHEAD),
            ("duration_ms", body.duration_ms, MAX_LENGTH),
            ("planned_ms", body.planned_ms, MAX_LENGTH),
        ] {
            if ms.is_some_and(|ms| ms > most) {
                return Err(AnnouncementError::Time(name, most));
            }
        }
        let lasts = body.duration_ms.map(Seconds::from_millis);
        let extent = match (body.end_on_next, lasts) {
            (Some(true), Some(_)) => return Err(DateRangeError::TwoEnds.into()),
            (_, Some(lasts)) => Extent::Lasts(lasts),
            (Some(false), None) => Extent::Unknown,
            (Some(true) | None, None) => Extent::UntilNext,
        };
        let named = [
            ("X-TITLE", body.title),
            ("X-ARTIST", body.artist),
            ("X-TEXT", body.text),
            ("X-LINK", body.link),
        ];
        let named = named
            .into_iter()
            .filter_map(|(name, words)| Some((name.to_owned(), words?)));
        let client = named.chain(body.attributes);
        let client = client.map(|(name, words)| Ok((name.clone(), shown(&name, &words)?)));
        let announcement = Self {
            id: body.id.map(|id| shown("id", &id)).transpose()?,
            class: shown("class", body.class.as_deref().unwrap_or(CLASS))?,
            in_ms: body.in_ms,
            extent,
            planned: body.planned_ms.map(Seconds::from_millis),
            client: client.collect::<Result<_, AnnouncementError>>()?,
        };
        // Whatever the moment: it is refused here or not at all.
        announcement.at(0)?;
        Ok(announcement)
    }

    /// What it is about.
    pub(crate) const fn class(&self) -> &Text {
        &self.class
    }

    /// How long after the order it starts, milliseconds.
    pub(crate) const fn in_ms(&self) -> u64 {
        self.in_ms
    }

    /// The date range that starts at `start`, absolute milliseconds. Without an identifier of its own it has one that
    /// is made from what is said and when.
    pub(crate) fn at(&self, start: u64) -> Result<DateRange, DateRangeError> {
        let made = || {
            let said = format!("{start} {} {:?}", self.class, self.client);
            Text::shown(&InitHash::of(said.as_bytes()).to_string(), MAX_CHARACTERS)
        };
        let id = self.id.clone().unwrap_or_else(made);
        let start = ProgramDateTime::from_unix_millis(start);
        let class = Some(self.class.clone());
        let range = DateRange::new(id, class, start, self.extent, self.planned)?;
        let add =
            |range: DateRange, (name, value): &(String, Text)| range.with(name, value.clone());
        self.client.iter().try_fold(range, add)
    }
}

fn shown(name: &str, words: &str) -> Result<Text, AnnouncementError> {
    if words.chars().count() > MAX_CHARACTERS {
        return Err(AnnouncementError::Long(name.chars().take(32).collect()));
    }
    Ok(Text::shown(words, MAX_CHARACTERS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(body: &str) -> Result<String, String> {
        let said = Announcement::parse(body.as_bytes()).map_err(|error| error.to_string())?;
        let range = said
            .at(1_795_000_000_000)
            .map_err(|error| error.to_string())?;
        Ok(range.to_string())
    }

    #[test]
    fn a_title_lasts_until_the_next() {
        let said = line(r#"{"id": "a", "title": "So \"What\"", "artist": "Miles\nDavis"}"#);
        assert_eq!(
            said.unwrap(),
            "ID=\"a\",CLASS=\"org.footlight.now-playing\",START-DATE=\"2026-11-18T11:06:40.000Z\",\
             END-ON-NEXT=YES,X-TITLE=\"So \u{201d}What\u{201d}\",X-ARTIST=\"Miles Davis\""
        );
        let said = line(
            r#"{"id": "b", "class": "ad", "duration_ms": 30000, "attributes": {"X-TIP": "1"}}"#,
        );
        assert!(said.unwrap().ends_with("DURATION=30.00000,X-TIP=\"1\""));
        let two = [line("{}").unwrap(), line(r#"{"title": "x"}"#).unwrap()];
        assert_ne!(
            two[0].get(..20),
            two[1].get(..20),
            "each has its own identifier"
        );
    }

    #[test]
    fn what_cannot_be_said_is_refused_with_its_reason() {
        let long = format!(r#"{{"title": "{}"}}"#, "x".repeat(513));
        let much: Vec<String> = (0..17).map(|n| format!(r#""X-{n}": "a""#)).collect();
        let much = format!(r#"{{"attributes": {{{}}}}}"#, much.join(","));
        for (body, told) in [
            ("", "the body is not"),
            ("[]", "the body is not"),
            (r#"{"titel": "x"}"#, "unknown field `titel`"),
            (r#"{"in_ms": -1}"#, "the body is not"),
            (r#"{"in_ms": 3600001}"#, "in_ms is out of bounds"),
            (r#"{"duration_ms": 1, "end_on_next": true}"#, "END-ON-NEXT"),
            (r#"{"id": " "}"#, "ID is empty"),
            (r#"{"attributes": {"X-lower": "a"}}"#, "an attribute's name"),
            (
                r#"{"title": "a", "attributes": {"X-TITLE": "b"}}"#,
                "an attribute's name",
            ),
            (long.as_str(), "X-TITLE is longer than 512"),
            (much.as_str(), "16 in all"),
        ] {
            let refused = line(body).unwrap_err();
            assert!(refused.contains(told), "{body}: {refused}");
        }
    }
}
