//! From a request to its answer: route, find, wait, and the body that follows.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode,
    header::{ACCEPT_ENCODING, CACHE_CONTROL},
    request::Parts,
};
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use live::{Object, StreamName, gzip};

use crate::{
    attendance::Attendance,
    connection::{BodyUsage, Usage},
    entry::{Answer, Failure, Reader},
    fill::Found,
    follow::{Come, Followers},
    freshness::Class,
    metrics::{Metrics, Outcome},
    now, page,
    page::Framing,
    presentation::{Template, View},
    response,
    response::{Coding, Conditions, Cors, Span, Stored},
    route::{Key, Refusal, Route, route},
    viewer::{ViewerId, ViewerIds},
};

/// Everything an answer may need. Shared by all connections.
pub(crate) struct Answers {
    followers: Arc<Followers>,
    cors: Cors,
    viewers: ViewerIds,
    attendance: Attendance,
    metrics: Metrics,
}

impl Answers {
    /// Answers from what `followers` hold or fetch, readable by the pages that `cors` allows.
    pub(crate) fn new(
        followers: Arc<Followers>,
        cors: Cors,
        attendance: Attendance,
        metrics: Metrics,
    ) -> Self {
        Self {
            followers,
            cors,
            viewers: ViewerIds::default(),
            attendance,
            metrics,
        }
    }

    /// Answers one request of the connection with this `usage`.
    pub(crate) async fn answer(
        &self,
        request: Request<Incoming>,
        usage: &Arc<Usage>,
    ) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let (mut response, outcome) = if body.is_end_stream() {
            self.dispatch(&parts, usage).await
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

    async fn dispatch(&self, parts: &Parts, usage: &Arc<Usage>) -> (Response<Body>, Outcome) {
        match route(&parts.method, parts.uri.path(), parts.uri.query()) {
            Route::Object(key, viewer) => self.object(&key, viewer, parts, usage).await,
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

    /// How many watch `stream`.
    fn audience(&self, stream: &StreamName, parts: &Parts) -> Response<Body> {
        let (text, stored) = self.attendance.told(stream);
        let conditions = Conditions::read(&parts.method, &parts.headers);
        self.written(&text, &stored, &conditions)
    }

    fn page(&self, response: Response<Bytes>) -> Response<Body> {
        self.metrics.sent_bytes(response.body().len());
        response.map(Body::whole)
    }

    async fn object(
        &self,
        key: &Key,
        viewer: Option<ViewerId>,
        parts: &Parts,
        usage: &Arc<Usage>,
    ) -> (Response<Body>, Outcome) {
        let (answer, found) = match self.come_by(key).await {
            Ok(come) => come,
            Err(status) => return (never(key, status), Outcome::Refused),
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
            self.attendance
                .seen(key.stream(), viewer, rendition, answer.target_duration());
        }
        let conditions = Conditions::read(&parts.method, &parts.headers);
        if key.object() == Object::Multivariant
            && answer.head.status == StatusCode::OK
            && let Some(template) = answer.template(key.stream())
        {
            let age = now().saturating_duration_since(answer.head.at);
            let response = self.presentation(template, viewer, &conditions, (age, cache_status));
            return (response, outcome);
        }
        let is_text = key.object().is_text() && answer.head.status == StatusCode::OK;
        let gzip = if is_text && takes_gzip(&parts.headers) {
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
                Body::read(answer.read(start, end), usage.body(), self.metrics.clone())
            }
            (Span::Bytes { start, end }, Some(gzip)) => {
                let piece = between(&gzip, start, end);
                self.metrics.sent_bytes(piece.len());
                Body::whole(piece)
            }
        };
        (response.map(|()| body), outcome)
    }

    /// What is there for `key`, when it is there; the status with which nobody needs to be asked for it.
    async fn come_by(&self, key: &Key) -> Result<(Result<Answer, Failure>, Found), StatusCode> {
        let come = self.followers.find(key);
        let at_once = matches!(come, Come::Never(_) | Come::Entry(_, Found::Hit));
        let _waiting = (!at_once).then(|| self.metrics.waiting());
        match come {
            Come::Entry(viewer, found) => Ok((viewer.answer(now).await, found)),
            Come::Awaited(awaited) => Ok((awaited.answer(now).await, Found::Waiting)),
            Come::Never(status) => Err(status),
        }
    }

    /// The multivariant playlist as this viewer is given it, who has a number from now on. It is nobody else's to keep.
    fn presentation(
        &self,
        template: &Template,
        viewer: Option<ViewerId>,
        conditions: &Conditions,
        (age, cache_status): (Duration, &'static str),
    ) -> Response<Body> {
        let view = View {
            viewer: Some(viewer.unwrap_or_else(|| self.viewers.draw())),
            ..View::default()
        };
        let text = Bytes::from(template.write(&view));
        let stored = Stored {
            status: StatusCode::OK,
            content_type: Object::Multivariant.content_type(),
            etag: None,
            length: Some(text.len() as u64),
            cache_control: PRIVATE.to_owned(),
            age,
            cache_status,
            coding: Coding::Only,
        };
        self.written(&text, &stored, conditions)
    }

    /// An answer with what was written here.
    fn written(
        &self,
        text: &Bytes,
        stored: &Stored<'_>,
        conditions: &Conditions,
    ) -> Response<Body> {
        let (response, span) = conditions.answer(stored);
        let body = match span {
            Span::Nothing => Bytes::new(),
            Span::Bytes { start, end } => between(text, start, end),
        };
        self.metrics.sent_bytes(body.len());
        response.map(|()| Body::whole(body))
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

/// `Cache-Control` of what is written for one viewer.
const PRIVATE: &str = "private, no-store";

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
    response::bare(failure.status()).map(|()| Body::empty())
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

/// What follows a head.
pub(crate) struct Body(Kind);

enum Kind {
    Whole(Option<Bytes>),
    Read {
        reader: Reader,
        count: BodyUsage,
        metrics: Metrics,
    },
}

impl Body {
    /// Nothing.
    pub(crate) const fn empty() -> Self {
        Self(Kind::Whole(None))
    }

    fn whole(bytes: Bytes) -> Self {
        Self(Kind::Whole((!bytes.is_empty()).then_some(bytes)))
    }

    const fn read(reader: Reader, count: BodyUsage, metrics: Metrics) -> Self {
        Self(Kind::Read {
            reader,
            count,
            metrics,
        })
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        match &mut self.get_mut().0 {
            Kind::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Kind::Read {
                reader,
                count,
                metrics,
            } => reader.poll_next(cx).map_ok(|bytes| {
                count.moved(bytes.len());
                metrics.sent_bytes(bytes.len());
                Frame::data(bytes)
            }),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Whole(bytes) => bytes.is_none(),
            Kind::Read { reader, .. } => reader.left() == Some(0),
        }
    }

    fn size_hint(&self) -> SizeHint {
        let left = match &self.0 {
            Kind::Whole(bytes) => Some(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Kind::Read { reader, .. } => reader.left(),
        };
        left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
