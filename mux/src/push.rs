//! Push targets of one stream: platforms and other RTMP servers that it is published to.
//!
//! Each has its own task, cursor, retries and state. Whatever one of them does, neither the publisher nor any other
//! consumer notices. Targets come and go with a reload; one that is not changed by it is not touched. What an operator
//! ordered holds over sessions, reloads and restarts, until the next order, or until the configuration says otherwise.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use live::daemon::Chassis;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::{consumer::ConsumerStats, streams::SharedStream};

mod codecs;
mod failure;
mod policy;
mod target;
mod task;
mod tls;

pub(crate) use codecs::Word;
pub(crate) use policy::Wish;
pub(crate) use target::{PushUrl, Start, Target, UrlError};
pub(crate) use tls::certificates;

/// How a target stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PushState {
    /// The operator does not want it.
    Stopped,
    /// There is no show.
    Idle,
    /// On its way, or waiting for its next try.
    Connecting,
    /// It takes the stream.
    Live,
    /// It takes the stream too slowly, or nothing at the moment.
    Stalled,
    /// It said no, or it does not take the stream's codecs.
    Refused,
    /// It said no too often and is left alone.
    Parked,
}

impl PushState {
    /// All of them.
    pub(crate) const ALL: [Self; 7] = [
        Self::Stopped,
        Self::Idle,
        Self::Connecting,
        Self::Live,
        Self::Stalled,
        Self::Refused,
        Self::Parked,
    ];

    /// As status, metrics and events say it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Idle => "idle",
            Self::Connecting => "connecting",
            Self::Live => "live",
            Self::Stalled => "stalled",
            Self::Refused => "refused",
            Self::Parked => "parked",
        }
    }
}

/// An operator's order: it says more than the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Order {
    /// Whether it is to be pushed.
    on: bool,
    /// What the configuration said then: once that is changed, it counts again.
    against: Start,
}

/// What the operator wants of a target's task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Orders {
    wish: Wish,
    /// The target is no longer configured.
    removed: bool,
}

/// One target: what is known of it, and the way to its task. `Debug` shows its name alone.
pub(crate) struct Push {
    target: Target,
    orders: watch::Sender<Orders>,
    /// What it was sent.
    pub(crate) stats: Arc<ConsumerStats>,
    /// Connections that failed or were refused.
    pub(crate) failures: AtomicU64,
    /// How long the next message has been waiting, milliseconds.
    pub(crate) lag: AtomicU64,
    view: Mutex<View>,
}

#[derive(Debug, Clone)]
struct View {
    state: PushState,
    why: Option<String>,
}

impl Push {
    fn new(target: Target, on: bool) -> Self {
        let wish = Wish { on, orders: 0 };
        Self {
            target,
            orders: watch::Sender::new(Orders {
                wish,
                removed: false,
            }),
            stats: Arc::default(),
            failures: AtomicU64::new(0),
            lag: AtomicU64::new(0),
            view: Mutex::new(View {
                state: PushState::Idle,
                why: None,
            }),
        }
    }

    /// Its name within the stream.
    pub(crate) fn name(&self) -> &str {
        &self.target.name
    }

    /// Where it is: scheme, host and port.
    pub(crate) fn label(&self) -> String {
        self.target.url.to_string()
    }

    /// How it stands.
    pub(crate) fn state(&self) -> PushState {
        self.view().state
    }

    /// A sentence on why it stands so, with advice, where there is anything to say.
    pub(crate) fn why(&self) -> Option<String> {
        self.view().why.clone()
    }

    /// Pushes from now on, whenever there is a show; one that was parked or waits is tried at once.
    pub(crate) fn start(&self, stream: &SharedStream) {
        self.keep_order(true, stream);
        self.orders.send_modify(|orders| {
            orders.wish.on = true;
            orders.wish.orders = orders.wish.orders.wrapping_add(1);
        });
    }

    /// Ends the push in good order; it stays so until [`Self::start`], over sessions too.
    pub(crate) fn stop(&self, stream: &SharedStream) {
        self.keep_order(false, stream);
        self.orders.send_modify(|orders| orders.wish.on = false);
    }

    /// Before anybody sees it done, so that no restart undoes it.
    fn keep_order(&self, on: bool, stream: &SharedStream) {
        let Target { name, start, .. } = &self.target;
        let against = *start;
        stream.orders(|orders| orders.insert(name.clone(), Order { on, against }));
    }

    /// Whether it stood otherwise before.
    fn set(&self, state: PushState, why: Option<String>) -> bool {
        let mut view = self.view();
        let changed = view.state != state || view.why != why;
        *view = View { state, why };
        changed
    }

    fn note_lag(&self, lag: u64) {
        self.lag.store(lag, Ordering::Relaxed);
    }

    fn view(&self) -> MutexGuard<'_, View> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Push {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Push").field(&self.name()).finish()
    }
}

/// The targets of one stream, in the configuration's order.
#[derive(Debug, Default)]
pub(crate) struct Pushes(Mutex<Vec<Arc<Push>>>);

impl Pushes {
    /// All of them at this moment.
    pub(crate) fn list(&self) -> Vec<Arc<Push>> {
        self.lock().clone()
    }

    /// The one of this name.
    pub(crate) fn get(&self, name: &str) -> Option<Arc<Push>> {
        self.lock().iter().find(|push| push.name() == name).cloned()
    }

    /// From now on the targets are `wanted`: new ones start, those that are gone or changed end in good order, and the
    /// rest goes on undisturbed. A changed one that the operator had stopped or started stays so.
    pub(crate) fn replace(&self, wanted: &[Target], stream: &Arc<SharedStream>, chassis: &Chassis) {
        let mut list = self.lock();
        let orders = stream.orders(|orders| {
            let still = |name: &str, order: &Order| {
                let mut wanted = wanted.iter();
                wanted.any(|target| target.name == *name && target.start == order.against)
            };
            orders.retain(|name, order| still(name, order));
            orders.clone()
        });
        let mut older = std::mem::take(&mut *list);
        for target in wanted {
            let known = older.iter().position(|push| push.name() == target.name);
            let known = known.map(|at| older.swap_remove(at));
            let push = match known {
                Some(push) if push.target == *target => push,
                known => {
                    older.extend(known);
                    let order = orders.get(&target.name);
                    let on = order.map_or(target.start == Start::Always, |order| order.on);
                    let left = stream.take_left(&task::kept_as(target));
                    let push = Arc::new(Push::new(target.clone(), on));
                    let (its, show) = (Arc::clone(&push), Arc::clone(stream));
                    let task = task::Task::new(its, show, chassis.shutdown(), left);
                    let name = format!("{} to {}", stream.name(), target.name);
                    // Its end concerns nobody else.
                    drop(chassis.spawn(name, task.run()));
                    push
                }
            };
            list.push(push);
        }
        for push in older {
            push.orders.send_modify(|orders| orders.removed = true);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Push>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
