//! What comes before a peer's first byte of RTMP: whether there is room for it, who it is, and whether it comes under
//! TLS. Whoever is turned away here is closed without a word, and counted.

use std::{io, net::SocketAddr, sync::Arc};

use live::daemon::config::AddressRange;
use rtmp::server::ServerConfig as Session;
use tokio::{io::AsyncReadExt, net::TcpStream, time::timeout};
use tracing::{Span, debug, field::display, warn};

use crate::{
    budget::{self, Budget, Share},
    connection::{self, Server},
    proxy::{self, Header, ProxyError},
    socket,
    transport::Transport,
};

mod strangers;

use strangers::Stranger;
pub(crate) use strangers::Strangers;

/// One listener's door.
pub(crate) struct Admission {
    pub(crate) server: Arc<Server>,
    /// Who speaks for others, by the PROXY protocol.
    pub(crate) proxies: Vec<AddressRange>,
    /// The server's side of TLS, where that is what peers speak.
    pub(crate) tls: Option<Arc<rustls::ServerConfig>>,
    pub(crate) strangers: Arc<Strangers>,
}

/// What a connection holds of what there is not enough of for everybody.
pub(crate) struct Place {
    memory: Share,
    tls: u64,
    stranger: Option<Stranger>,
}

impl Place {
    /// Of a connection that another process let in, with `bytes` of memory.
    pub(crate) fn of_old(budget: &Arc<Budget>, bytes: u64) -> Result<Self, budget::Spent> {
        Ok(Self {
            memory: budget.take(bytes)?,
            tls: 0,
            stranger: None,
        })
    }

    /// It has shown a key, and may come to `bytes`.
    pub(crate) fn admit(&mut self, bytes: u64) -> Result<(), budget::Spent> {
        self.memory.resize(bytes.saturating_add(self.tls))?;
        self.stranger = None;
        Ok(())
    }
}

/// Why a peer was turned away.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TurnedAway {
    /// There is no memory for it.
    #[error(transparent)]
    Spent(#[from] budget::Spent),
    /// Too many of its neighbours have shown no key yet.
    #[error("too many connections from its address have shown no key yet")]
    Crowded,
    /// A proxy that does not say for whom it speaks.
    #[error(
        "{0}: this peer is in [rtmp] proxy_from, so it must send a PROXY header (HAProxy: send-proxy-v2); else take it off that list"
    )]
    Proxy(#[from] ProxyError),
    /// A proxy that says nothing for as long as a stranger may.
    #[error("the PROXY header does not come")]
    Slow,
    /// The network, or no randomness for TLS.
    #[error(transparent)]
    System(#[from] io::Error),
}

impl TurnedAway {
    /// As the metric says it.
    pub(crate) const fn class(&self) -> &'static str {
        match self {
            Self::Spent(_) => "no_memory",
            Self::Crowded => "crowded",
            Self::Proxy(_) => "no_proxy_header",
            Self::Slow => "too_slow",
            Self::System(_) => "network",
        }
    }
}

impl Admission {
    /// Serves one peer, or turns it away.
    pub(crate) async fn serve(self: Arc<Self>, socket: TcpStream, peer: SocketAddr) {
        match self.admit(socket, peer).await {
            Ok((transport, peer, place)) => {
                connection::serve(Arc::clone(&self.server), transport, peer, place).await;
            }
            Err(reason) => {
                self.server.ends.turned_away(&reason);
                let operators = matches!(reason, TurnedAway::Spent(_) | TurnedAway::Proxy(_));
                if operators && self.server.notices.is_news(reason.class()) {
                    warn!("turned away: {reason}");
                } else {
                    debug!("turned away: {reason}");
                }
            }
        }
    }

    async fn admit(
        &self,
        mut socket: TcpStream,
        peer: SocketAddr,
    ) -> Result<(Transport, SocketAddr, Place), TurnedAway> {
        let tls = if self.tls.is_some() { budget::TLS } else { 0 };
        let memory = self.server.budget.take(budget::STRANGER + tls)?;
        socket::prepare(&socket, socket::PUBLISHER_TIMEOUT)?;
        let mut peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        if self.proxies.iter().any(|range| range.contains(peer.ip())) {
            let patience = Session::default().deadline;
            let told = timeout(patience, receive(&mut socket)).await;
            if let Some(real) = told.map_err(|_| TurnedAway::Slow)?? {
                peer = real;
                Span::current().record("peer", display(real));
            }
        }
        let stranger = self.strangers.enter(peer.ip());
        let place = Place {
            memory,
            tls,
            stranger: Some(stranger.ok_or(TurnedAway::Crowded)?),
        };
        let transport = match &self.tls {
            Some(config) => {
                Transport::accept_tls(socket, Arc::clone(config)).map_err(io::Error::other)?
            }
            None => Transport::plain(socket),
        };
        Ok((transport, peer, place))
    }
}

/// Reads a proxy's header, and not a byte beyond it.
async fn receive(socket: &mut TcpStream) -> Result<Option<SocketAddr>, TurnedAway> {
    let mut header = Vec::new();
    loop {
        match proxy::parse(&header)? {
            Header::Whole(source) => return Ok(source),
            Header::More(more) => {
                let begun = header.len();
                header.resize(begun.saturating_add(more), 0);
                let room = header.get_mut(begun..).unwrap_or_default();
                socket.read_exact(room).await?;
            }
        }
    }
}
