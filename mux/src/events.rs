//! The event bus: what happens, told as it happens to whoever listens on the admin side.
//!
//! One small [`Record`] an event, of a [`Kind`] that never changes its name. Publishing never waits: a reader that is
//! slower than [`KEPT`] records loses the oldest, is told how many, and is given the whole state anew. So is a newcomer.

use std::sync::{Arc, Mutex, PoisonError};

use live::StreamName;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use tokio::sync::broadcast::{self, error::RecvError};

use crate::clock::WallClock;

/// Records that a slow reader may be behind. With [`MAX_TEXT`] this bounds the bus to some hundred KiB.
const KEPT: usize = 256;
/// Longest text in bytes; what is longer is cut.
const MAX_TEXT: usize = 512;
/// Most records a second of a kind that strangers can cause: they must not drown the rest.
const MAX_PROVOKED: u64 = 5;

/// What has happened. The names are for programs and stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// A publisher with a valid key has connected.
    PublisherConnected,
    /// A publisher has gone on the air.
    PublisherOnAir,
    /// A publisher has left or was closed.
    PublisherGone,
    /// A publisher waits: one takeover more would be too many.
    PublisherParked,
    /// A publisher is closed because another went on the air in its place.
    Takeover,
    /// There is no media: the stream is held.
    Held,
    /// Media has come back to a held stream.
    Resumed,
    /// The session is over.
    Ended,
    /// A segment was opened without a keyframe.
    KeyframeOverdue,
    /// A finding on a publisher's health has come or gone.
    HealthChanged,
    /// A transcoder or push target stands otherwise than before.
    OutputState,
    /// A peer was refused for its key.
    KeyRefused,
    /// Keys were added, rotated or revoked.
    KeysChanged,
    /// An HTTP hook did not answer or refused.
    Hook,
    /// An operator's command was carried out.
    Command,
    /// The configuration was read anew.
    Reloaded,
    /// The whole state, for a reader that has just come or has missed something; `fields` is what `/status` says.
    Snapshot,
    /// This reader was too slow: `fields.missed` records are lost to it.
    Missed,
}

impl Kind {
    /// The name, as in `kind`.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::PublisherConnected => "publisher_connected",
            Self::PublisherOnAir => "publisher_on_air",
            Self::PublisherGone => "publisher_gone",
            Self::PublisherParked => "publisher_parked",
            Self::Takeover => "takeover",
            Self::Held => "held",
            Self::Resumed => "resumed",
            Self::Ended => "ended",
            Self::KeyframeOverdue => "keyframe_overdue",
            Self::HealthChanged => "health_changed",
            Self::OutputState => "output_state",
            Self::KeyRefused => "key_refused",
            Self::KeysChanged => "keys_changed",
            Self::Hook => "hook",
            Self::Command => "command",
            Self::Reloaded => "reloaded",
            Self::Snapshot => "snapshot",
            Self::Missed => "missed",
        }
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// One event; as JSON one flat object.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Record {
    /// When, Unix milliseconds.
    pub(crate) at_ms: u64,
    /// Whose it is; none where it concerns all.
    #[serde(serialize_with = "name", skip_serializing_if = "Option::is_none")]
    pub(crate) stream: Option<StreamName>,
    /// What has happened.
    pub(crate) kind: Kind,
    /// The same for people: a plain sentence.
    pub(crate) text: String,
    /// What belongs to it: an object.
    pub(crate) fields: Value,
}

/// The bus. Clones are one.
#[derive(Debug, Clone)]
pub(crate) struct Events(Arc<Bus>);

#[derive(Debug)]
struct Bus {
    clock: Arc<WallClock>,
    sender: broadcast::Sender<Arc<Record>>,
    provoked: Mutex<Provoked>,
}

/// How much strangers caused within one second of the clock.
#[derive(Debug, Default)]
struct Provoked {
    second: u64,
    count: u64,
}

/// One reader of the bus.
pub(crate) struct Subscription {
    events: Events,
    receiver: broadcast::Receiver<Arc<Record>>,
    snapshot: Box<dyn Fn() -> Value + Send + Sync>,
    wants_snapshot: bool,
}

impl Events {
    /// A bus without readers.
    pub(crate) fn new(clock: Arc<WallClock>) -> Self {
        Self(Arc::new(Bus {
            clock,
            sender: broadcast::Sender::new(KEPT),
            provoked: Mutex::default(),
        }))
    }

    /// Tells all readers. `fields` is an object; it holds no secret and no more than a few short values.
    pub(crate) fn publish(
        &self,
        stream: Option<&StreamName>,
        kind: Kind,
        text: impl Into<String>,
        fields: Value,
    ) {
        let mut record = self.record(kind, text.into(), fields);
        if kind == Kind::KeyRefused && self.is_too_much(record.at_ms) {
            return;
        }
        record.stream = stream.cloned();
        // Nobody may be listening.
        let _readers = self.0.sender.send(Arc::new(record));
    }

    /// A reader, who first gets what `snapshot` says: what happens from now on is either in it or told after it.
    pub(crate) fn subscribe(
        &self,
        snapshot: impl Fn() -> Value + Send + Sync + 'static,
    ) -> Subscription {
        Subscription {
            events: self.clone(),
            receiver: self.0.sender.subscribe(),
            snapshot: Box::new(snapshot),
            wants_snapshot: true,
        }
    }

    fn record(&self, kind: Kind, mut text: String, fields: Value) -> Record {
        text.truncate(text.floor_char_boundary(MAX_TEXT));
        Record {
            at_ms: self.0.clock.now(),
            stream: None,
            kind,
            text,
            fields,
        }
    }

    fn is_too_much(&self, now: u64) -> bool {
        let mut provoked = self
            .0
            .provoked
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let second = now / 1_000;
        if provoked.second != second {
            *provoked = Provoked { second, count: 0 };
        }
        provoked.count += 1;
        provoked.count > MAX_PROVOKED
    }
}

impl Subscription {
    /// The next record; waits for it. To be dropped between two calls, or in the middle of one, loses nothing.
    pub(crate) async fn next(&mut self) -> Arc<Record> {
        if std::mem::take(&mut self.wants_snapshot) {
            let text = "the state at this moment".to_owned();
            return Arc::new(self.events.record(Kind::Snapshot, text, (self.snapshot)()));
        }
        match self.receiver.recv().await {
            Ok(record) => record,
            Err(RecvError::Lagged(missed)) => {
                self.wants_snapshot = true;
                let text = format!("{missed} events are lost to this reader: it is too slow");
                let fields = json!({ "missed": missed });
                Arc::new(self.events.record(Kind::Missed, text, fields))
            }
            // The sender lives as long as `self.events`.
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

fn name<S: Serializer>(name: &Option<StreamName>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(name.as_ref().map_or("", |name| name.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events() -> Events {
        Events::new(Arc::default())
    }

    fn stage() -> StreamName {
        "stage".parse().unwrap()
    }

    #[tokio::test]
    async fn a_newcomer_gets_the_state_and_then_what_happens() {
        let events = events();
        events.publish(None, Kind::Held, "before", json!({}));
        let mut reader = events.subscribe(|| json!({ "streams": {} }));
        events.publish(
            Some(&stage()),
            Kind::Ended,
            "it is over",
            json!({ "session": 7 }),
        );
        let snapshot = reader.next().await;
        assert_eq!(snapshot.kind, Kind::Snapshot);
        assert_eq!(snapshot.fields, json!({ "streams": {} }));
        let mut told = serde_json::to_value(&*reader.next().await).unwrap();
        told.as_object_mut().unwrap().remove("at_ms").unwrap();
        let wanted = json!({
            "stream": "stage", "kind": "ended", "text": "it is over", "fields": { "session": 7 },
        });
        assert_eq!(told, wanted);
    }

    #[tokio::test]
    async fn a_slow_reader_loses_the_oldest_and_is_told() {
        let events = events();
        let mut reader = events.subscribe(|| json!({}));
        reader.next().await;
        for n in 0..KEPT + 10 {
            events.publish(None, Kind::Command, n.to_string(), json!({}));
        }
        assert_eq!(reader.next().await.fields, json!({ "missed": 10 }));
        assert_eq!(reader.next().await.kind, Kind::Snapshot);
        assert_eq!(reader.next().await.text, "10");
    }

    #[tokio::test]
    async fn strangers_cannot_drown_the_rest() {
        let events = events();
        let mut reader = events.subscribe(|| json!({}));
        for _ in 0..10_000 {
            events.publish(None, Kind::KeyRefused, "wrong", json!({}));
        }
        events.publish(None, Kind::Held, "held", json!({}));
        let mut kinds = Vec::new();
        while !kinds.contains(&Kind::Held) {
            kinds.push(reader.next().await.kind);
        }
        assert!(!kinds.contains(&Kind::Missed), "drowned");
        let refused = kinds.iter().filter(|kind| **kind == Kind::KeyRefused);
        assert!(refused.count() >= 5);
    }

    #[test]
    fn a_text_is_bounded() {
        let record = events().record(Kind::Held, "ä".repeat(MAX_TEXT), json!({}));
        assert_eq!(record.text.len(), MAX_TEXT);
    }
}
