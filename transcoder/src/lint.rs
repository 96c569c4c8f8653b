//! `footlight-transcoder lint`: holds any HLS origin against the rules, ours or not.
//!
//! It fetches what a player fetches and asks what no player asks; what comes back is judged by pure functions. A hostile
//! server can make it wait or refuse, within named bounds, and nothing else: every answer has a limit in bytes and in
//! time, and so has the visit.

mod ask;
mod boxes;
mod client;
mod directives;
mod follow;
mod fragment;
mod init;
mod media;
mod report;
mod transport;
mod url;
mod visit;

use live::{
    daemon::{
        Exit,
        command::{CommandHelp, CommandLine, answer, complain, may_colour},
    },
    playlist::check::Level,
};

use crate::Transcoder;
use ask::Ask;
use client::{Client, roots};

/// For `--help`.
pub const HELP: CommandHelp = CommandHelp {
    name: "lint",
    usage: &["URL [--json] [--ca FILE] [--watch SECONDS]"],
    about: "Hold an HLS playlist and all it names against the rules; exit 0 all kept, 1 a SHOULD broken, 2 a MUST",
};

/// Longest PEM file that is read, in bytes.
const MAX_PEM: u64 = 1 << 20;

/// Carries the command out.
pub fn run(line: &CommandLine) -> Exit {
    let ask = match ask::parse(line) {
        Ok(ask) => ask,
        Err(what) => return line.refuse::<Transcoder>(HELP.name, what),
    };
    let ca = match ask.ca.as_ref().map(|file| read(file)).transpose() {
        Ok(ca) => ca,
        Err(error) => return line.refuse::<Transcoder>(HELP.name, format!("--ca: {error}")),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let Ok(runtime) = runtime else {
        complain("the system refuses an event loop");
        return Exit::System;
    };
    let lifetime = visit::lifetime(ask.watch);
    let client = match Client::new(roots(ca.as_deref()), lifetime) {
        Ok(client) => client,
        Err(error) => {
            complain(&format!("TLS cannot begin: {error}"));
            return Exit::Software;
        }
    };
    match runtime.block_on(visit::visit(client, &ask.url, ask.watch)) {
        Ok(report) => tell(&ask, &report),
        Err(error) => {
            complain(&format!("{}: {error}", ask.url));
            Exit::Unavailable
        }
    }
}

fn read(file: &std::path::Path) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let file = std::fs::File::open(file)?;
    std::io::Read::read_to_end(&mut std::io::Read::take(file, MAX_PEM), &mut text)?;
    Ok(text)
}

fn tell(ask: &Ask, report: &report::Report) -> Exit {
    let url = ask.url.to_string();
    let text = if ask.json {
        report.json(&url)
    } else {
        report.table(&url, may_colour())
    };
    answer(&text);
    match report.worst() {
        None => Exit::Ok,
        Some(Level::Should) => Exit::Warned,
        Some(Level::Must) => Exit::Broken,
    }
}

#[cfg(test)]
pub(crate) mod tests;
