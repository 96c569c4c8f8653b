//! Answers for other distributors: an object as its origin wrote it, and never an old one for a new.

use std::sync::Arc;

use http::{HeaderMap, Method, Response};
use live::daemon::prometheus_client::metrics::counter::Counter;

use super::{Answers, Body, failed, never};
use crate::{
    connection::Usage,
    entry::Failure,
    freshness::Class,
    now,
    response::{Coding, Conditions, Span, Stored},
    route::Key,
};

impl Answers {
    /// The object that `key` names, whole; what is sent of it is counted by `sent`. A playlist that is kept only because
    /// no origin answers is kept from peers: each has its own, and may find an origin that answers.
    pub(crate) async fn to_peer(&self, key: &Key, sent: Counter) -> Response<Body> {
        let answer = match self.wait(self.followers.find(key, &|| true)).await {
            Ok((Ok(answer), _)) if answer.stale => return failed(Failure::Unavailable),
            Ok((Ok(answer), _)) => answer,
            Ok((Err(failure), _)) => return failed(failure),
            Err(Some(status)) => return never(key, status),
            Err(None) => return failed(Failure::Busy),
        };
        let stored = Stored {
            status: answer.head.status,
            content_type: key.object().content_type(),
            etag: answer.head.etag.as_ref(),
            length: answer.head.length,
            cache_control: Class::of(key)
                .cache_control(answer.head.status, answer.target_duration()),
            age: now().saturating_duration_since(answer.head.at),
            cache_status: "Footlight",
            coding: Coding::Only,
        };
        let (response, span) = Conditions::read(&Method::GET, &HeaderMap::new()).answer(&stored);
        let body = match span {
            Span::Nothing => Body::empty(),
            Span::Bytes { start, end } => {
                let usage = Arc::new(Usage::default());
                Body::read(answer.read(start, end), usage.body(), sent)
            }
        };
        response.map(|()| body)
    }
}
