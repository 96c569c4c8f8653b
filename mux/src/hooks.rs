//! HTTP hooks: an operator's own program is asked before a publisher or player comes in, and told when one goes.
//!
//! One POST with a small JSON object each, on a connection of its own, under one deadline. 2xx lets the peer in; 401, 403,
//! 404 and 409 keep it out; anything else, and silence, is *no answer*, for which the configuration has a rule. At most
//! [`MAX_CALLS`] are under way, and [`MAX_WAITING`] wait for their turn within their deadline; one more has no answer.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Request, StatusCode, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use live::daemon::{
    Tasks,
    prometheus_client::{
        metrics::{counter::Counter, family::Family, histogram::Histogram},
        registry::Registry,
    },
};
use serde_json::Value;
use tokio::{net::TcpStream, sync::Semaphore, time::timeout};
use tracing::{info, warn};

use crate::{clock, notices::Notices};

mod settings;

pub(crate) use settings::{HookUrl, NoAnswer, Settings};

/// Calls under way. A hook that takes the whole second still answers 32 peers a second.
const MAX_CALLS: usize = 32;
/// Calls that wait for one of those.
const MAX_WAITING: usize = 256;

/// What happened to a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HookEvent {
    /// It wants to publish.
    Publish,
    /// It publishes no more.
    Unpublish,
    /// It wants to play.
    Play,
}

impl HookEvent {
    /// As it is written in the configuration, and in the call's `event`.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Publish => "on_publish",
            Self::Unpublish => "on_unpublish",
            Self::Play => "on_play",
        }
    }
}

/// What a call came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The peer may.
    Allow,
    /// It may not: the status that said so.
    Deny(u16),
}

/// Why a call had no answer: the hook's fault, or the network's.
#[derive(Debug, thiserror::Error)]
enum CallError {
    #[error("{MAX_WAITING} calls are waiting already")]
    Crowded,
    #[error("it did not answer in time")]
    Late,
    #[error("it cannot be reached: {0}")]
    Io(#[from] std::io::Error),
    #[error("it does not speak HTTP: {0}")]
    Http(#[from] hyper::Error),
    #[error("the call cannot be made: {0}")]
    Request(#[from] hyper::http::Error),
    #[error("it answered {0}, which is neither yes (2xx) nor no (401, 403, 404, 409)")]
    Status(StatusCode),
}

/// All hooks. Clones are one.
#[derive(Clone)]
pub(crate) struct Hooks(Arc<Inner>);

struct Inner {
    settings: Settings,
    calls: Semaphore,
    waiting: AtomicUsize,
    next_session: AtomicU64,
    tasks: Tasks,
    notices: Notices,
    results: Family<[(&'static str, &'static str); 2], Counter>,
    seconds: Histogram,
}

impl Hooks {
    /// As configured; `tasks` owns the calls that nobody waits for.
    pub(crate) fn new(settings: Settings, tasks: Tasks) -> Self {
        Self(Arc::new(Inner {
            settings,
            calls: Semaphore::new(MAX_CALLS),
            waiting: AtomicUsize::new(0),
            next_session: AtomicU64::new(1),
            tasks,
            notices: Notices::default(),
            results: Family::default(),
            seconds: Histogram::new([0.001, 0.005, 0.02, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0]),
        }))
    }

    /// Registers the metrics.
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register(
            "hook_calls",
            "Calls of HTTP hooks, by event and what they came to",
            self.0.results.clone(),
        );
        registry.register(
            "hook_seconds",
            "How long calls of HTTP hooks took",
            self.0.seconds.clone(),
        );
    }

    /// Whether anybody is asked.
    pub(crate) fn has(&self, event: HookEvent) -> bool {
        self.0.settings.url(event).is_some()
    }

    /// What a peer's publishing or playing is called in all calls about it: once for each, since the process started.
    pub(crate) fn session(&self) -> String {
        let number = self.0.next_session.fetch_add(1, Ordering::Relaxed);
        format!("{}-{number}", std::process::id())
    }

    /// Asks, and waits for the answer or the deadline.
    pub(crate) async fn ask(&self, event: HookEvent, body: Value) -> Answer {
        let Some(url) = self.0.settings.url(event) else {
            return Answer::Allow;
        };
        let begun = clock::monotonic();
        let called = match timeout(self.0.settings.timeout, self.0.call(url, &body)).await {
            Ok(called) => called,
            Err(_) => Err(CallError::Late),
        };
        let took = clock::monotonic().saturating_sub(begun);
        self.0.seconds.observe(took.as_secs_f64());
        let (result, answer) = match called {
            Ok(Answer::Allow) => ("allow", Answer::Allow),
            Ok(deny @ Answer::Deny(_)) => ("deny", deny),
            Err(error) => {
                let rule = self.0.settings.no_answer;
                if self.0.notices.is_news(event.as_str()) {
                    warn!(hook = event.as_str(), %url, "no answer: {error}; the rule is to {}", rule.as_str());
                }
                let answer = match rule {
                    NoAnswer::Allow => Answer::Allow,
                    NoAnswer::Deny => Answer::Deny(0),
                };
                ("no_answer", answer)
            }
        };
        let labels = [("event", event.as_str()), ("result", result)];
        self.0.results.get_or_create(&labels).inc();
        answer
    }

    /// Tells, and waits for nothing.
    pub(crate) fn tell(&self, event: HookEvent, body: Value) {
        if self.has(event) {
            let hooks = self.clone();
            let tell = async move {
                let answer = hooks.ask(event, body).await;
                if let Answer::Deny(status) = answer {
                    info!(
                        hook = event.as_str(),
                        status, "a hook that was only told said no"
                    );
                }
            };
            self.0.tasks.spawn(event.as_str(), tell);
        }
    }
}

impl Inner {
    async fn call(&self, url: &HookUrl, body: &Value) -> Result<Answer, CallError> {
        let _turn = self.turn().await?;
        let socket = TcpStream::connect((url.host(), url.port())).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(socket)).await?;
        let request = Request::builder()
            .method(Method::POST)
            .uri(url.path())
            .header(header::HOST, url.authority())
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::CONNECTION, "close")
            .body(Full::new(Bytes::from(body.to_string())))?;
        // The answer's body is nobody's interest: the connection ends with its head.
        let mut response = pin!(sender.send_request(request));
        let response = tokio::select! {
            response = &mut response => response?,
            // An answer may be there all the same: its server closes at once.
            ended = connection => {
                ended?;
                response.await?
            }
        };
        match response.status() {
            status if status.is_success() => Ok(Answer::Allow),
            status @ (StatusCode::UNAUTHORIZED
            | StatusCode::FORBIDDEN
            | StatusCode::NOT_FOUND
            | StatusCode::CONFLICT) => Ok(Answer::Deny(status.as_u16())),
            status => Err(CallError::Status(status)),
        }
    }

    /// Waits for one of the calls to end; whoever waits is counted while it does.
    async fn turn(&self) -> Result<tokio::sync::SemaphorePermit<'_>, CallError> {
        if let Ok(permit) = self.calls.try_acquire() {
            return Ok(permit);
        }
        struct Waiting<'a>(&'a AtomicUsize);
        impl Drop for Waiting<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::Relaxed);
            }
        }
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.waiting);
        if before >= MAX_WAITING {
            return Err(CallError::Crowded);
        }
        self.calls.acquire().await.map_err(|_| CallError::Crowded)
    }
}
