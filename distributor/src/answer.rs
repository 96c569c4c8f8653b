//! From a request to its answer: route, find, wait, and the body that follows.

use std::{cell::Cell, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Response, StatusCode,
    header::{ACCEPT_ENCODING, CACHE_CONTROL},
    request::Parts,
    uri::Authority,
};
use live::{Object, gzip};

use crate::{
    attendance::Attendance,
    connection::Usage,
    door::{Door, Guest},
    entry::{Answer, Failure},
    fill::Found,
    follow::{Come, Followers},
    freshness::Class,
    hosts::Hosts,
    metrics::{Metrics, Outcome},
    now, page,
    page::Framing,
    response,
    response::{Coding, Conditions, Cors, Span, Stored},
    route::{Key, Refusal, Route, route},
    routing::Routing,
    viewer::{ViewerId, ViewerIds},
};

mod body;
mod to_peer;
mod written;

pub(crate) use body::Body;

/// What came of an object, and how.
type Got = (Result<Answer, Failure>, Found);

/// Everything an answer may need. Shared by all connections.
pub(crate) struct Answers {
    followers: Arc<Followers>,
    hosts: Hosts,
    cors: Cors,
    viewers: ViewerIds,
    attendance: Attendance,
    door: Door,
    /// None where this is the only distributor.
    routing: Option<Arc<Routing>>,
    metrics: Metrics,
}

impl Answers {
    /// Answers for `hosts` from what `followers` hold or fetch, readable by the pages that `cors` allows.
    pub(crate) fn new(
        followers: Arc<Followers>,
        (hosts, cors): (Hosts, Cors),
        attendance: Attendance,
        (door, routing): (Door, Option<Arc<Routing>>),
        metrics: Metrics,
    ) -> Self {
        Self {
            followers,
            hosts,
            cors,
            viewers: ViewerIds::default(),
            attendance,
            door,
            routing,
            metrics,
        }
    }

    /// Answers one request of the connection with this `usage`, that `guest` opened. It has this `Host`, and carries a
    /// body, or not.
    pub(crate) async fn answer(
        &self,
        (parts, host): (&Parts, Option<&str>),
        carries: bool,
        usage: &Arc<Usage>,
        guest: &Guest,
    ) -> Response<Body> {
        let authority = parts.uri.authority().map(Authority::as_str).or(host);
        let (mut response, outcome) = if !guest.may_ask() {
            (response::busy().map(|()| Body::empty()), Outcome::Refused)
        } else if !self.hosts.know(authority) {
            (
                response::bare(StatusCode::MISDIRECTED_REQUEST).map(|()| Body::empty()),
                Outcome::Refused,
            )
        } else if !carries {
            self.dispatch(parts, usage, guest).await
        } else {
            // No request here has a body: it is not read, and the connection ends with the answer.
            (
                response::bare(StatusCode::BAD_REQUEST).map(|()| Body::empty()),
                Outcome::Refused,
            )
        };
        self.cors.apply(&parts.headers, response.headers_mut());
        self.metrics.request(outcome);
        response
    }

    async fn dispatch(
        &self,
        parts: &Parts,
        usage: &Arc<Usage>,
        guest: &Guest,
    ) -> (Response<Body>, Outcome) {
        match route(&parts.method, parts.uri.path(), parts.uri.query()) {
            Route::Object(key, _) if self.withholds(&key) => (
                response::withheld().map(|()| Body::empty()),
                Outcome::Refused,
            ),
            Route::Object(key, viewer) => self.object(&key, viewer, parts, (usage, guest)).await,
            Route::Steer(stream, asked) => self.steer(&stream, &asked, parts).await,
            Route::Viewers(stream) => (self.audience(&stream, parts), Outcome::Page),
            Route::Watch(_) => (
                self.page(page::page(
                    &parts.method,
                    &parts.headers,
                    Framing::Forbidden,
                )),
                Outcome::Page,
            ),
            Route::Embed(_) => (
                self.page(page::page(&parts.method, &parts.headers, Framing::Allowed)),
                Outcome::Page,
            ),
            Route::File(path) => (
                self.page(page::file(&parts.method, &parts.headers, path)),
                Outcome::Page,
            ),
            Route::Preflight => (
                response::preflight().map(|()| Body::empty()),
                Outcome::Preflight,
            ),
            Route::Refused(refusal) => (refuse(refusal), Outcome::Refused),
        }
    }

    /// Whether it is the playlist of a quality that nobody keeps for now.
    fn withholds(&self, key: &Key) -> bool {
        if let Object::Media(rendition) = key.object() {
            return self.door.withholds(key.stream(), rendition);
        }
        false
    }

    fn page(&self, mut response: Response<Bytes>) -> Response<Body> {
        if let Some(routing) = &self.routing {
            page::widen(response.headers_mut(), routing.hosts());
        }
        self.metrics.sent_bytes(response.body().len());
        response.map(Body::whole)
    }

    async fn object(
        &self,
        key: &Key,
        viewer: Option<ViewerId>,
        parts: &Parts,
        (usage, guest): (&Arc<Usage>, &Guest),
    ) -> (Response<Body>, Outcome) {
        let (answer, found) = match self.come_by(key, guest).await {
            Ok(come) => come,
            Err(None) => return (response::busy().map(|()| Body::empty()), Outcome::Refused),
            Err(Some(status)) => return (never(key, status), Outcome::Refused),
        };
        let answer = match answer {
            Ok(answer) => answer,
            Err(failure) => return (failed(failure), Outcome::Error),
        };
        let (outcome, cache_status) = come_by(&answer, found);
        if let (Object::Media(rendition), Some(viewer)) = (key.object(), viewer)
            && parts.method == Method::GET
            && answer.head.status == StatusCode::OK
        {
            let td = answer.target_duration();
            let arrives = self.attendance.seen(key.stream(), viewer, rendition, td);
            // Whoever is alone has reckoned with him when he was let in.
            if arrives && self.routing.is_some() {
                guest.arrive(key.stream());
            }
        }
        let conditions = Conditions::read(&parts.method, &parts.headers);
        if key.object() == Object::Multivariant
            && answer.head.status == StatusCode::OK
            && let Some(template) = answer.template(key.stream())
        {
            let begins = parts.method == Method::GET;
            let text = match self.written_for(viewer, key.stream(), template, (guest, begins)) {
                Ok(text) => text,
                Err(seconds) => {
                    let full = response::full(seconds).map(|()| Body::empty());
                    return (full, Outcome::Refused);
                }
            };
            let age = now().saturating_duration_since(answer.head.at);
            let response = self.presentation(&text, &conditions, (age, cache_status));
            return (response, outcome);
        }
        let gzipped = takes_gzip(&parts.headers);
        let response = self.found(key, answer, (&conditions, gzipped, cache_status), usage);
        (response, outcome)
    }

    /// An object as its origin made it.
    fn found(
        &self,
        key: &Key,
        answer: Answer,
        (conditions, gzipped, cache_status): (&Conditions, bool, &'static str),
        usage: &Arc<Usage>,
    ) -> Response<Body> {
        let is_text = key.object().is_text() && answer.head.status == StatusCode::OK;
        let gzip = if is_text && gzipped {
            answer.gzip()
        } else {
            None
        };
        let etag = match (&gzip, &answer.head.etag) {
            (Some(_), Some(etag)) => of_gzip(etag),
            (_, etag) => etag.clone(),
        };
        let stored = Stored {
            status: answer.head.status,
            content_type: key.object().content_type(),
            etag: etag.as_ref(),
            length: match &gzip {
                Some(gzip) => Some(gzip.len() as u64),
                None => answer.head.length,
            },
            cache_control: Class::of(key)
                .cache_control(answer.head.status, answer.target_duration()),
            age: now().saturating_duration_since(answer.head.at),
            cache_status,
            coding: match gzip {
                Some(_) => Coding::Gzip,
                None if is_text => Coding::Plain,
                None => Coding::Only,
            },
        };
        let (response, span) = conditions.answer(&stored);
        let body = match (span, gzip) {
            (Span::Nothing, _) => Body::empty(),
            (Span::Bytes { start, end }, None) => {
                let sent = self.metrics.sent().clone();
                Body::read(answer.read(start, end), usage.body(), sent)
            }
            (Span::Bytes { start, end }, Some(gzip)) => {
                let piece = between(&gzip, start, end);
                self.metrics.sent_bytes(piece.len());
                Body::whole(piece)
            }
        };
        response.map(|()| body)
    }

    /// What is there for `key`, when it is there; the status with which nobody needs to be asked for it; nothing, when it
    /// would have to be waited for and too many wait, or too much was looked for in vain for this `guest`.
    async fn come_by(&self, key: &Key, guest: &Guest) -> Result<Got, Option<StatusCode>> {
        let (come, sought) = {
            let sought = Cell::new(false);
            let may = || {
                sought.set(guest.may_search());
                sought.get()
            };
            (self.followers.find(key, &may), sought.get())
        };
        if come.waits() && !self.door.may_wait(self.metrics.waiters()) {
            return Err(None);
        }
        let got = self.wait(come).await?;
        let in_vain = matches!(&got.0, Ok(answer) if answer.head.status.is_client_error());
        if sought && !in_vain {
            guest.found();
        }
        Ok(got)
    }

    /// What `come` brings.
    async fn wait(&self, come: Come) -> Result<Got, Option<StatusCode>> {
        let _waiting = come.waits().then(|| self.metrics.waiting());
        match come {
            Come::Entry(viewer, found) => Ok((viewer.answer(now).await, found)),
            Come::Awaited(awaited) => Ok((awaited.answer(now).await, Found::Waiting)),
            Come::Never(status) => Err(Some(status)),
            Come::Unsought => Err(None),
        }
    }
}

/// How an answer was come by, for our count and as RFC 9211 says it.
fn come_by(answer: &Answer, found: Found) -> (Outcome, &'static str) {
    let (outcome, cache_status) = match (answer.stale, found) {
        (true, _) => (Outcome::Stale, "Footlight; fwd=stale; detail=origin-silent"),
        (false, Found::Hit) => (Outcome::Hit, "Footlight; hit"),
        (false, Found::Waiting) => (Outcome::Wait, "Footlight; fwd=miss; collapsed"),
        (false, Found::Filling) => (Outcome::Fill, "Footlight; fwd=miss; stored"),
    };
    if answer.head.status.is_success() {
        (outcome, cache_status)
    } else {
        (Outcome::Miss, cache_status)
    }
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    headers
        .get(ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok())
        .is_some_and(gzip::is_accepted)
}

/// The tag of an object's compressed form.
fn of_gzip(etag: &HeaderValue) -> Option<HeaderValue> {
    let tag = etag.to_str().ok()?.strip_suffix('"')?;
    HeaderValue::from_str(&format!("{tag}-gzip\"")).ok()
}

fn between(bytes: &Bytes, start: u64, end: Option<u64>) -> Bytes {
    let at = |offset: u64| usize::try_from(offset).map_or(bytes.len(), |n| n.min(bytes.len()));
    let end = end.map_or(bytes.len(), at);
    bytes.slice(at(start).min(end)..end)
}

fn failed(failure: Failure) -> Response<Body> {
    let response = match failure {
        Failure::Stopping => response::untouched(),
        Failure::Unavailable | Failure::Late | Failure::Broken | Failure::Busy => {
            response::bare(failure.status())
        }
    };
    response.map(|()| Body::empty())
}

/// What was asked for is not and will not be, as far as the playlist tells.
fn never(key: &Key, status: StatusCode) -> Response<Body> {
    let mut response = response::bare(status).map(|()| Body::empty());
    let counts = Class::of(key).cache_control(status, Duration::ZERO);
    if let Ok(counts) = HeaderValue::from_str(&counts) {
        response.headers_mut().insert(CACHE_CONTROL, counts);
    }
    response
}

fn refuse(refusal: Refusal) -> Response<Body> {
    response::bare(refusal.status()).map(|()| Body::empty())
}
