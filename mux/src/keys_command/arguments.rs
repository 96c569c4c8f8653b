//! [pure] What `footlight-mux keys` is asked.

use std::time::Duration;

use live::{
    StreamName,
    daemon::{
        command::CommandLine,
        config::{AddressRange, Timespan, nearest},
        lexopt::{Arg, Parser, ValueExt},
    },
};

use crate::key::{Expiry, Label, PublishRole, Use, file::MAX_RANGES};

/// How long an old key lives on after it was rotated.
const GRACE: Duration = Duration::from_secs(24 * 3600);
const DAY_MS: u64 = 86_400_000;

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ask {
    Add {
        new: New,
        printed: Printed,
    },
    List {
        json: bool,
    },
    Rotate {
        id: String,
        grace: Duration,
        printed: Printed,
    },
    Revoke {
        id: String,
    },
}

/// A key to be made.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct New {
    pub(super) stream: StreamName,
    pub(super) usage: Use,
    pub(super) role: PublishRole,
    pub(super) expires: Option<Expiry>,
    pub(super) from: Vec<AddressRange>,
    pub(super) label: Option<Label>,
}

/// How a key is shown.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Printed {
    pub(super) server: Option<String>,
    pub(super) json: bool,
}

/// All that may stand on the line; what does not go together is refused afterwards.
#[derive(Debug, Default)]
struct Given {
    words: Vec<String>,
    options: Vec<&'static str>,
    play: bool,
    json: bool,
    role: Option<PublishRole>,
    expires: Option<Expiry>,
    grace: Option<Duration>,
    from: Vec<AddressRange>,
    label: Option<Label>,
    server: Option<String>,
}

const OPTIONS: [&str; 8] = [
    "expires", "from", "grace", "json", "label", "play", "role", "server",
];
const VERBS: [&str; 4] = ["add", "list", "revoke", "rotate"];

/// `now`: Unix milliseconds. The error is one line for the operator.
pub(super) fn parse(line: &CommandLine, now: u64) -> Result<Ask, String> {
    let given = take(line, now)?;
    let (verb, allowed): (&str, &[&str]) = match given.words.first().map(String::as_str) {
        Some("add") => (
            "add",
            &["expires", "from", "json", "label", "play", "role", "server"],
        ),
        Some("list") => ("list", &["json"]),
        Some("rotate") => ("rotate", &["grace", "json", "server"]),
        Some("revoke") => ("revoke", &[]),
        Some(other) => {
            return Err(match nearest(other, VERBS) {
                Some(meant) => format!("keys {other}: did you mean keys {meant}?"),
                None => format!("keys {other}: it is one of {}", VERBS.join(", ")),
            });
        }
        None => return Err(format!("keys: say one of {}", VERBS.join(", "))),
    };
    if let Some(option) = given.options.iter().find(|name| !allowed.contains(name)) {
        return Err(format!("keys {verb} has no --{option}"));
    }
    if given.play && given.role.is_some() {
        return Err("only a key to publish has a role: leave out --role or --play".to_owned());
    }
    let printed = Printed {
        server: given.server,
        json: given.json,
    };
    let object = match (verb, &given.words[..]) {
        ("list", [_]) => return Ok(Ask::List { json: given.json }),
        ("list", _) => return Err("keys list lists all keys; leave out the name".to_owned()),
        (_, [_, object]) => object.clone(),
        ("add", _) => return Err("keys add: name one stream".to_owned()),
        (verb, _) => {
            return Err(format!(
                "keys {verb}: name one key by its ID, as in keys list"
            ));
        }
    };
    Ok(match verb {
        "add" => Ask::Add {
            new: New {
                stream: object
                    .parse()
                    .map_err(|error| format!("{object:?}: {error}"))?,
                usage: if given.play { Use::Play } else { Use::Publish },
                role: given.role.unwrap_or_default(),
                expires: given.expires,
                from: given.from,
                label: given.label,
            },
            printed,
        },
        "rotate" => Ask::Rotate {
            id: object,
            grace: given.grace.unwrap_or(GRACE),
            printed,
        },
        _ => Ask::Revoke { id: object },
    })
}

fn take(line: &CommandLine, now: u64) -> Result<Given, String> {
    let mut parser = Parser::from_args(line.arguments.iter());
    let mut given = Given::default();
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        let name = match argument {
            Arg::Value(word) => {
                given.words.push(word.to_string_lossy().into_owned());
                continue;
            }
            Arg::Short(short) => return Err(format!("-{short} is no option of keys")),
            Arg::Long(long) => long,
        };
        let Some(name) = OPTIONS.into_iter().find(|known| *known == name) else {
            return Err(match nearest(name, OPTIONS) {
                Some(meant) => format!("--{name} is no option of keys; did you mean --{meant}?"),
                None => format!("--{name} is no option of keys"),
            });
        };
        given.options.push(name);
        match name {
            "play" => given.play = true,
            "json" => given.json = true,
            _ => {
                let value = parser.value().and_then(ValueExt::string);
                let value = value.map_err(|error| error.to_string())?;
                set(&mut given, name, &value, now).map_err(|what| format!("--{name}: {what}"))?;
            }
        }
    }
    Ok(given)
}

fn set(given: &mut Given, name: &str, value: &str, now: u64) -> Result<(), String> {
    match name {
        "role" => {
            given.role = Some(match value {
                "primary" => PublishRole::Primary,
                "backup" => PublishRole::Backup,
                _ => return Err(format!("{value:?} is none of primary, backup")),
            });
        }
        "expires" => given.expires = Some(expires(value, now)?),
        "grace" => given.grace = Some(Duration::from_millis(span(value)?)),
        "from" if given.from.len() >= MAX_RANGES => {
            return Err(format!("there may be {MAX_RANGES} at most"));
        }
        "from" => given.from.push(parsed(value)?),
        "label" => given.label = Some(parsed(value)?),
        _ if value.is_empty() || value.contains(['/', ' ', '@']) => {
            return Err("write the host alone, such as live.example.org".to_owned());
        }
        _ => given.server = Some(value.to_owned()),
    }
    Ok(())
}

fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(value: &str) -> Result<T, String> {
    value.parse().map_err(|error: T::Err| error.to_string())
}

/// A date, or a span from now.
fn expires(value: &str, now: u64) -> Result<Expiry, String> {
    let at = match span(value) {
        Ok(span) => Expiry::at(now.saturating_add(span)),
        Err(_) => parsed::<Expiry>(value)
            .map_err(|error| format!("{error}, or a span from now, such as \"30d\""))?,
    };
    if at.is_past(now) {
        return Err(format!("{at} is past"));
    }
    Ok(at)
}

/// Milliseconds; days beside what the configuration has.
fn span(value: &str) -> Result<u64, String> {
    if let Some(days) = value
        .strip_suffix('d')
        .and_then(|days| days.parse::<u32>().ok())
    {
        return Ok(u64::from(days).saturating_mul(DAY_MS));
    }
    let span = parsed::<Timespan>(value)?;
    Ok(u64::try_from(span.get().as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000_000;

    fn ask(words: &[&str]) -> Result<Ask, String> {
        let line = CommandLine {
            config: "/mux.toml".into(),
            arguments: words.iter().map(Into::into).collect(),
        };
        parse(&line, NOW)
    }

    #[test]
    fn a_key_is_asked_for_with_all_it_may_have() {
        let words = "add stage --role backup --expires 30d --from 192.0.2.0/24 --from 2001:db8::/32 --label truck --server h --json";
        let words: Vec<&str> = words.split(' ').collect();
        let Ok(Ask::Add { new, printed }) = ask(&words) else {
            panic!("not add");
        };
        assert_eq!((new.role, new.usage), (PublishRole::Backup, Use::Publish));
        assert_eq!(new.expires, Some(Expiry::at(NOW + 30 * DAY_MS)));
        assert_eq!(new.from.len(), 2);
        assert!(printed.json && printed.server.as_deref() == Some("h"));
        let rotate = Ask::Rotate {
            id: "k7f3q2".to_owned(),
            grace: Duration::from_secs(3600),
            printed: Printed::default(),
        };
        assert_eq!(ask(&["rotate", "k7f3q2", "--grace", "1h"]), Ok(rotate));
        assert_eq!(ask(&["list"]), Ok(Ask::List { json: false }));
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        for (words, told) in [
            (&["ad", "stage"][..], "did you mean keys add?"),
            (&[], "say one of add"),
            (&["add"], "name one stream"),
            (&["add", "Main Stage"], "a-z, 0-9"),
            (&["add", "stage", "hall"], "name one stream"),
            (
                &["add", "stage", "--expire", "1d"],
                "did you mean --expires?",
            ),
            (&["add", "stage", "--expires", "soon"], "such as \"30d\""),
            (&["add", "stage", "--expires", "2020-01-01"], "is past"),
            (
                &["add", "stage", "--from", "here"],
                "--from: \"here\" is no range",
            ),
            (&["add", "stage", "--play", "--role", "backup"], "leave out"),
            (
                &["add", "stage", "--server", "rtmp://h/live"],
                "the host alone",
            ),
            (&["rotate"], "by its ID"),
            (&["revoke", "k7f3q2", "--json"], "keys revoke has no --json"),
        ] {
            let error = ask(words).unwrap_err();
            assert!(error.contains(told), "{words:?} gave: {error}");
        }
    }
}
