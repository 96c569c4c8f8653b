//! [pure] What people are told of a stream's events: one sentence each, in the log and on the event bus.

use live::SessionId;

use super::Event;
use crate::{
    election::{Cause, PublisherId},
    events::Kind,
};

/// An event for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    /// Its name for programs.
    pub(crate) kind: Kind,
    /// Whom it concerns.
    pub(crate) publisher: Option<PublisherId>,
    /// Which session it concerns.
    pub(crate) session: Option<SessionId>,
    /// What to say.
    pub(crate) text: String,
}

impl Event {
    /// What to tell people; nothing of what only the shell has to do.
    pub(crate) fn told(&self) -> Option<Told> {
        let told =
            |kind, publisher: Option<&PublisherId>, session: Option<&SessionId>, text: &str| {
                Some(Told {
                    kind,
                    publisher: publisher.copied(),
                    session: session.copied(),
                    text: text.to_owned(),
                })
            };
        match self {
            Self::Close(..) | Self::Numbers(_) => None,
            Self::OnAir(id, session, cause) => told(
                Kind::PublisherOnAir,
                Some(id),
                Some(session),
                on_air(*cause),
            ),
            Self::Suspended => told(
                Kind::Held,
                None,
                None,
                "the stream is on hold by command: resume it, or end it",
            ),
            Self::Held => told(
                Kind::Held,
                None,
                None,
                "no media comes: the stream is held until a publisher comes (back)",
            ),
            Self::Ended(session) => told(Kind::Ended, None, Some(session), "the session has ended"),
            Self::Parked(id) => told(
                Kind::PublisherParked,
                Some(id),
                None,
                "two encoders with keys of this stream keep taking over from each other: the newcomer waits; stop one of them",
            ),
            Self::KeyframeOverdue(id) => told(
                Kind::KeyframeOverdue,
                Some(id),
                None,
                "keyframes are too far apart for the segments: set the encoder's keyframe interval to 2 s (OBS: Output, Keyframe Interval)",
            ),
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
