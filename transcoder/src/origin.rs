//! The origin: playlists and media over HTTP/1.1 for distributors that present the cluster's token.
//!
//! A request for a part or a playlist that is about to come waits for it (RFC 8216bis §6.2.5.2), for at most three
//! target durations; it leaves the moment its client does, since hyper drops what it was answering. Nothing is sent
//! before it is complete, and every answer has its length.

use std::{convert::Infallible, sync::Arc, time::Duration};

use hyper::{HeaderMap, Method, Request, Response, StatusCode, header, service::service_fn};
use live::{
    Directives, Object, ObjectPath,
    cluster::{ClusterSecret, Token},
    daemon::{
        Chassis, Shutdown,
        prometheus_client::{
            metrics::{counter::Counter, family::Family},
            registry::Registry,
        },
    },
    gzip,
};
use rustls::ServerConfig;
use tokio::{net::TcpStream, time::timeout};
use tracing::debug;

use crate::{
    archive::{Archive, Name, Unreadable},
    blocking,
    recording::Shelf,
    store::{Published, Store},
    stream::{Outcome, Wanted},
};
use recorded::Recordings;
use response::{Body, Freshness, Range, refusal, success};

mod entrance;
mod recorded;
mod response;

pub(crate) use entrance::PROTOCOLS;

/// Connections at once. Distributors keep a few hundred at most; the rest is for players that ask without one. Each
/// takes 8 KiB while it waits for an answer and [`MAX_HEAD`] twice at most: 384 MiB, were all of them in use.
pub const MAX_CONNECTIONS: usize = 12_288;
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
    /// None is in the clear.
    tls: Option<Arc<ServerConfig>>,
    shutdown: Shutdown,
    requests: Family<[(&'static str, String); 2], Counter>,
}

impl Origin {
    /// Answers from `store`.
    pub fn new(store: Arc<Store>, secret: &ClusterSecret, chassis: &Chassis) -> Self {
        Self {
            archive: store.archive().clone(),
            store,
            recordings: None,
            token: secret.origin_token(),
            tls: None,
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

    /// Connections are encrypted so.
    #[must_use]
    pub fn under_tls(self, tls: Option<Arc<ServerConfig>>) -> Self {
        Self { tls, ..self }
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
        let stop = self.shutdown.triggered();
        let ended = match &self.tls {
            Some(config) => {
                let shaken = tokio::select! {
                    shaken = entrance::shake(config.clone(), stream) => shaken,
                    () = self.shutdown.triggered() => None,
                };
                let Some((stream, version)) = shaken else {
                    return;
                };
                entrance::talk(stream, version, service, stop).await
            }
            None => {
                let peeked = tokio::select! {
                    peeked = entrance::clear(&stream) => peeked,
                    () = self.shutdown.triggered() => None,
                };
                let Some(version) = peeked else { return };
                entrance::talk(stream, version, service, stop).await
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
            let whole = recordings.get(&path.stream, session, object).await;
            return (kind, Range::read(request.headers()).of(whole));
        }
        let Some(published) = self.store.get(&path.stream) else {
            return (kind, refusal(StatusCode::NOT_FOUND));
        };
        let directives = match Directives::parse(request.uri().query().unwrap_or_default()) {
            Ok(directives) => directives,
            // Once it is over they count for nothing (RFC 8216bis §6.2.5).
            Err(_) if published.look(|stream| stream.is_ended()) => Directives::default(),
            Err(_) if wanted(path.object, Directives::default()).is_some_and(is_playlist) => {
                return (kind, refusal(StatusCode::BAD_REQUEST));
            }
            Err(_) => Directives::default(),
        };
        let headers = request.headers();
        let response = match (path.object, wanted(path.object, directives)) {
            (Object::Multivariant, _) => multivariant(&published, takes_gzip(headers)),
            (object, Some(wanted)) => {
                let outcome = self.outcome(&published, wanted).await;
                if let Outcome::Saved(session, length, tag, stays) = outcome {
                    let name = Name::of(published.name(), session, object);
                    match self.saved(name, length).await {
                        Ok(body) => success(object, body, tag, Freshness::Media(stays)),
                        Err(status) => refusal(status),
                    }
                } else {
                    say(object, directives, outcome, takes_gzip(headers))
                }
            }
            (_, None) => refusal(StatusCode::NOT_FOUND),
        };
        (kind, Range::read(headers).of(response))
    }

    fn knows(&self, headers: &HeaderMap) -> bool {
        headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "))
            .is_some_and(|token| self.token.matches(token))
    }

    /// A segment from the disk, or the status to refuse it with.
    async fn saved(&self, name: Option<Name>, length: u64) -> Result<Body, StatusCode> {
        let name = name.ok_or(StatusCode::NOT_FOUND)?;
        let reading = self.archive.read(&name, length).await;
        reading.map(Body::Saved).map_err(|error| match error {
            Unreadable::Missing => StatusCode::NOT_FOUND,
            Unreadable::Busy => StatusCode::SERVICE_UNAVAILABLE,
        })
    }

    /// What there is to say, once there is; for at most three target durations.
    async fn outcome(&self, published: &Published, wanted: Wanted) -> Outcome {
        let mut place = match published.ask(wanted) {
            Ok(outcome) => return outcome,
            Err(place) => place,
        };
        let Ok(_waits) = published.waiting.try_acquire() else {
            return Outcome::NotYet;
        };
        let target = published.look(|stream| stream.target_duration());
        let deadline = Duration::from_millis(blocking::deadline_ms(target.unwrap_or_default()));
        let called = async {
            let called = place.wait_for(Option::is_some).await;
            called.map_or(Outcome::Nothing, |outcome| {
                outcome.clone().unwrap_or(Outcome::Nothing)
            })
        };
        tokio::select! {
            called = timeout(deadline, called) => called.unwrap_or(Outcome::NotYet),
            () = self.shutdown.triggered() => Outcome::NotYet,
        }
    }
}

/// What a request for `object` may have to wait for; none for what is not served here.
const fn wanted(object: Object, directives: Directives) -> Option<Wanted> {
    match object {
        Object::Media(rendition) => Some(Wanted::Playlist(rendition, directives.block)),
        Object::IFrames(rendition) => Some(Wanted::IFrames(
            rendition,
            match directives.block {
                Some((msn, _)) => Some(msn),
                None => None,
            },
        )),
        Object::Init(..) | Object::Segment(..) | Object::Part(..) => Some(Wanted::Media(object)),
        Object::Multivariant
        | Object::Poster
        | Object::Storyboard
        | Object::Sheet(_)
        | Object::Show(..) => None,
    }
}

const fn is_playlist(wanted: Wanted) -> bool {
    matches!(wanted, Wanted::Playlist(..) | Wanted::IFrames(..))
}

fn say(object: Object, directives: Directives, outcome: Outcome, gzip: bool) -> Response<Body> {
    match outcome {
        Outcome::Playlist(written, target) => {
            let text = match directives.skip {
                Some(_) => written.delta,
                None => written.full,
            };
            let freshness = match directives.block {
                Some(_) => Freshness::Blocking(target),
                None => Freshness::Playlist,
            };
            response::playlist(object, &text, freshness, gzip)
        }
        Outcome::Media(bytes, tag, stays) => success(object, bytes, tag, Freshness::Media(stays)),
        Outcome::Nothing | Outcome::Saved(..) => refusal(StatusCode::NOT_FOUND),
        Outcome::TooFar => refusal(StatusCode::BAD_REQUEST),
        Outcome::NotYet => refusal(StatusCode::SERVICE_UNAVAILABLE),
    }
}

fn multivariant(published: &Published, gzip: bool) -> Response<Body> {
    match published.look(|stream| stream.offered()) {
        Some(text) => response::playlist(Object::Multivariant, &text, Freshness::Playlist, gzip),
        None => refusal(StatusCode::NOT_FOUND),
    }
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok())
        .is_some_and(gzip::is_accepted)
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
