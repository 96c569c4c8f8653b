//! The plain HTTP listener: sends every request on to HTTPS. Only an ACME authority that asks for the proof of an order
//! under way is answered here.

use std::{convert::Infallible, net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, LOCATION},
};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use live::daemon::Chassis;
use tokio::{
    net::TcpStream,
    time::{sleep, timeout},
};
use tracing::debug;

use crate::{
    acme::Proofs,
    connection::GREETING,
    hosts::Hosts,
    metrics::{Broken, Metrics},
    redirect::location,
    response,
};

/// One request and its answer: whoever needs longer has nothing to say.
const LIFETIME: Duration = Duration::from_secs(10);
/// Bytes of a request's head.
const HEAD_MAX: usize = 8 << 10;

/// Answers on the plain port.
#[derive(Clone)]
pub(crate) struct Plain {
    /// Where HTTPS is served.
    pub(crate) https: SocketAddr,
    pub(crate) hosts: Hosts,
    pub(crate) proofs: Proofs,
    pub(crate) metrics: Metrics,
    pub(crate) chassis: Chassis,
}

impl Plain {
    /// Answers one request.
    pub(crate) async fn serve(self, stream: TcpStream) {
        let service = service_fn(|request: Request<Incoming>| {
            let plain = &self;
            async move { Ok::<_, Infallible>(plain.answer(&request).await) }
        });
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .keep_alive(false)
            .max_buf_size(HEAD_MAX);
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        tokio::select! {
            ended = timeout(LIFETIME, connection) => match ended {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    if error.is_parse_too_large() {
                        self.metrics.broken(Broken::Head);
                    } else if error.is_parse() {
                        self.metrics.broken(Broken::Request);
                    }
                    debug!(%error, "a connection broke off");
                }
                Err(_) => self.metrics.broken(Broken::Late),
            },
            () = self.stops() => {}
        }
    }

    /// The daemon stops, and who has connected has had a moment to ask.
    async fn stops(&self) {
        self.chassis.shutdown().triggered().await;
        sleep(GREETING).await;
    }

    async fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let proof = match *request.method() {
            Method::GET => self.proofs.text(request.uri().path()).await,
            _ => None,
        };
        match proof {
            Some(proof) => text(proof),
            None => self.redirect(request).map(|()| Full::default()),
        }
    }

    fn redirect(&self, request: &Request<Incoming>) -> Response<()> {
        if *request.method() != Method::GET && *request.method() != Method::HEAD {
            return response::bare(StatusCode::METHOD_NOT_ALLOWED);
        }
        let host = request.headers().get(HOST);
        let host = host.and_then(|host| host.to_str().ok());
        if !self.hosts.know(host) {
            return response::bare(StatusCode::MISDIRECTED_REQUEST);
        }
        let target = request.uri().path_and_query();
        let target = target.map_or("/", |target| target.as_str());
        let location = host.and_then(|host| location(host, target, self.https.port()));
        let Some(location) = location.and_then(|to| HeaderValue::from_str(&to).ok()) else {
            return response::bare(StatusCode::BAD_REQUEST);
        };
        let mut response = response::bare(StatusCode::PERMANENT_REDIRECT);
        response.headers_mut().insert(LOCATION, location);
        response
    }
}

/// RFC 8555 §8.3.
fn text(proof: String) -> Response<Full<Bytes>> {
    let mut answer = response::bare(StatusCode::OK);
    let headers = answer.headers_mut();
    headers.insert(CONTENT_LENGTH, proof.len().into());
    let kind = HeaderValue::from_static("application/octet-stream");
    headers.insert(CONTENT_TYPE, kind);
    answer.map(|()| Full::from(proof))
}
