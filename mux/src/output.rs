//! A stream's way to one transcoder: connects while there is a show, publishes, tries again when it fails.
//!
//! One task for each stream and rank. Whatever happens here, neither the publisher nor any other output notices.

use std::{
    collections::hash_map::RandomState,
    convert::Infallible,
    hash::{BuildHasher, Hasher},
    pin::pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use live::daemon::{Shutdown, config::HostPort};
use rtmp::{
    CloseReason, Secret,
    client::{ClientAction, ClientConfig, ClientSession, Purpose},
};
use tokio::{
    net::TcpStream,
    time::{sleep, timeout},
};
use tracing::{debug, info, warn};

use crate::{
    backoff::Backoff,
    clock,
    consumer::{Consumer, ConsumerStats},
    cursor::Audience,
    socket,
    stream::State,
    streams::SharedStream,
    transport::Transport,
    wire::{Ready, Wire, WireError},
};

/// The application that every transcoder serves.
const APP: &str = "live";
/// No type 3 chunks for any frame that is not larger: what is written is the frame itself.
const CHUNK_SIZE: u32 = 1 << 20;
/// A transcoder on the private network answers far sooner.
const CONNECT: Duration = Duration::from_secs(5);

/// How an output stands, for status and metrics.
#[derive(Debug)]
pub(crate) struct OutputStatus {
    /// The transcoder's name.
    pub(crate) name: String,
    /// What it was sent.
    pub(crate) stats: Arc<ConsumerStats>,
    /// Connections that failed.
    pub(crate) failures: AtomicU64,
    /// How long the next message has been waiting, milliseconds.
    pub(crate) lag: AtomicU64,
    state: Mutex<OutputState>,
}

/// See [`OutputStatus`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OutputState {
    /// There is no show.
    Idle,
    /// On its way.
    Connecting,
    /// The transcoder takes the stream.
    Publishing,
    /// It failed and will be tried again.
    Waiting,
}

impl OutputState {
    /// As the status says it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Connecting => "connecting",
            Self::Publishing => "publishing",
            Self::Waiting => "waiting",
        }
    }
}

impl OutputStatus {
    /// An output to the transcoder called `name`.
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            stats: Arc::default(),
            failures: AtomicU64::new(0),
            lag: AtomicU64::new(0),
            state: Mutex::new(OutputState::Idle),
        }
    }

    /// How it stands.
    pub(crate) fn state(&self) -> OutputState {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, state: OutputState) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

/// See the module.
pub(crate) struct Output {
    pub(crate) stream: Arc<SharedStream>,
    pub(crate) status: Arc<OutputStatus>,
    pub(crate) address: HostPort,
    /// `{stream}?token={token}`.
    pub(crate) key: Secret,
    pub(crate) shutdown: Shutdown,
}

/// Why a connection to a transcoder ended.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error("the show is over")]
    Over,
    #[error("mux stops")]
    Shutdown,
    #[error("no connection within {} s", CONNECT.as_secs())]
    Unreachable,
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error(transparent)]
    Session(#[from] CloseReason),
}

impl Output {
    /// Until mux stops.
    pub(crate) async fn run(self) {
        let mut backoff = Backoff::default();
        loop {
            self.status.set(OutputState::Idle);
            tokio::select! {
                () = self.show() => {}
                () = self.shutdown.triggered() => return,
            }
            let begun = clock::monotonic();
            let end = match self.connect().await {
                Ok(never) => match never {},
                Err(end) => end,
            };
            self.status.lag.store(0, Ordering::Relaxed);
            match end {
                End::Shutdown => return,
                End::Over => {
                    info!(stream = %self.stream.name(), transcoder = %self.status.name, "the stream's end was delivered")
                }
                End::Unreachable | End::Wire(_) | End::Session(_) => {
                    let lasted = clock::monotonic().saturating_sub(begun);
                    let wait = backoff.failed(lasted, RandomState::new().build_hasher().finish());
                    self.failed(&end, backoff.failures(), wait);
                    tokio::select! {
                        () = sleep(wait) => {}
                        () = self.shutdown.triggered() => return,
                    }
                }
            }
        }
    }

    /// Returns while there is a show.
    async fn show(&self) {
        let mut head = self.stream.head();
        let on = |state| matches!(state, State::Live | State::Held);
        while !on(self.stream.look(|stream, _now| stream.state())) {
            // The stream lives as long as `self`, so waiting cannot fail.
            let _closed = head.changed().await;
        }
    }

    fn failed(&self, end: &End, failures: u32, wait: Duration) {
        self.status.set(OutputState::Waiting);
        self.status.failures.fetch_add(1, Ordering::Relaxed);
        let (stream, transcoder) = (self.stream.name(), &self.status.name);
        if failures == 1 {
            warn!(%stream, %transcoder, address = %self.address, "the transcoder does not take the stream ({end}): check that it runs, is reachable, and has the same cluster secret; trying again");
        } else {
            debug!(%stream, %transcoder, failures, ?wait, "the transcoder does not take the stream: {end}");
        }
    }

    async fn connect(&self) -> Result<Infallible, End> {
        self.status.set(OutputState::Connecting);
        let (host, port) = (self.address.host(), self.address.port());
        let connecting = timeout(CONNECT, TcpStream::connect((host, port)));
        let socket = tokio::select! {
            socket = connecting => socket.map_err(|_| End::Unreachable)?.map_err(WireError::from)?,
            () = self.shutdown.triggered() => return Err(End::Shutdown),
        };
        socket::prepare_consumer(&socket).map_err(WireError::from)?;
        let config = ClientConfig {
            purpose: Purpose::Publish,
            app: APP.to_owned(),
            tc_url: Secret::new(format!("rtmp://{}/{APP}", self.address)),
            key: self.key.clone(),
            chunk_size: CHUNK_SIZE,
            deadline: CONNECT,
            // Its pings come every 2 s.
            dead_after: Some(socket::CONSUMER_TIMEOUT),
        };
        let mut link = Link {
            output: self,
            wire: Wire::new(Transport::Plain(socket)),
            session: ClientSession::new(config, clock::monotonic()),
            consumer: None,
        };
        link.run().await
    }
}

/// One connection to the transcoder.
struct Link<'a> {
    output: &'a Output,
    wire: Wire,
    session: ClientSession,
    consumer: Option<Consumer>,
}

impl Link<'_> {
    async fn run(&mut self) -> Result<Infallible, End> {
        let mut stop = pin!(self.output.shutdown.triggered());
        loop {
            self.act()?;
            self.wire.write(self.consumer.as_mut())?;
            self.note_lag();
            self.end_show()?;
            self.wire.set_alarm(self.session.poll_timeout());
            let flushed = self.wire.is_flushed();
            tokio::select! {
                ready = self.wire.ready() => match ready? {
                    Ready::Readable => self.wire.read(|bytes, now| self.session.handle_input(bytes, now))?,
                    Ready::Alarm => self.session.handle_timeout(clock::monotonic()),
                    Ready::Writable => {}
                },
                () = more(&mut self.consumer), if flushed => {}
                () = &mut stop => return Err(End::Shutdown),
            }
        }
    }

    fn act(&mut self) -> Result<(), End> {
        while let Some(action) = self.session.next_action() {
            match action {
                ClientAction::Send(bytes) => self.wire.push(bytes)?,
                ClientAction::Publishing {
                    stream_id,
                    chunk_size,
                } => {
                    let Output { stream, status, .. } = self.output;
                    info!(stream = %stream.name(), transcoder = %status.name, "the transcoder takes the stream");
                    status.set(OutputState::Publishing);
                    self.consumer = Some(Consumer::new(
                        Arc::clone(stream),
                        Audience::Transcoder,
                        Arc::clone(&status.stats),
                        (stream_id, chunk_size),
                    ));
                }
                ClientAction::Playing | ClientAction::Media(_) => {}
                ClientAction::Closed(_) if self.is_over() => return Err(End::Over),
                ClientAction::Closed(reason) => return Err(reason.into()),
            }
        }
        Ok(())
    }

    /// Takes leave once the transcoder has the session's end.
    fn end_show(&mut self) -> Result<(), End> {
        if !self.is_over() || !self.wire.is_flushed() {
            return Ok(());
        }
        self.session.stop();
        // The end itself is written; what the session adds is courtesy.
        while let Some(ClientAction::Send(bytes)) = self.session.next_action() {
            self.wire.push(bytes)?;
        }
        self.wire.write(None)?;
        Err(End::Over)
    }

    fn note_lag(&self) {
        let lag = self.consumer.as_ref().map_or(0, Consumer::lag);
        self.output.status.lag.store(lag, Ordering::Relaxed);
    }

    fn is_over(&self) -> bool {
        self.consumer.as_ref().is_some_and(Consumer::ended)
    }
}

async fn more(consumer: &mut Option<Consumer>) {
    match consumer {
        Some(consumer) => consumer.more().await,
        None => std::future::pending().await,
    }
}
