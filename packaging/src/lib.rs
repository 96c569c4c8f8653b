//! What is in Footlight's Debian packages beside the daemons, made from the words that the daemons themselves say.
//!
//! `build` makes the packages, `scripts` are what dpkg runs, and each daemon's `Cargo.toml` lists what its package holds.

pub mod completion;
pub mod manual;

use live::daemon::{Daemon, command::CommandHelp};

/// The daemon that a paper is about.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// `mux`
    pub name: &'static str,
    /// One sentence.
    pub about: &'static str,
    /// As in `0.1.0`.
    pub version: &'static str,
    /// Its own commands.
    pub commands: &'static [CommandHelp],
    /// The day of the version, `2026-12-01`.
    pub date: &'a str,
}

impl<'a> Subject<'a> {
    /// What the daemon says of itself.
    pub const fn of<D: Daemon>(date: &'a str) -> Self {
        Self {
            name: D::NAME,
            about: D::ABOUT,
            version: D::VERSION,
            commands: D::COMMANDS,
            date,
        }
    }
}
