//! One push target's task: connects when the policy says so, publishes, takes leave, tells how it went.
//!
//! During a hold the connection stays and nothing is sent, as from an encoder that pauses; a platform that does not
//! want to wait closes it, and is connected again when there is media. When mux stops, connections are dropped without
//! a goodbye: it may be back in a moment, and a platform that heard goodbye ends the show.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    pin::pin,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use live::daemon::Shutdown;
use rtmp::client::{ClientConfig, Purpose};
use serde_json::json;
use tokio::{sync::watch, time::sleep};
use tracing::{debug, info, warn};

use crate::{
    clock,
    cursor::Audience,
    dial::dial,
    events::Kind,
    handover::Resumed,
    link::{Link, LinkError, Turn},
    output::random,
    push::{
        Orders, Push, PushState, Target,
        failure::{EARNEST, Failure, PushError},
        policy::{Next, Outcome, Policy, Show, TRIES, WINDOW},
        tls,
    },
    stream::State,
    streams::SharedStream,
    transport::Transport,
    wire::Wire,
};

/// The dialogue with a platform, TLS included: some look at the key for seconds.
const DIALOGUE: Duration = Duration::from_secs(15);
/// A target whose next message has waited this long (milliseconds) is stalled: it is about to miss something...
const STALLED: u64 = 2_000;
/// ... and one that is less late than this takes the stream again.
const RECOVERED: u64 = 500;

/// See the module.
pub(super) struct Task {
    push: Arc<Push>,
    stream: Arc<SharedStream>,
    orders: watch::Receiver<Orders>,
    shutdown: Shutdown,
    policy: Policy,
    /// Why the last try failed.
    told: Option<(PushState, String)>,
    /// It was said that the budget is spent.
    told_spent: bool,
    /// The connection that another process left.
    left: Option<Resumed>,
}

/// What the connection to a target is kept as: one to another place, or with another key, is another.
pub(super) fn kept_as(target: &Target) -> String {
    let mut hasher = DefaultHasher::new();
    let url = target.url.tc_url();
    (url.expose(), target.key.expose(), target.chunk_size).hash(&mut hasher);
    format!("push {} {:016x}", target.name, hasher.finish())
}

/// Why a connection was ended by us, or will end by itself in good order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leave {
    /// The session is over, or does not fit any more, or the operator wants it so.
    Politely,
    /// Mux stops.
    Shutdown,
}

impl Task {
    /// A task that has done nothing yet, but for the connection that another process left.
    pub(super) fn new(
        push: Arc<Push>,
        stream: Arc<SharedStream>,
        shutdown: &Shutdown,
        left: Option<Resumed>,
    ) -> Self {
        Self {
            orders: push.orders.subscribe(),
            left,
            push,
            stream,
            shutdown: shutdown.clone(),
            policy: Policy::default(),
            told: None,
            told_spent: false,
        }
    }

    /// Until the target is removed or mux stops.
    pub(super) async fn run(mut self) {
        let mut head = self.stream.head();
        loop {
            let orders = *self.orders.borrow_and_update();
            if orders.removed {
                return;
            }
            head.mark_unchanged();
            let (show, unfit) = self.show();
            let now = clock::monotonic();
            let next = self.policy.next(orders.wish, show, now);
            if next == Next::Connect {
                match self.publish().await {
                    Ok(Leave::Shutdown) => return,
                    Ok(Leave::Politely) => self.told = None,
                    Err(failure) => self.failed(&failure),
                }
                self.push.note_lag(0);
                continue;
            }
            self.rest(next, unfit);
            if next == Next::Stopped
                && let Some(link) = self.carry_on()
            {
                // The order came as the process that had the connection went.
                link.leave().await;
            }
            let due = async {
                match next {
                    Next::Wait(due) => sleep(due.saturating_sub(now)).await,
                    Next::Stopped | Next::Idle | Next::Unfit | Next::Parked | Next::Connect => {
                        std::future::pending().await
                    }
                }
            };
            let stopped = next == Next::Stopped;
            tokio::select! {
                () = due => {}
                // The sender is ours for as long as `self` lives, so waiting cannot fail.
                _changed = self.orders.changed() => {}
                // The stream lives as long as `self`.
                _changed = head.changed(), if !stopped => {}
                () = self.shutdown.triggered() => return,
            }
        }
    }

    /// What there is to push, and why it cannot be.
    fn show(&self) -> (Show, Option<String>) {
        self.stream.look(|stream, _now| {
            let unfit = self.push.target.codecs.unfit(stream.headers());
            let show = Show {
                session: stream.newest_stamp().map(|stamp| stamp.session),
                live: stream.state() == State::Live,
                fits: unfit.is_none(),
            };
            (show, unfit.map(|unfit| unfit.to_string()))
        })
    }

    async fn publish(&mut self) -> Result<Leave, Failure> {
        let before = self.told.as_ref().map(|(_, why)| why.clone());
        self.change(PushState::Connecting, before);
        let mut leave = pin!(leave(self.orders.clone(), self.shutdown.clone()));
        let unreachable = |error| Failure {
            error,
            asking: false,
            lasted: Duration::ZERO,
        };
        let mut link = match self.carry_on() {
            Some(link) => link,
            None => {
                let transport = tokio::select! {
                    transport = connect(&self.push.target) => transport.map_err(unreachable)?,
                    leave = &mut leave => return Ok(leave),
                };
                self.link(transport)
            }
        };
        let mut since = None;
        if link.is_publishing() {
            since = Some(clock::monotonic());
            self.policy.accepted();
            self.change(PushState::Live, None);
        }
        loop {
            let turn = tokio::select! {
                turn = link.turn() => turn.map_err(|error| fail(error, &link, since))?,
                cause = &mut leave => {
                    if cause == Leave::Politely {
                        link.leave().await;
                    }
                    return Ok(cause);
                }
            };
            match turn {
                Turn::Publishing => {
                    since = Some(clock::monotonic());
                    self.taken();
                }
                Turn::Moved => {
                    if let Some(since) = since {
                        self.settle(since);
                        self.note_lag(link.lag());
                    }
                    if self.is_over() {
                        link.leave().await;
                        return Ok(Leave::Politely);
                    }
                }
                Turn::Over => {
                    link.leave().await;
                    return Ok(Leave::Politely);
                }
            }
        }
    }

    fn carry_on(&mut self) -> Option<Link> {
        let (stream, stats) = (Arc::clone(&self.stream), Arc::clone(&self.push.stats));
        Link::carry_on(self.left.take()?, stream, Audience::Platform, stats)
    }

    fn link(&self, transport: Transport) -> Link {
        let target = &self.push.target;
        let config = ClientConfig {
            purpose: Purpose::Publish,
            app: target.url.app().to_owned(),
            tc_url: target.url.tc_url(),
            key: target.key.clone(),
            chunk_size: target.chunk_size,
            deadline: DIALOGUE,
            // Many platforms never ping; the kernel tells when one is gone.
            dead_after: None,
        };
        let stats = Arc::clone(&self.push.stats);
        let stream = Arc::clone(&self.stream);
        Link::new(
            Wire::new(transport),
            config,
            stream,
            Audience::Platform,
            stats,
        )
        .kept(&kept_as(target))
    }

    /// The target says that it takes the stream. One that refused it before is believed later: it may do so again.
    fn taken(&self) {
        match &self.told {
            Some((PushState::Refused, why)) => self.change(PushState::Live, Some(why.clone())),
            _ => self.say_live(),
        }
    }

    /// It has taken it since then.
    fn settle(&mut self, since: Duration) {
        if clock::monotonic().saturating_sub(since) >= EARNEST {
            self.policy.accepted();
            self.told_spent = false;
            if self.told.take().is_some() && self.push.state() == PushState::Live {
                self.say_live();
            }
        }
    }

    fn say_live(&self) {
        self.say(PushState::Live, "the target takes the stream".to_owned());
    }

    /// Whether there is nothing more for this connection: no show, or one that the target does not take.
    fn is_over(&self) -> bool {
        let codecs = &self.push.target.codecs;
        self.stream.look(|stream, _now| {
            stream.state() == State::Idle || codecs.unfit(stream.headers()).is_some()
        })
    }

    fn note_lag(&self, lag: u64) {
        self.push.note_lag(lag);
        let live = self.push.state() == PushState::Live;
        if live && lag > STALLED {
            let why = "the target takes the stream too slowly: what it misses is left out up to the newest keyframe; lower the encoder's bit rate, or choose a nearer server of the platform";
            self.say(PushState::Stalled, why.to_owned());
        } else if !live && lag < RECOVERED {
            self.say_live();
        }
    }

    fn failed(&mut self, failure: &Failure) {
        self.push.failures.fetch_add(1, Ordering::Relaxed);
        let outcome = failure.outcome();
        self.policy.ended(outcome, clock::monotonic(), random());
        let (state, why) = (failure.state(), failure.sentence());
        let again = self.told.as_ref().is_some_and(|(told, _)| *told == state);
        let broke = matches!(outcome, Outcome::Failed { lasted } if !lasted.is_zero());
        if again && !broke {
            let failures = self.policy.failures();
            debug!(stream = %self.stream.name(), output = self.push.name(), failures, "{why}");
            self.change(state, Some(why.clone()));
        } else {
            self.say(state, why.clone());
        }
        self.told = Some((state, why));
    }

    /// Says how the target stands while nothing is done about it.
    fn rest(&mut self, next: Next, unfit: Option<String>) {
        let last = || self.told.clone().map(|(_, why)| why);
        match next {
            Next::Connect => {}
            Next::Stopped => self.change(PushState::Stopped, None),
            Next::Idle => self.change(PushState::Idle, last()),
            Next::Unfit => self.say(PushState::Refused, unfit.unwrap_or_default()),
            Next::Parked => {
                let why = last().unwrap_or_default();
                let why = format!(
                    "{why}; it is left alone until it is started again, changed, or a new session begins"
                );
                self.say(PushState::Parked, why);
            }
            Next::Wait(_) if self.policy.is_spent() => {
                if !std::mem::replace(&mut self.told_spent, true) {
                    let minutes = WINDOW.as_secs() / 60;
                    let why = last().unwrap_or_default();
                    let why = format!(
                        "{why}; {TRIES} tries within {minutes} minutes are enough: the next one waits"
                    );
                    self.say(self.push.state(), why);
                }
            }
            Next::Wait(_) => {}
        }
    }

    /// Changes the state, and tells the log and the bus if it is news.
    fn say(&self, state: PushState, text: String) {
        let why = (state != PushState::Live).then(|| text.clone());
        if !self.push.set(state, why) {
            return;
        }
        let (stream, output, address) = (self.stream.name(), self.push.name(), self.push.label());
        let as_str = state.as_str();
        if state == PushState::Live {
            info!(%stream, output, address, state = as_str, "{text}");
        } else {
            warn!(%stream, output, address, state = as_str, "{text}");
        }
        self.tell(state, text);
    }

    /// Changes the state, and tells the bus if it is another.
    fn change(&self, state: PushState, why: Option<String>) {
        let before = self.push.state();
        if self.push.set(state, why) && before != state {
            let (stream, output) = (self.stream.name(), self.push.name());
            debug!(%stream, output, state = state.as_str(), "the target stands otherwise");
            self.tell(state, format!("{output} is {}", state.as_str()));
        }
    }

    fn tell(&self, state: PushState, text: String) {
        let fields = json!({ "output": self.push.name(), "state": state.as_str() });
        self.stream.tell(Kind::OutputState, text, fields);
    }
}

async fn connect(target: &Target) -> Result<Transport, PushError> {
    let socket = dial(&target.url.address).await?;
    Ok(tls::secure(socket, target).await?)
}

/// Returns when the connection is to be ended.
async fn leave(mut orders: watch::Receiver<Orders>, shutdown: Shutdown) -> Leave {
    tokio::select! {
        // Its sender outlives the task.
        _ordered = orders.wait_for(|orders| orders.removed || !orders.wish.on) => Leave::Politely,
        () = shutdown.triggered() => Leave::Shutdown,
    }
}

fn fail(error: LinkError, link: &Link, since: Option<Duration>) -> Failure {
    Failure {
        error: error.into(),
        asking: link.is_asking(),
        lasted: since.map_or(Duration::ZERO, |since| {
            clock::monotonic()
                .saturating_sub(since)
                .max(Duration::from_millis(1))
        }),
    }
}
