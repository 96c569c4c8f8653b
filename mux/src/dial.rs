//! A TCP connection to a peer that is known by name: its addresses in turn, each with its share of the time.
//!
//! The name is looked up each time, so that a platform may move. The two families alternate: one that leads nowhere
//! costs one attempt before the other is tried.

use std::{io, net::SocketAddr, time::Duration};

use live::daemon::config::HostPort;
use tokio::{
    net::{TcpStream, lookup_host},
    time::timeout,
};

use crate::socket;

/// Addresses of one name that are tried; platforms give two to eight.
const ADDRESSES: usize = 8;
/// Looking up and connecting, in all.
const DIAL: Duration = Duration::from_secs(10);
/// One address: a live one answers a first packet, and a repeated one, within this.
const ADDRESS: Duration = Duration::from_millis(2_500);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DialError {
    /// The name has no address.
    #[error("its name cannot be looked up ({0})")]
    Name(io::Error),
    /// The last address that was tried said so.
    #[error("no connection to {0} ({1})")]
    Refused(SocketAddr, io::Error),
    /// No address answered in time.
    #[error("no answer within {} s", DIAL.as_secs())]
    Silent,
}

/// Connects to `address`, with the options of a connection that is sent media.
pub(crate) async fn dial(address: &HostPort) -> Result<TcpStream, DialError> {
    let dialled = timeout(DIAL, async {
        let host = (address.host(), address.port());
        let found = lookup_host(host).await.map_err(DialError::Name)?;
        let mut last = DialError::Silent;
        for address in in_turn(found.collect()) {
            match timeout(ADDRESS, connect(address)).await {
                Ok(Ok(socket)) => return Ok(socket),
                Ok(Err(error)) => last = DialError::Refused(address, error),
                Err(_) => {}
            }
        }
        Err(last)
    });
    dialled.await.unwrap_or(Err(DialError::Silent))
}

async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpStream::connect(address).await?;
    socket::prepare_consumer(&socket)?;
    Ok(socket)
}

/// The resolver's order, but for the families, which alternate.
fn in_turn(found: Vec<SocketAddr>) -> impl Iterator<Item = SocketAddr> {
    let first_is_v6 = found.first().is_some_and(SocketAddr::is_ipv6);
    let (ours, others): (Vec<_>, Vec<_>) = found
        .into_iter()
        .partition(|address| address.is_ipv6() == first_is_v6);
    let most = ours.len().max(others.len());
    let (mut ours, mut others) = (ours.into_iter(), others.into_iter());
    (0..most)
        .flat_map(move |_| [ours.next(), others.next()])
        .flatten()
        .take(ADDRESSES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_alternate_in_the_resolvers_order() {
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        let found = ["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1"].map(address);
        let turns: Vec<_> = in_turn(found.to_vec()).collect();
        let expected = ["[::1]:1", "1.1.1.1:1", "[::2]:1", "[::3]:1"].map(address);
        assert_eq!(turns, expected);
    }

    #[tokio::test]
    async fn an_address_that_refuses_is_named() {
        let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = closed.local_addr().unwrap();
        drop(closed);
        let error = dial(&address.to_string().parse().unwrap())
            .await
            .unwrap_err();
        assert!(error.to_string().contains(&address.to_string()), "{error}");
    }
}
