//! What `/status` says of the streams, for people and for tests. No key, no session's peer, no secret.

use std::sync::atomic::Ordering;

use live::stamp::StampKind;
use rtmp::amf0::{self, Value as Amf};
use serde_json::{Value, json};

use crate::{
    election::{PublisherId, Standing},
    headers::Headers,
    key::PublishRole,
    push::Push,
    stream::{State, Stream},
    streams::{SharedStream, Streams},
};

/// `{"streams": {NAME: {...}}}`.
pub(crate) fn status(streams: &Streams) -> Value {
    let streams = streams
        .iter()
        .map(|(name, stream)| (name.to_string(), of_stream(stream)));
    json!({ "streams": Value::Object(streams.collect()) })
}

fn of_stream(stream: &SharedStream) -> Value {
    let outputs = stream.outputs.iter().map(|output| {
        json!({
            "name": output.name,
            "state": output.state().as_str(),
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

fn of_push(push: &Push) -> Value {
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
    json!({
        "state": state,
        "publishers": stream.publishers(),
        "standings": stream.standings(now).map(of_standing).collect::<Vec<_>>(),
        "on_hold": stream.is_suspended(),
        "warm_bytes": stream.warm_bytes(),
        "publisher": stream.on_air().map(|_| of_publisher(stream, now)),
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

/// One publisher: whether it is on the air, else why not.
fn of_standing((id, role, standing): (PublisherId, PublishRole, Standing)) -> Value {
    json!({
        "publisher": id.0,
        "role": role.as_str(),
        "standing": standing.as_str(),
        "text": standing.to_string(),
    })
}

fn of_publisher(stream: &Stream, now: u64) -> Value {
    let metadata = Metadata::of(stream.headers());
    let whole = |name: &str| metadata.number(name).map(f64::round);
    json!({
        "role": stream.role_on_air().map(PublishRole::as_str),
        "bits_per_second": stream.bits_per_second(now),
        "width": whole("width"),
        "height": whole("height"),
        "frame_rate": metadata.number("framerate"),
        "encoder": metadata.text("encoder"),
    })
}

/// What the publisher says of itself; not checked, but it costs nothing.
struct Metadata(Option<Amf>);

impl Metadata {
    fn of(headers: &Headers) -> Self {
        let values = headers
            .metadata()
            .and_then(|payload| amf0::decode(payload).ok());
        Self(values.and_then(|values| {
            values
                .into_iter()
                .find(|value| value.properties().is_some())
        }))
    }

    fn number(&self, name: &str) -> Option<f64> {
        let value = self.0.as_ref()?.get(name)?.as_number()?;
        value.is_finite().then_some(value)
    }

    fn text(&self, name: &str) -> Option<String> {
        let text = self.0.as_ref()?.get(name)?.as_str()?;
        Some(text.chars().take(64).collect())
    }
}
