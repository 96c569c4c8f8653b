//! The origin: playlists and media over HTTP/1.1 for distributors that present the cluster's token.
//!
//! A request for a part or a playlist that is about to come waits for it (RFC 8216bis §6.2.5.2), for at most three
//! target durations; it leaves the moment its client does, since hyper drops what it was answering. Nothing is sent
//! before it is complete, and every answer has its length.

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use hyper::{HeaderMap, Method, Request, Response, StatusCode, header, service::service_fn};
use live::{
    Directives, DirectivesError, Object, ObjectPath, Skip,
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
    window::Text,
};
use packing::Packing;
use recorded::Recordings;
use response::{Body, Freshness, Range, refusal, success};

mod entrance;
mod packing;
mod recorded;
mod response;

pub(crate) use entrance::PROTOCOLS;

/// Connections at once. Distributors keep a few hundred at most; the rest is for players that ask without one. Each
/// takes 13 KiB while it waits for an answer (measured, and held to it by a test), and [`MAX_HEAD`] twice beside 8 KiB at
/// most: 480 MiB, were all of them in use.
pub const MAX_CONNECTIONS: usize = 12_288;
/// Longest head of a request: the longest path is 200 bytes, the rest is the distributor's own.
const MAX_HEAD: usize = 16 << 10;
/// A connection that has not sent a whole head for so long is closed, kept-alive ones too.
const HEAD_DEADLINE: Duration = Duration::from_secs(60);

/// What we call ourselves.
const SERVER: header::HeaderValue =
    header::HeaderValue::from_static(concat!("footlight-transcoder/", env!("CARGO_PKG_VERSION")));

/// What all connections share.
#[derive(Debug)]
pub struct Origin {
    store: Arc<Store>,
    archive: Archive,
    recordings: Option<Recordings>,
    packing: Packing,
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
            packing: Packing::default(),
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
        // The request's head goes before the answer is waited for: as long as a piece of it lives, so does the buffer
        // that it was read into, and the connection takes a second one.
        let service = service_fn(move |request| {
            let origin = origin.clone();
            let asked = Asked::read(&request, &origin);
            async move { Ok::<_, Infallible>(origin.answer(asked).await) }
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

    async fn answer(&self, asked: Asked) -> Response<Body> {
        let kind = asked.kind();
        let head = asked.head;
        let mut response = self.respond(asked).await;
        if response.status() == StatusCode::NOT_FOUND {
            // Of those who have the token, whoever wants to know our version asks for what there is not.
            let headers = response.headers_mut();
            headers.insert(header::SERVER, SERVER);
        }
        let labels = [
            ("object", kind.to_owned()),
            ("status", response.status().as_str().to_owned()),
        ];
        self.requests.get_or_create(&labels).inc();
        if head {
            response.map(Body::withheld)
        } else {
            response
        }
    }

    async fn respond(&self, asked: Asked) -> Response<Body> {
        let Asked {
            path,
            directives,
            gzip,
            range,
            head: _,
        } = asked;
        let path = match path {
            Ok(path) => path,
            Err(status) => return refusal(status),
        };
        if let (Object::Show(session, object), Some(recordings)) = (path.object, &self.recordings) {
            return range.of(recordings.get(&path.stream, session, object).await);
        }
        let Some(published) = self.store.get(&path.stream) else {
            return refusal(StatusCode::NOT_FOUND);
        };
        let directives = match directives {
            Ok(directives) => directives,
            // Once it is over they count for nothing (RFC 8216bis §6.2.5).
            Err(_) if published.look(|stream| stream.is_ended()) => Directives::default(),
            Err(_) if wanted(path.object, Directives::default()).is_some_and(is_playlist) => {
                return refusal(StatusCode::BAD_REQUEST);
            }
            Err(_) => Directives::default(),
        };
        let response = match (path.object, wanted(path.object, directives)) {
            (Object::Multivariant, _) => {
                let index = published.look(|stream| stream.offered());
                self.text(path.object, index, Freshness::Playlist, gzip)
                    .await
            }
            (Object::Storyboard, _) => {
                let board = published.look(|stream| stream.storyboard());
                self.text(path.object, board, Freshness::Picture, gzip)
                    .await
            }
            (Object::Poster, _) => {
                let poster = published.look(|stream| stream.poster());
                response::file(path.object, poster, Freshness::Picture)
            }
            (Object::Sheet(name), _) => {
                let sheet = published.look(|stream| stream.sheet(name));
                response::file(path.object, sheet, Freshness::Immutable)
            }
            (object, Some(wanted)) => {
                let outcome = self.outcome(&published, wanted).await;
                if let Outcome::Saved(session, length, tag, stays) = outcome {
                    let name = Name::of(published.name(), session, object);
                    match self.saved(name, length).await {
                        Ok(body) => success(object, body, tag, Freshness::Media(stays)),
                        Err(status) => refusal(status),
                    }
                } else {
                    self.say(object, directives, outcome, gzip).await
                }
            }
            (_, None) => refusal(StatusCode::NOT_FOUND),
        };
        range.of(response)
    }

    async fn say(
        &self,
        object: Object,
        directives: Directives,
        outcome: Outcome,
        gzip: bool,
    ) -> Response<Body> {
        match outcome {
            Outcome::Playlist(written, target) => {
                let text = match directives.skip {
                    Some(Skip::Yes) => written.delta,
                    Some(Skip::V2) => written.delta_v2,
                    None => written.full,
                };
                let freshness = match directives.block {
                    Some(_) => Freshness::Blocking(target),
                    None => Freshness::Playlist,
                };
                self.text(object, Some(text), freshness, gzip).await
            }
            Outcome::Media(bytes, tag, stays) => {
                success(object, bytes, tag, Freshness::Media(stays))
            }
            Outcome::Nothing | Outcome::Saved(..) => refusal(StatusCode::NOT_FOUND),
            Outcome::TooFar => refusal(StatusCode::BAD_REQUEST),
            Outcome::NotYet => refusal(StatusCode::SERVICE_UNAVAILABLE),
        }
    }

    /// What changes under its name; 404 while there is none.
    async fn text(
        &self,
        object: Object,
        text: Option<Text>,
        freshness: Freshness,
        gzip: bool,
    ) -> Response<Body> {
        let Some(text) = text else {
            return refusal(StatusCode::NOT_FOUND);
        };
        let packed = self.packed(&text, gzip).await;
        response::playlist(object, &text, freshness, packed)
    }

    /// The text compressed, for those who take `gzip`.
    async fn packed(&self, text: &Text, gzip: bool) -> Option<Bytes> {
        match gzip {
            true => self.packing.gzip(text).await,
            false => None,
        }
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

/// A request as far as it matters: nothing of its head, which would keep what it was read into in memory.
#[derive(Debug)]
struct Asked {
    /// What for; or the status to refuse it with.
    path: Result<ObjectPath, StatusCode>,
    directives: Result<Directives, DirectivesError>,
    gzip: bool,
    range: Range,
    /// Nothing but the answer's head is to be sent.
    head: bool,
}

impl Asked {
    fn read<B>(request: &Request<B>, origin: &Origin) -> Self {
        let headers = request.headers();
        let path = if !origin.knows(headers) {
            Err(StatusCode::UNAUTHORIZED)
        } else if ![Method::GET, Method::HEAD].contains(request.method()) {
            Err(StatusCode::METHOD_NOT_ALLOWED)
        } else {
            let path = request.uri().path().parse();
            path.map_err(|_| StatusCode::NOT_FOUND)
        };
        Self {
            path,
            directives: Directives::parse(request.uri().query().unwrap_or_default()),
            gzip: takes_gzip(headers),
            range: Range::read(headers),
            head: request.method() == Method::HEAD,
        }
    }

    /// For the metrics.
    fn kind(&self) -> &'static str {
        let path = self.path.as_ref();
        path.map_or("none", |path| kind_of(path.object))
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
