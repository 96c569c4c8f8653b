//! The writer of all recordings: what it is told becomes files, and what keeps it from that is said in words.
//!
//! A show that cannot be finished, the disk being full, is tried again until it is.

use std::{collections::BTreeMap, io, sync::Arc};

use live::{SessionId, StreamName, playlist::Multivariant};
use tokio::sync::Notify;
use tracing::{debug, info, warn};

use super::{
    Told, What,
    figures::Figures,
    guard::Guard,
    shelf::{Shelf, write_whole},
    state::{ENDED, is_over},
    taking::{Outcome, Taking, finish},
};
use crate::archive::Closed;

/// Shows whose end could not be written and is tried again; more are finished at the next start.
const MAX_ENDLESS: usize = 1024;

/// Owns the files.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) shelf: Shelf,
    pub(super) guard: Guard,
    pub(super) shows: BTreeMap<StreamName, (SessionId, Taking)>,
    /// Shows whose end could not be written, and whether their streams have ended them.
    pub(super) endless: BTreeMap<(StreamName, SessionId), bool>,
    pub(super) figures: Arc<Figures>,
    /// A show is over.
    pub(super) over: Arc<Notify>,
}

impl Writer {
    /// Finishes what a crash or a restart cut off.
    pub(super) fn repair(&mut self) {
        let swept = self.shelf.sweep();
        let shows = match swept.and_then(|()| self.shelf.shows()) {
            Ok(shows) => shows,
            Err(error) => return self.failed(&error),
        };
        for (stream, session) in shows {
            let directory = self.shelf.show(&stream, session);
            if let Ok(false) = is_over(&directory) {
                self.finish(&stream, session, false);
            }
        }
    }

    pub(super) fn take(&mut self, told: Told) {
        let Told {
            stream,
            session,
            what,
        } = told;
        let known = self.shows.get(&stream).map(|(known, _)| *known);
        match what {
            What::Closed {
                closed,
                target_duration,
            } => {
                if let Some(other) = known.filter(|known| *known != session) {
                    self.over(&stream, other);
                }
                self.segment(&stream, session, &closed, target_duration);
            }
            What::Index(text) => {
                let show = self.shows.get_mut(&stream);
                if let Some((_, show)) = show.filter(|(known, _)| *known == session)
                    && let Ok(index) = Multivariant::parse(&text)
                    && let Err(error) = show.index(index)
                {
                    self.failed(&error);
                }
            }
            What::Picture(picture) => {
                let may = self.guard.stopped().is_none();
                let show = self.shows.get_mut(&stream);
                if let Some((_, show)) = show.filter(|(known, _)| may && *known == session)
                    && let Err(error) = show.picture(&picture)
                {
                    self.failed(&error);
                }
            }
            What::Over if known == Some(session) => self.over(&stream, session),
            What::Over => {}
        }
    }

    fn segment(
        &mut self,
        stream: &StreamName,
        session: SessionId,
        closed: &Closed,
        target_duration: u32,
    ) {
        let may = self.may_write();
        self.endless.remove(&(stream.clone(), session));
        let _hand = self.shelf.hand();
        let (_, show) = self.shows.entry(stream.clone()).or_insert_with(|| {
            info!(%stream, %session, "a recording begins");
            let directory = self.shelf.show(stream, session);
            (session, Taking::new(directory, target_duration))
        });
        let (outcome, written) = show.segment(closed, may);
        match outcome {
            Outcome::Kept(bytes) => self.figures.kept(stream, session, Some(bytes)),
            Outcome::Gap => self.figures.kept(stream, session, None),
            Outcome::Left(reason) => debug!(%stream, msn = %closed.msn, %reason, "not recorded"),
        }
        match written {
            Ok(()) if may => {
                if self.figures.fault(None) {
                    info!("recordings are written again");
                }
            }
            Ok(()) => {}
            Err(error) => self.failed(&error),
        }
    }

    fn may_write(&mut self) -> bool {
        // If that cannot be told the write itself will say what is wrong.
        let Ok(free) = self.shelf.free() else {
            return true;
        };
        self.figures.free(free);
        let may = self.guard.look(free);
        if let Some(stopped) = self.guard.stopped() {
            let words = stopped.to_string();
            if self.figures.now().fault.is_none() {
                warn!("a recording stops: {words}");
            }
            self.figures.fault(Some(words));
        }
        may
    }

    fn over(&mut self, stream: &StreamName, session: SessionId) {
        self.shows.remove(stream);
        self.figures.over(stream);
        self.finish(stream, session, true);
    }

    /// `ended` by its stream: what a restart cut off may go on.
    fn finish(&mut self, stream: &StreamName, session: SessionId, ended: bool) {
        let directory = self.shelf.show(stream, session);
        let hand = self.shelf.hand();
        let finished = finish(&directory).and_then(|recorded| {
            if ended && !recorded.is_empty() {
                write_whole(&directory.join(ENDED), &[])?;
            }
            Ok(recorded.is_empty())
        });
        drop(hand);
        match finished {
            Ok(true) => info!(%stream, %session, "nothing was recorded of a show"),
            Ok(false) => {
                info!(%stream, %session, "a recording is complete");
                if ended {
                    self.over.notify_one();
                }
            }
            Err(error) => {
                self.failed(&error);
                if self.endless.len() < MAX_ENDLESS {
                    self.endless.insert((stream.clone(), session), ended);
                }
            }
        }
    }

    /// Tries once more what could not be finished.
    pub(super) fn finish_again(&mut self) {
        for ((stream, session), ended) in std::mem::take(&mut self.endless) {
            self.finish(&stream, session, ended);
        }
        let stopped = self.guard.stopped().is_some();
        if self.endless.is_empty() && !stopped && self.figures.fault(None) {
            info!("recordings are written again");
        }
    }

    fn failed(&self, error: &io::Error) {
        self.figures.failures.inc();
        let words = format!("recordings cannot be written: {error}; the show goes on unrecorded");
        if self.figures.fault(Some(words.clone())) {
            warn!("{words}");
        }
    }
}
