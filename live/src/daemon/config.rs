//! [pure] Reads a daemon's configuration in two stages: what was written (`Raw`, by serde), then what it means
//! (`Config`, by the daemon's own `resolve`). Nothing past the second stage asks whether a thing is set.
//!
//! Every problem has the file, the line, the dotted key and what to do about it, and as many as can be found are told
//! at once. Files and environment come through [`Sources`], so that a test never touches the process's own.

use std::{
    collections::BTreeMap,
    fmt,
    fmt::Display,
    io,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    str::FromStr,
};

use serde::de::DeserializeOwned;

mod address_range;
mod document;
mod secret;
mod section;
mod value;

pub use address_range::AddressRange;
pub use secret::{Secret, SecretError, SecretSource};
pub use section::{AdminSection, DrainSection, LogSection, Settings};
pub(crate) use value::as_text;
pub use value::{BitRate, ByteSize, HostPort, Listen, Timespan, ValueError};

use document::Document;

/// Where settings come from: the file system and the environment, or in a test neither ([`Given`]).
pub trait Sources: Send + Sync {
    /// The content of a text file.
    fn file(&self, path: &Path) -> io::Result<String>;
    /// An environment variable.
    fn variable(&self, name: &str) -> Option<String>;
}

/// Settings for a test, held in memory.
#[derive(Debug, Clone, Default)]
pub struct Given {
    /// Text files by path.
    pub files: BTreeMap<PathBuf, String>,
    /// Environment variables by name.
    pub variables: BTreeMap<String, String>,
}

impl Sources for Given {
    fn file(&self, path: &Path) -> io::Result<String> {
        let content = self.files.get(path).cloned();
        content.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }
}

/// One thing wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The dotted key, such as `rtmp.listen` or `transcoder[0].name`; empty when it concerns the whole file.
    pub key: String,
    /// The line it is written on, from 1; none when it is not written anywhere.
    pub line: Option<usize>,
    /// What is wrong and what to write instead.
    pub what: String,
}

/// Why a configuration was refused: all that was found, a line each, as `FILE:LINE: KEY: WHAT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The file.
    pub file: PathBuf,
    /// At least one, in the order of the file.
    pub problems: Vec<Problem>,
}

impl std::error::Error for ConfigError {}

impl Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{}:", self.file.display())?;
            if let Some(line) = problem.line {
                write!(f, "{line}:")?;
            }
            if !problem.key.is_empty() {
                write!(f, " {}:", problem.key)?;
            }
            write!(f, " {}", problem.what)?;
        }
        Ok(())
    }
}

/// The second stage's notebook: what is wrong, by key. It knows the lines.
pub struct Problems<'a> {
    sources: &'a dyn Sources,
    document: &'a Document<'a>,
    found: Vec<Problem>,
}

impl Problems<'_> {
    /// Notes that the value of `key` will not do. A key that is not written is given its nearest parent's line.
    pub fn refuse(&mut self, key: impl Into<String>, what: impl Display) {
        let key = key.into();
        let line = self.document.line(&key);
        let what = what.to_string();
        self.found.push(Problem { key, line, what });
    }

    /// Notes when `value` is out of bounds.
    pub fn within<T: PartialOrd + Display>(
        &mut self,
        key: impl Into<String>,
        value: T,
        bounds: RangeInclusive<T>,
    ) {
        if !bounds.contains(&value) {
            let (least, most) = bounds.into_inner();
            self.refuse(key, format_args!("{value} is outside {least} to {most}"));
        }
    }

    /// Parses text, or notes why it cannot be.
    pub fn parse<T: FromStr<Err: Display>>(
        &mut self,
        key: impl Into<String>,
        text: &str,
    ) -> Option<T> {
        let parsed = text.parse::<T>();
        parsed.map_err(|error| self.refuse(key, error)).ok()
    }

    /// Loads a secret, or notes why it cannot be.
    pub fn secret(&mut self, key: impl Into<String>, source: &SecretSource) -> Option<Secret> {
        let loaded = source.load(self.sources);
        loaded.map_err(|error| self.refuse(key, error)).ok()
    }

    /// Where files and variables are read from.
    pub fn sources(&self) -> &dyn Sources {
        self.sources
    }

    /// Reads a text file, or notes why it cannot be.
    pub fn file(&mut self, key: impl Into<String>, path: &Path) -> Option<String> {
        let read = self.sources.file(path);
        let note = |error| {
            self.refuse(
                key,
                format_args!("{} cannot be read: {error}", path.display()),
            )
        };
        read.map_err(note).ok()
    }
}

/// Reads `file` through both stages. `resolve` notes what it finds wrong; whatever it returns then is dropped.
///
/// A `resolve` that returns nothing must have noted why.
pub fn read<R, C>(
    file: &Path,
    sources: &dyn Sources,
    resolve: impl FnOnce(&R, &mut Problems<'_>) -> Option<C>,
) -> Result<(R, C), ConfigError>
where
    R: DeserializeOwned,
{
    let fail = |problems| ConfigError {
        file: file.to_owned(),
        problems,
    };
    let whole = |what: String| Problem {
        key: String::new(),
        line: None,
        what,
    };
    let text = sources
        .file(file)
        .map_err(|error| fail(vec![whole(format!("cannot be read: {error}"))]))?;
    let document = Document::parse(&text).map_err(fail)?;
    let raw: R = document.deserialize().map_err(fail)?;
    let mut problems = Problems {
        sources,
        document: &document,
        found: Vec::new(),
    };
    let config = resolve(&raw, &mut problems);
    let mut found = problems.found;
    found.sort_by_key(|problem| problem.line);
    match config {
        Some(config) if found.is_empty() => Ok((raw, config)),
        None if found.is_empty() => {
            Err(fail(vec![whole("is refused, and nobody says why".into())]))
        }
        _ => Err(fail(found)),
    }
}

/// The one of `known` that `written` was likely meant to be.
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    /// Below this, two words have little to do with each other.
    const ALIKE: f64 = 0.75;
    let scored = known
        .into_iter()
        .map(|word| (strsim::jaro_winkler(written, word), word))
        .filter(|(score, _)| *score >= ALIKE);
    let best = scored.max_by(|(a, _), (b, _)| a.total_cmp(b));
    best.map(|(_, word)| word)
}

#[cfg(test)]
mod tests;
