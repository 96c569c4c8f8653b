//! Who comes in, and to what: the shell around the limits by address ([`Addresses`]) and around [`Admission`].
//!
//! Whoever is refused here is refused cheaply: a connection before TLS, a request before anything is looked up.

use std::{
    collections::HashMap,
    fmt,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};

use live::{
    Rendition, StreamName,
    daemon::{
        Chassis, Shutdown,
        config::AddressRange,
        figure::bit_rate,
        prometheus_client::{
            collector::Collector,
            encoding::{DescriptorEncoder, EncodeMetric},
            metrics::{MetricType, counter::Counter, family::Family, gauge::ConstGauge},
        },
    },
};
use serde_json::{Value, json};
use tokio::time::{MissedTickBehavior, interval};
use tracing::{debug, info, warn};

use crate::{
    address::{Addresses, Crowded},
    admission::{Admission, Level, TICK},
    config::Limits,
    ladder::Ladder,
    metrics::Metrics,
    now,
    presentation::{Ceiling, Template},
};

/// What a request that waits is reckoned with, bytes: what it takes with its part of a connection by TLS, rounded up.
const PARKED_EACH: u64 = 8 << 10;
/// Streams whose qualities are known: as many as origins are remembered for. When full, all are forgotten: each new
/// session tells its stream's anew.
const LADDERS_MAX: usize = 4096;
/// When a newcomer who is refused may come again, seconds: each at another time than the one before him.
const RETRY: u64 = 5;
const RETRY_SPREAD: u64 = 11;

/// See the module. Clones are one.
#[derive(Clone)]
pub(crate) struct Door(Arc<Inner>);

struct Inner {
    addresses: Mutex<Addresses>,
    /// None: the line is not limited.
    line: Option<Mutex<Line>>,
    /// As [`Admission::cuts`], for every request to see without waiting.
    cuts: AtomicBool,
    parked_most: u64,
    turned_away: AtomicU64,
    refusals: Family<[(&'static str, &'static str); 1], Counter>,
}

struct Line {
    admission: Admission,
    ladders: HashMap<StreamName, Ladder>,
}

/// How full a line is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing {
    /// What goes out, and what those who have just come are expected to need, bits per second.
    pub(crate) egress: u64,
    /// What it carries, bits per second.
    pub(crate) budget: u64,
    pub(crate) level: Level,
}

/// One connection that was let in, until it is dropped.
#[derive(Debug)]
pub(crate) struct Guest {
    door: Door,
    /// None: it is not counted.
    from: Option<AddressRange>,
}

impl Door {
    /// By these limits; what is refused is counted in `chassis`' metrics.
    pub(crate) fn new(limits: &Limits, chassis: &Chassis) -> Self {
        let line = |budget| {
            Mutex::new(Line {
                admission: Admission::new(budget),
                ladders: HashMap::new(),
            })
        };
        let door = Self(Arc::new(Inner {
            addresses: Mutex::new(Addresses::new(limits.rates, limits.exempt.clone())),
            line: limits.egress.map(line),
            cuts: AtomicBool::new(false),
            parked_most: limits.parked / PARKED_EACH,
            turned_away: AtomicU64::new(0),
            refusals: Family::default(),
        }));
        chassis.register(|registry| {
            registry.register(
                "refusals",
                "What was refused for a limit's sake, by which",
                door.0.refusals.clone(),
            );
            registry.register_collector(Box::new(door.clone()));
        });
        door
    }

    /// Looks again and again at how much is sent, until `shutdown`.
    pub(crate) async fn watch(self, metrics: Metrics, shutdown: Shutdown) {
        if self.0.line.is_none() {
            return shutdown.triggered().await;
        }
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = shutdown.triggered() => return,
                _ = ticks.tick() => {
                    let sent = metrics.sent_so_far();
                    self.judge(|line| line.admission.measure(sent, now()));
                }
            }
        }
    }

    /// One more connection from `address`; none if it is to be closed.
    pub(crate) fn enter(&self, address: IpAddr) -> Option<Guest> {
        let class = match self.addresses().enter(address, now()) {
            Ok(from) => {
                let door = self.clone();
                return Some(Guest { door, from });
            }
            Err(Crowded::Open) => "connections",
            Err(Crowded::Fast) => "new_connections",
        };
        self.refused(class);
        debug!(
            limit = class,
            "a connection is closed for its address's sake"
        );
        None
    }

    /// Whether one more request may wait, when `waiting` do.
    pub(crate) fn may_wait(&self, waiting: i64) -> bool {
        let may = u64::try_from(waiting).unwrap_or_default() < self.0.parked_most;
        if !may {
            self.refused("parked");
        }
        may
    }

    /// Whether those who watch `rendition` of `stream` are to go down to another one.
    pub(crate) fn withholds(&self, stream: &StreamName, rendition: Rendition) -> bool {
        let Some(line) = self.0.line.as_ref().filter(|_| self.0.cuts.load(Relaxed)) else {
            return false;
        };
        let top = lock(line).ladders.get(stream).and_then(Ladder::top);
        let withholds = top == Some(rendition);
        if withholds {
            self.refused("quality");
        }
        withholds
    }

    /// How full the line is, where it is limited.
    pub(crate) fn standing(&self) -> Option<Standing> {
        let Line { admission, .. } = &*lock(self.0.line.as_ref()?);
        Some(Standing {
            egress: admission.egress().saturating_add(admission.promised(now())),
            budget: admission.budget(),
            level: admission.level(),
        })
    }

    /// For `/status`.
    pub(crate) fn report(&self) -> Value {
        let refusals = [
            "connections",
            "new_connections",
            "requests",
            "searches",
            "parked",
            "quality",
            "full",
        ];
        let refused = refusals.map(|class| (class.to_owned(), self.count(class).get().into()));
        let line = self.0.line.as_ref().map(|line| {
            let Line { admission, .. } = &*lock(line);
            json!({
                "level": admission.level().name(),
                "bits_per_second": admission.egress(),
                "promised": admission.promised(now()),
                "egress": admission.budget(),
                "lowers_all": admission.cuts(),
            })
        });
        json!({
            "line": line,
            "addresses": self.addresses().len(),
            "refused": Value::Object(refused.into_iter().collect()),
        })
    }

    /// Lets something happen to the line, and tells the operator when its level is another one then.
    fn judge<T>(&self, happen: impl FnOnce(&mut Line) -> T) -> Option<T> {
        let mut line = lock(self.0.line.as_ref()?);
        let before = line.admission.level();
        let happened = happen(&mut line);
        let Line { admission, .. } = &*line;
        self.0.cuts.store(admission.cuts(), Relaxed);
        if admission.level() != before {
            tell(before, admission);
        }
        Some(happened)
    }

    fn refused(&self, class: &'static str) {
        self.count(class).inc();
    }

    fn count(&self, class: &'static str) -> Counter {
        self.0.refusals.get_or_create(&[("class", class)]).clone()
    }

    fn addresses(&self) -> MutexGuard<'_, Addresses> {
        lock(&self.0.addresses)
    }
}

impl Guest {
    /// Whether one more of its requests may be answered.
    pub(crate) fn may_ask(&self) -> bool {
        let Some(from) = self.from else { return true };
        let may = self.door.addresses().request(from, now());
        if !may {
            self.door.refused("requests");
        }
        may
    }

    /// Whether an origin may be asked for what it wants.
    pub(crate) fn may_search(&self) -> bool {
        let Some(from) = self.from else { return true };
        let may = self.door.addresses().search(from, now());
        if !may {
            self.door.refused("searches");
        }
        may
    }

    /// The origin was not asked in vain.
    pub(crate) fn found(&self) {
        if let Some(from) = self.from {
            self.door.addresses().found(from);
        }
    }

    /// What it may have of `stream`, which `known` says that it watches already; `begins`: it will, if it may. The error
    /// is in how many seconds it may ask again.
    pub(crate) fn admit(
        &self,
        stream: &StreamName,
        template: &Template,
        known: bool,
        begins: bool,
    ) -> Result<Ceiling, u16> {
        if self.door.0.line.is_none() {
            return Ok(Ceiling::None);
        }
        let counts = begins && !known && self.promises();
        let ladder = template.ladder();
        let admitted = self.door.judge(|line| {
            line.learn(stream, &ladder);
            let ceiling = line.admission.admit(known, now())?;
            if counts {
                line.admission.promise(ladder.need(ceiling), now());
            }
            Some(ceiling)
        });
        admitted.flatten().ok_or_else(|| self.turned_away())
    }

    /// What it may have at another distributor, which gives newcomers this.
    pub(crate) fn admit_elsewhere(&self, level: Level) -> Result<Ceiling, u16> {
        level.for_newcomers().ok_or_else(|| self.turned_away())
    }

    /// A viewer of `stream` begins to watch here, whoever let him in.
    pub(crate) fn arrive(&self, stream: &StreamName) {
        if self.door.0.line.is_none() || !self.promises() {
            return;
        }
        self.door.judge(|line| {
            let ceiling = line.admission.level().for_newcomers();
            let ceiling = ceiling.unwrap_or(Ceiling::Least);
            let need = match line.ladders.get(stream) {
                Some(ladder) => ladder.need(ceiling),
                None => Ladder::usual().need(ceiling),
            };
            line.admission.promise(need, now());
        });
    }

    /// In how many seconds it may ask again.
    fn turned_away(&self) -> u16 {
        self.door.refused("full");
        let before = self.door.0.turned_away.fetch_add(1, Relaxed);
        u16::try_from(RETRY + before % RETRY_SPREAD).unwrap_or(u16::MAX)
    }

    fn promises(&self) -> bool {
        let promise = |from| self.door.addresses().promise(from, now());
        self.from.is_none_or(promise)
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        if let Some(from) = self.from {
            self.door.addresses().leave(from);
        }
    }
}

impl Line {
    fn learn(&mut self, stream: &StreamName, ladder: &Ladder) {
        if self.ladders.get(stream) == Some(ladder) {
            return;
        }
        if self.ladders.len() >= LADDERS_MAX {
            self.ladders.clear();
        }
        self.ladders.insert(stream.clone(), ladder.clone());
    }
}

fn tell(before: Level, admission: &Admission) {
    let (out, of) = (bit_rate(admission.egress()), bit_rate(admission.budget()));
    let level = admission.level();
    let what = match level {
        Level::All => "everybody has everything",
        Level::Steer => "newcomers are better off elsewhere",
        Level::TopForNew => "newcomers are not offered the best quality",
        Level::TopForAll => "nobody keeps the best quality",
        Level::SoundOnly => "newcomers have sound alone",
        Level::Full => "newcomers are asked to come again later",
    };
    let level_name = level.name();
    if level < before || level <= Level::Steer {
        info!(level = level_name, %out, %of, "the line has room: {what}");
    } else {
        warn!(level = level_name, %out, %of, "the line fills up: {what}; more distributors would help");
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Door(..)")
    }
}

/// Read at each scrape.
impl Collector for Door {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(line) = &self.0.line else {
            return Ok(());
        };
        let (level, egress, budget) = {
            let Line { admission, .. } = &*lock(line);
            (
                admission.level() as u64,
                admission.egress(),
                admission.budget(),
            )
        };
        for (name, help, value) in [
            (
                "admission_level",
                "How full the line is: 0 all, 1 steer, 2 top-for-new, 3 top-for-all, 4 sound-only, 5 full",
                level,
            ),
            (
                "egress_bits_per_second",
                "What goes out over the line, measured over some seconds",
                egress,
            ),
            (
                "egress_limit_bits_per_second",
                "What the line carries, as configured",
                budget,
            ),
        ] {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            let encoder = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            gauge.encode(encoder)?;
        }
        Ok(())
    }
}
