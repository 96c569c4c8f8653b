//! What mux adds to its admin listener: the feed of events, and the document that describes all of it.

use std::sync::Arc;

use live::daemon::{
    Chassis,
    admin::{Feed, Method, Reply, ServerEvent},
};
use serde_json::Value;

use crate::{
    events::{Events, Subscription},
    status,
    streams::Streams,
};

/// OpenAPI 3.1; the end-to-end tests hold it against a running mux.
const DOCUMENT: &str = include_str!("../openapi.json");

/// Adds all of it.
pub(crate) fn add_routes(chassis: &Chassis, streams: &Arc<Streams>, events: &Events) {
    chassis.route(Method::Get, "/openapi.json", async |_call| {
        Ok(Reply::ok(document()))
    });
    let (streams, events) = (Arc::clone(streams), events.clone());
    chassis.events("/events", move || {
        let streams = Arc::clone(&streams);
        Reader(events.subscribe(move || status::status(&streams)))
    });
}

fn document() -> Value {
    // It is a part of this program; a test parses it.
    serde_json::from_str(DOCUMENT).unwrap_or_default()
}

/// One client of `/events`.
struct Reader(Subscription);

impl Feed for Reader {
    async fn next(&mut self) -> Option<ServerEvent> {
        let record = self.0.next().await;
        Some(ServerEvent {
            kind: record.kind.as_str(),
            data: serde_json::to_value(&*record).unwrap_or_default(),
        })
    }
}
