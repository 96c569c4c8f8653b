//! [pure] HTTP/1.1 (RFC 9112) as far as viewers need it: heads of requests in, heads of answers out.
//!
//! Nothing that is asked here has a body, and so nothing that follows a head can be mistaken for a request: what says that
//! it carries one is marked so, and the connection ends with its answer. What is malformed is never guessed at. A
//! connection that waits, for a request or for what it asked for, holds no buffer: that is why this is not hyper's, which
//! keeps 8 KiB for as long as the connection lives.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, Version,
    header::{
        ACCEPT_ENCODING, CONNECTION, CONTENT_LENGTH, HOST, IF_NONE_MATCH, IF_RANGE, ORIGIN, RANGE,
        TRANSFER_ENCODING,
    },
    request,
    response::Parts,
};

/// Bytes of a request's head, twice what browsers send with every cookie they have.
pub(crate) const HEAD_MAX: usize = 16 << 10;
/// Headers of a request: a browser sends about 20.
pub(crate) const HEADERS_MAX: usize = 64;

const KEPT_COUNT: usize = 5;
/// Headers that answers depend on. The others are not kept: many wait, and for long.
const KEPT: [HeaderName; KEPT_COUNT] = [ACCEPT_ENCODING, IF_NONE_MATCH, IF_RANGE, ORIGIN, RANGE];

/// A request, and what becomes of its connection.
#[derive(Debug)]
pub(crate) struct Asked {
    /// With those of its headers that answers depend on.
    pub(crate) parts: request::Parts,
    /// Whom it is for, if it says so other than in its target.
    pub(crate) host: Option<HeaderValue>,
    /// Something follows the head that nobody reads.
    pub(crate) carries: bool,
    /// Another request may follow the answer.
    pub(crate) keep: bool,
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
    let asked = read(&head).ok_or(Malformed::Request)?;
    *received = received.split_off(length);
    if received.is_empty() {
        *received = Bytes::new();
    }
    Ok(Some(asked))
}

/// What a request's headers say of it.
#[derive(Default)]
struct Fields<'a> {
    kept: [Option<&'a [u8]>; KEPT_COUNT],
    host: Option<&'a [u8]>,
    length: Option<&'a [u8]>,
    coded: bool,
    close: bool,
}

impl<'a> Fields<'a> {
    /// None when they are ambiguous.
    fn read(fields: &[httparse::Header<'a>]) -> Option<Self> {
        let mut all = Self::default();
        for field in fields {
            let value = field.value;
            let is = |name: &HeaderName| name.as_str().eq_ignore_ascii_case(field.name);
            if is(&HOST) {
                // No more than one (RFC 9112 §3.2).
                if all.host.replace(value).is_some() {
                    return None;
                }
            } else if is(&CONTENT_LENGTH) {
                let clear = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
                if !clear || all.length.is_some_and(|before| before != value) {
                    return None;
                }
                all.length = Some(value);
            } else if is(&TRANSFER_ENCODING) {
                all.coded = true;
            } else if is(&CONNECTION) {
                all.close |= says_close(value);
            } else if let Some(kept) = KEPT.iter().position(is) {
                // The first counts.
                all.kept.get_mut(kept)?.get_or_insert(value);
            }
        }
        // Both: it is not clear where a body ends (RFC 9112 §6.3).
        (!all.coded || all.length.is_none()).then_some(all)
    }

    /// Whether a body follows.
    fn carry(&self) -> bool {
        let long = |length: &[u8]| length.iter().any(|digit| *digit != b'0');
        self.coded || self.length.is_some_and(long)
    }

    /// Those that are kept, in a map no larger than it must be.
    fn kept(&self) -> Option<HeaderMap> {
        let mut headers = HeaderMap::with_capacity(self.kept.iter().flatten().count());
        for (name, value) in KEPT.iter().zip(self.kept) {
            if let Some(value) = value {
                headers.insert(name, HeaderValue::from_bytes(value).ok()?);
            }
        }
        Some(headers)
    }
}

fn read(head: &httparse::Request<'_, '_>) -> Option<Asked> {
    let method = Method::from_bytes(head.method?.as_bytes()).ok()?;
    let target: Uri = head.path?.parse().ok()?;
    let version = match head.version? {
        0 => Version::HTTP_10,
        _ => Version::HTTP_11,
    };
    let fields = Fields::read(head.headers)?;
    // Exactly one (RFC 9112 §3.2), unless the target itself names the host.
    if fields.host.is_none() && version != Version::HTTP_10 && target.authority().is_none() {
        return None;
    }
    let carries = fields.carry();
    let (mut parts, ()) = Request::new(()).into_parts();
    (parts.method, parts.uri, parts.version) = (method, target, version);
    parts.headers = fields.kept()?;
    let host = fields.host.map(HeaderValue::from_bytes);
    Some(Asked {
        parts,
        host: host.transpose().ok()?,
        carries,
        keep: version == Version::HTTP_11 && !carries && !fields.close,
    })
}

fn says_close(connection: &[u8]) -> bool {
    let mut words = connection.split(|byte| *byte == b',');
    words.any(|word| word.trim_ascii().eq_ignore_ascii_case(b"close"))
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
    /// Of an `answer` to what was `asked`, of whose body `left` bytes are to come if that is known.
    pub(crate) fn of(asked: &request::Parts, answer: &Parts, left: Option<u64>) -> Self {
        let bare = matches!(
            answer.status,
            StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
        );
        if bare || asked.method == Method::HEAD {
            return Self::Nothing;
        }
        match told(&answer.headers).or(left) {
            Some(length) => Self::Length(length),
            None if asked.version == Version::HTTP_11 => Self::Chunked,
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
