//! [pure] A TOML text that remembers where each key is written, and turns serde's errors into problems.

use std::{collections::BTreeMap, ops::Range};

use serde::de::DeserializeOwned;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{Problem, nearest};

/// Problems found before reading stops: beyond this the file is not a configuration.
const PROBLEMS_MAX: usize = 20;

pub(super) struct Document<'a> {
    root: Spanned<DeTable<'a>>,
    /// Dotted key to the line where it is written.
    lines: BTreeMap<String, usize>,
}

/// One step from a table or array to what is in it.
#[derive(Debug, Clone)]
enum Step {
    Key(String),
    Index(usize),
}

impl<'a> Document<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, Vec<Problem>> {
        let (root, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            let problem = |error: &toml::de::Error| Problem {
                key: String::new(),
                line: error.span().map(|span| line_of(text, span.start)),
                what: error.message().replace('\n', ", "),
            };
            return Err(errors.iter().take(PROBLEMS_MAX).map(problem).collect());
        }
        let mut lines = BTreeMap::new();
        note_table(text, "", root.get_ref(), &mut lines);
        Ok(Self { root, lines })
    }

    /// The line where `key`, or else its nearest parent, is written.
    pub(super) fn line(&self, key: &str) -> Option<usize> {
        let mut key = key;
        loop {
            if let Some(line) = self.lines.get(key) {
                return Some(*line);
            }
            (key, _) = key.rsplit_once(['.', '['])?;
        }
    }

    /// Reads a `T`. What is wrong is noted and taken out, and the rest read again, so that one run tells all.
    pub(super) fn deserialize<T: DeserializeOwned>(&self) -> Result<T, Vec<Problem>> {
        let mut rest = self.root.clone();
        let mut problems = Vec::new();
        while problems.len() < PROBLEMS_MAX {
            let error = match T::deserialize(toml::Deserializer::from(rest.clone())) {
                Ok(read) if problems.is_empty() => return Ok(read),
                Ok(_) => break,
                Err(error) => error,
            };
            let steps = error
                .span()
                .map_or_else(Vec::new, |span| find_in_table(rest.get_ref(), &span));
            let missing = error.message().starts_with("missing field");
            // What was taken out is missed now: that is our doing.
            if !missing || problems.is_empty() {
                problems.push(self.problem(&error, &steps));
            }
            if missing || !remove(rest.get_mut(), &steps) {
                break;
            }
        }
        problems.sort_by_key(|problem| problem.line);
        Err(problems)
    }

    fn problem(&self, error: &toml::de::Error, steps: &[Step]) -> Problem {
        let message = error.message();
        let mut key = dotted(steps);
        let mut names = message.split('`').skip(1).step_by(2);
        let what = if message.starts_with("unknown field") {
            let written = names.next().unwrap_or_default();
            unknown(written, &names.collect::<Vec<_>>())
        } else if message.starts_with("unknown variant") {
            let written = names.next().unwrap_or_default();
            let known = names.collect::<Vec<_>>().join(", ");
            format!("{written:?} is none of {known}")
        } else if message.starts_with("missing field") {
            join(&mut key, names.next().unwrap_or_default());
            "is missing".to_owned()
        } else {
            message.replace('\n', ", ")
        };
        Problem {
            line: self.line(&key),
            key,
            what,
        }
    }
}

fn unknown(written: &str, known: &[&str]) -> String {
    match nearest(written, known.iter().copied()) {
        Some(meant) => format!("unknown key; did you mean {meant}?"),
        None if known.is_empty() => "unknown key; nothing may be set here".to_owned(),
        None => format!("unknown key; known here: {}", known.join(", ")),
    }
}

fn line_of(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|b| *b == b'\n').count()
}

fn join(key: &mut String, name: &str) {
    if !key.is_empty() {
        key.push('.');
    }
    key.push_str(name);
}

fn dotted(steps: &[Step]) -> String {
    let mut key = String::new();
    for step in steps {
        match step {
            Step::Key(name) => join(&mut key, name),
            Step::Index(index) => key.push_str(&format!("[{index}]")),
        }
    }
    key
}

fn note_table(text: &str, parent: &str, table: &DeTable<'_>, lines: &mut BTreeMap<String, usize>) {
    for (name, value) in table {
        let mut key = parent.to_owned();
        join(&mut key, name.get_ref());
        lines.insert(key.clone(), line_of(text, name.span().start));
        note_value(text, &key, value.get_ref(), lines);
    }
}

fn note_value(text: &str, key: &str, value: &DeValue<'_>, lines: &mut BTreeMap<String, usize>) {
    if let Some(table) = value.as_table() {
        note_table(text, key, table, lines);
    }
    for (index, element) in value.as_array().into_iter().flatten().enumerate() {
        let key = format!("{key}[{index}]");
        lines.insert(key.clone(), line_of(text, element.span().start));
        note_value(text, &key, element.get_ref(), lines);
    }
}

/// The way to the innermost key or value that contains `span`; empty for the document itself.
fn find_in_table(table: &DeTable<'_>, span: &Range<usize>) -> Vec<Step> {
    for (name, value) in table {
        let mut steps = vec![Step::Key(name.get_ref().to_string())];
        if contains(&name.span(), span) {
            return steps;
        }
        if let Some(inner) = find_in_value(value, span) {
            steps.extend(inner);
            return steps;
        }
    }
    Vec::new()
}

/// The same from a value: nothing when `span` is not in it.
fn find_in_value(value: &Spanned<DeValue<'_>>, span: &Range<usize>) -> Option<Vec<Step>> {
    if let Some(table) = value.get_ref().as_table() {
        let inner = find_in_table(table, span);
        // A [table]'s span is its header's: what is written below it lies outside.
        return (!inner.is_empty() || contains(&value.span(), span)).then_some(inner);
    }
    for (index, element) in value.get_ref().as_array().into_iter().flatten().enumerate() {
        if let Some(inner) = find_in_value(element, span) {
            return Some([vec![Step::Index(index)], inner].concat());
        }
    }
    contains(&value.span(), span).then(Vec::new)
}

fn contains(outer: &Range<usize>, inner: &Range<usize>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

/// Takes out what the way leads to; false when it leads nowhere.
fn remove(table: &mut DeTable<'_>, steps: &[Step]) -> bool {
    let Some((Step::Key(name), rest)) = steps.split_first() else {
        return false;
    };
    // An element alone cannot be taken out: its array goes.
    if matches!(rest, [] | [Step::Index(_)]) {
        return table.remove(name.as_str()).is_some();
    }
    match table.get_mut(name.as_str()) {
        Some(value) => remove_in_value(value.get_mut(), rest),
        None => false,
    }
}

fn remove_in_value(value: &mut DeValue<'_>, steps: &[Step]) -> bool {
    match (value, steps) {
        (DeValue::Table(table), steps) => remove(table, steps),
        (DeValue::Array(array), [Step::Index(index), rest @ ..]) => array
            .get_mut(*index)
            .is_some_and(|element| remove_in_value(element.get_mut(), rest)),
        _ => false,
    }
}
