//! [pure] HTTP/1.1 (RFC 9112) as far as viewers need it: heads of requests in, heads of answers out.
//!
//! Nothing that is asked here has a body, and so nothing that follows a head can be mistaken for a request: what says that
//! it carries one is marked so, and the connection ends with its answer. What is malformed is never guessed at. A
//! connection that waits, for a request or for what it asked for, holds no buffer: that is why this is not hyper's, which
//! keeps 8 KiB for as long as the connection lives.

use std::convert::Infallible;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, Version,
    header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING},
    response::Parts,
};

/// Bytes of a request's head, twice what browsers send with every cookie they have.
pub(crate) const HEAD_MAX: usize = 16 << 10;
/// Headers of a request: a browser sends about 20.
pub(crate) const HEADERS_MAX: usize = 64;

/// A request, and what becomes of its connection.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) request: Request<Carried>,
    /// Another request may follow the answer.
    pub(crate) keep: bool,
}

/// What followed a request's head: nothing, or something that nobody reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Carried(bool);

impl hyper::body::Body for Carried {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Infallible>>> {
        std::task::Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        !self.0
    }
}

/// Why a connection's bytes are no request. Its peer's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    /// Not HTTP/1, or ambiguous.
    #[error("a malformed request")]
    Request,
    /// Above [`HEAD_MAX`] or [`HEADERS_MAX`].
    #[error("a request's head that is too large")]
    TooLarge,
}

impl Malformed {
    /// What it is answered with.
    pub(crate) const fn status(self) -> StatusCode {
        match self {
            Self::Request => StatusCode::BAD_REQUEST,
            Self::TooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        }
    }
}

/// Takes the first request from the front of `received`; none while its head is not whole.
pub(crate) fn take(received: &mut Bytes) -> Result<Option<Asked>, Malformed> {
    let mut fields = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut head = httparse::Request::new(&mut fields);
    let length = match head.parse(received) {
        Ok(httparse::Status::Complete(length)) if length <= HEAD_MAX => length,
        Ok(httparse::Status::Partial) if received.len() < HEAD_MAX => return Ok(None),
        Ok(_) | Err(httparse::Error::TooManyHeaders) => return Err(Malformed::TooLarge),
        Err(_) => return Err(Malformed::Request),
    };
    let asked = read(&head, received).ok_or(Malformed::Request)?;
    *received = received.split_off(length);
    if received.is_empty() {
        *received = Bytes::new();
    }
    Ok(Some(asked))
}

fn read(head: &httparse::Request<'_, '_>, received: &Bytes) -> Option<Asked> {
    let method = Method::from_bytes(head.method?.as_bytes()).ok()?;
    let target = Uri::from_maybe_shared(received.slice_ref(head.path?.as_bytes())).ok()?;
    let version = match head.version? {
        0 => Version::HTTP_10,
        _ => Version::HTTP_11,
    };
    let mut headers = HeaderMap::with_capacity(head.headers.len());
    for field in head.headers.iter() {
        let name = HeaderName::from_bytes(field.name.as_bytes()).ok()?;
        let value = HeaderValue::from_maybe_shared(received.slice_ref(field.value)).ok()?;
        headers.append(name, value);
    }
    // Exactly one (RFC 9112 §3.2), unless the target itself names the host.
    let hosts = headers.get_all(HOST).iter().count();
    let named = version == Version::HTTP_10 || target.authority().is_some();
    if hosts > 1 || (hosts == 0 && !named) {
        return None;
    }
    let carries = carries(&headers)?;
    let keep = version == Version::HTTP_11 && !carries && !says_close(&headers);
    let mut request = Request::new(Carried(carries));
    *request.method_mut() = method;
    *request.uri_mut() = target;
    *request.version_mut() = version;
    *request.headers_mut() = headers;
    Some(Asked { request, keep })
}

/// Whether a body follows. None when that is not clear (RFC 9112 §6.3).
fn carries(headers: &HeaderMap) -> Option<bool> {
    let mut length: Option<&HeaderValue> = None;
    for value in headers.get_all(CONTENT_LENGTH) {
        let digits = value.as_bytes();
        let clear = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
        if !clear || length.is_some_and(|before| before != value) {
            return None;
        }
        length = Some(value);
    }
    let coded = headers.contains_key(TRANSFER_ENCODING);
    if coded && length.is_some() {
        return None;
    }
    let long = length.is_some_and(|length| length.as_bytes().iter().any(|digit| *digit != b'0'));
    Some(coded || long)
}

fn says_close(headers: &HeaderMap) -> bool {
    headers.get_all(CONNECTION).iter().any(|value| {
        let mut words = value.as_bytes().split(|byte| *byte == b',');
        words.any(|word| word.trim_ascii().eq_ignore_ascii_case(b"close"))
    })
}

/// How an answer's body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// There is none.
    Nothing,
    /// After so many bytes.
    Length(u64),
    /// With a last chunk.
    Chunked,
    /// With the connection.
    Close,
}

impl Framing {
    /// Of an answer to a request by `method` and `version`, of whose body `left` bytes are to come if that is known.
    pub(crate) fn of(
        (method, version): (&Method, Version),
        answer: &Parts,
        left: Option<u64>,
    ) -> Self {
        let bare = matches!(
            answer.status,
            StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
        );
        if bare || *method == Method::HEAD {
            return Self::Nothing;
        }
        match told(&answer.headers).or(left) {
            Some(length) => Self::Length(length),
            None if version == Version::HTTP_11 => Self::Chunked,
            None => Self::Close,
        }
    }
}

fn told(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The head of `answer`, made at `date`, after which another request is read if `keep` is set.
pub(crate) fn write(answer: &Parts, framing: Framing, keep: bool, date: &str) -> Vec<u8> {
    let mut head = Vec::with_capacity(640);
    head.extend_from_slice(b"HTTP/1.1 ");
    head.extend_from_slice(answer.status.as_str().as_bytes());
    head.push(b' ');
    let reason = answer.status.canonical_reason().unwrap_or_default();
    head.extend_from_slice(reason.as_bytes());
    head.extend_from_slice(b"\r\n");
    let mut field = |name: &str, value: &[u8]| {
        head.extend_from_slice(name.as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value);
        head.extend_from_slice(b"\r\n");
    };
    for (name, value) in &answer.headers {
        field(name.as_str(), value.as_bytes());
    }
    match framing {
        Framing::Length(length) if !answer.headers.contains_key(CONTENT_LENGTH) => {
            field(CONTENT_LENGTH.as_str(), length.to_string().as_bytes());
        }
        Framing::Chunked => field(TRANSFER_ENCODING.as_str(), b"chunked"),
        Framing::Nothing | Framing::Length(_) | Framing::Close => {}
    }
    if !keep {
        field(CONNECTION.as_str(), b"close");
    }
    field("date", date.as_bytes());
    head.extend_from_slice(b"\r\n");
    head
}

#[cfg(test)]
mod tests;
