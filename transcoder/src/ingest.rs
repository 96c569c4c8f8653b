//! Mux's connections: RTMP in, messages to the store.
//!
//! Who presents the stream's publish token publishes it, and replaces whoever did; anybody else is refused, counted,
//! and costs nobody anything.

#![expect(
    clippy::disallowed_methods,
    reason = "the shell that reads the clock for RTMP sessions"
)]

mod refused;

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use live::{
    StreamName,
    cluster::ClusterSecret,
    daemon::{
        Chassis, Shutdown,
        prometheus_client::{
            metrics::{counter::Counter, family::Family},
            registry::Registry,
        },
    },
};
use rtmp::server::{Refusal, Request, ServerAction, ServerConfig, ServerSession};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep, sleep_until, timeout},
};
use tracing::{debug, info, warn};

use refused::Refused;

use crate::store::{PublishError, Publisher, Store};

/// Connections at once: two per stream while one replaces another, and strangers.
pub const MAX_CONNECTIONS: usize = 256;
/// The application that mux publishes to.
const APP: &str = "live";
/// Bytes taken from a socket at once; what [`ServerSession::handle_input`] may be given.
const READ: usize = 64 << 10;
/// How long a peer may take to read our few answers.
const WRITE_DEADLINE: Duration = Duration::from_secs(5);
/// How long players have to fetch a show's last parts before they are told that it is over. No longer than they are behind,
/// PART-HOLD-BACK by default, so that nobody has to wait for the news.
const LAST_PARTS: Duration = Duration::from_millis(1_500);

/// What all connections share.
#[derive(Debug)]
pub struct Ingest {
    store: Arc<Store>,
    secret: ClusterSecret,
    shutdown: Shutdown,
    started: Instant,
    refused: Mutex<Refused>,
    ends: Family<[(&'static str, &'static str); 1], Counter>,
}

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error("the peer closed it")]
    Peer,
    #[error("the network: {0}")]
    Network(#[from] io::Error),
    #[error("the peer does not read our answers")]
    Stalled,
    #[error("RTMP: {0}")]
    Session(rtmp::CloseReason),
    #[error("a wrong application, name or token")]
    Refused,
    #[error("there are as many streams as [admission].max_streams allows")]
    Full,
    #[error(transparent)]
    Publish(#[from] PublishError),
    #[error("the daemon stops")]
    Shutdown,
}

impl End {
    const fn class(&self) -> &'static str {
        match self {
            Self::Peer => "closed_by_peer",
            Self::Network(_) => "network",
            Self::Stalled => "not_reading",
            Self::Session(_) => "protocol",
            Self::Refused => "refused",
            Self::Full => "full",
            Self::Publish(PublishError::Replaced) => "replaced",
            Self::Publish(PublishError::Stream(_)) => "too_large",
            Self::Shutdown => "shutdown",
        }
    }
}

impl Ingest {
    /// Connections that feed `store`.
    pub fn new(store: Arc<Store>, secret: ClusterSecret, chassis: &Chassis) -> Self {
        Self {
            store,
            secret,
            shutdown: chassis.shutdown().clone(),
            started: Instant::now(),
            refused: Mutex::default(),
            ends: Family::default(),
        }
    }

    /// Registers what is counted.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "rtmp_connections_ended",
            "RTMP connections that ended, by why",
            self.ends.clone(),
        );
    }

    /// One connection, until it ends. What it published stays for a while; see [`Store::keep_for`].
    pub async fn serve(self: Arc<Self>, stream: TcpStream) {
        let mut connection = Connection {
            session: ServerSession::new(ServerConfig::default(), self.now()),
            publisher: None,
            stream,
            ingest: &self,
        };
        let end = connection.run().await;
        let publisher = connection.publisher.take();
        drop(connection);
        self.ends.get_or_create(&[("class", end.class())]).inc();
        match publisher {
            Some(publisher) => {
                info!(stream = %publisher.name(), reason = %end, "the publisher is gone");
                self.keep(publisher).await;
            }
            None => debug!(reason = %end, "an RTMP connection ended"),
        }
    }

    /// The streams for which there is no place, as mux tries again and again.
    pub fn refused(&self) -> Vec<String> {
        let now = self.now();
        self.wanting().names(now)
    }

    fn wanting(&self) -> MutexGuard<'_, Refused> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the session if its media have ended, and keeps what was published for as long as it is of use, unless a newer
    /// publisher comes.
    async fn keep(&self, publisher: Publisher) {
        if publisher.is_closing() {
            tokio::select! {
                () = publisher.replaced() => {}
                () = self.shutdown.triggered() => {}
                () = sleep(LAST_PARTS) => {}
            }
            publisher.end();
        }
        self.store.left(&publisher);
        tokio::select! {
            () = publisher.replaced() => {}
            () = self.shutdown.triggered() => {}
            () = self.let_go(&publisher) => {}
        }
    }

    async fn let_go(&self, publisher: &Publisher) {
        sleep(self.store.keep_for(publisher)).await;
        sleep(self.store.withdraw(publisher)).await;
        self.store.forget(publisher);
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Which stream the request may publish.
    fn admit(&self, request: &Request) -> Option<StreamName> {
        let (name, query) = request.key.split_query();
        let stream: StreamName = name.parse().ok()?;
        let token = query?
            .split('&')
            .find_map(|pair| pair.strip_prefix("token="))?;
        let good = self.secret.publish_token(&stream).matches(token);
        (good && request.app == APP).then_some(stream)
    }
}

struct Connection<'a> {
    stream: TcpStream,
    session: ServerSession,
    publisher: Option<Publisher>,
    ingest: &'a Ingest,
}

impl Connection<'_> {
    async fn run(&mut self) -> End {
        // Answers are small and awaited: without it each would wait for the peer's delayed acknowledgement.
        if let Err(error) = self.stream.set_nodelay(true) {
            return End::Network(error);
        }
        let mut buffer = vec![0; READ];
        loop {
            if let Err(end) = self.turn(&mut buffer).await {
                return end;
            }
        }
    }

    /// Waits for one thing, and does what follows from it.
    async fn turn(&mut self, buffer: &mut [u8]) -> Result<(), End> {
        let ingest = self.ingest;
        let deadline = self.session.poll_timeout().map(|at| ingest.started + at);
        let late = async {
            match deadline {
                Some(deadline) => sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        let replaced = async {
            match &self.publisher {
                Some(publisher) => publisher.replaced().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            read = self.stream.read(buffer) => match read? {
                0 => return Err(End::Peer),
                length => {
                    let bytes = buffer.get(..length).unwrap_or_default();
                    self.session.handle_input(bytes, ingest.now());
                }
            },
            () = late => self.session.handle_timeout(ingest.now()),
            () = replaced => return Err(PublishError::Replaced.into()),
            () = ingest.shutdown.triggered() => return Err(End::Shutdown),
        }
        self.act().await
    }

    async fn act(&mut self) -> Result<(), End> {
        while let Some(action) = self.session.next_action() {
            match action {
                ServerAction::Send(bytes) => {
                    let written = timeout(WRITE_DEADLINE, self.stream.write_all(&bytes)).await;
                    written.map_err(|_| End::Stalled)??;
                }
                ServerAction::PublishRequested(request) => self.publish(&request).await?,
                ServerAction::PlayRequested(request) => {
                    // There is nothing to play; whom we know is told that, and others no more than that.
                    let refusal = match self.ingest.admit(&request) {
                        Some(_) => Refusal::NotFound,
                        None => Refusal::Denied,
                    };
                    self.refuse(&request, refusal).await?;
                    return Err(End::Refused);
                }
                ServerAction::Media(message) => {
                    if let Some(publisher) = &self.publisher {
                        publisher.feed(&message)?;
                    }
                }
                ServerAction::Unpublished => return Err(End::Peer),
                ServerAction::StoppedPlaying => {}
                ServerAction::Closed(reason) => return Err(End::Session(reason)),
            }
        }
        Ok(())
    }

    async fn publish(&mut self, request: &Request) -> Result<(), End> {
        let Some(stream) = self.ingest.admit(request) else {
            self.refuse(request, Refusal::Denied).await?;
            return Err(End::Refused);
        };
        let Some(publisher) = self.ingest.store.publish(&stream) else {
            if self.ingest.wanting().add(&stream, self.ingest.now()) {
                warn!(%stream, "a stream is refused: {}; raise it, or add a transcoder", End::Full);
            }
            self.refuse(request, Refusal::Full).await?;
            return Err(End::Full);
        };
        self.ingest.wanting().remove(&stream);
        info!(%stream, "a publisher has come");
        self.publisher = Some(publisher);
        self.session.accept_publish(request.id, self.ingest.now());
        Ok(())
    }

    /// Says no; what the session has to say for it is written before the connection ends.
    async fn refuse(&mut self, request: &Request, refusal: Refusal) -> Result<(), End> {
        self.session.refuse(request.id, refusal);
        while let Some(action) = self.session.next_action() {
            if let ServerAction::Send(bytes) = action {
                let written = timeout(WRITE_DEADLINE, self.stream.write_all(&bytes)).await;
                written.map_err(|_| End::Stalled)??;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
