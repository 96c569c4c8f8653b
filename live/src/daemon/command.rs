//! A daemon's own commands, such as `footlight-mux keys list`: what stands on the line, and the terminal they answer on.
//!
//! A command runs in the operator's shell, beside a daemon that may be running. It logs nothing: what it says goes to
//! standard output, what went wrong to standard error, and its exit code is one of [`Exit`].

#![expect(
    clippy::disallowed_methods,
    reason = "the shell that asks whether colour is wanted"
)]

use std::{
    ffi::OsString,
    io::{self, IsTerminal, Write},
    path::PathBuf,
};

use super::{Daemon, Exit, Process, arguments, config};

/// One command, as `--help` names it.
#[derive(Debug, Clone, Copy)]
pub struct CommandHelp {
    /// The word on the line.
    pub name: &'static str,
    /// What follows it, such as `list [--json]`; one line for each way to use it.
    pub usage: &'static [&'static str],
    /// What it is for, in one line.
    pub about: &'static str,
}

/// What stood on the line behind a command's name.
#[derive(Debug, PartialEq, Eq)]
pub struct CommandLine {
    /// `--config FILE`, or where the daemon's configuration is by default.
    pub config: PathBuf,
    /// All the rest, as it stood. Take it apart with [`lexopt::Parser::from_args`].
    pub arguments: Vec<OsString>,
}

impl CommandLine {
    /// Reads the configuration as the daemon would; what is wrong with it is told, and the exit code is the daemon's.
    pub fn read<D: Daemon>(&self) -> Result<(D::Raw, D::Config), Exit> {
        config::read(&self.config, &Process, D::resolve).map_err(|error| {
            complain(&error.to_string());
            Exit::Usage
        })
    }

    /// Tells the operator that the line makes no sense.
    pub fn refuse<D: Daemon>(&self, command: &str, what: impl std::fmt::Display) -> Exit {
        let usage = D::COMMANDS.iter().find(|help| help.name == command);
        let usage = usage.map_or_else(String::new, |help| arguments::usage(D::NAME, help));
        complain(&format!("footlight-{}: {what}\n{usage}", D::NAME));
        Exit::Usage
    }
}

/// Writes an answer to standard output.
pub fn answer(text: &str) -> Exit {
    // A reader that has seen enough (head, less) is no failure.
    let mut out = io::stdout().lock();
    let _closed_early = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    Exit::Ok
}

/// Writes to standard error what went wrong; adds the end of line that is missing.
pub fn complain(text: &str) {
    let end = if text.ends_with('\n') { "" } else { "\n" };
    let _nobody_listens = io::stderr()
        .lock()
        .write_all(format!("{text}{end}").as_bytes());
}

/// Whether the answer may be coloured: somebody looks at it, and did not set NO_COLOR.
pub fn may_colour() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}
