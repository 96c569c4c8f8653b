//! Names and other machines, asked with a deadline.

use std::{
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use tokio::{
    net::{TcpStream, lookup_host},
    time::timeout,
};

use crate::daemon::config::HostPort;

/// For one question to another machine, all that belongs to it included. A box of the same installation answers in
/// milliseconds, a platform far away in less than one second.
pub const PATIENCE: Duration = Duration::from_secs(3);

/// The answer, unless it is late: then why there is none.
pub async fn within<T>(question: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let late = || {
        Err(format!(
            "it does not answer within {} s",
            PATIENCE.as_secs()
        ))
    };
    timeout(PATIENCE, question).await.unwrap_or_else(|_| late())
}

/// The addresses of a name, in the resolver's order.
pub async fn lookup(name: &str) -> Result<Vec<IpAddr>, String> {
    let found = within(async {
        let found = lookup_host((name, 0)).await;
        found
            .map(|all| all.map(|at| at.ip().to_canonical()).collect::<Vec<_>>())
            .map_err(|error| error.to_string())
    });
    let mut found = found.await?;
    found.dedup();
    Ok(found)
}

/// A connection to `address`: the first of its addresses that takes one.
pub async fn connect(address: &HostPort) -> Result<TcpStream, String> {
    within(async {
        let host = address.host();
        let found = lookup_host((host, address.port())).await;
        let found: Vec<SocketAddr> = found
            .map_err(|error| format!("the name {host} leads nowhere ({error})"))?
            .collect();
        let refused = |error: io::Error| {
            if error.kind() == io::ErrorKind::ConnectionRefused {
                format!("{address} refuses the connection: nothing listens there")
            } else {
                format!("{address} cannot be reached ({error})")
            }
        };
        TcpStream::connect(found.as_slice()).await.map_err(refused)
    })
    .await
}
