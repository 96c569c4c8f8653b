//! What `/status` says of the streams, for people and for tests. No key, no secret. Addresses of publishers are shown:
//! the admin listener is private.

use std::sync::{Arc, atomic::Ordering};

use live::stamp::StampKind;
use serde_json::{Value, json};

use crate::{
    election::{PublisherId, Standing},
    handover::{Handover, NotKept, Tally},
    health::{Finding, Health},
    key::PublishRole,
    metadata::Metadata,
    push::Push,
    stream::{Publisher, State, Stream},
    streams::{SharedStream, Streams},
};

/// `{"streams": {NAME: {...}}}`.
pub(crate) fn status(streams: &Streams) -> Value {
    let streams = streams
        .iter()
        .map(|(name, stream)| (name.to_string(), of_stream(stream)));
    json!({ "streams": Value::Object(streams.collect()) })
}

/// What a restart does to connections and shows, and what the last one did.
pub(crate) fn of_handover(handover: &Result<Arc<Handover>, NotKept>) -> Value {
    let of = |tally: &Tally| {
        let (carried_on, lost) = tally.outcome();
        json!({ "carried_on": carried_on, "lost": lost })
    };
    match handover {
        Ok(handover) => json!({
            "kept": true,
            "why": null,
            "since_ms": handover.since,
            "connections": of(&handover.taken.connections),
            "streams": of(&handover.taken.streams),
        }),
        Err(why) => json!({ "kept": false, "why": why.to_string() }),
    }
}

/// One stream.
pub(crate) fn of_stream(stream: &SharedStream) -> Value {
    let outputs = stream.outputs.iter().map(|output| {
        json!({
            "name": output.name,
            "state": output.state().as_str(),
            "why": output.why(),
            "lag_ms": output.lag.load(Ordering::Relaxed),
            "sent_bytes": output.stats.sent.load(Ordering::Relaxed),
            "skips": output.stats.skips.load(Ordering::Relaxed),
            "failures": output.failures.load(Ordering::Relaxed),
        })
    });
    let outputs: Vec<Value> = outputs.collect();
    let mut value = stream.look(of_core);
    if let Some(fields) = value.as_object_mut() {
        fields.insert("outputs".to_owned(), outputs.into());
        let pushes = stream.pushes.list();
        let pushes: Vec<Value> = pushes.iter().map(|push| of_push(push)).collect();
        fields.insert("pushes".to_owned(), pushes.into());
        fields.insert(
            "players".to_owned(),
            json!({
                "connected": stream.players.connected.load(Ordering::Relaxed),
                "sent_bytes": stream.players.sent.load(Ordering::Relaxed),
                "skips": stream.players.skips.load(Ordering::Relaxed),
            }),
        );
    }
    value
}

/// One push target.
pub(crate) fn of_push(push: &Push) -> Value {
    json!({
        "name": push.name(),
        "target": push.label(),
        "state": push.state().as_str(),
        "why": push.why(),
        "lag_ms": push.lag.load(Ordering::Relaxed),
        "sent_bytes": push.stats.sent.load(Ordering::Relaxed),
        "skips": push.stats.skips.load(Ordering::Relaxed),
        "failures": push.failures.load(Ordering::Relaxed),
    })
}

fn of_core(stream: &Stream, now: u64) -> Value {
    let state = match stream.state() {
        State::Idle => "idle",
        State::Live => "live",
        State::Held => "held",
        State::Ended => "ended",
    };
    let stamp = stream.newest_stamp();
    let counters = stream.counters();
    let on_air = stream
        .connected()
        .iter()
        .find(|p| stream.on_air() == Some(p.id));
    let connected: Vec<Value> = stream
        .standings(now)
        .map(|standing| of_connected(stream, now, standing))
        .collect();
    json!({
        "state": state,
        "publishers": stream.publishers(),
        "on_hold": stream.is_suspended(),
        "warm_bytes": stream.warm_bytes(),
        "publisher": on_air.map(|publisher| of_publisher(stream, publisher, now)),
        "publishing": connected,
        "session": stamp.map(|stamp| stamp.session.0),
        "msn": stamp.map(|stamp| stamp.msn.0),
        "dsn": stamp.map(|stamp| stamp.dsn.0),
        "holding": stamp.is_some_and(|stamp| stamp.kind == StampKind::Hold),
        "segments": counters.segments,
        "holds": counters.holds,
        "keyframes_overdue": counters.overdue,
        "takeovers": counters.takeovers,
        "ring": { "bytes": stream.ring().bytes(), "ms": stream.ring().span() },
    })
}

/// One of those that are connected: whether it is on the air, else why not.
fn of_connected(
    stream: &Stream,
    now: u64,
    (id, role, standing): (PublisherId, PublishRole, Standing),
) -> Value {
    let publisher = stream.connected().iter().find(|p| p.id == id);
    let who = publisher.and_then(|publisher| publisher.who.as_ref());
    json!({
        "id": id.0,
        "role": role.as_str(),
        "standing": standing.as_str(),
        "text": standing.to_string(),
        "software": who.map(|who| &who.software),
        "address": who.map(|who| who.address.to_string()),
        "connected_since_ms": who.map(|who| who.since_ms),
        "health": publisher.map(|publisher| of_health(&publisher.health, now)),
    })
}

fn of_health(health: &Health, now: u64) -> Value {
    let format = health.format();
    let findings: Vec<&Finding> = health.findings().collect();
    json!({
        "figures": health.figures(now),
        "video": format.video,
        "audio": format.audio,
        "findings": findings,
    })
}

/// The one on the air, in short.
fn of_publisher(stream: &Stream, publisher: &Publisher, now: u64) -> Value {
    let payload = publisher.headers.metadata();
    let metadata = payload.map_or_else(Metadata::default, |payload| Metadata::parse(payload));
    let whole = |name: &str| metadata.number(name).map(f64::round);
    json!({
        "id": publisher.id.0,
        "role": stream.role_of(publisher.id).map(PublishRole::as_str),
        "bits_per_second": stream.bits_per_second(now),
        "width": whole("width"),
        "height": whole("height"),
        "frame_rate": metadata.number("framerate"),
        "encoder": metadata.text("encoder"),
        "findings": publisher.health.findings().collect::<Vec<_>>(),
    })
}
