//! What becomes of a peer's request to publish or play: its key is looked up, then the operator's hook is asked.
//!
//! Mostly that is done at once. A network that guesses waits first, and a hook takes its time: meanwhile the connection
//! goes on, and a peer that gives up takes the question with it.

use std::{
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, MutexGuard, PoisonError},
};

use rtmp::server::{Refusal, Request};
use serde_json::{Value, json};
use tokio::time::sleep;
use tracing::info;

use crate::{
    clock,
    connection::Server,
    events::Kind,
    guess::Guesses,
    hooks::{Answer, HookEvent, Hooks},
    key::{Found, Presented, Use},
};

/// A peer that may come in.
pub(crate) struct Admitted {
    pub(crate) found: Found,
    /// Of a publisher whose end somebody wants to hear of.
    pub(crate) farewell: Option<Farewell>,
}

/// Tells the hook when it is dropped that the publisher is gone.
pub(crate) struct Farewell {
    hooks: Hooks,
    body: Value,
}

impl Farewell {
    /// One that another process was to say.
    pub(crate) fn of_old(hooks: &Hooks, body: &str) -> Option<Self> {
        Some(Self {
            hooks: hooks.clone(),
            body: serde_json::from_str(body).ok()?,
        })
    }

    /// What will be said.
    pub(crate) fn body(&self) -> String {
        self.body.to_string()
    }
}

impl Drop for Farewell {
    fn drop(&mut self) {
        self.hooks.tell(HookEvent::Unpublish, self.body.take());
    }
}

type Decision = Result<Admitted, Refusal>;

/// What is decided, now or later.
pub(crate) enum Verdict {
    Now(Decision),
    Later(Pin<Box<dyn Future<Output = Decision> + Send>>),
}

/// A request that waits for its verdict.
pub(crate) struct Pending {
    pub(crate) request: Request,
    pub(crate) usage: Use,
    pub(crate) verdict: Pin<Box<dyn Future<Output = Decision> + Send>>,
}

impl Server {
    fn guesses(&self) -> MutexGuard<'_, Guesses> {
        self.guesses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to decide. What is refused is told to the log, counted, and told to nobody else.
    pub(crate) fn consider(
        self: &Arc<Self>,
        request: &Request,
        usage: Use,
        peer: SocketAddr,
    ) -> Verdict {
        if !self.serves_app(request) {
            return Verdict::Now(Err(Refusal::NotFound));
        }
        let wait = self.guesses().wait(peer.ip(), clock::monotonic());
        let event = event(usage);
        if wait.is_zero() && !self.hooks.has(event) {
            return Verdict::Now(self.look_up(request, usage, peer).map(|found| {
                let farewell = self.farewell(usage, || self.body(request, &found, usage, peer));
                Admitted { found, farewell }
            }));
        }
        let (server, request) = (Arc::clone(self), request.clone());
        Verdict::Later(Box::pin(async move {
            if !wait.is_zero() {
                sleep(wait).await;
            }
            let found = server.look_up(&request, usage, peer)?;
            let body = server.body(&request, &found, usage, peer);
            if let Answer::Deny(status) = server.hooks.ask(event, body.clone()).await {
                info!(
                    stream = %found.stream, key = %found.key, hook = event.as_str(), status,
                    "refused: the hook said no, or did not answer"
                );
                let fields = json!({ "event": event.as_str(), "status": status });
                let text = "a peer with a right key was refused by a hook";
                server
                    .events
                    .publish(Some(&found.stream), Kind::Hook, text, fields);
                return Err(Refusal::Denied);
            }
            let farewell = server.farewell(usage, || body);
            Ok(Admitted { found, farewell })
        }))
    }

    fn serves_app(&self, request: &Request) -> bool {
        let app = &self.app;
        let serves = request.login.is_some() || request.app == *app;
        if !serves {
            let asked: String = request.app.chars().take(64).collect();
            info!("refused: app {asked:?} is not served; use {app:?}, as in rtmp://HOST/{app}");
            self.ends.refused_app.inc();
        }
        serves
    }

    fn look_up(&self, request: &Request, usage: Use, peer: SocketAddr) -> Result<Found, Refusal> {
        let presented = match &request.login {
            Some(login) => Presented::Login(login),
            None => Presented::Key(request.key.expose()),
        };
        let now = self.clock.now();
        let refused = match self.keys.load().find(presented, usage, peer.ip(), now) {
            Ok(found) => return Ok(found),
            Err(refused) => refused,
        };
        info!("refused: {refused}");
        self.ends.refuse_key(&refused);
        if self.guesses().wrong(peer.ip(), clock::monotonic()) {
            self.ends.guessers.inc();
            info!(
                "keys are being guessed from this address: whoever asks from there waits a few seconds"
            );
        }
        let fields = json!({ "list": usage.as_str(), "class": refused.class() });
        let text = format!("a peer was refused: {refused}");
        self.events.publish(None, Kind::KeyRefused, text, fields);
        Err(Refusal::Denied)
    }

    fn farewell(&self, usage: Use, body: impl FnOnce() -> Value) -> Option<Farewell> {
        let wanted = usage == Use::Publish && self.hooks.has(HookEvent::Unpublish);
        wanted.then(|| {
            let mut body = body();
            if let Some(fields) = body.as_object_mut() {
                let event = HookEvent::Unpublish.as_str();
                fields.insert("event".to_owned(), event.into());
            }
            Farewell {
                hooks: self.hooks.clone(),
                body,
            }
        })
    }

    /// What a hook is told: never the key.
    fn body(&self, request: &Request, found: &Found, usage: Use, peer: SocketAddr) -> Value {
        json!({
            "event": event(usage).as_str(),
            "stream": found.stream.as_str(),
            "role": (usage == Use::Publish).then_some(found.role),
            "key": found.key,
            "address": peer.ip().to_string(),
            "software": request.flash_ver,
            "session": self.hooks.session(),
        })
    }
}

const fn event(usage: Use) -> HookEvent {
    match usage {
        Use::Publish => HookEvent::Publish,
        Use::Play => HookEvent::Play,
    }
}
