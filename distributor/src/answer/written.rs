//! Answers that are written here: for one viewer the multivariant playlist and the steering manifest, for everybody how
//! many watch.

use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode, request::Parts};
use live::{Object, StreamName};

use super::{Answers, Body, between, refuse};
use crate::{
    door::Guest,
    metrics::Outcome,
    presentation::{Template, View},
    response::{Coding, Conditions, Span, Stored},
    route::Refusal,
    steering::Asked,
    viewer::ViewerId,
};

/// `Cache-Control` of what is written for one viewer.
const PRIVATE: &str = "private, no-store";

impl Answers {
    /// How many watch `stream`, at all distributors.
    pub(super) fn audience(&self, stream: &StreamName, parts: &Parts) -> Response<Body> {
        let routing = self.routing.as_ref();
        let elsewhere = routing.map(|routing| routing.elsewhere(stream));
        let (text, stored) = self.attendance.told(stream, &elsewhere.unwrap_or_default());
        let conditions = Conditions::read(&parts.method, &parts.headers);
        self.written(&text, &stored, &conditions)
    }

    /// Where a viewer of `stream` may go. Nowhere else, where this is the only distributor.
    ///
    /// Who is to go elsewhere hears so in the middle of a segment. hls.js 1.7.4 that is moved between two may find the end
    /// of what it has a fraction of a microsecond before the segment's, know nothing of its parts at the other box, and
    /// wait until they have left the playlist.
    pub(super) async fn steer(
        &self,
        stream: &StreamName,
        asked: &Asked,
        parts: &Parts,
    ) -> (Response<Body>, Outcome) {
        let Some(routing) = &self.routing else {
            return (refuse(Refusal::Unknown), Outcome::Refused);
        };
        let (mut text, moves) = routing.steer(stream, asked);
        if moves && self.door.may_wait(self.metrics.waiters()) {
            let _waiting = self.metrics.waiting();
            self.followers.mid_segment(stream).await;
            (text, _) = routing.steer(stream, asked);
        }
        let text = Bytes::from(text);
        let stored = Stored {
            status: StatusCode::OK,
            content_type: "application/json",
            etag: None,
            length: Some(text.len() as u64),
            cache_control: PRIVATE.to_owned(),
            age: Duration::ZERO,
            cache_status: "Footlight; hit",
            coding: Coding::Only,
        };
        let conditions = Conditions::read(&parts.method, &parts.headers);
        (self.written(&text, &stored, &conditions), Outcome::Page)
    }

    /// The multivariant playlist for this viewer, who has a number from now on. The error is in how many seconds he may ask
    /// again, when the line is full.
    pub(super) fn written_for(
        &self,
        viewer: Option<ViewerId>,
        stream: &StreamName,
        template: &Template,
        (guest, begins): (&Guest, bool),
    ) -> Result<Bytes, u16> {
        let known = viewer.is_some_and(|viewer| self.attendance.knows(stream, viewer));
        let viewer = viewer.unwrap_or_else(|| self.viewers.draw());
        let routing = self.routing.as_ref();
        let paths = routing.map(|routing| routing.paths(stream, viewer));
        let elsewhere = paths.as_ref().and_then(|paths| paths.elsewhere);
        let ceiling = match elsewhere.filter(|_| !known) {
            Some(level) => guest.admit_elsewhere(level)?,
            None => guest.admit(stream, template, known, begins && paths.is_none())?,
        };
        let view = View {
            viewer: Some(viewer),
            ceiling,
            pathways: paths.as_ref().map_or(&[], |paths| &paths.pathways),
            steering: paths.as_ref().map(|paths| paths.steering.as_str()),
        };
        Ok(template.write(&view).into())
    }

    /// The multivariant playlist as one viewer is given it. It is nobody else's to keep.
    pub(super) fn presentation(
        &self,
        text: &Bytes,
        conditions: &Conditions,
        (age, cache_status): (Duration, &'static str),
    ) -> Response<Body> {
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
        self.written(text, &stored, conditions)
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
