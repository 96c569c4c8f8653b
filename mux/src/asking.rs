//! Asks the running mux over its admin listener, for the commands in the operator's shell.
//!
//! The configuration is read for the admin address alone, so that this works beside a file with secrets that the
//! operator may not read.

use std::net::SocketAddr;

use live::daemon::{
    Exit,
    command::{CommandLine, complain},
    config::AdminSection,
    lexopt::{Parser, ValueExt},
};
use tokio::runtime::{Builder, Runtime};

use crate::config::ADMIN_PORT;

/// What to try when mux does not answer.
pub(crate) const ADVICE: &str = "is footlight-mux running (systemctl status footlight-mux)? If it is elsewhere, say where with --admin IP:PORT";

/// The value of `--admin`.
pub(crate) fn admin(parser: &mut Parser) -> Result<SocketAddr, String> {
    let value = parser.value().and_then(|value| value.string());
    let value = value.map_err(|error| error.to_string())?;
    value
        .parse()
        .map_err(|_| format!("--admin: {value:?} is no address; give it as 127.0.0.1:{ADMIN_PORT}"))
}

/// Where mux is asked, by `--admin` or else the configuration, and what it takes to ask.
pub(crate) fn prepare(
    line: &CommandLine,
    admin: Option<SocketAddr>,
) -> Result<(SocketAddr, Runtime), Exit> {
    let address = match admin {
        Some(address) => address,
        None => line.admin_address(&AdminSection::on_port(ADMIN_PORT))?,
    };
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| {
        complain(&format!("the system refused what it takes to ask: {error}"));
        Exit::System
    })?;
    Ok((address, runtime))
}
