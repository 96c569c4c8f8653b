//! The server's side of the RTMP port: one task a connection, from its first byte to its last.
//!
//! The session decides what the peer may do, the stream what becomes of its media; this moves bytes. Reading never
//! waits for writing, nor for any consumer.

use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::{Arc, Mutex},
    time::Duration,
};

use live::daemon::Shutdown;
use rtmp::{
    CloseReason, Message,
    login::LoginConfig,
    server::{Refusal, Request, ServerAction, ServerConfig, ServerSession},
};
use tokio::time::timeout;
use tracing::{debug, info};

use crate::{
    admission::Place,
    budget::{self, Budget},
    clock::{self, WallClock},
    consumer::Consumer,
    cursor::Audience,
    election::PublisherId,
    events::Events,
    guess::Guesses,
    handover::{self, Doing, Handover, NotKept, Resumed, Snapshot},
    hooks::Hooks,
    key::Use,
    keyring::{Grant, Keyring},
    metrics::Ends,
    notices::Notices,
    request::{Admitted, Farewell, Pending, Verdict},
    stream::CloseCause,
    streams::{Publishing, SharedStream, Streams},
    tape,
    transport::Transport,
    wire::{Ready, Wire, WireError},
};

mod answering;
mod wrong_port;

pub(crate) use wrong_port::{Ports, TLS_BEGINS};

mod carried;

pub(crate) use carried::carry_on;
use carried::{Carried, Repeated};

/// A session of a peer that sends nothing at all for this long is over. The kernel gives a vanished one up long before;
/// this is for one that is stopped, and leaves time to a player whose answers queue behind its own backlog.
const DEAD_AFTER: Duration = Duration::from_secs(30);
/// How long the last words to a peer may take: longer than a round trip, shorter than anyone would notice.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What all connections share.
pub(crate) struct Server {
    pub(crate) app: String,
    pub(crate) keys: Arc<Keyring>,
    pub(crate) login: LoginConfig,
    pub(crate) guesses: Mutex<Guesses>,
    pub(crate) hooks: Hooks,
    pub(crate) clock: Arc<WallClock>,
    pub(crate) streams: Arc<Streams>,
    pub(crate) ends: Ends,
    pub(crate) events: Events,
    pub(crate) notices: Notices,
    pub(crate) budget: Arc<Budget>,
    pub(crate) ports: Ports,
    /// What keeps connections for another process.
    pub(crate) handover: Result<Arc<Handover>, NotKept>,
    pub(crate) shutdown: Shutdown,
}

/// Why a connection is over.
#[derive(Debug, thiserror::Error)]
pub(crate) enum End {
    /// The session said so.
    #[error(transparent)]
    Session(#[from] CloseReason),
    /// The peer is gone or does not read.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The stream wants this publisher gone.
    #[error(transparent)]
    Closed(#[from] CloseCause),
    /// What let it in does so no more.
    #[error("its key was revoked")]
    Revoked,
    /// Mux stops.
    #[error("mux stops")]
    Shutdown,
}

struct Connection {
    server: Arc<Server>,
    peer: SocketAddr,
    place: Place,
    wire: Wire,
    session: ServerSession,
    activity: Activity,
    /// What let it in, while it publishes or plays.
    grant: Option<Grant>,
    /// Said when it publishes no more.
    farewell: Option<Farewell>,
    /// A request that is not decided.
    pending: Option<Pending>,
    /// Media of the read under way.
    media: Vec<Message>,
    carried: Carried,
}

enum Activity {
    Asking,
    Publishing(Publishing),
    /// Played from the tape: the wire knows all about it.
    Seated(Arc<SharedStream>),
    /// What cannot be: by its own.
    Playing(Consumer),
}

impl Activity {
    /// A player from the ring, on this message stream in chunks of this size.
    fn playing(stream: &Arc<SharedStream>, written_as: (u32, u32)) -> Self {
        let stats = Arc::clone(&stream.players);
        let consumer = Consumer::new(Arc::clone(stream), Audience::Player, stats, written_as);
        Self::Playing(consumer)
    }

    /// Returns when there may be more to send, or why the connection is to be closed.
    async fn news(&mut self, flushed: bool) -> Option<CloseCause> {
        match self {
            Self::Publishing(publishing) => Some(publishing.closed().await),
            Self::Playing(consumer) if flushed => {
                consumer.more().await;
                None
            }
            Self::Asking | Self::Seated(_) | Self::Playing(_) => std::future::pending().await,
        }
    }

    const fn consumer(&mut self) -> Option<&mut Consumer> {
        match self {
            Self::Playing(consumer) => Some(consumer),
            Self::Asking | Self::Seated(_) | Self::Publishing(_) => None,
        }
    }
}

/// Serves one peer that was let in.
pub(crate) async fn serve(
    server: Arc<Server>,
    transport: Transport,
    peer: SocketAddr,
    place: Place,
) {
    let config = ServerConfig {
        dead_after: DEAD_AFTER,
        login: Some(server.login.clone()),
        ..ServerConfig::default()
    };
    let mut connection = Connection {
        server,
        peer,
        place,
        wire: Wire::new(transport),
        session: ServerSession::new(config, clock::monotonic()),
        activity: Activity::Asking,
        grant: None,
        farewell: None,
        pending: None,
        media: Vec::new(),
        carried: Carried::default(),
    };
    let handover = connection.server.handover.as_ref().ok();
    connection.wire.keep(handover);
    connection.note();
    connection.serve(&[]).await;
}

/// Returns when a request that waits is decided.
async fn decision(pending: &mut Option<Pending>) -> Result<Admitted, Refusal> {
    match pending {
        Some(pending) => (&mut pending.verdict).await,
        None => std::future::pending().await,
    }
}

impl Connection {
    /// From here to its end; `journal` is what came that the session has not had.
    async fn serve(mut self, journal: &[u8]) {
        let connection = &mut self;
        let end = match connection.run(journal).await {
            Ok(never) => match never {},
            Err(end) => end,
        };
        connection.tell(&end);
        connection.server.ends.count(&end);
        // The stream goes on without it while the last words are said.
        connection.activity = Activity::Asking;
        connection.farewell = None;
        if matches!(end, End::Session(_)) {
            // A peer that does not take its last words does without.
            let _best_effort = timeout(LAST_WORDS, self.wire.close()).await;
        }
    }

    async fn run(&mut self, journal: &[u8]) -> Result<Infallible, End> {
        let shutdown = self.server.shutdown.clone();
        let mut stop = pin!(shutdown.triggered());
        self.replay(journal)?;
        loop {
            self.act()?;
            self.check_grant()?;
            self.wire.write(self.activity.consumer())?;
            self.sit_again();
            self.end_show()?;
            self.wire.set_alarm(self.session.poll_timeout());
            let flushed = self.wire.is_flushed();
            tokio::select! {
                ready = self.wire.ready() => match ready? {
                    Ready::Readable => self.wire.read(|bytes, now| self.session.handle_input(bytes, now))?,
                    Ready::Alarm => self.session.handle_timeout(clock::monotonic()),
                    Ready::Writable => {}
                },
                close = self.activity.news(flushed) => {
                    if let Some(cause) = close {
                        return Err(cause.into());
                    }
                }
                decision = decision(&mut self.pending) => {
                    if let Some(Pending { request, usage, .. }) = self.pending.take() {
                        self.decided(&request, usage, decision)?;
                        self.note();
                    }
                }
                () = &mut stop => return Err(End::Shutdown),
            }
        }
    }

    /// Does what the session asks for.
    fn act(&mut self) -> Result<(), End> {
        if !self.session.has_only_media() || self.wire.is_note_due() {
            self.note();
        }
        self.pass_actions()
    }

    fn pass_actions(&mut self) -> Result<(), End> {
        while let Some(action) = self.session.next_action() {
            if let ServerAction::Media(_) = action {
                self.take_media(action);
                continue;
            }
            self.pass_on();
            match action {
                ServerAction::Send(bytes) => {
                    self.carried.said = self.carried.said.saturating_add(1);
                    if !Repeated::take(&mut self.carried.repeated.said) {
                        self.wire.push(bytes)?;
                    }
                }
                ServerAction::PublishRequested(request) => {
                    self.consider(request, Use::Publish)?;
                    self.note();
                }
                ServerAction::PlayRequested(request) => {
                    self.consider(request, Use::Play)?;
                    self.note();
                }
                ServerAction::Unpublished | ServerAction::StoppedPlaying => {
                    info!("stopped in good order");
                    self.activity = Activity::Asking;
                    self.grant = None;
                    self.farewell = None;
                    self.wire.stand()?;
                    self.note();
                }
                ServerAction::Media(_) => {}
                ServerAction::Closed(reason) => return Err(reason.into()),
            }
        }
        self.pass_on();
        Ok(())
    }

    /// Whoever publishes or plays wakes up for its pings at the least, so that this is asked every two seconds.
    fn check_grant(&mut self) -> Result<(), End> {
        let keys = &self.server.keys;
        let good = |grant: &mut Grant| grant.is_good(keys);
        if self.grant.as_mut().is_none_or(good) {
            Ok(())
        } else {
            Err(End::Revoked)
        }
    }

    /// Gives the stream what came in one read: its consumers are woken once for it.
    fn pass_on(&mut self) {
        if let Activity::Publishing(publishing) = &self.activity
            && !self.media.is_empty()
        {
            publishing.messages(&self.media);
        }
        self.media.clear();
    }

    /// Tells a player that the show is over, once it has all of it.
    fn end_show(&mut self) -> Result<(), End> {
        let over = match &self.activity {
            Activity::Seated(_) => self.wire.is_over(),
            Activity::Playing(consumer) => consumer.ended(),
            Activity::Asking | Activity::Publishing(_) => false,
        };
        if over && self.wire.is_flushed() {
            self.session.end_play();
            self.activity = Activity::Asking;
            self.wire.stand()?;
            self.act()?;
        }
        Ok(())
    }

    fn tell(&self, end: &End) {
        match &self.activity {
            Activity::Publishing(publishing) => {
                info!(publisher = publishing.id().0, "publishes no more: {end}")
            }
            Activity::Playing(_) | Activity::Seated(_) | Activity::Asking => {
                debug!("closed: {end}")
            }
        }
        if let Some(advice) = self.server.ports.advice(end, &self.server.app)
            && self.server.notices.is_news("wrong_port")
        {
            info!("{advice}");
        }
    }
}
