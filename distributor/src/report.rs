//! The distributor's part of `/status`.

use std::sync::Arc;

use live::daemon::tls::Shown;
use serde_json::{Value, json};

use crate::{
    acme, attendance::Attendance, config::Origin, door::Door, fill::Objects, follow::Followers,
    metrics::Metrics, routing::Routing,
};

/// What it is made of.
pub(crate) struct Report {
    pub(crate) origins: Vec<Origin>,
    pub(crate) objects: Arc<Objects>,
    pub(crate) followers: Arc<Followers>,
    pub(crate) metrics: Metrics,
    pub(crate) attendance: Attendance,
    pub(crate) door: Door,
    pub(crate) routing: Option<Arc<Routing>>,
    pub(crate) shown: Shown,
    /// None where the certificate comes from files.
    pub(crate) acme: Option<acme::Standing>,
}

impl Report {
    /// As it is now.
    pub(crate) fn now(&self) -> Value {
        let cache = self.objects.cache();
        let mut status = json!({
            "origins": self.origins(),
            "admission": self.door.report(),
            "audience": self.attendance.report(),
            "sent_bytes": self.metrics.sent_so_far(),
            "fetched_bytes": self.metrics.fetched_so_far(),
            "waiters": self.metrics.waiters(),
            "stalled": self.metrics.stalls(),
            "edge_misses": self.metrics.edge_misses(),
            "certificate_expiry": self.shown.expires(),
            "acme": self.acme.as_ref().map(acme::Standing::report),
            "streams": self.streams(),
            "followed": self.followed(),
            "cache": { "bytes": cache.bytes(), "entries": cache.entries(), "capacity": cache.capacity() },
        });
        if let (Some(routing), Some(fields)) = (&self.routing, status.as_object_mut()) {
            fields.insert("peers".to_owned(), routing.report());
        }
        status
    }

    fn origins(&self) -> Vec<Value> {
        let known = self.objects.origins();
        let origins = self.origins.iter().enumerate();
        let origins = origins.map(|(index, origin)| {
            let state = if known.is_down(index) { "down" } else { "up" };
            json!({ "name": origin.member.name(), "address": origin.authority, "state": state })
        });
        origins.collect()
    }

    /// Which origin serves a stream.
    fn streams(&self) -> Value {
        let name = |index: usize| {
            let origin = self.origins.get(index);
            origin.map_or("", |origin| origin.member.name())
        };
        let known = self.objects.origins();
        let streams = known.streams();
        let streams = streams.map(|(stream, origin)| (stream.to_string(), name(origin).into()));
        Value::Object(streams.collect())
    }

    fn followed(&self) -> Value {
        let followed = self.followers.status().into_iter();
        let followed = followed.map(|(stream, renditions)| {
            let renditions: Vec<Value> = renditions
                .iter()
                .map(|one| one.to_string().into())
                .collect();
            (stream.to_string(), renditions.into())
        });
        Value::Object(followed.collect())
    }
}
