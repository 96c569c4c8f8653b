//! The admin listener: `/live`, `/ready`, `/metrics`, `/status` and what the daemon adds, over HTTP/1.1, for loopback or
//! the private net.
//!
//! It answers until the very end of a drain, so that whoever watches sees it drain. Nothing asks who is there; orders
//! (POST) are refused to web pages of other sites (see `origin`).

use std::{convert::Infallible, future::Future, pin::Pin, sync::Arc, time::Duration};

use http_body_util::{BodyExt, Either, Full, LengthLimitError, Limited};
use hyper::{
    Request, Response, StatusCode,
    body::{Body, Bytes, Incoming},
    header::{self, HeaderName, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use nix::sys::socket::{setsockopt, sockopt};
use serde_json::Value;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::timeout,
};
use tracing::debug;

mod call;
mod client;
mod events;
mod origin;
mod route;

pub use call::{Call, Refusal, Reply};
pub use client::{AskError, ask, order};
pub use events::{Feed, ServerEvent};
pub use route::Method;

pub(super) use route::Routes;

use super::{
    Chassis, ConnectionLimit, Shutdown, Tasks,
    accept::{self, Acceptor},
};
use events::EventBody;
use origin::{Foreign, Source};
use route::Found;

/// Scrapers, probes, operators with curl: more than this is a mistake. Further ones wait. Those who watch events have
/// places of their own beside these, so that they keep nobody out.
const CONNECTIONS: usize = 16;
/// Bytes of a request's head; ours are a line and a few headers.
const HEAD_MAX: usize = 8 * 1024;
/// Bytes of a request's body; orders are short.
pub const BODY_MAX: usize = 4 * 1024;
/// How long a request's head or body may take, and a connection may idle between two requests.
const READ_TIMEOUT: Duration = Duration::from_secs(10);
/// Milliseconds that a peer may leave what it is sent unacknowledged or unread.
const SEND_TIMEOUT: u32 = 30_000;

type Answer = Response<Either<Full<Bytes>, EventBody>>;
type BodyError = Box<dyn std::error::Error + Send + Sync>;
type Answering = Pin<Box<dyn Future<Output = Result<Reply, Refusal>> + Send>>;

/// What a route leads to.
#[derive(Clone)]
pub(super) struct Handler(Kind);

#[derive(Clone)]
enum Kind {
    /// One of the chassis' own.
    Own(fn(&Chassis) -> Answer),
    /// One of the daemon's.
    Daemon(Arc<dyn Fn(Call) -> Answering + Send + Sync>),
    /// A feed of the daemon's.
    Events(events::Open),
}

impl Handler {
    pub(super) fn call<H, F>(handler: H) -> Self
    where
        H: Fn(Call) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Reply, Refusal>> + Send + 'static,
    {
        Self(Kind::Daemon(Arc::new(move |call| Box::pin(handler(call)))))
    }

    pub(super) fn events<F: Feed>(feed: impl Fn() -> F + Send + Sync + 'static) -> Self {
        Self(Kind::Events(events::open(feed)))
    }
}

/// The chassis' own routes.
pub(super) fn routes() -> Routes<Handler> {
    let mut routes = Routes::new();
    let mut own = |path, answer| routes.add(Method::Get, path, Handler(Kind::Own(answer)));
    own("/live", |_| text(StatusCode::OK, "live\n"));
    own("/ready", ready);
    own("/metrics", metrics);
    own("/status", |chassis| json(StatusCode::OK, &chassis.status()));
    routes
}

/// What each connection needs.
#[derive(Clone)]
struct Server {
    chassis: Chassis,
    /// See `origin`.
    names: Arc<[String]>,
    watchers: Arc<Semaphore>,
}

/// Serves the chassis on `listeners`, in tasks that no drain waits for, until the runtime ends. `names` are those that
/// the daemon is asked by, beside addresses and localhost.
pub(super) fn serve(chassis: &Chassis, listeners: Vec<TcpListener>, names: &[String]) {
    let limit = ConnectionLimit::new(CONNECTIONS + events::CLIENTS);
    let server = Server {
        chassis: chassis.clone(),
        names: names.into(),
        watchers: events::places(),
    };
    for listener in listeners {
        let server = server.clone();
        let acceptor = Acceptor {
            name: "admin",
            listener,
            limit: limit.clone(),
            shutdown: Shutdown::default(),
            tasks: Tasks::new(Shutdown::default()),
            counts: chassis.metrics().listener("admin"),
            span: accept::by_address,
            handler: move |stream, _peer| connection(server.clone(), stream),
        };
        tokio::spawn(acceptor.run());
    }
}

async fn connection(server: Server, stream: TcpStream) {
    if let Err(error) = setsockopt(&stream, sockopt::TcpUserTimeout, &SEND_TIMEOUT) {
        debug!(%error, "an admin connection was gone at once");
        return;
    }
    let service = service_fn(|request: Request<Incoming>| {
        let server = server.clone();
        async move { Ok::<_, Infallible>(answer(&server, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(READ_TIMEOUT)
        .max_header_size(HEAD_MAX)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        debug!(%error, "an admin connection ended early");
    }
}

async fn answer<B>(server: &Server, request: Request<B>) -> Answer
where
    B: Body<Data = Bytes>,
    B::Error: Into<BodyError>,
{
    let answer = respond(server, request).await;
    answer.unwrap_or_else(|refusal| refuse(&refusal))
}

async fn respond<B>(server: &Server, request: Request<B>) -> Result<Answer, Refusal>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BodyError>,
{
    let head = request.method() == hyper::Method::HEAD;
    let method = match *request.method() {
        hyper::Method::GET | hyper::Method::HEAD => Some(Method::Get),
        hyper::Method::POST => Some(Method::Post),
        _ => None,
    };
    let path = request.uri().path();
    let find = |routes: &Routes<Handler>| match routes.find(method, path) {
        Found::Handler(handler, parameters) => Ok((handler.clone(), parameters)),
        Found::OtherMethods(allow) => Err(other_methods(path, allow)),
        Found::Nothing => Err(nothing(routes, path)),
    };
    let (handler, parameters) = server.chassis.routes(find)?;
    match handler.0 {
        Kind::Own(own) => Ok(own(&server.chassis)),
        Kind::Events(_) if head => Ok(event_stream(Either::Left(Full::default()))),
        Kind::Events(open) => match Arc::clone(&server.watchers).try_acquire_owned() {
            Ok(place) => Ok(event_stream(Either::Right(open(place)))),
            Err(_) => Err(too_many_watch()),
        },
        Kind::Daemon(handler) => {
            let body = match method {
                Some(Method::Post) => body_of(server, request).await?,
                Some(Method::Get) | None => Bytes::new(),
            };
            let reply = handler(Call::new(parameters, body)).await?;
            Ok(json(reply.status, &reply.body))
        }
    }
}

/// The body of a request that changes something, if it may.
async fn body_of<B>(server: &Server, request: Request<B>) -> Result<Bytes, Refusal>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BodyError>,
{
    let header = |name: HeaderName| {
        let value = request.headers().get(name)?;
        // What is no text is no name of ours either.
        Some(value.to_str().unwrap_or("?"))
    };
    let source = Source {
        host: header(header::HOST),
        origin: header(header::ORIGIN),
        fetch_site: header(HeaderName::from_static("sec-fetch-site")),
    };
    source
        .check(&server.names)
        .map_err(|foreign| foreign_site(&foreign))?;
    let body = request.into_body();
    if body.size_hint().lower() > BODY_MAX as u64 {
        return Err(too_large());
    }
    match timeout(READ_TIMEOUT, Limited::new(body, BODY_MAX).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(error)) => Err(Refusal::bad_request(
            format!("the request's body is broken: {error}"),
            "send it again",
        )),
        Err(_) => Err(Refusal::new(
            StatusCode::REQUEST_TIMEOUT,
            "the request's body does not come",
            "send it whole; most orders need none",
        )),
    }
}

fn foreign_site(foreign: &Foreign) -> Refusal {
    debug!(%foreign, "an order is refused");
    Refusal::new(StatusCode::FORBIDDEN, foreign.to_string(), foreign.advice())
}

fn too_large() -> Refusal {
    Refusal::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        format!("the request's body is larger than {BODY_MAX} bytes"),
        "most orders need none",
    )
}

fn too_many_watch() -> Refusal {
    Refusal::new(
        StatusCode::SERVICE_UNAVAILABLE,
        format!("{} clients watch events already", events::CLIENTS),
        "close one, or ask /status now and then",
    )
}

fn other_methods(path: &str, allow: String) -> Refusal {
    let error = format!("{path} is not asked that way");
    let advice = format!("use {allow}");
    Refusal {
        allow: Some(allow),
        ..Refusal::new(StatusCode::METHOD_NOT_ALLOWED, error, advice)
    }
}

fn nothing(routes: &Routes<Handler>, path: &str) -> Refusal {
    let shown: String = path.chars().take(64).collect();
    let list = routes
        .list()
        .map(|(method, pattern)| format!("{} {pattern}", method.as_str()));
    let advice = format!("there are: {}", list.collect::<Vec<_>>().join(", "));
    Refusal::not_found(format!("there is nothing at {shown:?}"), advice)
}

fn ready(chassis: &Chassis) -> Answer {
    if chassis.shutdown().is_triggered() {
        return text(StatusCode::SERVICE_UNAVAILABLE, "draining\n");
    }
    let concerns = chassis.concerns();
    let concerns = concerns.iter().map(|told| format!("concern: {told}\n"));
    let concerns: String = concerns.collect();
    let missing = chassis.readiness().missing();
    if missing.is_empty() {
        return text(StatusCode::OK, format!("ready\n{concerns}"));
    }
    let missing = format!("waiting for: {}\n{concerns}", missing.join(", "));
    text(StatusCode::SERVICE_UNAVAILABLE, missing)
}

fn metrics(chassis: &Chassis) -> Answer {
    /// What Prometheus asks for.
    const KIND: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    match chassis.metrics().text() {
        Ok(metrics) => content(StatusCode::OK, KIND, metrics),
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
    }
}

fn refuse(refusal: &Refusal) -> Answer {
    let mut answer = content(refusal.status, "application/json", refusal.json());
    let headers = answer.headers_mut();
    let allow = refusal.allow.as_deref().map(HeaderValue::from_str);
    if let Some(Ok(allow)) = allow {
        headers.insert(header::ALLOW, allow);
    }
    // A client that is one too many, or whose body was not read, does not keep its place.
    if !matches!(refusal.status, StatusCode::NOT_FOUND | StatusCode::CONFLICT) {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

fn event_stream(body: Either<Full<Bytes>, EventBody>) -> Answer {
    answer_of(StatusCode::OK, "text/event-stream", body)
}

fn json(status: StatusCode, body: &Value) -> Answer {
    content(status, "application/json", format!("{body}\n"))
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    content(status, "text/plain; charset=utf-8", body)
}

fn content(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Answer {
    answer_of(status, kind, Either::Left(Full::new(body.into())))
}

fn answer_of(
    status: StatusCode,
    kind: &'static str,
    body: Either<Full<Bytes>, EventBody>,
) -> Answer {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

#[cfg(test)]
mod tests;
