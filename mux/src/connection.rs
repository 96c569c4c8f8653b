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
    server::{Refusal, Request, RequestId, ServerAction, ServerConfig, ServerSession},
};
use serde_json::json;
use tokio::time::timeout;
use tracing::{debug, info, warn};

use crate::{
    admission::Place,
    budget::{self, Budget, Spent},
    clock::{self, WallClock},
    consumer::Consumer,
    cursor::Audience,
    election::PublisherId,
    events::{Events, Kind},
    guess::Guesses,
    handover::{self, Doing, Handover, Resumed, Snapshot},
    hooks::Hooks,
    key::{Found, Use},
    keyring::{Grant, Keyring},
    metrics::Ends,
    notices::Notices,
    request::{Admitted, Farewell, Pending, Verdict},
    socket,
    stream::CloseCause,
    streams::{Publishing, SharedStream, Streams},
    tape,
    transport::Transport,
    wire::{Ready, Wire, WireError},
};

mod wrong_port;

pub(crate) use wrong_port::{Ports, TLS_BEGINS};

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
    pub(crate) handover: Option<Arc<Handover>>,
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
    /// How many times the session has said something, and how many media messages it gave since the peer publishes.
    said: u64,
    given: u64,
    /// So many of each were passed on by the process that kept the connection.
    repeated: Repeated,
    /// It had a seat in another process, and is to have one again.
    seated: bool,
}

/// What a session that is carried on does once more.
#[derive(Debug, Clone, Copy, Default)]
struct Repeated {
    said: u64,
    given: u64,
}

impl Repeated {
    /// Whether this one was there already.
    const fn take(count: &mut u64) -> bool {
        let was_there = *count > 0;
        *count = count.saturating_sub(1);
        was_there
    }
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
        said: 0,
        given: 0,
        repeated: Repeated::default(),
        seated: false,
    };
    connection.wire.keep(connection.server.handover.as_ref());
    connection.note();
    connection.serve(&[]).await;
}

/// A connection that another process kept, to be served by what is answered; nothing if it cannot be carried on.
pub(crate) fn carry_on(
    server: Arc<Server>,
    resumed: Resumed,
) -> Option<(SocketAddr, impl Future<Output = ()>)> {
    let Resumed {
        socket,
        kept,
        snapshot,
        journal,
        unwritten,
    } = resumed;
    let stream = |name: &str| server.streams.get(&name.parse().ok()?);
    let (mut given, mut seated) = (0, false);
    let mut activity = match &snapshot.doing {
        Doing::Asking => Some(Activity::Asking),
        Doing::Publishing(name, id) => stream(name).map(|stream| {
            let id = PublisherId(*id);
            let (publishing, applied) = stream.publish_again(id, &server.budget);
            given = applied.saturating_sub(snapshot.media);
            Activity::Publishing(publishing)
        }),
        Doing::Playing(name, stream_id, chunk_size) => stream(name).map(|stream| {
            Activity::Playing(Consumer::new(
                Arc::clone(stream),
                Audience::Player,
                Arc::clone(&stream.players),
                (*stream_id, *chunk_size),
            ))
        }),
        Doing::Seated(name) => stream(name).map(|stream| {
            seated = true;
            Activity::Playing(Consumer::new(
                Arc::clone(stream),
                Audience::Player,
                Arc::clone(&stream.players),
                (tape::STREAM_ID, tape::CHUNK_SIZE),
            ))
        }),
        Doing::Output(..) => None,
    };
    let consumer = activity.as_mut().and_then(Activity::consumer);
    // Before all else: dropping it ends the connection.
    let wire = Wire::carry_on(socket, kept, &unwritten, consumer)
        .inspect_err(|error| debug!(%error, "a connection is not carried on"))
        .ok()?;
    let memory = match &snapshot.doing {
        Doing::Publishing(..) => budget::PUBLISHER,
        Doing::Playing(..) | Doing::Seated(_) => budget::PLAYER,
        Doing::Asking | Doing::Output(..) => budget::STRANGER,
    };
    let connection = Connection {
        place: Place::of_old(&server.budget, memory).ok()?,
        peer: snapshot.peer,
        session: ServerSession::restore(&snapshot.session)?,
        activity: activity?,
        wire,
        grant: None,
        farewell: snapshot
            .farewell
            .and_then(|body| Farewell::of_old(&server.hooks, &body)),
        pending: None,
        media: Vec::new(),
        said: snapshot.said,
        given: snapshot.media,
        repeated: Repeated {
            said: unwritten.said.saturating_sub(snapshot.said),
            given,
        },
        seated,
        server,
    };
    let (peer, asked) = (snapshot.peer, snapshot.asked);
    let serving = async move {
        let mut connection = connection;
        if let Some((request, usage)) = asked {
            connection.consider_later(request, usage);
        }
        connection.serve(&journal).await;
    };
    Some((peer, serving))
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

    /// Does again what another process did with its journal, and then what it did not come to.
    fn replay(&mut self, journal: &[u8]) -> Result<(), End> {
        if journal.is_empty() {
            return Ok(());
        }
        // Nothing is noted before the session has had all that came.
        self.pass_actions()?;
        for piece in journal.chunks(handover::READ) {
            while self.session.has_only_media()
                && let Some(action) = self.session.next_action()
            {
                self.take_media(action);
            }
            self.pass_on();
            self.session.handle_input(piece, clock::monotonic());
        }
        Ok(())
    }

    fn take_media(&mut self, action: ServerAction) {
        if let ServerAction::Media(message) = action {
            self.given = self.given.saturating_add(1);
            if !Repeated::take(&mut self.repeated.given) {
                self.media.push(message);
            }
        }
    }

    /// Notes where the session stands, before anything but media comes of it.
    fn note(&mut self) {
        let (session, peer) = (&self.session, self.peer);
        let (said, media) = (self.said, self.given);
        let doing = match &self.activity {
            Activity::Asking => Doing::Asking,
            Activity::Publishing(publishing) => {
                Doing::Publishing(publishing.stream().to_string(), publishing.id().0)
            }
            Activity::Seated(stream) => Doing::Seated(stream.name().to_string()),
            Activity::Playing(consumer) if self.seated => {
                Doing::Seated(consumer.stream().to_string())
            }
            Activity::Playing(consumer) => {
                let (stream_id, chunk_size) = consumer.written_as();
                Doing::Playing(consumer.stream().to_string(), stream_id, chunk_size)
            }
        };
        let asked = self.pending.as_ref();
        let asked = asked.map(|pending| (pending.request.clone(), pending.usage));
        let farewell = self.farewell.as_ref().map(Farewell::body);
        self.wire.note(|at| Snapshot {
            at,
            said,
            media,
            peer,
            doing,
            asked,
            farewell,
            session: session.save().into(),
        });
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
                    self.said = self.said.saturating_add(1);
                    if !Repeated::take(&mut self.repeated.said) {
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

    /// Has a request decided; at once, if that can be.
    fn consider(&mut self, request: Request, usage: Use) -> Result<(), End> {
        match self.server.consider(&request, usage, self.peer) {
            Verdict::Now(decision) => self.decided(&request, usage, decision),
            Verdict::Later(verdict) => {
                self.pending = Some(Pending {
                    request,
                    usage,
                    verdict,
                });
                Ok(())
            }
        }
    }

    /// Has a request decided that another process had not decided yet.
    fn consider_later(&mut self, request: Request, usage: Use) {
        let verdict: Pin<Box<dyn Future<Output = _> + Send>> =
            match self.server.consider(&request, usage, self.peer) {
                Verdict::Now(decision) => Box::pin(std::future::ready(decision)),
                Verdict::Later(verdict) => verdict,
            };
        self.pending = Some(Pending {
            request,
            usage,
            verdict,
        });
    }

    fn decided(
        &mut self,
        request: &Request,
        usage: Use,
        decision: Result<Admitted, Refusal>,
    ) -> Result<(), End> {
        match (decision, usage) {
            (Err(refusal), _) => self.session.refuse(request.id, refusal),
            // The peer has given up meanwhile.
            (Ok(_), _) if !self.session.is_asking(request.id) => {}
            (Ok(admitted), Use::Publish) => self.publish(request, admitted),
            (Ok(admitted), Use::Play) => self.play(request, admitted.found)?,
        }
        Ok(())
    }

    fn publish(&mut self, request: &Request, admitted: Admitted) {
        let Admitted { found, farewell } = admitted;
        let server = Arc::clone(&self.server);
        let Some(stream) = server.streams.get(&found.stream) else {
            self.session.refuse(request.id, Refusal::Unavailable);
            return;
        };
        let publishing = self
            .place
            .admit(budget::PUBLISHER)
            .and_then(|()| stream.publish(found.role, &server.budget));
        let Ok(publishing) = publishing else {
            self.refuse_for_memory(request.id);
            return;
        };
        self.session.accept_publish(request.id, clock::monotonic());
        publishing.introduce(request.flash_ver.clone(), self.peer);
        info!(
            stream = %found.stream, publisher = publishing.id().0, role = found.role.as_str(), key = %found.key,
            software = ?request.flash_ver, "publishes"
        );
        let fields = json!({
            "publisher": publishing.id().0,
            "role": found.role.as_str(),
            "key": found.key,
            "software": request.flash_ver,
        });
        stream.tell(
            Kind::PublisherConnected,
            "a publisher has connected",
            fields,
        );
        self.activity = Activity::Publishing(publishing);
        (self.given, self.repeated.given) = (0, 0);
        self.grant = Some(Grant::new(found));
        self.farewell = farewell;
    }

    fn play(&mut self, request: &Request, found: Found) -> Result<(), End> {
        let server = Arc::clone(&self.server);
        let Some(stream) = server.streams.get(&found.stream) else {
            self.session.refuse(request.id, Refusal::NotFound);
            return Ok(());
        };
        if self.place.admit(budget::PLAYER).is_err() {
            self.refuse_for_memory(request.id);
            return Ok(());
        }
        socket::prepare_consumer(self.wire.socket()).map_err(WireError::from)?;
        let Some(grant) = self.session.accept_play(request.id, clock::monotonic()) else {
            return Ok(());
        };
        debug!(stream = %found.stream, key = %found.key, software = ?request.flash_ver, "plays");
        self.grant = Some(Grant::new(found));
        let on_tape = (grant.stream_id, grant.chunk_size) == (tape::STREAM_ID, tape::CHUNK_SIZE);
        self.wire.forget_place();
        if on_tape && self.wire.sit(stream) {
            self.activity = Activity::Seated(Arc::clone(stream));
            return Ok(());
        }
        self.activity = Activity::Playing(Consumer::new(
            Arc::clone(stream),
            Audience::Player,
            Arc::clone(&stream.players),
            (grant.stream_id, grant.chunk_size),
        ));
        Ok(())
    }

    fn refuse_for_memory(&mut self, request: RequestId) {
        if self.server.notices.is_news("no_memory") {
            warn!("refused: {Spent}");
        }
        self.session.refuse(request, Refusal::Unavailable);
    }

    /// Once all is written that another process had begun, a player is sent the tape again.
    fn sit_again(&mut self) {
        if self.seated
            && self.wire.is_flushed()
            && let Activity::Playing(consumer) = &self.activity
        {
            self.seated = false;
            let stream = Arc::clone(consumer.shared());
            if !consumer.ended() && self.wire.sit_again(&stream, consumer.place()) {
                self.activity = Activity::Seated(stream);
            } else {
                // From now on it is what it does.
                self.note();
            }
        }
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
