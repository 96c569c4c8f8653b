//! Recordings: what the streams tell of their segments goes through one bounded queue to one writer.
//!
//! The archive keeps what players may still ask for and syncs nothing; a recording is kept, in a place of its own, and
//! must be whole after a crash: hence two writers. A stream never waits for the disk: what does not fit the queue is a GAP in the recording and counted. One session is
//! one show, whatever connections it came by; a show that a crash cut off is finished at the next start, and goes on if
//! its session does.

use std::{
    collections::BTreeMap,
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use live::{InitHash, SessionId, StreamName, daemon::Chassis, playlist::Multivariant};
use tokio::{
    sync::Notify,
    sync::mpsc::{Receiver, Sender, channel},
    task::spawn_blocking,
};
use tracing::{debug, info, warn};

use crate::{
    archive::{Closed, Event, Place},
    stream::Stream,
};
pub use bucket::Bucket;
pub use figures::{Figures, Now, ShowFigures};
use films::Films;
use guard::Guard;
pub use shelf::{Opened, Shelf};
use taking::{Outcome, Taking, finish, is_over};
use upload::Upload;

mod bucket;
mod figures;
mod film;
mod films;
mod guard;
mod journal;
mod shelf;
mod taking;
mod upload;
mod vod;

/// What is recorded where, and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// The directory.
    pub place: Place,
    /// Whether a show becomes one file too once it is over.
    pub film: bool,
    /// Where it is brought then.
    pub bucket: Option<Bucket>,
}

/// What waits for the disk at most: a minute of eight streams with five renditions.
const QUEUE: usize = 2048;
/// Bytes that may wait at most: half a minute of a hundred megabits a second. Most of them are in the windows too.
const QUEUE_BYTES: usize = 384 << 20;

/// What the writer is told.
#[derive(Debug)]
struct Told {
    stream: StreamName,
    session: SessionId,
    what: What,
}

#[derive(Debug)]
enum What {
    Closed {
        closed: Closed,
        target_duration: u32,
    },
    Index(Bytes),
    Over,
}

impl Told {
    fn bytes(&self) -> usize {
        match &self.what {
            What::Closed { closed, .. } => closed.parts.iter().map(Bytes::len).sum(),
            What::Index(_) | What::Over => 0,
        }
    }
}

/// The way to the writer.
#[derive(Debug, Clone)]
pub struct Recorder {
    queue: Sender<Told>,
    waiting: Arc<AtomicUsize>,
    figures: Arc<Figures>,
}

impl Recorder {
    /// Starts the writer; it ends when the daemon does, with everything written that was told before. What is done with
    /// shows that are over goes on after the next start.
    pub fn start(terms: Terms, chassis: &Chassis) -> Self {
        let Terms {
            place,
            film,
            bucket,
        } = terms;
        let (over, made) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (queue, told) = channel(QUEUE);
        let recorder = Self {
            queue,
            waiting: Arc::default(),
            figures: Arc::default(),
        };
        let writer = Writer {
            shelf: Shelf::new(place.directory),
            guard: Guard::new(place.stop_at_free),
            shows: BTreeMap::new(),
            figures: recorder.figures.clone(),
            over: if film { over.clone() } else { made.clone() },
        };
        let shutdown = chassis.shutdown();
        if film {
            let films = Films {
                shelf: writer.shelf.clone(),
                stop_at_free: place.stop_at_free,
                figures: recorder.figures.clone(),
                over,
                made: made.clone(),
            };
            // Detached: all three end at the shutdown, and the chassis drains them.
            drop(chassis.spawn("films", films.run(shutdown.clone())));
        }
        if let Some(bucket) = bucket {
            let shelf = writer.shelf.clone();
            match Upload::new(shelf, bucket, film, recorder.figures.clone(), made) {
                Ok(upload) => drop(chassis.spawn("upload", upload.run(shutdown.clone()))),
                Err(error) => {
                    let words = format!("the bucket cannot be used: {error}");
                    warn!("{words}");
                    recorder.figures.upload_failed(words);
                }
            }
        }
        let waiting = recorder.waiting.clone();
        let shutdown = chassis.shutdown().clone();
        drop(chassis.spawn("recorder", async move {
            run(writer, told, &waiting, shutdown.triggered()).await;
        }));
        recorder
    }

    /// What an operator sees.
    pub const fn figures(&self) -> &Arc<Figures> {
        &self.figures
    }

    /// For the streams of one name.
    pub fn tape(&self, stream: &StreamName) -> Tape {
        Tape {
            recorder: self.clone(),
            stream: stream.clone(),
            index: None,
        }
    }

    /// Says whether there was room.
    fn tell(&self, told: Told) -> bool {
        let bytes = told.bytes();
        let waiting = self.waiting.fetch_add(bytes, Ordering::Relaxed);
        let fits = bytes == 0 || waiting.saturating_add(bytes) <= QUEUE_BYTES;
        let sent = fits && self.queue.try_send(told).is_ok();
        if !sent {
            self.waiting.fetch_sub(bytes, Ordering::Relaxed);
            self.figures.dropped.inc();
        }
        sent
    }
}

/// Tells the writer of one stream.
#[derive(Debug, Clone)]
pub struct Tape {
    recorder: Recorder,
    stream: StreamName,
    /// The index that was told last.
    index: Option<InitHash>,
}

impl Tape {
    /// What happened; `stream` is as it is after that.
    pub fn tell(&mut self, stream: &Stream, session: SessionId, event: &Event) {
        let what = match event {
            Event::Closed(closed) => What::Closed {
                closed: closed.clone(),
                target_duration: stream.target_duration().unwrap_or_default(),
            },
            Event::Ended | Event::Over => What::Over,
            Event::Gone(..) => return,
        };
        let _counted_when_dropped = self.send(session, what);
    }

    /// What players are offered now.
    pub fn offer(&mut self, stream: &Stream) {
        let (Some(session), Some(text)) = (stream.session(), stream.multivariant()) else {
            return;
        };
        let known = self.index == Some(text.tag);
        if !known && self.send(session, What::Index(text.whole())) {
            self.index = Some(text.tag);
        }
    }

    fn send(&self, session: SessionId, what: What) -> bool {
        self.recorder.tell(Told {
            stream: self.stream.clone(),
            session,
            what,
        })
    }
}

async fn run(
    mut writer: Writer,
    mut told: Receiver<Told>,
    waiting: &AtomicUsize,
    stop: impl Future<Output = ()>,
) {
    let mut stop = std::pin::pin!(stop);
    let blocked = spawn_blocking(move || {
        writer.repair();
        writer
    });
    let Ok(mut writer) = blocked.await else {
        return;
    };
    loop {
        let next = tokio::select! {
            biased;
            next = told.recv() => next,
            () = stop.as_mut() => None,
        };
        let Some(next) = next else { return };
        waiting.fetch_sub(next.bytes(), Ordering::Relaxed);
        let blocked = spawn_blocking(move || {
            writer.take(next);
            writer
        });
        // A panic is counted; nothing is recorded any more.
        let Ok(again) = blocked.await else { return };
        writer = again;
    }
}

/// Owns the files.
#[derive(Debug)]
struct Writer {
    shelf: Shelf,
    guard: Guard,
    shows: BTreeMap<StreamName, (SessionId, Taking)>,
    figures: Arc<Figures>,
    /// A show is over.
    over: Arc<Notify>,
}

impl Writer {
    /// Finishes what a crash or a restart cut off.
    fn repair(&mut self) {
        let shows = match self.shelf.shows() {
            Ok(shows) => shows,
            Err(error) => return self.failed(&error),
        };
        for (stream, session) in shows {
            let directory = self.shelf.show(&stream, session);
            if let Ok(false) = is_over(&directory) {
                self.finish(&stream, session);
            }
        }
    }

    fn take(&mut self, told: Told) {
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
        self.finish(stream, session);
        // Not so after a restart: what it cut off may go on.
        self.over.notify_one();
    }

    fn finish(&mut self, stream: &StreamName, session: SessionId) {
        let directory = self.shelf.show(stream, session);
        match finish(&directory) {
            Ok(recorded) if recorded.is_empty() => {
                info!(%stream, %session, "nothing was recorded of a show");
            }
            Ok(_) => info!(%stream, %session, "a recording is complete"),
            // It is finished at the next start.
            Err(error) => self.failed(&error),
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

#[cfg(test)]
mod tests;
