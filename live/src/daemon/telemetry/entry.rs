//! [pure] One entry of the log, and the three ways to write it.

use std::{
    fmt::{self, Write},
    time::Duration,
};

use tracing::{Level, Metadata};

/// The field that holds an event's text.
const MESSAGE: &str = "message";
/// The field that holds an event's MESSAGE_ID; for the journal only.
const MESSAGE_ID: &str = "message_id";

/// Named values in the order they were first given; the last value given to a name stands.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields(Vec<(&'static str, String)>);

impl Fields {
    pub(super) fn set(&mut self, name: &'static str, value: String) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
    }

    pub(super) fn extend(&mut self, other: &Self) {
        for (name, value) in &other.0 {
            self.set(name, value.clone());
        }
    }

    fn message(&self) -> &str {
        let message = self.0.iter().find(|(name, _)| *name == MESSAGE);
        message.map_or("", |(_, value)| value)
    }

    /// All but the message.
    fn others(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let fields = self.0.iter().map(|(name, value)| (*name, value.as_str()));
        fields.filter(|(name, _)| *name != MESSAGE)
    }
}

/// One event with the fields of its spans.
pub(super) struct Entry<'a> {
    pub(super) unix: Duration,
    pub(super) metadata: &'a Metadata<'static>,
    pub(super) fields: &'a Fields,
}

impl Entry<'_> {
    /// `NAME=value` each, as journald takes them. The message holds the fields too: `journalctl` shows nothing else.
    pub(super) fn journal(&self, identifier: &str) -> Vec<String> {
        let mut fields = vec![
            format!("PRIORITY={}", priority(*self.metadata.level())),
            format!("SYSLOG_IDENTIFIER={identifier}"),
            format!(
                "MESSAGE={}{}",
                Escaped(self.fields.message()),
                Listed(self.fields, "  ")
            ),
            format!("TARGET={}", self.metadata.target()),
        ];
        if let Some(file) = self.metadata.file() {
            fields.push(format!("CODE_FILE={file}"));
        }
        if let Some(line) = self.metadata.line() {
            fields.push(format!("CODE_LINE={line}"));
        }
        for (name, value) in self.fields.others() {
            fields.push(format!("{}={}", journal_name(name), Escaped(value)));
        }
        fields
    }

    /// One line for the eye: time (UTC), level, message, fields.
    pub(super) fn pretty(&self, colour: bool) -> String {
        let paint = |code: &'static str| if colour { code } else { "" };
        let (dim, plain) = (paint("\x1b[2m"), paint("\x1b[0m"));
        let level = *self.metadata.level();
        let first = format!("  {dim}");
        format!(
            "{dim}{}{plain} {}{level:>5}{plain} {}{}{plain}\n",
            TimeOfDay(self.unix),
            paint(level_colour(level)),
            Escaped(self.fields.message()),
            Listed(self.fields, &first),
        )
    }

    /// One JSON object on a line.
    pub(super) fn json(&self, identifier: &str) -> String {
        let mut object = serde_json::Map::new();
        for (name, value) in self.fields.others() {
            object.insert(name.to_owned(), value.into());
        }
        let millis = u64::try_from(self.unix.as_millis()).unwrap_or(u64::MAX);
        object.insert("unix_ms".to_owned(), millis.into());
        object.insert("level".to_owned(), self.metadata.level().as_str().into());
        object.insert("daemon".to_owned(), identifier.into());
        object.insert("target".to_owned(), self.metadata.target().into());
        object.insert(MESSAGE.to_owned(), self.fields.message().into());
        format!("{}\n", serde_json::Value::Object(object))
    }
}

/// syslog(3): 3 error, 4 warning, 6 informational, 7 debug.
fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}

fn level_colour(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\x1b[1;31m",
        Level::WARN => "\x1b[33m",
        Level::INFO => "\x1b[32m",
        Level::DEBUG | Level::TRACE => "\x1b[34m",
    }
}

/// A field's name for journald: `[A-Z0-9_]`, at most 64, starting with a letter, and none that the journal itself means
/// something by.
fn journal_name(name: &str) -> String {
    let upper = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_uppercase()
        } else {
            '_'
        }
    };
    let name: String = name.chars().map(upper).take(62).collect();
    let taken = [
        "MESSAGE",
        "PRIORITY",
        "SYSLOG_IDENTIFIER",
        "TARGET",
        "CODE_FILE",
        "CODE_LINE",
    ];
    if name.starts_with(|c: char| c.is_ascii_uppercase()) && !taken.contains(&name.as_str()) {
        name
    } else {
        format!("F_{name}")
    }
}

/// Text with control characters, and those that turn the direction of writing, shown instead of obeyed.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            if c.is_control() || turns {
                write!(f, "{}", c.escape_default())?;
            } else {
                f.write_char(c)?;
            }
        }
        Ok(())
    }
}

/// `first` and then ` name=value`s, for the eye; nothing when there are none.
struct Listed<'a>(&'a Fields, &'a str);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(fields, mut separator) = *self;
        for (name, value) in fields.others().filter(|(name, _)| *name != MESSAGE_ID) {
            write!(f, "{separator}{name}={}", Escaped(value))?;
            separator = " ";
        }
        Ok(())
    }
}

/// `13:05:09.123`, UTC.
struct TimeOfDay(Duration);

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let second = self.0.as_secs() % 86_400;
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        let millis = self.0.subsec_millis();
        write!(f, "{hour:02}:{minute:02}:{second:02}.{millis:03}")
    }
}

#[cfg(test)]
mod tests;
