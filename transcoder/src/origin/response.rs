//! What an answer looks like: bytes of known length, and how long they may be kept.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use hyper::{
    HeaderMap, Response, StatusCode,
    body::{Body as HttpBody, Frame, SizeHint},
    header::{self, HeaderValue},
};
use live::{ByteRange, InitHash, Object};

use crate::{archive::Reading, window::Text};

/// What is sent.
#[derive(Debug)]
pub(super) enum Body {
    /// Pieces one after the other, without copying them together, and how many bytes they are.
    Pieces(VecDeque<Bytes>, u64),
    /// A segment from the disk.
    Saved(Reading),
}

impl Body {
    /// Its bytes.
    fn length(&self) -> u64 {
        match self {
            Self::Pieces(_, length) => *length,
            Self::Saved(reading) => reading.left(),
        }
    }

    /// The bytes from `start` to before `end`.
    fn between(self, start: u64, end: u64) -> Self {
        let all = match self {
            Self::Pieces(all, _) => all,
            Self::Saved(reading) => return Self::Saved(reading.between(start, end)),
        };
        let mut at = 0;
        let mut pieces = Vec::new();
        for piece in all {
            let length = length_of(&piece);
            // Where the range begins and ends within the piece, which fits in memory.
            let within = |offset: u64| {
                let offset = offset.saturating_sub(at).min(length);
                usize::try_from(offset).unwrap_or(usize::MAX)
            };
            let piece = piece.slice(within(start)..within(end));
            at += length;
            if !piece.is_empty() {
                pieces.push(piece);
            }
        }
        pieces.into()
    }

    /// The answer to HEAD: nothing is sent.
    pub(super) fn withheld(self) -> Self {
        Self::default()
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::Pieces(VecDeque::new(), 0)
    }
}

impl From<Vec<Bytes>> for Body {
    fn from(pieces: Vec<Bytes>) -> Self {
        let length = pieces.iter().map(length_of).sum();
        Self::Pieces(pieces.into(), length)
    }
}

fn length_of(piece: &Bytes) -> u64 {
    u64::try_from(piece.len()).unwrap_or(u64::MAX)
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let piece = match self.get_mut() {
            Self::Pieces(pieces, left) => pieces.pop_front().map(|piece| {
                *left = left.saturating_sub(length_of(&piece));
                Ok(piece)
            }),
            Self::Saved(reading) => ready!(reading.poll_piece(context)),
        };
        Poll::Ready(piece.map(|read| read.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Pieces(pieces, _) => pieces.is_empty(),
            Self::Saved(reading) => reading.left() == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length())
    }
}

/// How long an answer may be kept by whoever asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Freshness {
    /// The path names the same bytes for ever.
    Immutable,
    /// The path names the same bytes for ever, and they can be fetched for so many seconds at least (RFC 8216bis
    /// §6.2.2).
    Media(u64),
    /// A playlist whose request said what must be in it: six target durations (seconds), since what it was asked for
    /// stays true (RFC 8216bis §6.2.5.2).
    Blocking(u32),
    /// A playlist as it is now.
    Playlist,
    /// A picture that another takes the place of every ten seconds.
    Picture,
}

impl Freshness {
    fn cache_control(self) -> HeaderValue {
        let of = |text: String| {
            HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("no-store"))
        };
        match self {
            Self::Immutable => HeaderValue::from_static("public, max-age=86400, immutable"),
            Self::Media(seconds) => of(format!("public, max-age={seconds}, immutable")),
            Self::Blocking(target) => of(format!("public, max-age={}", u64::from(target) * 6)),
            Self::Playlist => HeaderValue::from_static("public, max-age=1"),
            Self::Picture => HeaderValue::from_static("public, max-age=5"),
        }
    }
}

/// 200; `tag` tells the bytes from others.
pub(super) fn success(
    object: Object,
    body: impl Into<Body>,
    tag: InitHash,
    freshness: Freshness,
) -> Response<Body> {
    let body = body.into();
    let length = body.length();
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    // Said here, since to HEAD it is said without the bytes.
    headers.insert(header::CONTENT_LENGTH, length.into());
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(object.content_type()),
    );
    headers.insert(header::CACHE_CONTROL, freshness.cache_control());
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{tag}\"")) {
        headers.insert(header::ETAG, tag);
    }
    response
}

/// Which bytes of an object are asked for.
#[derive(Debug)]
pub(super) struct Range {
    bytes: Option<ByteRange>,
    unless_changed: Option<Box<[u8]>>,
}

impl Range {
    /// Those that the request's head names; all of them where that cannot be read (RFC 9110 §14.2).
    pub(super) fn read(headers: &HeaderMap) -> Self {
        let bytes = headers
            .get(header::RANGE)
            .and_then(|value| ByteRange::parse(value.to_str().ok()?));
        // Copied: a header that is held holds the whole head in memory.
        let unless_changed = headers.get(header::IF_RANGE).filter(|_| bytes.is_some());
        Self {
            bytes,
            unless_changed: unless_changed.map(|tag| tag.as_bytes().into()),
        }
    }

    /// `answer` with these of its bytes: 206 or 416; as it is, if it is no whole medium.
    pub(super) fn of(&self, answer: Response<Body>) -> Response<Body> {
        let (mut head, body) = answer.into_parts();
        let tag = head.headers.get(header::ETAG);
        let tag = tag.map(HeaderValue::as_bytes);
        let given = self.unless_changed.as_deref();
        let unchanged = given.is_none_or(|given| tag == Some(given));
        let is_medium = head.status == StatusCode::OK && !head.headers.contains_key(header::VARY);
        let Some(range) = self.bytes.filter(|_| unchanged && is_medium) else {
            return Response::from_parts(head, body);
        };
        let length = body.length();
        let (status, said, body) = match range.within(length) {
            Some((start, end)) => (
                StatusCode::PARTIAL_CONTENT,
                format!("bytes {start}-{}/{length}", end.saturating_sub(1)),
                body.between(start, end),
            ),
            None => (
                StatusCode::RANGE_NOT_SATISFIABLE,
                format!("bytes */{length}"),
                Body::default(),
            ),
        };
        head.status = status;
        head.headers
            .insert(header::CONTENT_LENGTH, body.length().into());
        if let Ok(said) = HeaderValue::try_from(said) {
            head.headers.insert(header::CONTENT_RANGE, said);
        }
        Response::from_parts(head, body)
    }
}

/// 200 with a picture's file; 404 without one.
pub(super) fn file(object: Object, file: Option<Text>, freshness: Freshness) -> Response<Body> {
    match file {
        Some(file) => success(object, file.pieces, file.tag, freshness),
        None => refusal(StatusCode::NOT_FOUND),
    }
}

/// 200 with a playlist or the storyboard, `packed` with gzip for those who take it. The two forms have a tag each (RFC 9110 §8.8.3.3).
pub(super) fn playlist(
    object: Object,
    text: &Text,
    freshness: Freshness,
    packed: Option<Bytes>,
) -> Response<Body> {
    let gzip = packed.is_some();
    let pieces = packed.map_or_else(|| text.pieces.clone(), |packed| vec![packed]);
    let mut response = success(object, pieces, text.tag, freshness);
    let headers = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        if let Ok(tag) = HeaderValue::from_str(&format!("\"{}-gzip\"", text.tag)) {
            headers.insert(header::ETAG, tag);
        }
    }
    response
}

/// No, without a body.
pub(super) fn refusal(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::default());
    *response.status_mut() = status;
    let kept = match status {
        // What is not there may be there in a moment, and a crowd need not ask more often than that.
        StatusCode::NOT_FOUND => "public, max-age=1",
        _ => "no-store",
    };
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static(kept));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        response
            .headers_mut()
            .insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    response
}
