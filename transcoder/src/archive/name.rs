//! [pure] Where a segment lies on disk: under the same names as a recorded show's path has below `vod/`, so that any web
//! server can serve the directory.

use std::path::PathBuf;

use live::{Msn, Object, Rendition, SessionId, ShowObject, StreamName};

/// The archive's directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The directory.
    pub directory: PathBuf,
    /// Nothing is written when fewer bytes are free there.
    pub stop_at_free: u64,
}

/// A segment, among all that a transcoder ever makes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// The stream.
    pub stream: StreamName,
    /// The session.
    pub session: SessionId,
    /// The rendition.
    pub rendition: Rendition,
    /// The number.
    pub msn: Msn,
}

impl Place {
    /// The directory of a session.
    pub fn show(&self, stream: &StreamName, session: SessionId) -> PathBuf {
        self.directory
            .join(stream.as_str())
            .join(session.to_string())
    }

    /// The file of a segment.
    pub fn segment(&self, name: &Name) -> PathBuf {
        self.object(name, ShowObject::Segment(name.rendition, name.msn))
    }

    /// The file of an object of the session that `name` belongs to.
    pub(super) fn object(&self, name: &Name, object: ShowObject) -> PathBuf {
        self.show(&name.stream, name.session)
            .join(object.to_string())
    }
}

impl Name {
    /// The segment that `object` names in a session; `None` when it names something else.
    pub fn of(stream: &StreamName, session: SessionId, object: Object) -> Option<Self> {
        let Object::Segment(rendition, msn) = object else {
            return None;
        };
        Some(Self {
            stream: stream.clone(),
            session,
            rendition,
            msn,
        })
    }
}
