//! [pure] What a stream's windows tell those who keep its media on disk.
//!
//! Each rendition tells of its segments in order, each once; of one that is gone only after it was told. Pieces of media
//! are shared with the window, never copied.

mod disk;
mod name;
mod queue;
mod reading;
mod writer;

use bytes::Bytes;
pub use name::{Name, Place};
pub use reading::{Reading, Unreadable};
pub use writer::Archive;

use live::{
    Dsn, InitHash, MediaTime, Msn, Rendition, SessionId,
    playlist::{Line, Seconds},
};

/// One thing that happened in a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// The session.
    pub session: SessionId,
    /// What happened.
    pub event: Event,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A segment is over.
    Closed(Closed),
    /// A segment can be fetched no more: its time is over, or there was no memory for it and it was not on disk.
    Gone(Rendition, Msn),
    /// EXT-X-ENDLIST: nothing will be added to the session.
    Ended,
    /// Nothing of the session can be fetched any more.
    Over,
}

/// A segment that is over: whole, or a GAP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// Whose segment it is.
    pub rendition: Rendition,
    /// Its number; one more than that of the rendition's segment before.
    pub msn: Msn,
    /// Its discontinuity sequence number.
    pub dsn: Dsn,
    /// Presentation time of its first sample.
    pub start: MediaTime,
    /// EXTINF.
    pub duration: Seconds,
    /// EXT-X-DISCONTINUITY stands before it.
    pub discontinuity: bool,
    /// EXT-X-GAP: there is no media, and never will be.
    pub gap: bool,
    /// Nobody published: what is in it is repeated.
    pub held: bool,
    /// The initialization section that it needs; none when no configuration was known yet.
    pub init: Option<(InitHash, Bytes)>,
    /// Its media, one piece after the other; none in a GAP.
    pub parts: Vec<Bytes>,
    /// EXT-X-DATERANGE that the playlist has had since the segment before was over.
    pub date_ranges: Vec<Line>,
}

#[cfg(test)]
mod tests;
