//! [pure] What people are told of a stream's events: one sentence each, in the log and on the event bus.

use live::SessionId;
use serde_json::{Value, json};

use super::Event;
use crate::{
    election::{Cause, PublisherId},
    events::Kind,
    health::{Change, Code},
};

/// An event for people.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Told {
    /// Its name for programs.
    pub(crate) kind: Kind,
    /// Whom it concerns.
    pub(crate) publisher: Option<PublisherId>,
    /// Which session it concerns.
    pub(crate) session: Option<SessionId>,
    /// Which finding it concerns.
    pub(crate) finding: Option<Code>,
    /// What to say.
    pub(crate) text: String,
    /// The same for programs: an object.
    pub(crate) fields: Value,
}

impl Event {
    /// What to tell people; nothing of what only the shell has to do.
    pub(crate) fn told(&self) -> Option<Told> {
        match self {
            Self::Close(..) | Self::Numbers(_) => None,
            Self::OnAir(id, session, cause) => {
                let told = Told::new(Kind::PublisherOnAir, on_air(*cause));
                Some(told.of_publisher(*id).of_session(*session))
            }
            Self::Held => Some(Told::new(
                Kind::Held,
                "no media comes: the stream is held until a publisher comes (back)",
            )),
            Self::Resumed(session) => {
                let told = Told::new(
                    Kind::Resumed,
                    "media comes again: the stream is held no more",
                );
                Some(told.of_session(*session))
            }
            Self::Suspended => Some(Told::new(
                Kind::Held,
                "the stream is on hold by command: resume it, or end it",
            )),
            Self::Ended(session) => {
                let told = Told::new(Kind::Ended, "the session has ended");
                Some(told.of_session(*session))
            }
            Self::Parked(id) => {
                let told = Told::new(
                    Kind::PublisherParked,
                    "two encoders with keys of this stream keep taking over from each other: the newcomer waits; stop one of them",
                );
                Some(told.of_publisher(*id))
            }
            Self::KeyframeOverdue(id) => {
                let told = Told::new(
                    Kind::KeyframeOverdue,
                    "keyframes are too far apart for the segments: set the encoder's keyframe interval to 2 s (OBS: Output, Keyframe Interval)",
                );
                Some(told.of_publisher(*id))
            }
            Self::Health(id, change) => Some(Told::health(change).of_publisher(*id)),
        }
    }
}

const fn on_air(cause: Cause) -> &'static str {
    match cause {
        Cause::Free => "on the air",
        Cause::Newer => "on the air: it is the newest with a key of its role",
        Cause::StandsIn => "on the air: it stands in for a publisher that is silent or gone",
        Cause::HandedBack => "on the air again: the primary has been clean for long enough",
        Cause::Switched => "on the air: an operator switched to it",
    }
}

impl Told {
    fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self {
            kind,
            publisher: None,
            session: None,
            finding: None,
            text: text.into(),
            fields: json!({}),
        }
    }

    fn health(change: &Change) -> Self {
        let finding = &change.finding;
        let text = if change.begins {
            finding.text.clone()
        } else {
            format!("No more: {}", finding.text)
        };
        Self {
            finding: Some(finding.code),
            fields: json!({
                "finding": finding.code,
                "severity": finding.severity,
                "since_ms": finding.since_ms,
                "begins": change.begins,
            }),
            ..Self::new(Kind::HealthChanged, text)
        }
    }

    fn of_publisher(mut self, id: PublisherId) -> Self {
        self.publisher = Some(id);
        self.with("publisher", id.0.into())
    }

    fn of_session(mut self, session: SessionId) -> Self {
        self.session = Some(session);
        self.with("session", session.0.into())
    }

    fn with(mut self, name: &str, value: Value) -> Self {
        if let Some(fields) = self.fields.as_object_mut() {
            fields.insert(name.to_owned(), value);
        }
        self
    }
}
