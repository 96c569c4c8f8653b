//! [pure] The command line, the same for the three daemons.

use std::{ffi::OsString, path::PathBuf};

use lexopt::{Arg, Parser, ValueExt};

use super::{
    command::{CommandHelp, CommandLine},
    config::nearest,
    telemetry,
    usage::OPTIONS,
};

/// What the operator asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// Run, or with `check` only read the configuration and print it.
    Run(Options),
    /// `--help`
    Help,
    /// `--version`
    Version,
    /// One of the daemon's own commands.
    Own(&'static str, CommandLine),
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) config: PathBuf,
    pub(super) check: bool,
    pub(super) log: telemetry::Style,
    /// Wins over the configuration's `[log] level`.
    pub(super) log_level: Option<telemetry::Level>,
}

/// `arguments`: without the program's name. The error is one line for the operator.
pub(super) fn parse<I>(
    name: &str,
    commands: &'static [CommandHelp],
    arguments: I,
) -> Result<Command, String>
where
    I: IntoIterator<Item: Into<OsString>>,
{
    let mut options = Options {
        config: format!("/etc/footlight/{name}.toml").into(),
        check: false,
        log: telemetry::Style::Auto,
        log_level: None,
    };
    let mut parser = Parser::from_args(arguments);
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        match argument {
            Arg::Short('h') | Arg::Long("help") => return Ok(Command::Help),
            Arg::Short('V') | Arg::Long("version") => return Ok(Command::Version),
            Arg::Short('c') | Arg::Long("config") => {
                options.config = parser.value().map_err(|error| error.to_string())?.into();
            }
            Arg::Long("check") => options.check = true,
            Arg::Long("log") => options.log = value("log", &mut parser)?,
            Arg::Long("log-level") => options.log_level = Some(value("log-level", &mut parser)?),
            Arg::Value(word) => {
                let command = own(&word.to_string_lossy(), commands)?;
                let rest = parser.raw_args().map_err(|error| error.to_string())?;
                return own_line(options.config, rest).map(|line| Command::Own(command, line));
            }
            unknown @ (Arg::Short(_) | Arg::Long(_)) => return Err(refuse(&unknown)),
        }
    }
    Ok(Command::Run(options))
}

fn own(word: &str, commands: &'static [CommandHelp]) -> Result<&'static str, String> {
    let names = || commands.iter().map(|help| help.name);
    if let Some(name) = names().find(|name| *name == word) {
        return Ok(name);
    }
    Err(match nearest(word, names()) {
        Some(meant) => format!("{word:?} is no command; did you mean {meant}?"),
        None => format!("{word:?} is no command; see --help"),
    })
}

/// Takes `--config` out of what stands behind a command: it may be anywhere on the line.
fn own_line(
    mut config: PathBuf,
    rest: impl Iterator<Item = OsString>,
) -> Result<CommandLine, String> {
    let mut arguments = Vec::new();
    let mut rest = rest;
    while let Some(argument) = rest.next() {
        let text = argument.to_string_lossy();
        if text == "--config" || text == "-c" {
            let value = rest.next();
            let value = value.ok_or_else(|| format!("missing argument for option '{text}'"))?;
            config = value.into();
        } else if let Some(value) = text.strip_prefix("--config=") {
            config = value.into();
        } else {
            arguments.push(argument);
        }
    }
    Ok(CommandLine { config, arguments })
}

fn value<T>(option: &str, parser: &mut Parser) -> Result<T, String>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    let text = parser.value().and_then(|value| value.string());
    let text = text.map_err(|error| error.to_string())?;
    text.parse()
        .map_err(|error: T::Err| format!("--{option}: {error}"))
}

fn refuse(unknown: &Arg<'_>) -> String {
    let (shown, meant) = match unknown {
        Arg::Long(long) => (
            format!("--{long}"),
            nearest(long, OPTIONS.iter().map(|option| option.long)),
        ),
        Arg::Short(short) => (format!("-{short}"), None),
        Arg::Value(_) => (String::new(), None),
    };
    match meant {
        Some(meant) => format!("{shown} is no option; did you mean --{meant}?"),
        None => format!("{shown} is no option; see --help"),
    }
}

#[cfg(test)]
mod tests;
