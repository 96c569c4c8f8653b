//! [pure] The session before the present one: served on until there is something of the new one, so that a player who
//! asks in the moment of the change is not told that there is nothing.
//!
//! Its playlists stay until the new session has its own, its objects for as long after that as the longest of those
//! playlists is (RFC 8216bis §6.2.2). There is at most one, and its media go before any of the present session.

use live::{MediaTime, Object, Rendition, SessionId, playlist::Seconds};

use super::{News, Stream, run::Run};
use crate::{
    archive,
    window::{Found, Window},
};

#[derive(Debug, Clone)]
pub(super) struct Former {
    pub(super) run: Run,
    /// Its playlists are served no more; its objects are until the new session's segments start later than this.
    pub(super) until: Option<MediaTime>,
}

impl Former {
    /// What is under a path. What it hinted at will never come.
    pub(super) fn find(&self, rendition: Rendition, object: Object) -> Found {
        match self.run.window(rendition).map(|window| window.find(object)) {
            Some(Found::Soon) | None => Found::Nothing,
            Some(found) => found,
        }
    }

    /// How long the longest of its playlists is.
    fn length(&self) -> Seconds {
        let length = |window: &Window| -> Seconds {
            let segments = &window.playlist().segments;
            segments.iter().map(|segment| segment.duration).sum()
        };
        let lengths = self.run.windows().map(|(_, window)| length(window));
        lengths.max().unwrap_or_default()
    }
}

impl Stream {
    /// `run` takes the place of the session there is.
    pub(super) fn succeed(&mut self, run: Run) {
        let Some(mut before) = self.run.replace(run) else {
            return;
        };
        if !before.ended {
            self.news.extend(before.news());
            self.tell(before.id, archive::Event::Ended);
        }
        before.encoder = None;
        if before.windows().any(|(_, window)| window.has_media()) {
            self.let_go_of_former();
            let until = None;
            self.former = Some(Former { run: before, until });
        } else {
            self.let_go(before);
        }
    }

    /// A segment begins: the former session's playlists end with the new multivariant one, its objects in time.
    pub(super) fn age_former(&mut self) {
        let (Some(run), Some(former)) = (&self.run, &mut self.former) else {
            return;
        };
        let now = run.open.start;
        match former.until {
            None if run.multivariant.is_some() => {
                let ms = former.length().units().saturating_mul(1000) / Seconds::PER_SECOND;
                former.until = Some(now.plus_millis(ms));
            }
            Some(until) if until < now => self.let_go_of_former(),
            Some(_) | None => {}
        }
    }

    /// Makes the former session fit into what the present one leaves of `memory`.
    pub(super) fn fit_former(&mut self, memory: usize) {
        let held = self.run.as_ref().map_or(0, Run::bytes);
        let fits = match &mut self.former {
            Some(former) => former.run.fit(memory.saturating_sub(held)),
            None => true,
        };
        if !fits {
            self.let_go_of_former();
        }
    }

    pub(super) fn let_go_of_former(&mut self) {
        if let Some(former) = self.former.take() {
            self.let_go(former.run);
        }
    }

    pub(super) fn let_go(&mut self, mut run: Run) {
        self.news.extend(run.news());
        self.tell(run.id, archive::Event::Over);
    }

    fn tell(&mut self, session: SessionId, event: archive::Event) {
        self.news.push(News { session, event });
    }

    pub(super) fn serving_mut(&mut self, rendition: Rendition) -> Option<&mut Run> {
        let serving = self.serving(rendition)?.id;
        let former = self.former.as_mut().map(|former| &mut former.run);
        let mut runs = self.run.iter_mut().chain(former);
        runs.find(|run| run.id == serving)
    }

    /// What is under the path of an immutable object, and which session's it is.
    pub(super) fn find_with_session(&self, object: Object) -> (SessionId, Found) {
        let nothing = (SessionId::default(), Found::Nothing);
        let (Some(rendition), Some(run)) = (object.rendition(), &self.run) else {
            return nothing;
        };
        let window = run.window(rendition);
        let found = window.map_or(Found::Nothing, |window| window.find(object));
        match &self.former {
            Some(former) if found == Found::Nothing => {
                (former.run.id, former.find(rendition, object))
            }
            Some(_) | None => (run.id, found),
        }
    }

    /// The session whose playlist of `rendition` is served: all change to the new one together, when that has said what
    /// there is. A player that was given one rendition of each would not know where they lie beside each other.
    pub(super) fn serving(&self, rendition: Rendition) -> Option<&Run> {
        if self.withdrawn {
            return None;
        }
        let run = self.run.as_ref()?;
        let former = self.former.as_ref().map(|former| &former.run);
        let has = |run: &&Run| run.window(rendition).is_some_and(Window::has_media);
        let former = former.filter(|_| run.multivariant.is_none());
        Some(former.filter(has).unwrap_or(run))
    }
}
