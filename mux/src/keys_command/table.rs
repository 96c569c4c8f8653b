//! [pure] `keys list`: every key that there is, in columns or as JSON.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::key::{Entry, KeyOrigin, Use, file::KeyFile};

/// How a key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Good,
    /// Its expiry is not a week away.
    Ending,
    Expired,
    NoStream,
}

const WEEK_MS: u64 = 7 * 86_400_000;

impl State {
    fn of(entry: &Entry, origin: &KeyOrigin, now: u64) -> Self {
        let left = entry
            .expires
            .map(|end| end.unix_millis().saturating_sub(now));
        if !origin.streams.contains(&entry.stream) {
            return Self::NoStream;
        }
        match left {
            Some(0) => Self::Expired,
            Some(left) if left < WEEK_MS => Self::Ending,
            _ => Self::Good,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Ending => "ending",
            Self::Expired => "expired",
            Self::NoStream => "no such stream",
        }
    }

    /// Its colour on a terminal.
    const fn sgr(self) -> &'static str {
        match self {
            Self::Good => "32",
            Self::Ending => "33",
            Self::Expired | Self::NoStream => "31",
        }
    }
}

/// Those of the configuration, then those of the file.
fn entries(file: &KeyFile, origin: &KeyOrigin) -> Vec<Entry> {
    let stored = file.keys.iter().map(|stored| stored.entry());
    origin
        .inline
        .entries()
        .iter()
        .cloned()
        .chain(stored)
        .collect()
}

/// For programs: an array.
pub(super) fn json(file: &KeyFile, origin: &KeyOrigin, now: u64) -> String {
    let of = |entry: &Entry| {
        json!({
            "id": entry.id,
            "stream": entry.stream.as_str(),
            "use": entry.usage,
            "role": (entry.usage == Use::Publish).then_some(entry.role),
            "label": entry.label,
            "expires": entry.expires,
            "from": entry.from,
            "login": entry.login.is_some(),
            "state": State::of(entry, origin, now).as_str(),
        })
    };
    let all: Vec<Value> = entries(file, origin).iter().map(of).collect();
    format!("{:#}\n", Value::Array(all))
}

const HEADINGS: [&str; 8] = [
    "ID", "STREAM", "USE", "ROLE", "LABEL", "EXPIRES", "FROM", "STATE",
];

/// For people: aligned columns.
pub(super) fn text(file: &KeyFile, origin: &KeyOrigin, now: u64, colour: bool) -> String {
    let entries = entries(file, origin);
    if entries.is_empty() {
        return "There is no key yet. Make one with: footlight-mux keys add STREAM\n".to_owned();
    }
    let rows: Vec<_> = entries
        .iter()
        .map(|entry| (cells(entry), State::of(entry, origin, now)))
        .collect();
    let mut widths = HEADINGS.map(str::len);
    for (cells, _) in &rows {
        for (width, cell) in widths.iter_mut().zip(cells) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let paint = |sgr: &str, text: &str| {
        if colour {
            format!("\x1b[{sgr}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    };
    let line = |cells: &[String]| {
        let padded = widths.iter().zip(cells);
        let cells: Vec<_> = padded
            .map(|(width, cell)| format!("{cell:width$}"))
            .collect();
        cells.join("  ")
    };
    let headings = HEADINGS.map(str::to_owned);
    let (last, first) = headings.split_last().unzip();
    let first: &[String] = first.unwrap_or_default();
    let last = last.map_or("", String::as_str);
    let mut text = String::new();
    // Writing into memory does not fail.
    let _infallible = writeln!(text, "{}", paint("1", &format!("{}  {last}", line(first))));
    for (cells, state) in &rows {
        let state = paint(state.sgr(), state.as_str());
        let _infallible = writeln!(text, "{}  {state}", line(cells));
    }
    text
}

/// All columns but the state.
fn cells(entry: &Entry) -> [String; 7] {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let from: Vec<String> = entry.from.iter().map(ToString::to_string).collect();
    [
        entry.id.to_string(),
        entry.stream.to_string(),
        entry.usage.as_str().to_owned(),
        or_dash((entry.usage == Use::Publish).then(|| entry.role.as_str().to_owned())),
        or_dash(entry.label.as_ref().map(ToString::to_string)),
        entry
            .expires
            .map_or_else(|| "never".to_owned(), |expires| expires.to_string()),
        if from.is_empty() {
            "anywhere".to_owned()
        } else {
            from.join(",")
        },
    ]
}
