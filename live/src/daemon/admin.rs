//! The admin listener: `/live`, `/ready`, `/metrics`, `/status`, over HTTP/1.1, for loopback or the private net.
//!
//! It answers until the very end of a drain, so that whoever watches sees it drain.

use std::{convert::Infallible, time::Duration};

use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tracing::debug;

use super::{Chassis, ConnectionLimit, Shutdown, Tasks, accept::Acceptor};

/// A scraper, a probe, an operator with curl: more than this is a mistake. Further ones wait.
const CONNECTIONS: usize = 16;
/// Bytes of a request's head; ours are a line and a few headers.
const HEAD_MAX: usize = 8 * 1024;
/// How long a request's head may take, and a connection may idle between two requests.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

type Answer = Response<Full<Bytes>>;

/// Serves the chassis on `listeners`, in tasks that no drain waits for, until the runtime ends.
pub(super) fn serve(chassis: &Chassis, listeners: Vec<TcpListener>) {
    let limit = ConnectionLimit::new(CONNECTIONS);
    for listener in listeners {
        let server = chassis.clone();
        let acceptor = Acceptor {
            name: "admin",
            listener,
            limit: limit.clone(),
            shutdown: Shutdown::default(),
            tasks: Tasks::new(Shutdown::default()),
            counts: chassis.metrics().listener("admin"),
            handler: move |stream, _peer| connection(server.clone(), stream),
        };
        tokio::spawn(acceptor.run());
    }
}

async fn connection(chassis: Chassis, stream: TcpStream) {
    let service = service_fn(|request: Request<Incoming>| {
        let answer = answer(&chassis, &request);
        async move { Ok::<_, Infallible>(answer) }
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

fn answer<B>(chassis: &Chassis, request: &Request<B>) -> Answer {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "GET or HEAD only\n");
        answer
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return answer;
    }
    match request.uri().path() {
        "/live" => text(StatusCode::OK, "live\n"),
        "/ready" => ready(chassis),
        "/metrics" => metrics(chassis),
        "/status" => content("application/json", chassis.status().to_string()),
        _ => text(
            StatusCode::NOT_FOUND,
            "try /live, /ready, /metrics or /status\n",
        ),
    }
}

fn ready(chassis: &Chassis) -> Answer {
    if chassis.shutdown().is_triggered() {
        return text(StatusCode::SERVICE_UNAVAILABLE, "draining\n");
    }
    let missing = chassis.readiness().missing();
    if missing.is_empty() {
        return text(StatusCode::OK, "ready\n");
    }
    let missing = format!("waiting for: {}\n", missing.join(", "));
    text(StatusCode::SERVICE_UNAVAILABLE, missing)
}

fn metrics(chassis: &Chassis) -> Answer {
    match chassis.metrics().text() {
        Ok(metrics) => content(
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            metrics,
        ),
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
    }
}

fn content(kind: &'static str, body: String) -> Answer {
    let mut answer = text(StatusCode::OK, body);
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

#[cfg(test)]
mod tests;
