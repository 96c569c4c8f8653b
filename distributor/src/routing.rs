//! This box among the other distributors: asks each of them every half second how it is, tells them how it is itself,
//! and answers by what [`Peers`] makes of that.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use live::{
    Rendition, StreamName,
    daemon::{
        Chassis,
        admin::{Method, Reply},
        prometheus_client::metrics::counter::Counter,
    },
};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};
use tracing::{debug, info, warn};

use crate::{
    admission::Level,
    config::Peering,
    door::Door,
    metrics::{Metrics, PeerMetrics},
    now,
    origin::Answer,
    peer::{Peers, STATE_EVERY, State, told},
    presentation::Pathway,
    private,
    steering::{self, Asked, Way},
    upstream::{Upstream, UpstreamError},
    viewer::ViewerId,
};

mod standing;

/// A home that has not begun to answer what is there or is not after this is helped: one and a half parts of nominal
/// length.
pub(crate) const HEDGE_AFTER: Duration = Duration::from_millis(750);

/// See the module.
pub(crate) struct Routing {
    peering: Peering,
    /// As viewers know them, by index in the configuration.
    pathways: Vec<Pathway>,
    /// Where they are reached, for a page's policy.
    hosts: String,
    /// The index of the first distributor among those that [`Upstream`] asks.
    first: usize,
    peers: Mutex<Peers>,
    /// By an operator's order.
    drained: AtomicBool,
    /// Counts what may be a reason to wait for a peer no longer.
    changes: watch::Sender<u64>,
    metrics: PeerMetrics,
}

/// The box that a stream's objects are asked of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Home {
    peer: usize,
    /// What [`Upstream`] knows it as.
    pub(crate) source: usize,
}

/// Where a new viewer is sent.
#[derive(Debug)]
pub(crate) struct Paths {
    /// The one to begin with first.
    pub(crate) pathways: Vec<Pathway>,
    /// Where to ask for another order.
    pub(crate) steering: String,
    /// Where he is not to begin here: what newcomers are given there.
    pub(crate) elsewhere: Option<Level>,
}

/// How many viewers this box has, and may have.
pub(crate) type Connections = Box<dyn Fn() -> (u64, u64) + Send + Sync>;

impl Routing {
    /// The distributors of `peering`, which follow `first` others among those that [`Upstream`] asks.
    pub(crate) fn new(peering: &Peering, first: usize, chassis: &Chassis) -> Arc<Self> {
        let members = peering.distributors.iter().map(|one| one.member.clone());
        let pathway = |index: usize| {
            let one = peering.distributors.get(index)?;
            Some(Pathway {
                // A box's name has the alphabet of streams' names, which needs no quotes.
                name: one.member.name().parse().ok()?,
                base: one.url.clone(),
            })
        };
        Arc::new(Self {
            pathways: (0..peering.distributors.len())
                .filter_map(pathway)
                .collect(),
            hosts: peering.urls().collect::<Vec<_>>().join(" "),
            peers: Mutex::new(Peers::new(members.collect(), peering.own)),
            peering: peering.clone(),
            first,
            drained: AtomicBool::default(),
            changes: watch::Sender::default(),
            metrics: PeerMetrics::register(chassis),
        })
    }

    /// Begins to ask and to measure, and takes orders.
    pub(crate) fn start(
        self: &Arc<Self>,
        upstream: &Arc<Upstream>,
        connections: Connections,
        (sent, door): (&Metrics, &Door),
        chassis: &Chassis,
    ) {
        let (routing, sent, door) = (self.clone(), sent.clone(), door.clone());
        spawn(chassis, "load".to_owned(), async move {
            routing.measure(&connections, &sent, &door).await;
        });
        for (peer, one) in self.peering.distributors.iter().enumerate() {
            if peer == self.peering.own {
                continue;
            }
            let (routing, upstream) = (self.clone(), upstream.clone());
            spawn(chassis, format!("peer {}", one.member.name()), async move {
                routing.ask(peer, &upstream).await;
            });
        }
        let routing = self.clone();
        chassis.concern(move || routing.concern());
        for (path, drained) in [("/drain", true), ("/undrain", false)] {
            let routing = self.clone();
            chassis.route(Method::Post, path, move |_call| {
                routing.drain(drained);
                std::future::ready(Ok(Reply::ok(routing.report())))
            });
        }
    }

    /// This box's name.
    pub(crate) fn name(&self) -> &str {
        self.name_of(self.peering.own)
    }

    /// The addresses of all distributors, set apart by blanks.
    pub(crate) fn hosts(&self) -> &str {
        &self.hosts
    }

    /// What [`Upstream`] knows the other distributors as that are not known to be out of use.
    pub(crate) fn others(&self) -> Vec<usize> {
        let peers = self.peers();
        let all = 0..self.peering.distributors.len();
        let others = all.filter(|peer| *peer != self.peering.own && !peers.is_down(*peer));
        others.map(|peer| self.first + peer).collect()
    }

    /// What is counted.
    pub(crate) const fn metrics(&self) -> &PeerMetrics {
        &self.metrics
    }

    /// Whom to ask for what is missing of `stream` before the transcoders.
    pub(crate) fn home(&self, stream: &StreamName) -> Option<Home> {
        let peer = self.peers().home(stream, now())?;
        Some(Home {
            peer,
            source: self.first + peer,
        })
    }

    /// Returns when what `home` was asked for of `stream` is not to be waited for any longer.
    pub(crate) async fn lost(&self, stream: &StreamName, home: Home) {
        let mut changes = self.changes.subscribe();
        while self.peers().may_wait(stream, home.peer, now()) {
            // The sender lives as long as this.
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// `home` cannot be reached.
    pub(crate) fn refused(&self, home: Home, error: &UpstreamError) {
        self.learn(home.peer, Some(error), |peers, _| peers.refused(home.peer));
    }

    /// A peer asks for `stream` here; where to count what it is sent.
    pub(crate) fn serve(&self, stream: &StreamName) -> Counter {
        self.metrics.answered();
        if self.peers().serve(stream, now()) {
            self.changes
                .send_modify(|count| *count = count.wrapping_add(1));
        }
        self.metrics.sent().clone()
    }

    /// How this box is.
    pub(crate) fn state(&self) -> State {
        let state = self.peers().state(self.peering.own);
        state.map(|(state, _)| state).unwrap_or_default()
    }

    /// Where a new viewer of `stream` is sent.
    pub(crate) fn paths(&self, stream: &StreamName, viewer: ViewerId) -> Paths {
        let (first, next, level) = {
            let peers = self.peers();
            let (first, next) = peers.choose(stream);
            (first, next, peers.level(first))
        };
        let paths = [Some(first), next].into_iter().flatten();
        let paths = paths.filter_map(|index| self.pathways.get(index).cloned());
        Paths {
            pathways: paths.collect(),
            steering: steering::address(&self.peering.url, stream, Some(viewer)),
            elsewhere: (first != self.peering.own).then_some(level),
        }
    }

    /// How many watch `stream` at the other distributors, by quality.
    pub(crate) fn elsewhere(&self, stream: &StreamName) -> BTreeMap<Rendition, u64> {
        self.peers().elsewhere(stream)
    }

    /// The steering manifest of `stream` for one who tells this of itself, and whether it moves him.
    pub(crate) fn steer(&self, stream: &StreamName, asked: &Asked) -> (Vec<u8>, bool) {
        // Its digits are a name too, by which the boxes are ranked for this viewer.
        let name = |viewer: ViewerId| viewer.to_string().parse::<StreamName>().ok();
        let viewer = asked.viewer.and_then(name);
        let (order, current) = {
            let peers = self.peers();
            let current = asked.pathway.as_ref();
            let current = current.and_then(|name| peers.named(name.as_str()));
            (peers.order(stream, viewer.as_ref(), current), current)
        };
        let moves = current.is_some() && order.first() != current.as_ref();
        let ways = order.into_iter().filter_map(|index| {
            let one = self.peering.distributors.get(index)?;
            Some(Way {
                name: one.member.name(),
                url: &one.url,
            })
        });
        let ways: Vec<Way<'_>> = ways.collect();
        let at = current.map(|index| self.name_of(index));
        let reload = steering::address(&self.peering.url, stream, asked.viewer);
        let manifest = steering::manifest(&ways, at, &reload, asked.viewer);
        (manifest, moves)
    }

    /// Sends viewers away, or no more.
    pub(crate) fn drain(&self, drained: bool) {
        self.drained.store(drained, Relaxed);
        let state = State {
            drained,
            ..self.state()
        };
        self.set_own(state);
        info!(
            drained,
            who = "admin",
            "an operator sends viewers away from here, or no more"
        );
    }

    /// Takes down what this box sends and holds, as often as the others ask.
    async fn measure(&self, connections: &Connections, sent: &Metrics, door: &Door) {
        let mut last: (Instant, u64) = (now(), sent.sent_so_far());
        let mut ticks = ticks();
        loop {
            ticks.tick().await;
            let newest = (now(), sent.sent_so_far());
            let line = door.standing();
            let egress = line.map_or_else(|| rate(last, newest), |line| line.egress);
            last = newest;
            let (connections, limit) = connections();
            let drained = self.drained.load(Relaxed);
            self.set_own(State {
                egress,
                budget: line.map(|line| line.budget),
                connections,
                limit,
                level: line.map_or(Level::All, |line| line.level),
                drained,
            });
        }
    }

    /// Asks a peer how it is, for ever.
    async fn ask(&self, peer: usize, upstream: &Upstream) {
        let mut ticks = ticks();
        loop {
            ticks.tick().await;
            let (source, most) = (self.first + peer, told::TEXT_MAX);
            let told = upstream.told(source, private::STATE, most, STATE_EVERY);
            let told = told.await;
            let read = told.map(|text| told::read(&text));
            match read {
                Ok(Some((state, viewers))) => self.learn(peer, None, |peers, now| {
                    peers.heard(peer, state, now);
                    peers.watched(peer, viewers);
                }),
                Ok(None) => self.learn(peer, None, |peers, _| peers.missed(peer)),
                Err(error) if error.answer() == Answer::Unreachable => {
                    self.learn(peer, Some(&error), |peers, _| peers.refused(peer));
                }
                Err(error) => self.learn(peer, Some(&error), |peers, _| peers.missed(peer)),
            }
        }
    }

    /// Changes what is known of a peer, and tells the operator when it goes and when it comes back, once each.
    fn learn(
        &self,
        peer: usize,
        error: Option<&UpstreamError>,
        change: impl FnOnce(&mut Peers, Instant),
    ) {
        let (before, after) = {
            let mut peers = self.peers();
            let before = peers.is_up(peer);
            change(&mut peers, now());
            (before, peers.is_up(peer))
        };
        let name = self.name_of(peer);
        match (before, after, error) {
            (true, false, Some(error)) => {
                warn!(peer = name, "the distributor is out of use: {error}")
            }
            (true, false, None) => warn!(
                peer = name,
                "the distributor is out of use: it does not say how it is"
            ),
            (false, true, _) => info!(peer = name, "the distributor is in use"),
            (_, _, Some(error)) => debug!(peer = name, "{error}"),
            (_, _, None) => {}
        }
        if before != after {
            self.changes
                .send_modify(|count| *count = count.wrapping_add(1));
            self.stand();
        }
    }

    fn set_own(&self, state: State) {
        self.peers().set_own(state);
        self.stand();
    }

    fn stand(&self) {
        let up = {
            let peers = self.peers();
            let all = 0..self.peering.distributors.len();
            all.filter(|peer| peers.is_up(*peer)).count()
        };
        self.metrics.stand(up, self.drained.load(Relaxed));
    }

    fn name_of(&self, peer: usize) -> &str {
        let one = self.peering.distributors.get(peer);
        one.map_or("", |one| one.member.name())
    }

    fn peers(&self) -> MutexGuard<'_, Peers> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bits per second between two readings of a count of bytes.
fn rate((before, from): (Instant, u64), (after, to): (Instant, u64)) -> u64 {
    let elapsed = after.saturating_duration_since(before).as_millis();
    let bits = u128::from(to.saturating_sub(from)) * 8000;
    u64::try_from(bits / elapsed.max(1)).unwrap_or(u64::MAX)
}

fn ticks() -> tokio::time::Interval {
    let mut ticks = interval(STATE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

fn spawn(chassis: &Chassis, name: String, work: impl Future<Output = ()> + Send + 'static) {
    let shutdown = chassis.shutdown().clone();
    chassis.spawn_essential(name, async move {
        tokio::select! {
            () = shutdown.triggered() => {}
            () = work => {}
        }
    });
}
