//! Asks the running daemon over its admin listener, for the commands in the operator's shell.
//!
//! The configuration is read for the admin address alone, so that this works beside a file with secrets that the
//! operator may not read.

use std::net::SocketAddr;

use lexopt::{Arg, Parser, ValueExt};
use tokio::runtime::{Builder, Runtime};

use super::{
    Daemon, Exit,
    command::{CommandLine, complain},
    config::AdminSection,
};

/// What to try when the daemon does not answer.
pub fn advice<D: Daemon>() -> String {
    let name = D::NAME;
    format!(
        "is footlight-{name} running (systemctl status footlight-{name})? If it is elsewhere, say where with --admin IP:PORT"
    )
}

/// The value of `--admin`; `port` is the daemon's own.
pub fn admin(parser: &mut Parser, port: u16) -> Result<SocketAddr, String> {
    let value = parser.value().and_then(|value| value.string());
    let value = value.map_err(|error| error.to_string())?;
    value
        .parse()
        .map_err(|_| format!("--admin: {value:?} is no address; give it as 127.0.0.1:{port}"))
}

/// The words of an order, and the value of `--admin`; `port` is the daemon's own. Any other option is refused.
pub fn words(line: &CommandLine, port: u16) -> Result<(Vec<String>, Option<SocketAddr>), String> {
    let (mut words, mut asked) = (Vec::new(), None);
    let mut parser = Parser::from_args(&line.arguments);
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        match argument {
            Arg::Long("admin") => asked = Some(admin(&mut parser, port)?),
            Arg::Value(word) => words.push(word.string().map_err(|error| error.to_string())?),
            unknown @ (Arg::Short(_) | Arg::Long(_)) => {
                return Err(unknown.unexpected().to_string());
            }
        }
    }
    Ok((words, asked))
}

/// Where the daemon is asked, by `--admin` or else the configuration, and what it takes to ask. `port` is where it
/// listens by default.
pub fn prepare(
    line: &CommandLine,
    admin: Option<SocketAddr>,
    port: u16,
) -> Result<(SocketAddr, Runtime), Exit> {
    let address = match admin {
        Some(address) => address,
        None => line.admin_address(&AdminSection::on_port(port))?,
    };
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| {
        complain(&format!("the system refused what it takes to ask: {error}"));
        Exit::System
    })?;
    Ok((address, runtime))
}
