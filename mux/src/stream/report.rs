//! [pure] What a stream tells its shell: its state, its events, its counters.

use live::{SessionId, cutter::LastNumbers};
use serde::{Deserialize, Serialize};

use crate::{
    election::{Cause, PublisherId},
    headers::TooManyHeaders,
    health,
    timeline::TooFast,
};

/// Whether there is a show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum State {
    /// None since the start, or the last one's ring is gone.
    Idle,
    /// A publisher is on the air.
    Live,
    /// Nobody sends; the session goes on.
    Held,
    /// The session is over; its end is still being read.
    Ended,
}

/// What the shell has to do or to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// Close this connection.
    Close(PublisherId, CloseCause),
    /// This publisher goes on the air, for this cause; the session is as it says.
    OnAir(PublisherId, SessionId, Cause),
    /// This publisher waits although it could go on the air: too many takeovers.
    Parked(PublisherId),
    /// Keep these numbers on disk.
    Numbers(LastNumbers),
    /// No keyframe came in time for the segment. Said once per publisher.
    KeyframeOverdue(PublisherId),
    /// Something about a publisher's media has become worth a word, or is so no more.
    Health(PublisherId, health::Change),
    /// Nobody sends: the stream is held.
    Held,
    /// Media comes back to a stream that was held.
    Resumed(SessionId),
    /// An operator holds the stream.
    Suspended,
    /// The session is over.
    Ended(SessionId),
}

/// Why a publisher's connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CloseCause {
    /// A newer one with the same key went on the air.
    #[error("a newer publisher with a key of the same stream went on the air")]
    TakenOver,
    /// An operator wanted it.
    #[error("an operator closed it; its key is still valid")]
    Kicked,
    /// It waited longest of too many.
    #[error("too many publishers of one stream are waiting")]
    Crowded,
    /// See [`TooFast`].
    #[error(transparent)]
    TooFast(#[from] TooFast),
    /// See [`TooManyHeaders`].
    #[error(transparent)]
    TooManyHeaders(#[from] TooManyHeaders),
}

/// What happened since the process started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counters {
    /// Media messages put into the ring: audio, video, data.
    pub(crate) frames: [u64; 3],
    /// Bytes of media messages received, whether or not their publisher was on the air.
    pub(crate) received: u64,
    /// Messages that were no media, or spoke for the segment clock.
    pub(crate) malformed: u64,
    /// Stamps that open a segment with media.
    pub(crate) segments: u64,
    /// Stamps of a held stream.
    pub(crate) holds: u64,
    /// Segments opened without a keyframe.
    pub(crate) overdue: u64,
    /// Publishers that went on the air, minus those that opened a session.
    pub(crate) takeovers: u64,
    /// Sessions opened.
    pub(crate) sessions: u64,
}
