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
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
};

use serde::Deserialize;

use super::{
    Daemon, Exit, Process,
    config::{self, AdminSection, Sources},
    usage,
};

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

    /// Where the daemon's admin listener is reached, by the configuration. Nothing else of the file is looked at: it may
    /// name secrets that this operator must not read. Where the file cannot be read at all, `default` is meant.
    pub fn admin_address(&self, default: &AdminSection) -> Result<SocketAddr, Exit> {
        #[derive(Deserialize)]
        struct File {
            admin: Option<AdminSection>,
        }
        if let Err(error) = Process.file(&self.config) {
            let (file, at) = (self.config.display(), reached(default));
            let at = at.map(|at| at.to_string()).unwrap_or_default();
            complain(&format!("{file} cannot be read ({error}): asking {at}"));
            return reached(default).ok_or(Exit::Usage);
        }
        let section = |file: &File, _: &mut config::Problems<'_>| {
            Some(file.admin.clone().unwrap_or_else(|| default.clone()))
        };
        let read = config::read(&self.config, &Process, section);
        let (_, admin) = read.map_err(|error| {
            complain(&error.to_string());
            Exit::Usage
        })?;
        reached(&admin).ok_or(Exit::Usage)
    }

    /// Tells the operator that the line makes no sense.
    pub fn refuse<D: Daemon>(&self, command: &str, what: impl std::fmt::Display) -> Exit {
        let ways = D::COMMANDS.iter().find(|help| help.name == command);
        let ways = ways.map_or_else(String::new, |help| usage::usage(D::NAME, help));
        complain(&format!("footlight-{}: {what}\n{ways}", D::NAME));
        Exit::Usage
    }
}

/// The first address; one that means all of the machine's is reached over loopback.
pub(crate) fn reached(admin: &AdminSection) -> Option<SocketAddr> {
    let mut at = *admin.listen.addresses().first()?;
    if at.ip().is_unspecified() {
        at.set_ip(match at.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    Some(at)
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
