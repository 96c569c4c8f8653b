//! [pure] Attribute lists (RFC 8216bis §4.2): `NAME=value,NAME="text, with commas"`.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::str::FromStr;

use super::parse::Mistake;

/// Most attributes of one tag. The longest tag of the specification has about 25.
const MAX_ATTRIBUTES: usize = 64;

/// The attributes of one tag, as they were written.
pub(super) struct Attributes<'a>(Vec<(&'a str, Value<'a>)>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Value<'a> {
    Quoted(&'a str),
    Bare(&'a str),
}

impl<'a> Attributes<'a> {
    /// Splits a list. The same name twice is a mistake (§4.2); spaces around commas are not.
    pub(super) fn parse(list: &'a str) -> Result<Self, Mistake> {
        let mut all: Vec<(&str, Value<'_>)> = Vec::new();
        let mut rest = list.trim();
        while !rest.is_empty() {
            let (name, after) = rest.split_once('=').ok_or(Mistake::Attributes)?;
            let name = name.trim();
            let (value, tail) = match after.strip_prefix('"') {
                Some(quoted) => {
                    let (text, tail) = quoted.split_once('"').ok_or(Mistake::Attributes)?;
                    (Value::Quoted(text), tail.trim_start())
                }
                None => {
                    let end = after.find(',').unwrap_or(after.len());
                    let (text, tail) = after.split_at_checked(end).ok_or(Mistake::Attributes)?;
                    (Value::Bare(text.trim()), tail)
                }
            };
            rest = match tail.strip_prefix(',') {
                Some(rest) => rest.trim_start(),
                None if tail.is_empty() => tail,
                None => return Err(Mistake::Attributes),
            };
            let twice = all.iter().any(|(known, _)| *known == name);
            if twice || name.is_empty() || all.len() == MAX_ATTRIBUTES {
                return Err(Mistake::Attributes);
            }
            all.push((name, value));
        }
        Ok(Self(all))
    }

    /// Whether an attribute of both has two values.
    pub(super) fn contradicts(&self, other: &Self) -> bool {
        self.0.iter().any(|(name, value)| {
            let other = other.find(name);
            other.is_some_and(|other| other != *value)
        })
    }

    fn find(&self, name: &str) -> Option<Value<'a>> {
        self.0
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| *value)
    }

    /// All that are quoted-strings.
    pub(super) fn texts(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0.iter().filter_map(|(name, value)| match value {
            Value::Quoted(text) => Some((*name, *text)),
            Value::Bare(_) => None,
        })
    }

    /// A quoted-string, as a type that its text must fit.
    pub(super) fn quoted<T: FromStr>(&self, name: &'static str) -> Result<Option<T>, Mistake> {
        match self.find(name) {
            None => Ok(None),
            Some(Value::Bare(_)) => Err(Mistake::Attribute(name)),
            Some(Value::Quoted(text)) => {
                let value = text.parse().map_err(|_| Mistake::Attribute(name))?;
                Ok(Some(value))
            }
        }
    }

    /// A number, word or resolution.
    pub(super) fn bare<T: FromStr>(&self, name: &'static str) -> Result<Option<T>, Mistake> {
        match self.find(name) {
            None => Ok(None),
            Some(Value::Quoted(_)) => Err(Mistake::Attribute(name)),
            Some(Value::Bare(text)) => {
                let value = text.parse().map_err(|_| Mistake::Attribute(name))?;
                Ok(Some(value))
            }
        }
    }

    /// YES is true; NO, any other word and absence are false, as the specification asks of clients.
    pub(super) fn yes(&self, name: &str) -> bool {
        matches!(self.find(name), Some(Value::Bare("YES")))
    }

    /// The word of an enumerated attribute.
    pub(super) fn word(&self, name: &'static str) -> Result<&'a str, Mistake> {
        match self.find(name) {
            Some(Value::Bare(word)) => Ok(word),
            Some(Value::Quoted(_)) => Err(Mistake::Attribute(name)),
            None => Err(Mistake::Missing(name)),
        }
    }
}

/// What [`Attributes::quoted`] and [`Attributes::bare`] found, when it has to be there.
pub(super) fn needed<T>(name: &'static str, value: Option<T>) -> Result<T, Mistake> {
    value.ok_or(Mistake::Missing(name))
}
