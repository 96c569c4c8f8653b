//! Recordings: what the streams tell of their segments goes through one bounded queue to one writer.
//!
//! The archive keeps what players may still ask for and syncs nothing; a recording is kept, in a place of its own, and
//! must be whole after a crash: hence two writers. A stream never waits for the disk: what does not fit the queue is a
//! GAP in the recording and counted. One session is one show, whatever connections it came by; a show that a crash cut
//! off is finished at the next start, and goes on if its session does.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use live::{InitHash, MediaTime, SessionId, StreamName, daemon::Chassis};
use tokio::{
    sync::Notify,
    sync::mpsc::{Receiver, Sender, channel},
    task::spawn_blocking,
    time::sleep,
};
use tracing::warn;

use crate::{
    archive::{Closed, Event, Place},
    pictures::Snapshot,
    stream::Stream,
};
pub use bucket::Bucket;
use clearing::Clearing;
pub use figures::{Figures, Now, ShowFigures};
use films::Films;
use guard::Guard;
pub use keep::Keep;
pub use shelf::{Opened, Shelf};
use upload::Upload;
use writer::Writer;

mod album;
mod bucket;
mod clearing;
mod figures;
mod film;
mod films;
mod guard;
mod journal;
mod keep;
mod pictures;
mod shelf;
mod state;
mod storyboard;
mod taking;
mod upload;
mod vod;
mod writer;

/// What is recorded where, and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// The directory.
    pub place: Place,
    /// Whether a show becomes one file too once it is over.
    pub film: bool,
    /// Where it is brought then.
    pub bucket: Option<Bucket>,
    /// What is kept at most.
    pub keep: Keep,
}

/// What waits for the disk at most: a minute of eight streams with five renditions.
const QUEUE: usize = 2048;
/// Bytes that may wait at most: half a minute of a hundred megabits a second. Most of them are in the windows too.
const QUEUE_BYTES: usize = 384 << 20;
/// Shows whose end could not be written: it is tried again so often.
const AGAIN: Duration = Duration::from_secs(10);

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
    Picture(Snapshot),
    Over,
}

impl Told {
    fn bytes(&self) -> usize {
        match &self.what {
            What::Closed { closed, .. } => closed.parts.iter().map(Bytes::len).sum(),
            What::Picture(picture) => picture.poster.len() + picture.sheet.len(),
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
            keep,
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
            endless: BTreeMap::new(),
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
            // Detached: all end at the shutdown, and the chassis drains them.
            drop(chassis.spawn("films", films.run(shutdown.clone())));
        }
        let keep = match &bucket {
            Some(bucket) if !bucket.keep_local => Keep::NOTHING,
            _ => keep,
        };
        if keep.is_bounded() {
            let clearing = Clearing {
                shelf: writer.shelf.clone(),
                keep,
                films: film,
                uploads: bucket.is_some(),
                figures: recorder.figures.clone(),
                known: BTreeMap::new(),
            };
            drop(chassis.spawn("clearing", clearing.run(shutdown.clone())));
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
            picture: None,
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
    /// The index that was told last, and of which session.
    index: Option<(SessionId, InitHash)>,
    /// When the picture was taken that was told last.
    picture: Option<MediaTime>,
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

    /// What players are offered now, and the newest picture.
    pub fn offer(&mut self, stream: &Stream) {
        let Some(session) = stream.session() else {
            return;
        };
        if let Some(text) = stream.multivariant()
            && self.index != Some((session, text.tag))
            && self.send(session, What::Index(text.whole()))
        {
            self.index = Some((session, text.tag));
        }
        if let Some(picture) = stream.snapshot()
            && self.picture != Some(picture.at)
            && self.send(session, What::Picture(picture.clone()))
        {
            self.picture = Some(picture.at);
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
            next = told.recv() => next.map(Some),
            () = stop.as_mut() => None,
            () = sleep(AGAIN), if !writer.endless.is_empty() => Some(None),
        };
        let Some(next) = next else { return };
        let bytes = next.as_ref().map_or(0, Told::bytes);
        waiting.fetch_sub(bytes, Ordering::Relaxed);
        let blocked = spawn_blocking(move || {
            match next {
                Some(told) => writer.take(told),
                None => writer.finish_again(),
            }
            writer
        });
        // A panic is counted; nothing is recorded any more.
        let Ok(again) = blocked.await else { return };
        writer = again;
    }
}

#[cfg(test)]
mod tests;
