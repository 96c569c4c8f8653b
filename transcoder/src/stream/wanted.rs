//! [pure] A request that may have to wait, and what it comes to.

use bytes::Bytes;
use live::{InitHash, Msn, Object, PartIndex, Rendition, SessionId};

use super::Stream;
use crate::{
    blocking::{self, Answer},
    window::{Found, Written},
};

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wanted {
    /// A media playlist: as it is, or once this segment or part is in it.
    Playlist(Rendition, Option<(Msn, Option<PartIndex>)>),
    /// An I-frame playlist: as it is, or once this segment is in it.
    IFrames(Rendition, Option<Msn>),
    /// An initialization section, a segment or a part.
    Media(Object),
}

/// What there is to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The playlist, and its target duration in seconds.
    Playlist(Written, u32),
    /// These bytes, one after the other, what tells them from others, and how many seconds they surely stay.
    Media(Vec<Bytes>, InitHash, u64),
    /// A segment that is on disk alone: whose it is, its length in bytes, and as above.
    Saved(SessionId, u64, InitHash, u64),
    /// There is nothing, or nothing any more.
    Nothing,
    /// It is too far ahead to be worth waiting for.
    TooFar,
    /// It is about to come.
    NotYet,
}

impl Stream {
    /// What there is to say to whoever wants this now.
    pub fn outcome(&mut self, wanted: Wanted) -> Outcome {
        match wanted {
            Wanted::Playlist(rendition, block) => {
                let written = |stream: &mut Self| stream.playlist(rendition);
                self.playlist_outcome(rendition, block, written)
            }
            Wanted::IFrames(rendition, msn) => {
                let written = |stream: &mut Self| stream.i_frames(rendition);
                self.playlist_outcome(rendition, msn.map(|msn| (msn, None)), written)
            }
            Wanted::Media(object) => match self.find_with_session(object) {
                (_, Found::Bytes(bytes, tag)) => Outcome::Media(bytes, tag, self.stays_s()),
                (session, Found::Saved(length, tag)) => {
                    Outcome::Saved(session, length, tag, self.stays_s())
                }
                (_, Found::Soon) => Outcome::NotYet,
                (_, Found::Nothing) => Outcome::Nothing,
            },
        }
    }

    fn playlist_outcome(
        &mut self,
        rendition: Rendition,
        block: Option<(Msn, Option<PartIndex>)>,
        write: impl FnOnce(&mut Self) -> Option<Written>,
    ) -> Outcome {
        let Some(position) = self.position(rendition) else {
            return Outcome::Nothing;
        };
        match blocking::answer(block, &position) {
            Answer::Wait => Outcome::NotYet,
            Answer::TooFar => Outcome::TooFar,
            Answer::Now => match write(self) {
                Some(written) => {
                    Outcome::Playlist(written, self.target_duration().unwrap_or_default())
                }
                None => Outcome::Nothing,
            },
        }
    }
}
