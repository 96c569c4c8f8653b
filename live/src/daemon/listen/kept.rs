//! Listening sockets that outlast this process without a socket unit: systemd's descriptor store keeps them.
//!
//! What is bound here is stored under its section's name, and taken back by the next process where the configuration
//! still names its address: between the two, peers wait in its backlog and none is refused. The configuration wins: what
//! it does not name any more stops listening before anything else is bound, for systemd lets go of it only later.

use std::{net::SocketAddr, os::fd::OwnedFd};

use nix::sys::socket::{Shutdown, getsockopt, shutdown, sockopt::Ipv6V6Only};
use tokio::net::TcpListener;
use tracing::{debug, info};

use super::{BindError, Inherited, adopt, bind, is_dual};
use crate::daemon::Notify;

/// What the names of stored listeners begin with; the section follows.
const STORED: &str = "listener.";

/// The sockets for `section`: what the last process has stored for these addresses, and the others bound and stored.
pub(super) fn listeners(
    inherited: &mut Inherited,
    notify: Notify,
    section: &str,
    addresses: &[SocketAddr],
) -> Result<Vec<TcpListener>, BindError> {
    let name = format!("{STORED}{section}");
    let mut stored = Vec::new();
    let mut stale = false;
    for descriptor in inherited.take(&name) {
        match descriptor.try_clone().and_then(adopt) {
            Ok(listener) => stored.push(listener),
            Err(error) => {
                debug!(%name, %error, "what systemd has kept is no listening socket");
                stale = true;
            }
        }
    }
    let mut kept: Vec<Option<TcpListener>> = Vec::new();
    for address in addresses {
        let fits = |listener: &TcpListener| is_at(listener, *address, is_dual(*address, addresses));
        let found = stored.iter().position(fits);
        kept.push(found.map(|found| stored.swap_remove(found)));
    }
    for listener in &stored {
        stale = true;
        close(listener);
    }
    let mut sockets = Vec::new();
    let mut new = Vec::new();
    for (address, kept) in addresses.iter().zip(kept) {
        new.push(kept.is_none());
        sockets.push(match kept {
            Some(listener) => listener,
            None => bind(*address, is_dual(*address, addresses))
                .map_err(|error| BindError::new(section, *address, error))?,
        });
    }
    if stale {
        // All of the name go, also those that stay.
        notify.unstore(&name);
    }
    for (socket, _) in sockets.iter().zip(new).filter(|(_, new)| stale || *new) {
        store(notify, &name, socket);
    }
    Ok(sockets)
}

/// Stops listening where `section` is now the business of a socket unit.
pub(super) fn forget(inherited: &mut Inherited, notify: Notify, section: &str) {
    let name = format!("{STORED}{section}");
    let stored = inherited.take(&name);
    if !stored.is_empty() {
        let_go(notify, &name, stored);
    }
}

/// Whether `name` is that of stored listeners; then they are let go, for no section wants them any more.
pub(crate) fn let_go_if_stored(notify: Notify, name: &str, descriptors: Vec<OwnedFd>) -> bool {
    let is_stored = name.starts_with(STORED);
    if is_stored {
        let_go(notify, name, descriptors);
    }
    is_stored
}

fn let_go(notify: Notify, name: &str, descriptors: Vec<OwnedFd>) {
    for listener in descriptors.into_iter().filter_map(|one| adopt(one).ok()) {
        close(&listener);
    }
    notify.unstore(name);
}

/// Nobody listens there any more, whoever else has the socket: closing it would not do, since systemd has it too.
fn close(listener: &TcpListener) {
    let address = listener.local_addr().ok();
    info!(?address, "no more listening where the last process did");
    if let Err(error) = shutdown(std::os::fd::AsRawFd::as_raw_fd(listener), Shutdown::Both) {
        debug!(%error, "it was over already");
    }
}

/// Whether it is what binding to `address` would give; port 0 is any.
fn is_at(listener: &TcpListener, address: SocketAddr, dual: bool) -> bool {
    let Ok(at) = listener.local_addr() else {
        return false;
    };
    let is_there = at.ip() == address.ip() && (address.port() == 0 || at.port() == address.port());
    let any_v6 = at.is_ipv6() && at.ip().is_unspecified();
    is_there && (!any_v6 || getsockopt(listener, Ipv6V6Only).is_ok_and(|only| only != dual))
}

fn store(notify: Notify, name: &str, listener: &TcpListener) {
    if notify.is_heard()
        && let Err(error) = notify.store(name, listener)
    {
        debug!(name, %error, "systemd does not keep a listener");
    }
}
