//! The private listener: what other distributors ask this one.
//!
//! Plain HTTP/1.1 for those who present the cluster's token. They are given objects as the origin wrote them, what
//! an ACME order of this box wants to be answered, and how this box is at `/peer/state`; they are no viewers, and are not counted or limited as such. For a stream that is asked
//! for here this box asks no peer itself; a request that names this box among those it has been through is refused
//! (RFC 8586).

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{
    HeaderMap, Method, Request, Response, StatusCode,
    header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, SERVER},
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use live::{cluster::Token, daemon::Chassis};
use tokio::net::TcpStream;
use tracing::debug;

use crate::{
    acme::Challenges,
    answer::{Answers, Body},
    attendance::Attendance,
    peer::told,
    response,
    route::{Route, route},
    routing::Routing,
    upstream::CDN_LOOP,
};

/// Where a box tells how it is.
pub(crate) const STATE: &str = "/peer/state";
/// For a request's head, and so how long a connection may be idle: longer than a peer keeps one.
const HEAD: Duration = Duration::from_secs(30);
/// Bytes of a request's head; a peer sends a line and four headers.
const HEAD_MAX: usize = 16 << 10;

/// What we call ourselves.
const OURSELVES: HeaderValue =
    HeaderValue::from_static(concat!("footlight-distributor/", env!("CARGO_PKG_VERSION")));

/// Serves peers.
#[derive(Clone)]
pub(crate) struct Private {
    pub(crate) answers: Arc<Answers>,
    pub(crate) routing: Arc<Routing>,
    pub(crate) attendance: Attendance,
    pub(crate) challenges: Challenges,
    pub(crate) token: Token,
    pub(crate) chassis: Chassis,
}

impl Private {
    /// Serves one connection to its end. At a shutdown the answer under way is finished; one that is only waited for is
    /// given up, so that the peer can ask elsewhere.
    pub(crate) async fn serve(self, stream: TcpStream) {
        // Without it a part's last bytes wait for the peer's delayed acknowledgement.
        let _best_effort = stream.set_nodelay(true);
        let service = service_fn(|request: Request<Incoming>| {
            let private = self.clone();
            async move { Ok::<_, Infallible>(private.answer(&request).await) }
        });
        let mut connection = std::pin::pin!(
            http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD)
                .max_buf_size(HEAD_MAX)
                .serve_connection(TokioIo::new(stream), service)
        );
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.chassis.shutdown().triggered() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            debug!(%error, "a peer's connection broke off");
        }
    }

    async fn answer<B>(&self, request: &Request<B>) -> Response<Body> {
        let headers = request.headers();
        let refuse = |status| response::bare(status).map(|()| Body::empty());
        if !self.knows(headers) {
            return refuse(StatusCode::UNAUTHORIZED);
        }
        if *request.method() != Method::GET {
            return refuse(StatusCode::METHOD_NOT_ALLOWED);
        }
        if has_been_through(headers, self.routing.name()) {
            return refuse(StatusCode::LOOP_DETECTED);
        }
        let uri = request.uri();
        if uri.path() == STATE {
            return self.state();
        }
        if let Some(proof) = self.challenges.text(uri.path()) {
            return told("application/octet-stream", proof.into());
        }
        let Route::Object(key, _) = route(request.method(), uri.path(), uri.query()) else {
            return refuse(StatusCode::NOT_FOUND);
        };
        let counted = self.routing.serve(key.stream());
        tokio::select! {
            answer = self.answers.to_peer(&key, counted) => answer,
            () = self.chassis.shutdown().triggered() => refuse(StatusCode::SERVICE_UNAVAILABLE),
        }
    }

    fn state(&self) -> Response<Body> {
        let viewers = self.attendance.by_stream(told::STREAMS_MAX);
        let state = told::write(self.routing.state(), &viewers);
        let mut response = told("application/json", state.into());
        response.headers_mut().insert(SERVER, OURSELVES);
        response
    }

    fn knows(&self, headers: &HeaderMap) -> bool {
        let authorization = headers.get(AUTHORIZATION);
        authorization
            .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
            .is_some_and(|token| self.token.matches(token))
    }
}

/// An answer with what was written here.
fn told(kind: &'static str, text: Bytes) -> Response<Body> {
    let mut response = response::bare(StatusCode::OK).map(|()| Body::whole(text));
    let headers = response.headers_mut();
    headers.remove(CONTENT_LENGTH);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// Whether `name` is among the boxes that the request has been through (RFC 8586 §2).
fn has_been_through(headers: &HeaderMap, name: &str) -> bool {
    let lists = headers.get_all(CDN_LOOP).into_iter();
    let mut boxes = lists
        .filter_map(|list| list.to_str().ok())
        .flat_map(|list| list.split(','));
    boxes.any(|one| one.split(';').next().unwrap_or_default().trim() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_knows_its_own_name_on_a_request_and_no_other() {
        let mut headers = HeaderMap::new();
        assert!(!has_been_through(&headers, "d1"));
        headers.append(
            CDN_LOOP,
            HeaderValue::from_static("d2; v=1, cdn.example:443"),
        );
        headers.append(CDN_LOOP, HeaderValue::from_static(" d3 ;a=d4"));
        for (name, is_there) in [
            ("d1", false),
            ("d2", true),
            ("d3", true),
            ("d4", false),
            ("", false),
        ] {
            assert_eq!(has_been_through(&headers, name), is_there, "{name}");
        }
    }
}
