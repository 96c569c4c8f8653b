//! What a running daemon stands on: its sockets, tasks, latches, metrics and the line to systemd.
//!
//! A [`Chassis`] is cheap to clone and all clones are one. Tests make their own with [`Chassis::new`]: it inherits
//! nothing, tells systemd nothing and catches no signal.

#![expect(
    clippy::disallowed_methods,
    reason = "the shell that knows when the daemon started"
)]

use std::{
    borrow::Cow,
    collections::BTreeMap,
    future::Future,
    net::SocketAddr,
    os::fd::OwnedFd,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Instant,
};

use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tracing::{info, warn};

use super::{
    BindError, ConnectionLimit, Inherited, Latch, Metrics, Notify, Readiness, Shutdown, Tasks,
    accept::{self, Acceptor, Named},
    admin::{self, Call, Feed, Handler, Method, Refusal, Reply, Routes},
    listen::{self, kept},
    process,
};

/// See the module.
#[derive(Clone)]
pub struct Chassis(Arc<Inner>);

struct Inner {
    name: &'static str,
    version: &'static str,
    started: Instant,
    shutdown: Shutdown,
    tasks: Tasks,
    readiness: Readiness,
    metrics: Metrics,
    notify: Notify,
    inherited: Mutex<Inherited>,
    listeners: Mutex<BTreeMap<String, SocketAddr>>,
    status: OnceLock<Status>,
    routes: Mutex<Routes<Handler>>,
    concerns: Mutex<Vec<Concern>>,
}

type Concern = Box<dyn Fn() -> Option<String> + Send + Sync>;
type Status = Box<dyn Fn() -> Value + Send + Sync>;

impl Chassis {
    /// A chassis for tests of a daemon called `name` (`mux`, `transcoder`, `distributor`).
    pub fn new(name: &'static str) -> Self {
        Self::with(name, "test", Notify::default(), Inherited::default())
    }

    pub(super) fn with(
        name: &'static str,
        version: &'static str,
        notify: Notify,
        inherited: Inherited,
    ) -> Self {
        let shutdown = Shutdown::default();
        let tasks = Tasks::new(shutdown.clone());
        Self(Arc::new(Inner {
            name,
            version,
            started: Instant::now(),
            metrics: Metrics::new(name, version, tasks.panics()),
            readiness: Readiness::default(),
            notify,
            inherited: Mutex::new(inherited),
            listeners: Mutex::default(),
            status: OnceLock::new(),
            routes: Mutex::new(admin::routes()),
            concerns: Mutex::default(),
            shutdown,
            tasks,
        }))
    }

    /// The sockets called `name`: of the socket unit with that name, else bound to `addresses` (port 0 is any), by this
    /// process or, where systemd has a descriptor store for us, by the one before it.
    ///
    /// `name` is the section of the configuration whose `listen` gave the addresses, so that an error can name it.
    /// The real addresses are logged and known to [`Chassis::address`] from now on: the first as `name`, the others
    /// as `name.2`, `name.3`... Must be called inside the runtime.
    pub fn bind(
        &self,
        name: &str,
        addresses: &[SocketAddr],
    ) -> Result<Vec<TcpListener>, BindError> {
        let sockets = {
            let inherited = &mut lock(&self.0.inherited);
            listen::listeners(inherited, self.0.notify, name, addresses)?
        };
        for (index, socket) in sockets.iter().enumerate() {
            let Ok(address) = socket.local_addr() else {
                continue;
            };
            let name = match index {
                0 => name.to_owned(),
                _ => format!("{name}.{}", index + 1),
            };
            info!(listener = name, %address, "listening");
            lock(&self.0.listeners).insert(name, address);
        }
        Ok(sockets)
    }

    /// Where the socket called `name` really listens.
    pub fn address(&self, name: &str) -> Option<SocketAddr> {
        lock(&self.0.listeners).get(name).copied()
    }

    /// Every socket's name and real address.
    pub fn listeners(&self) -> BTreeMap<String, SocketAddr> {
        lock(&self.0.listeners).clone()
    }

    /// Accepts from `listener` until the shutdown, at most `limit` connections at a time.
    ///
    /// Each connection's `handler` runs in its own task, inside a span with the peer's address; it must itself watch
    /// [`Chassis::shutdown`] and end, and the drain waits for it. A panic in it costs that peer only.
    pub fn serve<H, F>(
        &self,
        name: &'static str,
        listener: TcpListener,
        limit: &ConnectionLimit,
        handler: H,
    ) where
        H: FnMut(TcpStream, SocketAddr) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        self.accept(name, listener, limit, accept::by_address, handler);
    }

    /// As [`Chassis::serve`], for an audience: the log names its addresses only when it tells every detail. They are
    /// nobody's business, and a span for each of thousands costs memory and time.
    pub fn serve_audience<H, F>(
        &self,
        name: &'static str,
        listener: TcpListener,
        limit: &ConnectionLimit,
        handler: H,
    ) where
        H: FnMut(TcpStream, SocketAddr) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        self.accept(name, listener, limit, accept::unnamed, handler);
    }

    fn accept<H, F>(
        &self,
        name: &'static str,
        listener: TcpListener,
        limit: &ConnectionLimit,
        span: Named,
        handler: H,
    ) where
        H: FnMut(TcpStream, SocketAddr) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let acceptor = Acceptor {
            name,
            listener,
            limit: limit.clone(),
            shutdown: self.0.shutdown.clone(),
            tasks: self.0.tasks.clone(),
            counts: self.0.metrics.listener(name),
            span,
            handler,
        };
        self.spawn_essential(format!("{name} accept loop"), acceptor.run());
    }

    /// Serves a connection that another process accepted from the listener called `name`, as [`Chassis::serve`] does.
    /// It counts against `limit` as far as there is room.
    pub fn carry_on<F>(
        &self,
        name: &'static str,
        peer: SocketAddr,
        limit: &ConnectionLimit,
        future: F,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let counts = self.0.metrics.listener(name);
        accept::spawn(
            &self.0.tasks,
            format!("{name} {peer}"),
            accept::by_address(name, peer),
            &counts,
            limit.try_place(),
            future,
        );
    }

    /// See [`Tasks::spawn`].
    pub fn spawn<F>(&self, name: impl Into<Cow<'static, str>>, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.0.tasks.spawn(name, future)
    }

    /// See [`Tasks::spawn_essential`].
    pub fn spawn_essential<F>(
        &self,
        name: impl Into<Cow<'static, str>>,
        future: F,
    ) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.0.tasks.spawn_essential(name, future)
    }

    /// One more thing that `/ready` waits for.
    pub fn latch(&self, name: &str) -> Latch {
        self.0.readiness.latch(name)
    }

    /// Something that may worry an operator: `concern` is asked at each probe and says so in a sentence. `/ready` and
    /// `/status` tell it; the daemon stays in service.
    pub fn concern(&self, concern: impl Fn() -> Option<String> + Send + Sync + 'static) {
        lock(&self.0.concerns).push(Box::new(concern));
    }

    /// What worries it now.
    pub fn concerns(&self) -> Vec<String> {
        let concerns = lock(&self.0.concerns);
        concerns.iter().filter_map(|concern| concern()).collect()
    }

    /// Lets the daemon add to `/status`: the fields of the JSON object that `status` returns. Only the first call counts.
    pub fn report(&self, status: impl Fn() -> Value + Send + Sync + 'static) {
        let _only_the_first = self.0.status.set(Box::new(status));
    }

    /// Adds a route to the admin listener, such as `/streams/{stream}/kick`; see [`admin`] for who may POST. A handler
    /// may wait, but not for longer than an operator would.
    pub fn route<H, F>(&self, method: Method, pattern: &'static str, handler: H)
    where
        H: Fn(Call) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Reply, Refusal>> + Send + 'static,
    {
        lock(&self.0.routes).add(method, pattern, Handler::call(handler));
    }

    /// Adds a route that answers with server-sent events; `feed` makes a feed for each client.
    pub fn events<F: Feed>(
        &self,
        pattern: &'static str,
        feed: impl Fn() -> F + Send + Sync + 'static,
    ) {
        lock(&self.0.routes).add(Method::Get, pattern, Handler::events(feed));
    }

    /// Every route of the admin listener: the chassis' own, then the daemon's.
    pub fn route_list(&self) -> Vec<(Method, &'static str)> {
        self.routes(|routes| routes.list().collect())
    }

    pub(super) fn routes<T>(&self, look: impl FnOnce(&Routes<Handler>) -> T) -> T {
        look(&lock(&self.0.routes))
    }

    /// Registers metrics: their names get the prefix `footlight_NAME_`.
    pub fn register<T>(&self, register: impl FnOnce(&mut Registry) -> T) -> T {
        self.0.metrics.register(register)
    }

    /// The token that says when to stop. Triggering it drains the daemon.
    pub fn shutdown(&self) -> &Shutdown {
        &self.0.shutdown
    }

    /// The running tasks.
    pub fn tasks(&self) -> &Tasks {
        &self.0.tasks
    }

    /// The latches.
    pub fn readiness(&self) -> &Readiness {
        &self.0.readiness
    }

    /// The line to systemd.
    pub fn notify(&self) -> Notify {
        self.0.notify
    }

    /// The descriptors that systemd kept under `name` over a restart; each is handed out once.
    pub fn inherited(&self, name: &str) -> Vec<OwnedFd> {
        lock(&self.0.inherited).take(name)
    }

    /// The names of what systemd passed and nobody took yet.
    pub fn inherited_names(&self) -> Vec<String> {
        lock(&self.0.inherited).names().map(str::to_owned).collect()
    }

    /// Lets go of all that nobody has taken: it is of another configuration, or of another version.
    pub(super) fn let_go_of_the_rest(&self) {
        for name in self.inherited_names() {
            let descriptors = self.inherited(&name);
            if !kept::let_go_if_stored(self.0.notify, &name, descriptors) {
                warn!(%name, "systemd passed a descriptor that nothing here wants");
                self.0.notify.unstore(&name);
            }
        }
    }

    /// What this daemon measures.
    pub(super) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// What `/status` answers.
    pub fn status(&self) -> Value {
        let listeners = self.listeners();
        let listeners = listeners
            .iter()
            .map(|(name, at)| (name.clone(), at.to_string().into()));
        let mut status = json!({
            "name": format!("footlight-{}", self.0.name),
            "version": self.0.version,
            "uptime_seconds": self.0.started.elapsed().as_secs(),
            "process": process::status(),
            "draining": self.0.shutdown.is_triggered(),
            "missing": self.0.readiness.missing().iter().map(|name| &**name).collect::<Vec<_>>(),
            "concerns": self.concerns(),
            "listeners": Value::Object(listeners.collect()),
        });
        let own = self.0.status.get().map(|status| status());
        if let (Some(all), Some(Value::Object(own))) = (status.as_object_mut(), own) {
            all.extend(own);
        }
        status
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
