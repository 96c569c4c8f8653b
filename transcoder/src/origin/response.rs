//! What an answer looks like: bytes of known length, and how long they may be kept.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use hyper::{
    Response, StatusCode,
    body::{Body as HttpBody, Frame, SizeHint},
    header::{self, HeaderValue},
};
use live::{InitHash, Object};

use crate::archive::Reading;

/// What is sent.
#[derive(Debug)]
pub(super) enum Body {
    /// Pieces one after the other, without copying them together, and how many bytes they are.
    Pieces(VecDeque<Bytes>, u64),
    /// A segment from the disk.
    Saved(Reading),
}

impl Body {
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
        SizeHint::with_exact(match self {
            Self::Pieces(_, left) => *left,
            Self::Saved(reading) => reading.left(),
        })
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
    body: impl Into<Body>,
    tag: InitHash,
    freshness: Freshness,
) -> Response<Body> {
    let body = body.into();
    let length = body.size_hint().exact().unwrap_or_default();
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
