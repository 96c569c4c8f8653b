//! [pure] A stream's poster and storyboard as they are served: those of the session whose playlists are.
//!
//! In a hold and after its end a session keeps its last poster. Without encoded rungs there are no pictures.

use live::MediaTime;

use super::{Stream, run::Run};
use crate::{pictures::Snapshot, window::Text};

impl Stream {
    /// The poster, as a JPEG file.
    pub fn poster(&mut self) -> Option<Text> {
        self.showing_mut()?.pictures.poster().cloned()
    }

    /// The storyboard's index.
    pub fn storyboard(&mut self) -> Option<Text> {
        let run = self.showing_mut()?;
        let start = run.playlists_start();
        run.pictures.storyboard(start)
    }

    /// A sheet of the storyboard, as a JPEG file.
    pub fn sheet(&self, name: u64) -> Option<Text> {
        let former = self.former.as_ref().map(|former| &former.run);
        let mut runs = self.run.iter().chain(former);
        runs.find_map(|run| run.pictures.sheet(name).cloned())
    }

    /// The newest picture of the session that is being published.
    pub fn snapshot(&self) -> Option<&Snapshot> {
        self.run.as_ref()?.pictures.snapshot()
    }

    /// The session whose multivariant playlist is served; before the first of all, the one that begins.
    fn showing_mut(&mut self) -> Option<&mut Run> {
        if self.withdrawn {
            return None;
        }
        let run = self.run.as_mut()?;
        match &mut self.former {
            Some(former) if run.multivariant.is_none() => Some(&mut former.run),
            Some(_) | None => Some(run),
        }
    }
}

impl Run {
    /// Where the media playlist of the best rendition begins: they all do within a segment or two.
    fn playlists_start(&self) -> MediaTime {
        let mut playlists = self.windows().map(|(_, window)| window.playlist());
        playlists
            .find_map(|playlist| playlist.segments.front()?.head.program_date_time)
            .map_or(self.open.start, |date| {
                MediaTime::from_millis(date.unix_millis())
            })
    }

    /// Milliseconds since the poster was on air.
    pub(super) fn poster_age_ms(&self) -> Option<u64> {
        let newest = self.pictures.newest()?;
        Some(MediaTime::from_ticks(self.edge.since(newest)).millis())
    }
}

#[cfg(test)]
mod tests;
