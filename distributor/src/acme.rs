//! Certificates that the daemon gets itself (ACME, RFC 8555), and renews for as long as it runs.
//!
//! `order` decides when, `authority` talks, `challenge` proves the names, `store` keeps. Whatever fails, the certificate
//! in use stays in use; before the first there is a self-signed one, so that all listeners can be open, and `/ready`
//! says that it is waited for.

#![expect(
    clippy::disallowed_methods,
    reason = "the shell that owns the calendar and the time that orders are spaced by"
)]

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use live::daemon::{
    Chassis, Latch, Shutdown, StartError,
    tls::{Certificate, Shown},
};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};
use tracing::{error, info, warn};

use crate::{config::Acme, metrics::Metrics};
use authority::{Authority, OrderError};
use order::{Failure, Next, Now, Schedule, Window};
pub(crate) use store::Store;

pub(crate) use challenge::{Challenges, Entrance, PROTOCOL};
pub(crate) use proofs::Proofs;

mod authority;
mod challenge;
mod client;
mod order;
mod proofs;
mod store;

/// One order from beginning to end.
const ORDER_MOST: Duration = Duration::from_secs(300);
/// The authority is asked so often when it would have a certificate renewed, in seconds.
const ASK_EVERY: i64 = 6 * 3600;
/// How long that may take.
const ASK_MOST: Duration = Duration::from_secs(30);
/// A certificate that could not be written is written again so often, in seconds.
const SAVE_EVERY: u64 = 60;

/// What is known from outside about the orders. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Standing(Arc<Mutex<Said>>);

#[derive(Debug, Clone, Default)]
struct Said {
    /// No certificate was issued yet.
    is_placeholder: bool,
    /// Why there is no new certificate, or why it is not kept.
    problem: Option<String>,
    failures: u32,
}

impl Standing {
    /// What `/status` says.
    pub(crate) fn report(&self) -> Value {
        let said = self.said(|said| said.clone());
        let state = match (said.is_placeholder, &said.problem) {
            (true, _) => "none yet",
            (false, None) => "kept",
            (false, Some(_)) => "late",
        };
        json!({ "state": state, "failures": said.failures, "problem": said.problem })
    }

    /// What an operator should know at once, where `of_certificate` is what the certificate itself gives rise to.
    fn concern(&self, of_certificate: Option<String>) -> Option<String> {
        let said = self.said(|said| said.clone());
        let concern = match said.is_placeholder {
            true => Some(
                "a self-signed certificate is shown until one is issued: players refuse it"
                    .to_owned(),
            ),
            false => of_certificate,
        };
        let problem = said.problem.map(|problem| format!(" ({problem})"));
        concern.map(|concern| concern + &problem.unwrap_or_default())
    }

    fn said<T>(&self, act: impl FnOnce(&mut Said) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What the rest of the daemon has of it.
pub(crate) struct Running {
    pub(crate) shown: Shown,
    pub(crate) challenges: Challenges,
    pub(crate) standing: Standing,
}

/// Shows the certificate that was kept, or a self-signed one, and begins to renew it.
pub(crate) fn start(
    config: Acme,
    chassis: &Chassis,
    metrics: &Metrics,
) -> Result<Running, StartError> {
    let store = Store::open(&config).map_err(|error| {
        let directory = config.state_directory.display();
        StartError::System(format!(
            "acme.state_directory {directory} cannot be made: {error}; create it for the daemon's user, or name another"
        ))
    })?;
    let kept = store.certificate().unwrap_or_else(|wrong| {
        warn!("the certificate that was kept cannot be used, another is ordered: {wrong}");
        None
    });
    let standing = Standing::default();
    let mut held = None;
    let mut latch = None;
    let first = match kept {
        Some(kept) => {
            held = kept.is_as_ordered.then(|| kept.certificate.clone());
            kept.certificate
        }
        None => {
            latch = Some(chassis.latch("a certificate by ACME"));
            standing.said(|said| said.is_placeholder = true);
            warn!(names = ?config.names, "there is no certificate yet: a self-signed one, which players refuse, is shown until one is issued");
            placeholder(&config.names, &store)?
        }
    };
    let shown = Shown::new(first);
    let challenges = Challenges::default();
    let clock = Clock::start();
    let tried = store.tried();
    let keeper = Keeper {
        authority: Authority {
            config,
            store,
            challenges: challenges.clone(),
        },
        schedule: Schedule::new(&tried, clock.now(), random()),
        clock,
        shown: shown.clone(),
        held,
        window: None,
        ask_at: i64::MIN,
        unsaved: None,
        tried,
        latch,
        standing: standing.clone(),
        metrics: metrics.clone(),
    };
    chassis.spawn_essential("certificate", keeper.run(chassis.shutdown().clone()));
    let (told, of) = (standing.clone(), shown.clone());
    chassis.concern(move || told.concern(of.validity().concern(unix())));
    Ok(Running {
        shown,
        challenges,
        standing,
    })
}

/// Now, in unix seconds.
pub(crate) fn unix() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let since = since.unwrap_or_default().as_secs();
    i64::try_from(since).unwrap_or(i64::MAX)
}

/// Any number: what spreads the orders of many.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// A self-signed certificate that ended long ago, so that no alarm takes it for one.
fn placeholder(names: &[String], store: &Store) -> Result<Certificate, StartError> {
    let failed = |error: &dyn std::fmt::Display| {
        StartError::System(format!("no self-signed certificate can be made: {error}"))
    };
    let mut params =
        rcgen::CertificateParams::new(names.to_vec()).map_err(|error| failed(&error))?;
    params.not_before = rcgen::date_time_ymd(1970, 1, 1);
    params.not_after = rcgen::date_time_ymd(1970, 1, 2);
    let key = rcgen::KeyPair::generate().map_err(|error| failed(&error))?;
    let made = params.self_signed(&key).map_err(|error| failed(&error))?;
    let text = store.text(&made.pem(), &key.serialize_pem());
    store.parse(&text).map_err(|error| failed(&error))
}

#[derive(Debug)]
struct Clock(Instant);

impl Clock {
    fn start() -> Self {
        Self(Instant::now())
    }

    fn now(&self) -> Now {
        Now {
            unix: unix(),
            running: i64::try_from(self.0.elapsed().as_secs()).unwrap_or(i64::MAX),
        }
    }
}

/// Keeps the certificate from ending.
struct Keeper {
    authority: Authority,
    schedule: Schedule,
    clock: Clock,
    shown: Shown,
    /// The one shown, when it is what the configuration asks for.
    held: Option<Certificate>,
    window: Option<Window>,
    /// When the authority is asked for a window again, by the time that the daemon has run.
    ask_at: i64,
    /// A certificate's text that is not on the disk yet.
    unsaved: Option<String>,
    /// As it is on the disk.
    tried: Vec<i64>,
    latch: Option<Latch>,
    standing: Standing,
    metrics: Metrics,
}

impl Keeper {
    async fn run(mut self, shutdown: Shutdown) {
        loop {
            let wait = tokio::select! {
                wait = self.turn() => wait,
                () = shutdown.triggered() => return,
            };
            tokio::select! {
                () = sleep(wait) => {}
                () = shutdown.triggered() => return,
            }
        }
    }

    /// Does what is to be done now, and says how long nothing is.
    async fn turn(&mut self) -> Duration {
        self.save();
        self.ask().await;
        let now = self.clock.now();
        let due = self.held.as_ref().map(|held| {
            let validity = held.validity();
            self.schedule.due(validity, self.window)
        });
        match self.schedule.next(now, due) {
            Next::Order => {
                self.order(now).await;
                Duration::ZERO
            }
            Next::Wait(seconds) if self.unsaved.is_some() => {
                Duration::from_secs(seconds.min(SAVE_EVERY))
            }
            Next::Wait(seconds) => Duration::from_secs(seconds),
        }
    }

    /// Asks now and then when the certificate should be renewed; who does not answer has no wishes.
    async fn ask(&mut self) {
        let running = self.clock.now().running;
        let Some(held) = self.held.as_ref().filter(|_| running >= self.ask_at) else {
            return;
        };
        self.ask_at = running.saturating_add(ASK_EVERY);
        let window = timeout(ASK_MOST, self.authority.window(held)).await;
        self.window = window.ok().flatten();
    }

    async fn order(&mut self, now: Now) {
        self.schedule.begins(now);
        match self.ordered(now).await {
            Ok((text, certificate)) => self.take(text, certificate),
            Err(error) => {
                if matches!(error, OrderError::AccountUnknown)
                    && let Err(error) = self.authority.store.forget_account()
                {
                    warn!(%error, "the account's file cannot be removed");
                }
                self.fail(error.failure(), error.to_string());
            }
        }
    }

    async fn ordered(&mut self, now: Now) -> Result<(String, Certificate), OrderError> {
        // A box that is started over and over must know: what cannot be written down is not tried.
        let tried = self.schedule.tried(now);
        let kept = self.authority.store.keep_tried(&tried);
        kept.map_err(OrderError::Disk)?;
        self.tried = tried;
        let failures = self.schedule.failures();
        // Only an authority that names a window knows of renewals; one that refuses this as such is not told again.
        let replaced = self.held.as_ref();
        let replaced = replaced.filter(|_| self.window.is_some() && failures == 0);
        let order = self.authority.order(failures, replaced);
        let text = timeout(ORDER_MOST, order).await;
        let text = text.map_err(|_| OrderError::Late)??;
        let certificate = self.authority.store.parse(&text);
        Ok((text, certificate.map_err(OrderError::Unusable)?))
    }

    /// Shows `certificate` from now on.
    fn take(&mut self, text: String, certificate: Certificate) {
        let validity = certificate.validity();
        info!(names = ?self.authority.config.names, expires = validity.until, "a certificate was issued; it is shown from now on");
        self.metrics.certificate_ordered("issued");
        self.shown.replace(certificate.clone());
        self.held = Some(certificate);
        self.window = None;
        self.ask_at = i64::MIN;
        self.latch = None;
        self.unsaved = Some(text);
        self.schedule.issued();
        self.standing.said(|said| *said = Said::default());
        if self.schedule.due(validity, None) <= self.clock.now().unix {
            let words = "by this box's clock, the certificate that was just issued is to be renewed already: set the clock";
            self.fail(Failure::Clock, words.to_owned());
        }
    }

    fn fail(&mut self, failure: Failure, problem: String) {
        let wait = self.schedule.failed(self.clock.now(), failure, random());
        self.metrics.certificate_ordered("failed");
        let failures = self.schedule.failures();
        let words = format!("{problem}; tried again in {} min", (wait + 59) / 60);
        self.standing.said(|said| {
            said.problem = Some(problem);
            said.failures = failures;
        });
        match self.shown.validity().concern(unix()) {
            None => {
                warn!(
                    failures,
                    "the certificate in use is good for a while, but there is no new one: {words}"
                );
            }
            Some(concern) => error!(
                failures,
                "there is no new certificate, and {concern}: {words}"
            ),
        }
    }

    /// Writes what is not on the disk yet.
    fn save(&mut self) {
        let store = &self.authority.store;
        // The calendar may have been set; tries are dated by it for the next start.
        let tried = self.schedule.tried(self.clock.now());
        if tried != self.tried && store.keep_tried(&tried).is_ok() {
            self.tried = tried;
        }
        let Some(text) = &self.unsaved else {
            return;
        };
        match store.keep_certificate(text) {
            Ok(()) => {
                self.unsaved = None;
                self.standing.said(|said| said.problem = None);
            }
            Err(error) => {
                let words = format!(
                    "the certificate is shown but cannot be written to acme.state_directory: {error}; a restart would lose it"
                );
                let told = self
                    .standing
                    .said(|said| said.problem.replace(words.clone()));
                if told.as_ref() != Some(&words) {
                    error!("{words}");
                }
            }
        }
    }
}
