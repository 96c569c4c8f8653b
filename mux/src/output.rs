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
    client::{ClientConfig, Purpose},
};
use serde_json::json;
use tokio::time::sleep;
use tracing::{debug, info, warn};

use crate::{
    backoff::Backoff,
    clock,
    consumer::ConsumerStats,
    cursor::Audience,
    dial::{DialError, dial},
    events::Kind,
    handover::Resumed,
    link::{Link, LinkError, Turn},
    socket,
    stream::State,
    streams::SharedStream,
    transport::Transport,
    wire::Wire,
};

/// The application that every transcoder serves.
const APP: &str = "live";
/// No type 3 chunks for any frame that is not larger: what is written is the frame itself.
const CHUNK_SIZE: u32 = 1 << 20;
/// The dialogue: a transcoder on the private network answers far sooner.
const DIALOGUE: Duration = Duration::from_secs(5);
/// First and longest wait for a transcoder that is not there.
const WAITS: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(10));

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
    /// Why it failed, with advice, until it is taken or given up.
    why: Mutex<Option<String>>,
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
            why: Mutex::default(),
        }
    }

    /// How it stands.
    pub(crate) fn state(&self) -> OutputState {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A sentence on why the transcoder does not take the stream.
    pub(crate) fn why(&self) -> Option<String> {
        let why = self.why.lock().unwrap_or_else(PoisonError::into_inner);
        why.clone()
    }

    fn fails(&self, why: Option<String>) {
        *self.why.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }

    fn set(&self, state: OutputState) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
        if state == OutputState::Publishing {
            self.fails(None);
        }
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
    #[error(transparent)]
    Dial(#[from] DialError),
    #[error(transparent)]
    Link(#[from] LinkError),
}

impl End {
    /// For the operator: what happened and what to do.
    fn sentence(&self) -> String {
        let advice = match self {
            Self::Link(LinkError::Session(CloseReason::Refused { code, .. })) => {
                if code.ends_with("Denied") {
                    "check that it has the same cluster secret"
                } else {
                    "raise its [admission].max_streams, or add a transcoder"
                }
            }
            Self::Over | Self::Shutdown | Self::Dial(_) | Self::Link(_) => {
                "check that it runs and is reachable"
            }
        };
        format!("the transcoder does not take the stream ({self}): {advice}")
    }
}

impl Output {
    /// Until mux stops; begins with a connection that another process left, if one did.
    pub(crate) async fn run(self, left: Option<Resumed>) {
        let mut backoff = Backoff::new(WAITS.0, WAITS.1);
        // The transcoder has part of a session whose end it has not heard.
        let mut owes_end = false;
        let mut left = left.and_then(|left| self.carry_on(left));
        loop {
            self.stands(OutputState::Idle);
            if left.is_none() {
                tokio::select! {
                    () = self.show(owes_end) => {}
                    () = self.shutdown.triggered() => return,
                }
            }
            let begun = clock::monotonic();
            let end = match self.publish(left.take(), &mut owes_end).await {
                Ok(never) => match never {},
                Err(end) => end,
            };
            self.status.lag.store(0, Ordering::Relaxed);
            match end {
                End::Shutdown => return,
                End::Over => {
                    owes_end = false;
                    info!(stream = %self.stream.name(), transcoder = %self.status.name, "the stream's end was delivered")
                }
                End::Dial(_) | End::Link(_) => {
                    let lasted = clock::monotonic().saturating_sub(begun);
                    let wait = backoff.failed(lasted, random());
                    self.failed(&end, backoff.failures(), wait);
                    tokio::select! {
                        () = sleep(wait) => {}
                        () = self.shutdown.triggered() => return,
                    }
                }
            }
        }
    }

    /// Returns while there is a show, or the end of one that is owed.
    async fn show(&self, owes_end: bool) {
        let mut head = self.stream.head();
        let on = |state| match state {
            State::Live | State::Held => true,
            State::Ended => owes_end,
            State::Idle => false,
        };
        while !on(self.stream.look(|stream, _now| stream.state())) {
            self.status.fails(None);
            // The stream lives as long as `self`, so waiting cannot fail.
            let _closed = head.changed().await;
        }
    }

    /// Changes the state, and tells the bus if it is another.
    fn stands(&self, state: OutputState) {
        if self.status.state() == state {
            return;
        }
        self.status.set(state);
        let (output, state) = (&self.status.name, state.as_str());
        let fields = json!({ "output": output, "state": state });
        let text = format!("{output} is {state}");
        self.stream.tell(Kind::OutputState, text, fields);
    }

    fn failed(&self, end: &End, failures: u32, wait: Duration) {
        self.stands(OutputState::Waiting);
        self.status.fails(Some(end.sentence()));
        self.status.failures.fetch_add(1, Ordering::Relaxed);
        let (stream, transcoder) = (self.stream.name(), &self.status.name);
        if failures == 1 {
            warn!(%stream, %transcoder, address = %self.address, "{}; trying again", end.sentence());
        } else {
            debug!(%stream, %transcoder, failures, ?wait, "the transcoder does not take the stream: {end}");
        }
    }

    /// What its connection is kept as: one to another address is another.
    pub(crate) fn kept_as(&self) -> String {
        format!("{} {}", self.status.name, self.address)
    }

    fn carry_on(&self, left: Resumed) -> Option<Link> {
        let (stream, stats) = (Arc::clone(&self.stream), Arc::clone(&self.status.stats));
        let link = Link::carry_on(left, stream, Audience::Transcoder, stats)?;
        debug!(stream = %self.stream.name(), transcoder = %self.status.name, "the connection to the transcoder is carried on");
        Some(link)
    }

    async fn publish(&self, left: Option<Link>, owes_end: &mut bool) -> Result<Infallible, End> {
        let mut stop = pin!(self.shutdown.triggered());
        let mut link = match left {
            Some(link) => link,
            None => {
                tokio::select! {
                    link = self.connect() => link?,
                    () = &mut stop => return Err(End::Shutdown),
                }
            }
        };
        if link.is_publishing() {
            self.stands(OutputState::Publishing);
            *owes_end = true;
        }
        self.send(&mut link, stop, owes_end).await?;
        link.leave().await;
        Err(End::Over)
    }

    async fn connect(&self) -> Result<Link, End> {
        self.stands(OutputState::Connecting);
        let socket = dial(&self.address).await?;
        let config = ClientConfig {
            purpose: Purpose::Publish,
            app: APP.to_owned(),
            tc_url: Secret::new(format!("rtmp://{}/{APP}", self.address)),
            key: self.key.clone(),
            chunk_size: CHUNK_SIZE,
            deadline: DIALOGUE,
            // Its pings come every 2 s.
            dead_after: Some(socket::CONSUMER_TIMEOUT),
        };
        let link = Link::new(
            Wire::new(Transport::plain(socket)),
            config,
            Arc::clone(&self.stream),
            Audience::Transcoder,
            Arc::clone(&self.status.stats),
        );
        Ok(link.kept(&self.kept_as()))
    }

    /// Until the session's end is written.
    async fn send(
        &self,
        link: &mut Link,
        mut stop: impl Future<Output = ()> + Unpin,
        owes_end: &mut bool,
    ) -> Result<(), End> {
        loop {
            let turn = tokio::select! {
                turn = link.turn() => turn?,
                () = &mut stop => return Err(End::Shutdown),
            };
            match turn {
                Turn::Publishing => {
                    info!(stream = %self.stream.name(), transcoder = %self.status.name, "the transcoder takes the stream");
                    self.stands(OutputState::Publishing);
                    *owes_end = true;
                }
                Turn::Moved => self.status.lag.store(link.lag(), Ordering::Relaxed),
                Turn::Over => return Ok(()),
            }
        }
    }
}

/// Any number: what spreads the tries of many.
pub(crate) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
