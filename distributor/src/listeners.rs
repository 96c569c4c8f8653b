//! The sockets: for viewers by HTTPS, for those who are sent on to it, and for the other distributors; and how many
//! connections each may have at once.

use std::sync::Arc;

use live::daemon::{Chassis, ConnectionLimit, StartError};
use tokio::net::TcpListener;

use crate::{
    acme::Proofs, config::Config, connection::Server, door::Door, hosts::Hosts, plain::Plain,
    private::Private, routing::Connections,
};

/// Viewers' connections at once. 25,000 viewers with two each are what a box with 100 Gb/s can feed; they take about
/// 1.2 GB.
const CONNECTIONS_MAX: usize = 50_000;
/// Connections at once that are sent on to HTTPS: each lives for one request.
const PLAIN_MAX: usize = 1024;
/// Peers' connections at once: for each of a hundred, what it may keep open and a few more.
const PEER_MAX: usize = 4096;

/// All that are bound; nobody is let in yet.
pub(crate) struct Listeners {
    https: Vec<TcpListener>,
    http: Vec<TcpListener>,
    /// None where there are no other distributors.
    peer: Vec<TcpListener>,
    viewers: ConnectionLimit,
}

impl Listeners {
    /// Binds them all.
    pub(crate) fn bind(config: &Config, chassis: &Chassis) -> Result<Self, StartError> {
        let peer = config.peering.as_ref();
        let peer = peer.map(|peering| chassis.bind("peer", peering.listen.addresses()));
        Ok(Self {
            https: chassis.bind("https", config.https.addresses())?,
            http: chassis.bind("http", config.http.addresses())?,
            peer: peer.transpose()?.unwrap_or_default(),
            viewers: ConnectionLimit::new(CONNECTIONS_MAX),
        })
    }

    /// How many viewers' connections there are, and may be.
    pub(crate) fn connections(&self) -> Connections {
        let (limit, listeners) = (self.viewers.clone(), self.https.len());
        Box::new(move || {
            // Each listener holds one place for the next.
            let left = limit.free().saturating_add(listeners);
            let open = CONNECTIONS_MAX.saturating_sub(left);
            (open as u64, CONNECTIONS_MAX as u64)
        })
    }

    /// Lets everybody in: viewers by the `door`, which peers do not come by.
    pub(crate) fn serve(
        self,
        server: &Arc<Server>,
        (door, proofs, hosts): (&Door, &Proofs, &Hosts),
        private: Option<&Private>,
    ) {
        let chassis = &server.chassis;
        for listener in self.https {
            let (server, door) = (server.clone(), door.clone());
            chassis.serve_audience("https", listener, &self.viewers, move |stream, peer| {
                let entered = door.enter(peer.ip());
                let served = entered.map(|guest| Box::pin(server.clone().serve(stream, guest)));
                async move {
                    if let Some(served) = served {
                        served.await;
                    }
                }
            });
        }
        let limit = ConnectionLimit::new(PLAIN_MAX);
        let https = chassis.address("https");
        for (listener, https) in self.http.into_iter().zip(https.into_iter().cycle()) {
            let plain = Plain {
                https,
                hosts: hosts.clone(),
                proofs: proofs.clone(),
                metrics: server.metrics.clone(),
                chassis: chassis.clone(),
            };
            let door = door.clone();
            chassis.serve_audience("http", listener, &limit, move |stream, peer| {
                let entered = door.enter(peer.ip()).map(|guest| (plain.clone(), guest));
                async move {
                    if let Some((plain, _guest)) = entered {
                        plain.serve(stream).await;
                    }
                }
            });
        }
        let limit = ConnectionLimit::new(PEER_MAX);
        for (listener, private) in self.peer.into_iter().zip(private.into_iter().cycle()) {
            let private = private.clone();
            chassis.serve("peer", listener, &limit, move |stream, _peer| {
                private.clone().serve(stream)
            });
        }
    }
}
