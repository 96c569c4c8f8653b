//! What an answer looks like: bytes of known length, and how long they may be kept.

use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::{
    Response, StatusCode,
    body::{Body as HttpBody, Frame, SizeHint},
    header::{self, HeaderValue},
};
use live::{InitHash, Object};

/// Pieces that are sent one after the other, without copying them together.
#[derive(Debug, Default)]
pub(super) struct Body {
    pieces: VecDeque<Bytes>,
    left: u64,
}

impl Body {
    fn new(pieces: Vec<Bytes>) -> Self {
        Self {
            left: pieces.iter().map(length_of).sum(),
            pieces: pieces.into(),
        }
    }

    /// The answer to HEAD: nothing is sent.
    pub(super) fn withheld(self) -> Self {
        Self::default()
    }
}

fn length_of(piece: &Bytes) -> u64 {
    u64::try_from(piece.len()).unwrap_or(u64::MAX)
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.pieces.pop_front().map(|piece| {
            self.left = self.left.saturating_sub(length_of(&piece));
            Ok(Frame::data(piece))
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// How long an answer may be kept by whoever asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Freshness {
    /// The path names the same bytes for ever.
    Immutable,
    /// A playlist whose request said what must be in it: six target durations (seconds), since what it was asked for
    /// stays true (RFC 8216bis §6.2.5.2).
    Blocking(u32),
    /// A playlist as it is now.
    Playlist,
}

impl Freshness {
    fn cache_control(self) -> HeaderValue {
        match self {
            Self::Immutable => HeaderValue::from_static("public, max-age=86400, immutable"),
            Self::Blocking(target) => {
                let text = format!("public, max-age={}", u64::from(target) * 6);
                HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("no-store"))
            }
            Self::Playlist => HeaderValue::from_static("public, max-age=1"),
        }
    }
}

/// 200; `tag` tells the bytes from others.
pub(super) fn success(
    object: Object,
    pieces: Vec<Bytes>,
    tag: InitHash,
    freshness: Freshness,
) -> Response<Body> {
    let body = Body::new(pieces);
    let length = body.left;
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
