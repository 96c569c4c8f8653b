//! The plain HTTP listener: sends every request on to HTTPS and answers nothing else.

use std::{convert::Infallible, net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{HOST, LOCATION},
};
use http_body_util::Empty;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use live::daemon::Chassis;
use tokio::{net::TcpStream, time::timeout};
use tracing::debug;

use crate::{redirect::location, response};

/// One request and its answer: whoever needs longer has nothing to say.
const LIFETIME: Duration = Duration::from_secs(10);
/// Bytes of a request's head.
const HEAD_MAX: usize = 8 << 10;

/// Answers one request; HTTPS is served at `https`.
pub(crate) async fn serve(stream: TcpStream, https: SocketAddr, chassis: Chassis) {
    let service = service_fn(|request: Request<Incoming>| {
        let answer = answer(&request, https.port());
        async { Ok::<_, Infallible>(answer.map(|()| Empty::<Bytes>::new())) }
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .keep_alive(false)
        .max_buf_size(HEAD_MAX);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        ended = timeout(LIFETIME, connection) => {
            if let Ok(Err(error)) = ended {
                debug!(%error, "a connection broke off");
            }
        }
        () = chassis.shutdown().triggered() => {}
    }
}

fn answer(request: &Request<Incoming>, port: u16) -> Response<()> {
    if *request.method() != Method::GET && *request.method() != Method::HEAD {
        return response::bare(StatusCode::METHOD_NOT_ALLOWED);
    }
    let host = request
        .headers()
        .get(HOST)
        .and_then(|host| host.to_str().ok());
    let target = request
        .uri()
        .path_and_query()
        .map_or("/", |target| target.as_str());
    let location = host.and_then(|host| location(host, target, port));
    let Some(location) = location.and_then(|to| HeaderValue::from_str(&to).ok()) else {
        return response::bare(StatusCode::BAD_REQUEST);
    };
    let mut response = response::bare(StatusCode::PERMANENT_REDIRECT);
    response.headers_mut().insert(LOCATION, location);
    response
}
