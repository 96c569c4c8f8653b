//! What follows a head: bytes that are there, or those of an object as they arrive.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use live::daemon::prometheus_client::metrics::counter::Counter;

use crate::{
    connection::BodyUsage,
    entry::{Failure, Reader},
};

/// What follows a head.
pub(crate) struct Body(Kind);

enum Kind {
    Whole(Option<Bytes>),
    Read {
        reader: Reader,
        count: BodyUsage,
        sent: Counter,
    },
}

impl Body {
    /// Nothing.
    pub(crate) const fn empty() -> Self {
        Self(Kind::Whole(None))
    }

    /// All of it at once.
    pub(crate) fn whole(bytes: Bytes) -> Self {
        Self(Kind::Whole((!bytes.is_empty()).then_some(bytes)))
    }

    /// What `reader` reads, counted by `sent` as it goes.
    pub(super) const fn read(reader: Reader, count: BodyUsage, sent: Counter) -> Self {
        Self(Kind::Read {
            reader,
            count,
            sent,
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
                sent,
            } => reader.poll_next(cx).map_ok(|bytes| {
                count.moved(bytes.len());
                sent.inc_by(bytes.len() as u64);
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
