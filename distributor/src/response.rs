//! [pure] The head of every answer: conditions, ranges, and the headers a browser must see.
//!
//! One place decides what goes out, so that CORS is right on errors too: a player that may not read the 404 cannot
//! tell it from a dead network. What an origin sent never reaches a viewer but for its ETag.

use std::time::Duration;

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode,
    header::{
        ACCEPT_RANGES, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
        ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, AGE,
        ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
        IF_NONE_MATCH, IF_RANGE, ORIGIN, RANGE, RETRY_AFTER, VARY, X_CONTENT_TYPE_OPTIONS,
    },
};
use live::ByteRange;

/// What a script may read of an answer from another origin. `Age` is what low-latency players tune in by.
const EXPOSED: &str =
    "Age, Cache-Status, Content-Length, Content-Range, Date, ETag, Footlight-Refusal, Retry-After";
/// How long a browser need not ask again before it asks.
const PREFLIGHT_SECONDS: &str = "86400";
const METHODS: &str = "GET, HEAD, OPTIONS";
/// Nothing here depends on a request header that a page could set: there are no cookies and no credentials. Named are
/// those that players send, for browsers that do not know the star.
const REQUEST_HEADERS: &str =
    "*, Range, If-Range, If-None-Match, CMCD-Object, CMCD-Request, CMCD-Session, CMCD-Status";

/// Why a request is refused that would have been served at another time: `full`, `busy`, `quality`.
const REFUSAL: HeaderName = HeaderName::from_static("footlight-refusal");
const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
const TIMING_ALLOW_ORIGIN: HeaderName = HeaderName::from_static("timing-allow-origin");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Headers of most answers, at most.
const HEADERS: usize = 18;

/// The conditions of a request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Conditions {
    head: bool,
    if_none_match: Option<HeaderValue>,
    range: Option<ByteRange>,
    if_range: Option<HeaderValue>,
}

/// What is to be answered with.
#[derive(Debug, Clone)]
pub(crate) struct Stored<'a> {
    /// 200, or an error without a body.
    pub(crate) status: StatusCode,
    /// Of the object.
    pub(crate) content_type: &'static str,
    /// Of the object, if its origin gave one.
    pub(crate) etag: Option<&'a HeaderValue>,
    /// Its size in bytes, when known.
    pub(crate) length: Option<u64>,
    /// For players and caches.
    pub(crate) cache_control: String,
    /// Since the origin answered.
    pub(crate) age: Duration,
    /// How it was come by (RFC 9211).
    pub(crate) cache_status: &'static str,
    /// In which form it is sent.
    pub(crate) coding: Coding,
}

/// A form of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    /// The only one there is.
    Only,
    /// As it is, to who does not take it compressed.
    Plain,
    /// Compressed.
    Gzip,
}

/// Which bytes follow a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Span {
    /// None.
    Nothing,
    /// From `start` to before `end`; to the object's end when that is not known yet.
    Bytes {
        /// The first byte.
        start: u64,
        /// After the last byte.
        end: Option<u64>,
    },
}

impl Conditions {
    /// Reads them from a request. What is malformed is ignored, as RFC 9110 §13 and §14 want it.
    pub(crate) fn read(method: &Method, headers: &HeaderMap) -> Self {
        Self {
            head: *method == Method::HEAD,
            if_none_match: headers.get(IF_NONE_MATCH).cloned(),
            range: headers
                .get(RANGE)
                .and_then(|range| ByteRange::parse(range.to_str().ok()?)),
            if_range: headers.get(IF_RANGE).cloned(),
        }
    }

    /// The head that answers a request for `stored`, and which of its bytes follow.
    pub(crate) fn answer(&self, stored: &Stored<'_>) -> (Response<()>, Span) {
        let mut response = Response::new(());
        *response.status_mut() = stored.status;
        let headers = response.headers_mut();
        // With what CORS adds; else the map would be made anew twice.
        headers.reserve(HEADERS);
        insert(headers, CACHE_CONTROL, &stored.cache_control);
        insert(headers, AGE, &stored.age.as_secs().to_string());
        headers.insert(CACHE_STATUS, HeaderValue::from_static(stored.cache_status));
        if stored.status != StatusCode::OK {
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
            return (response, Span::Nothing);
        }
        if stored.coding != Coding::Only {
            headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        }
        if stored.coding == Coding::Gzip {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        if let Some(etag) = stored.etag {
            headers.insert(ETAG, etag.clone());
            if self
                .if_none_match
                .as_ref()
                .is_some_and(|given| matches(given, etag))
            {
                *response.status_mut() = StatusCode::NOT_MODIFIED;
                return (response, Span::Nothing);
            }
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(stored.content_type));
        headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        let span = self.span(stored, &mut response);
        (response, if self.head { Span::Nothing } else { span })
    }

    /// Chooses the bytes, with the headers that say which. A range of an object whose size is not known yet is not
    /// worth waiting for: the whole is sent.
    fn span(&self, stored: &Stored<'_>, response: &mut Response<()>) -> Span {
        let Some(length) = stored.length else {
            return Span::Bytes {
                start: 0,
                end: None,
            };
        };
        let unchanged = match (&self.if_range, stored.etag) {
            (None, _) => true,
            // A strong comparison (RFC 9110 §13.1.5): a weak tag or a date never holds.
            (Some(given), Some(etag)) => given == etag && !is_weak(etag),
            (Some(_), None) => false,
        };
        let range = self
            .range
            .filter(|_| unchanged)
            .map(|range| range.within(length));
        let headers = response.headers_mut();
        match range {
            None => {
                insert(headers, CONTENT_LENGTH, &length.to_string());
                Span::Bytes {
                    start: 0,
                    end: Some(length),
                }
            }
            Some(Some((start, end))) => {
                insert(
                    headers,
                    CONTENT_LENGTH,
                    &end.saturating_sub(start).to_string(),
                );
                insert(
                    headers,
                    CONTENT_RANGE,
                    &format!("bytes {start}-{}/{length}", end.saturating_sub(1)),
                );
                *response.status_mut() = StatusCode::PARTIAL_CONTENT;
                Span::Bytes {
                    start,
                    end: Some(end),
                }
            }
            Some(None) => {
                headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
                insert(headers, CONTENT_RANGE, &format!("bytes */{length}"));
                *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
                Span::Nothing
            }
        }
    }
}

/// An answer without a body for `status`, nothing to be remembered of it.
pub(crate) fn bare(status: StatusCode) -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if status.is_server_error() {
        headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, HeaderValue::from_static(METHODS));
    }
    response
}

/// The answer to a viewer whom the box has no room for now; he may ask again after `seconds`. By its mark the watch page
/// tells a full house from an origin that is away.
pub(crate) fn full(seconds: u16) -> Response<()> {
    let mut response = bare(StatusCode::SERVICE_UNAVAILABLE);
    let headers = response.headers_mut();
    headers.insert(RETRY_AFTER, seconds.into());
    headers.insert(REFUSAL, HeaderValue::from_static("full"));
    response
}

/// The answer to one of too many requests: of one address, or that wait. Not 429, though one client is meant: players take
/// any 4xx for the end of a quality, leave it and never come back to it (hls.js) or give up, but ask again after a 503.
pub(crate) fn busy() -> Response<()> {
    let mut response = bare(StatusCode::SERVICE_UNAVAILABLE);
    let headers = response.headers_mut();
    headers.insert(REFUSAL, HeaderValue::from_static("busy"));
    response
}

/// Marks an answer to a request that nothing was done about: who can be told so in the protocol's own words need not be
/// given it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Untouched;

/// The answer to one who waits for what is yet to be made, from a daemon that stops. Those who can are told to ask anew
/// instead, and wait at the next process before it is there; players who get this ask again a second later.
pub(crate) fn untouched() -> Response<()> {
    let mut response = bare(StatusCode::SERVICE_UNAVAILABLE);
    response.extensions_mut().insert(Untouched);
    response
}

/// The answer to a viewer who is to go down to another quality. At a 404 hls.js goes to the next lower level at once,
/// without a pause in what is played, and does not come back; at a 503 it asks twice more first, and stands still for
/// almost two seconds meanwhile. Apple's players and media3 go to another variant too when a playlist is not found. Gaps
/// in the playlist would have the same effect, but for each version one more playlist would have to be made and held.
pub(crate) fn withheld() -> Response<()> {
    let mut response = bare(StatusCode::NOT_FOUND);
    let headers = response.headers_mut();
    headers.insert(REFUSAL, HeaderValue::from_static("quality"));
    response
}

/// The answer to OPTIONS.
pub(crate) fn preflight() -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(ALLOW, HeaderValue::from_static(METHODS));
    headers.insert(
        ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static(METHODS),
    );
    headers.insert(
        ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static(REQUEST_HEADERS),
    );
    headers.insert(
        ACCESS_CONTROL_MAX_AGE,
        HeaderValue::from_static(PREFLIGHT_SECONDS),
    );
    response
}

/// Which pages of other origins may read what is served.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cors {
    /// Empty means all.
    allowed: Vec<HeaderValue>,
}

impl Cors {
    /// Pages of `allowed` origins only, `https://host` each; of all when there are none.
    pub(crate) fn new(allowed: Vec<HeaderValue>) -> Self {
        Self { allowed }
    }

    /// Puts on an answer to a request with `headers` what every answer has.
    pub(crate) fn apply(&self, request: &HeaderMap, answer: &mut HeaderMap) {
        answer.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        answer.insert(RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
        answer.insert(
            ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static(EXPOSED),
        );
        if self.allowed.is_empty() {
            answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            answer.insert(TIMING_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            return;
        }
        // What is allowed differs by who asks: a cache between us must not mix the answers.
        answer.append(VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = request
            .get(ORIGIN)
            .filter(|origin| self.allowed.contains(origin))
        {
            answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            answer.insert(TIMING_ALLOW_ORIGIN, origin.clone());
        }
    }
}

/// Weak comparison of an `If-None-Match` list with one tag (RFC 9110 §13.1.2).
fn matches(given: &HeaderValue, etag: &HeaderValue) -> bool {
    let (Ok(given), Ok(etag)) = (given.to_str(), etag.to_str()) else {
        return false;
    };
    let strong = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    given.trim() == "*" || given.split(',').any(|tag| strong(tag) == strong(etag))
}

fn is_weak(etag: &HeaderValue) -> bool {
    etag.as_bytes().starts_with(b"W/")
}

/// Digits and fixed words are always a valid header value.
fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests;
