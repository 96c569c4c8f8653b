//! The origin: playlists and media over HTTP/1.1 for distributors that present the cluster's token.
//!
//! A request for a part or a playlist that is about to come waits for it (RFC 8216bis §6.2.5.2), for at most three
//! target durations; it leaves the moment its client does, since hyper drops what it was answering. Nothing is sent
//! before it is complete, and every answer has its length.

use std::{convert::Infallible, sync::Arc, time::Duration};

use hyper::{
    HeaderMap, Method, Request, Response, StatusCode, header, server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use live::{
    Directives, Object, ObjectPath, Rendition,
    cluster::{ClusterSecret, Token},
    daemon::{
        Chassis, Shutdown,
        prometheus_client::{
            metrics::{counter::Counter, family::Family},
            registry::Registry,
        },
    },
};
use tokio::{net::TcpStream, sync::watch, time::timeout};
use tracing::debug;

use crate::{
    archive::{Archive, Name, Unreadable},
    blocking::{self, Answer},
    part::PartTarget,
    recording::Shelf,
    store::{Published, Store},
    window::{Found, Text},
};
use recorded::Recordings;
use response::{Body, Freshness, refusal, success};

mod recorded;
mod response;

/// Connections at once: distributors keep a handful each.
pub const MAX_CONNECTIONS: usize = 2048;
/// Longest head of a request: the longest path is 200 bytes, the rest is the distributor's own.
const MAX_HEAD: usize = 16 << 10;
/// A connection that has not sent a whole head for so long is closed, kept-alive ones too.
const HEAD_DEADLINE: Duration = Duration::from_secs(60);

/// What all connections share.
#[derive(Debug)]
pub struct Origin {
    store: Arc<Store>,
    archive: Archive,
    recordings: Option<Recordings>,
    token: Token,
    parts: PartTarget,
    shutdown: Shutdown,
    requests: Family<[(&'static str, String); 2], Counter>,
}

impl Origin {
    /// Answers from `store`.
    pub fn new(
        store: Arc<Store>,
        secret: &ClusterSecret,
        parts: PartTarget,
        chassis: &Chassis,
    ) -> Self {
        Self {
            archive: store.archive().clone(),
            store,
            recordings: None,
            token: secret.origin_token(),
            parts,
            shutdown: chassis.shutdown().clone(),
            requests: Family::default(),
        }
    }

    /// The same, and recorded shows are served from `shelf`.
    #[must_use]
    pub fn with_recordings(mut self, shelf: Shelf) -> Self {
        self.recordings = Some(Recordings::new(shelf));
        self
    }

    /// Registers what is counted.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "origin_requests",
            "Requests answered, by kind of object and status",
            self.requests.clone(),
        );
    }

    /// One connection, until it ends. At a shutdown the answer under way is finished.
    pub async fn serve(self: Arc<Self>, stream: TcpStream) {
        if let Err(error) = stream.set_nodelay(true) {
            debug!(%error, "an HTTP connection ended");
            return;
        }
        let origin = self.clone();
        let service = service_fn(move |request| {
            let origin = origin.clone();
            async move { Ok::<_, Infallible>(origin.answer(&request).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_DEADLINE)
            .max_buf_size(MAX_HEAD)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.shutdown.triggered() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            debug!(%error, "an HTTP connection ended");
        }
    }

    async fn answer<B>(&self, request: &Request<B>) -> Response<Body> {
        let (kind, response) = self.respond(request).await;
        let labels = [
            ("object", kind.to_owned()),
            ("status", response.status().as_str().to_owned()),
        ];
        self.requests.get_or_create(&labels).inc();
        if request.method() == Method::HEAD {
            response.map(Body::withheld)
        } else {
            response
        }
    }

    async fn respond<B>(&self, request: &Request<B>) -> (&'static str, Response<Body>) {
        if !self.knows(request.headers()) {
            return ("none", refusal(StatusCode::UNAUTHORIZED));
        }
        if ![Method::GET, Method::HEAD].contains(request.method()) {
            return ("none", refusal(StatusCode::METHOD_NOT_ALLOWED));
        }
        let Ok(path) = request.uri().path().parse::<ObjectPath>() else {
            return ("none", refusal(StatusCode::NOT_FOUND));
        };
        let kind = kind_of(path.object);
        if let (Object::Show(session, object), Some(recordings)) = (path.object, &self.recordings) {
            return (kind, recordings.get(&path.stream, session, object).await);
        }
        let Some(published) = self.store.get(&path.stream) else {
            return (kind, refusal(StatusCode::NOT_FOUND));
        };
        let response = match path.object {
            Object::Multivariant => multivariant(&published),
            Object::Media(rendition) => {
                let query = request.uri().query().unwrap_or_default();
                match Directives::parse(query) {
                    Ok(directives) => self.playlist(&published, rendition, directives).await,
                    Err(_) => refusal(StatusCode::BAD_REQUEST),
                }
            }
            object @ (Object::Init(..) | Object::Segment(..) | Object::Part(..)) => {
                self.media(&published, object).await
            }
            Object::IFrames(_)
            | Object::Poster
            | Object::Storyboard
            | Object::Sheet(_)
            | Object::Show(..) => refusal(StatusCode::NOT_FOUND),
        };
        (kind, response)
    }

    fn knows(&self, headers: &HeaderMap) -> bool {
        headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "))
            .is_some_and(|token| self.token.matches(token))
    }

    async fn playlist(
        &self,
        published: &Published,
        rendition: Rendition,
        directives: Directives,
    ) -> Response<Body> {
        self.when_ready(published, rendition, || {
            published.look(|stream| {
                let position = stream.position(rendition)?;
                match blocking::answer(directives, &position, self.parts) {
                    Answer::Wait => return Some(Ready::NotYet),
                    Answer::TooFar => return Some(Ready::Say(refusal(StatusCode::BAD_REQUEST))),
                    Answer::Now => {}
                }
                let written = stream.playlist(rendition)?;
                let target = stream.target_duration()?;
                let text = match directives.skip {
                    Some(_) => written.delta,
                    None => written.full,
                };
                let freshness = match directives.block {
                    Some(_) => Freshness::Blocking(target),
                    None => Freshness::Playlist,
                };
                let object = Object::Media(rendition);
                let pieces = text.pieces;
                Some(Ready::Say(success(object, pieces, text.tag, freshness)))
            })
        })
        .await
    }

    async fn media(&self, published: &Published, object: Object) -> Response<Body> {
        let Some(rendition) = object.rendition() else {
            return refusal(StatusCode::NOT_FOUND);
        };
        let mut saved = None;
        let response = self
            .when_ready(published, rendition, || {
                let (session, found) = published.look(|s| (s.session(), s.find(object)));
                match found {
                    Found::Bytes(bytes, tag) => Some(Ready::Say(success(
                        object,
                        bytes,
                        tag,
                        Freshness::Immutable,
                    ))),
                    Found::Soon => Some(Ready::NotYet),
                    Found::Saved(length, tag) => {
                        let name = Name::of(published.name(), session?, object)?;
                        saved = Some((name, length, tag));
                        None
                    }
                    Found::Nothing => None,
                }
            })
            .await;
        let Some((name, length, tag)) = saved else {
            return response;
        };
        match self.archive.read(&name, length).await {
            Ok(reading) => success(object, Body::Saved(reading), tag, Freshness::Immutable),
            Err(Unreadable::Missing) => refusal(StatusCode::NOT_FOUND),
            Err(Unreadable::Busy) => refusal(StatusCode::SERVICE_UNAVAILABLE),
        }
    }

    /// Asks `look` again whenever the rendition changes, until there is an answer or it took too long.
    async fn when_ready(
        &self,
        published: &Published,
        rendition: Rendition,
        mut look: impl FnMut() -> Option<Ready>,
    ) -> Response<Body> {
        match look() {
            Some(Ready::NotYet) => {}
            Some(Ready::Say(response)) => return response,
            None => return refusal(StatusCode::NOT_FOUND),
        }
        let Ok(_place) = published.waiting.try_acquire() else {
            return refusal(StatusCode::SERVICE_UNAVAILABLE);
        };
        let target = published.look(|stream| stream.target_duration());
        let deadline = Duration::from_millis(blocking::deadline_ms(target.unwrap_or_default()));
        let changes = published.changes(rendition);
        let answer = timeout(deadline, until_ready(changes, look));
        tokio::select! {
            answer = answer => answer.unwrap_or_else(|_| refusal(StatusCode::SERVICE_UNAVAILABLE)),
            () = self.shutdown.triggered() => refusal(StatusCode::SERVICE_UNAVAILABLE),
        }
    }
}

enum Ready {
    NotYet,
    Say(Response<Body>),
}

async fn until_ready(
    mut changes: watch::Receiver<u64>,
    mut look: impl FnMut() -> Option<Ready>,
) -> Response<Body> {
    loop {
        match look() {
            Some(Ready::Say(response)) => return response,
            None => return refusal(StatusCode::NOT_FOUND),
            Some(Ready::NotYet) => {}
        }
        if changes.changed().await.is_err() {
            return refusal(StatusCode::NOT_FOUND);
        }
    }
}

fn multivariant(published: &Published) -> Response<Body> {
    match published.look(|stream| stream.multivariant()) {
        Some(Text { pieces, tag }) => {
            success(Object::Multivariant, pieces, tag, Freshness::Playlist)
        }
        None => refusal(StatusCode::NOT_FOUND),
    }
}

const fn kind_of(object: Object) -> &'static str {
    match object {
        Object::Multivariant => "multivariant",
        Object::Media(_) => "playlist",
        Object::Init(..) => "init",
        Object::Segment(..) => "segment",
        Object::Part(..) => "part",
        Object::IFrames(_) => "iframes",
        Object::Poster | Object::Storyboard | Object::Sheet(_) => "picture",
        Object::Show(..) => "show",
    }
}

#[cfg(test)]
mod tests;
