//! [pure] What `footlight-transcoder lint` is asked.

use std::{path::PathBuf, time::Duration};

use live::daemon::{
    command::CommandLine,
    lexopt::{Arg, Parser, ValueExt},
};

use super::url::Url;

/// What stands on the line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ask {
    pub(super) url: Url,
    pub(super) json: bool,
    /// PEM file of further authorities.
    pub(super) ca: Option<PathBuf>,
    /// How long a live playlist is followed; none is three target durations and a little.
    pub(super) watch: Option<Duration>,
}

/// Longest `--watch`: a day.
const MOST_SECONDS: u64 = 86_400;

/// The error is one line for the operator.
pub(super) fn parse(line: &CommandLine) -> Result<Ask, String> {
    let (mut url, mut json, mut ca, mut watch) = (None, false, None, None);
    let mut parser = Parser::from_args(&line.arguments);
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        match argument {
            Arg::Long("json") => json = true,
            Arg::Long("ca") => {
                let file = parser.value().map_err(|error| error.to_string())?;
                ca = Some(file.into());
            }
            Arg::Long("watch") => {
                let seconds = parser.value().and_then(|value| value.parse::<u64>());
                let seconds = seconds.map_err(|error| format!("--watch: {error}"))?;
                if !(1..=MOST_SECONDS).contains(&seconds) {
                    return Err(format!(
                        "--watch: {seconds}: give 1 to {MOST_SECONDS} seconds"
                    ));
                }
                watch = Some(Duration::from_secs(seconds));
            }
            Arg::Value(word) if url.is_none() => {
                let word = word.string().map_err(|error| error.to_string())?;
                let read: Result<Url, _> = word.parse();
                url = Some(read.map_err(|error| format!("{word:?}: {error}"))?);
            }
            other @ (Arg::Short(_) | Arg::Long(_) | Arg::Value(_)) => {
                return Err(other.unexpected().to_string());
            }
        }
    }
    Ok(Ask {
        url: url.ok_or("give the address of a playlist")?,
        json,
        ca,
        watch,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(arguments: &[&str]) -> Result<Ask, String> {
        parse(&CommandLine {
            config: "/etc/footlight/transcoder.toml".into(),
            arguments: arguments.iter().map(Into::into).collect(),
        })
    }

    #[test]
    fn a_line_is_understood() {
        let given = ask(&["--watch", "30", "https://h/x", "--json", "--ca=a.pem"]).unwrap();
        assert_eq!(given.url.to_string(), "https://h/x");
        assert!(given.json);
        assert_eq!(given.ca, Some("a.pem".into()));
        assert_eq!(given.watch, Some(Duration::from_secs(30)));
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        for arguments in [
            &[][..],
            &["stage"],
            &["http://a/", "http://b/"],
            &["http://a/", "--watch", "0"],
            &["http://a/", "--watch", "x"],
            &["http://a/", "--loud"],
        ] {
            assert!(ask(arguments).is_err(), "{arguments:?}");
        }
    }
}
