//! The streams that are being published, shared by who feeds them, who encodes them and who asks for them.
//!
//! One lock per stream, held for microseconds: to feed a message, to take an event from the encoder, to look something
//! up. Who waits for a playlist waits on a channel, never on the lock. Bounded: streams by `max_streams`, those who
//! wait for one stream by [`MAX_WAITING`], media by the stream itself.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicUsize};

use live::StreamName;
use tokio::sync::{Semaphore, watch};
use tracing::{info, warn};

mod encoding;
mod lines;
mod place;
mod publisher;
mod reconfigure;
mod slate;
mod sound;
mod staying;

pub use lines::Place;
use lines::{Lines, Served};
use place::Streams;
pub use publisher::{PublishError, Publisher};

use crate::{
    admission::Capacity,
    archive::{Archive, News},
    encoder::Encoders,
    fault::Faults,
    recording::{Recorder, Tape},
    stream::{FeedError, Message, Outcome, SettingsByName, Stream, StreamStatus, Wanted},
    worker::{Encoder, Feed, FeedError as EncoderFull},
};

/// Requests that wait for one stream. Distributors share theirs, so that a few per distributor and rendition are usual;
/// but players may ask without one. A request that waits takes 13 KiB with its connection.
pub const MAX_WAITING: usize = 16_384;

/// All streams.
#[derive(Debug)]
pub struct Store {
    /// Locked for less than a stream is, and last.
    settings: Mutex<SettingsByName>,
    encoders: Encoders,
    archive: Archive,
    recorder: Option<Recorder>,
    max_streams: AtomicUsize,
    capacity: Arc<Mutex<Capacity>>,
    streams: Mutex<Streams>,
    /// Publishers that have left: a number that tells who left first.
    departures: Mutex<u64>,
}

/// One stream.
#[derive(Debug)]
pub struct Published {
    name: StreamName,
    live: Mutex<Live>,
    /// The newest publisher; who is not it any more ends.
    publisher: watch::Sender<u64>,
    /// The encoder that is wanted; 0 is none.
    generation: watch::Sender<u64>,
    /// The encoder of sound that is wanted; 0 is none.
    sound: watch::Sender<u64>,
    /// Places for requests that wait.
    pub waiting: Semaphore,
    encoders: Encoders,
    archive: Archive,
    capacity: Arc<Mutex<Capacity>>,
}

#[derive(Debug)]
struct Live {
    stream: Stream,
    feed: Option<Feed>,
    tape: Option<Tape>,
    sound: Option<Feed>,
    lines: Lines,
    served: Served,
    counts: Counts,
    faults: Faults,
    /// The publisher is gone: the number of its departure.
    left: Option<u64>,
}

/// What the shell counts of one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Messages that could not be read.
    pub unreadable: u64,
    /// Frames that an encoder did not take.
    pub not_encoded: u64,
    /// Encoders that were started.
    pub encoders: u64,
    /// Times that a rung lost pictures as the box was too slow, or was suspended.
    pub shed: u64,
    /// Moves from an encoder that failed to the next in order.
    pub encoder_changes: u64,
    /// The encoder that was started last.
    pub encoder: Option<Encoder>,
    /// The process that it runs in.
    pub process: Option<u32>,
    /// Publishers so far.
    pub publishers: u64,
}

impl Store {
    /// No streams.
    pub fn new(settings: SettingsByName, encoders: Encoders) -> Self {
        Self {
            settings: Mutex::new(settings),
            encoders,
            archive: Archive::default(),
            recorder: None,
            max_streams: AtomicUsize::new(usize::MAX),
            capacity: Arc::new(Mutex::new(Capacity::new(u64::MAX))),
            streams: Mutex::default(),
            departures: Mutex::default(),
        }
    }

    /// Segments go to `archive`.
    #[must_use]
    pub fn with_archive(self, archive: Archive) -> Self {
        Self { archive, ..self }
    }

    /// Streams that are to be recorded are, by `recorder`.
    #[must_use]
    pub fn with_recorder(self, recorder: Recorder) -> Self {
        let recorder = Some(recorder);
        Self { recorder, ..self }
    }

    /// With so many streams at most, and encoders as `capacity` has room for. Else there is no bound.
    #[must_use]
    pub fn with_room(self, max_streams: usize, capacity: Capacity) -> Self {
        Self {
            max_streams: AtomicUsize::new(max_streams),
            capacity: Arc::new(Mutex::new(capacity)),
            ..self
        }
    }

    /// What all encoders take, in thousandths of a processor.
    pub fn encoding_millicores(&self) -> u64 {
        lock(&self.capacity).taken()
    }

    /// What the encoder of one stream takes.
    pub fn millicores_of(&self, name: &StreamName) -> u64 {
        lock(&self.capacity).taken_by(name)
    }

    /// A publisher comes: it replaces the one there is. `None` when there are too many streams.
    pub fn publish(&self, name: &StreamName) -> Option<Publisher> {
        let mut streams = lock(&self.streams);
        let published = match streams.get(name).cloned() {
            Some(published) => published,
            None if self.has_place(&mut streams) => {
                let published = Arc::new(self.unpublished(name));
                streams.insert(name.clone(), published.clone());
                published
            }
            None => return None,
        };
        let mut id = 0;
        published.publisher.send_modify(|newest| {
            *newest += 1;
            id = *newest;
        });
        let mut live = lock(&published.live);
        published.end(&mut live);
        live.counts.publishers = id;
        live.faults = Faults::default();
        live.left = None;
        live.stream.readmit();
        unlock(live);
        Some(Publisher { id, published })
    }

    /// A stream before its first publisher.
    fn unpublished(&self, name: &StreamName) -> Published {
        Published {
            name: name.clone(),
            live: Mutex::new(Live {
                stream: Stream::new(lock(&self.settings).of(name).clone()),
                feed: None,
                tape: self.recorder.as_ref().map(|recorder| recorder.tape(name)),
                sound: None,
                lines: Lines::default(),
                served: Served::default(),
                counts: Counts::default(),
                faults: Faults::default(),
                left: None,
            }),
            publisher: watch::Sender::new(0),
            generation: watch::Sender::new(0),
            sound: watch::Sender::new(0),
            waiting: Semaphore::new(MAX_WAITING),
            encoders: self.encoders.clone(),
            archive: self.archive.clone(),
            capacity: self.capacity.clone(),
        }
    }

    /// Where segments go.
    pub const fn archive(&self) -> &Archive {
        &self.archive
    }

    /// The stream of that name.
    pub fn get(&self, name: &StreamName) -> Option<Arc<Published>> {
        lock(&self.streams).get(name).cloned()
    }

    /// All streams, by name.
    pub fn all(&self) -> Vec<Arc<Published>> {
        lock(&self.streams).values().cloned().collect()
    }
}

impl Published {
    fn feed(self: &Arc<Self>, live: &mut Live, message: Message) -> Result<(), PublishError> {
        if matches!(message, Message::Stamp(_)) {
            live.stream
                .allow(lock(&self.capacity).allowance(&self.name));
        }
        let mut actions = Vec::new();
        let outcome = live.stream.feed(message, &mut actions);
        for action in actions {
            self.act(live, action);
        }
        self.tell(live);
        let source = live.stream.source_fault();
        if let Some(fault) = live.faults.source(source) {
            info!(stream = %self.name, "{fault}");
        }
        let cut = live.stream.cut();
        if let Some(fault) = live.faults.room(cut) {
            warn!(stream = %self.name, "{fault}");
        }
        match outcome {
            Err(error @ FeedError::Memory) => Err(PublishError::Stream(error)),
            Err(error @ (FeedError::Video(_) | FeedError::Audio(_))) => {
                info!(stream = %self.name, %error, "a track is not published");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// The session's media have ended: see [`Stream::close`].
    fn close(self: &Arc<Self>, live: &mut Live) {
        let mut actions = Vec::new();
        live.stream.close(&mut actions);
        for action in actions {
            self.act(live, action);
        }
        self.tell(live);
    }

    /// Ends a session whose media have ended.
    fn end(self: &Arc<Self>, live: &mut Live) {
        if live.stream.is_closing() {
            // An end takes no memory.
            let _fits = self.feed(live, Message::End);
        }
    }

    /// Hands on what happened to the segments, and wakes those who wait for what has changed.
    fn tell(&self, live: &mut Live) {
        let news = live.stream.news();
        live.record(&news);
        self.archive.take(&self.name, news);
        live.tell();
    }

    /// The stream's name.
    pub const fn name(&self) -> &StreamName {
        &self.name
    }

    /// Looks something up.
    pub fn look<T>(&self, at: impl FnOnce(&mut Stream) -> T) -> T {
        at(&mut lock(&self.live).stream)
    }

    /// What there is to say to a request, or a place in the line of those who wait for it.
    pub fn ask(&self, wanted: Wanted) -> Result<Outcome, Place> {
        let mut live = lock(&self.live);
        let outcome = live.stream.outcome(wanted);
        if outcome == Outcome::NotYet {
            Err(live.lines.join(wanted))
        } else {
            Ok(outcome)
        }
    }

    /// What an operator sees, and what was counted.
    pub fn status(&self) -> (Option<StreamStatus>, Counts) {
        let live = lock(&self.live);
        (live.stream.status(), live.counts)
    }

    /// What keeps it from its viewers, in words for whoever set up the encoder.
    pub fn faults(&self) -> Vec<String> {
        let live = lock(&self.live);
        let mut faults = live.faults.list();
        faults.extend(live.stream.shortfalls());
        faults
    }

    /// How many requests wait.
    pub fn waiting(&self) -> usize {
        MAX_WAITING.saturating_sub(self.waiting.available_permits())
    }
}

impl Live {
    fn record(&mut self, news: &[News]) {
        let Some(tape) = self.tape.as_mut().filter(|_| !news.is_empty()) else {
            return;
        };
        for News { session, event } in news {
            if self.stream.is_recorded(*session) {
                tape.tell(&self.stream, *session, event);
            }
        }
        let session = self.stream.session();
        if session.is_some_and(|it| self.stream.is_recorded(it)) {
            tape.offer(&self.stream);
        }
    }

    fn encode(&mut self, input: crate::worker::Input) {
        let Some(feed) = &mut self.feed else { return };
        match feed.push(input) {
            Ok(()) | Err(EncoderFull::Gone) => {}
            Err(EncoderFull::Full | EncoderFull::AwaitingKey | EncoderFull::Unfit) => {
                self.counts.not_encoded += 1;
            }
        }
    }

    /// Lets go of the lines whose wait is over, to be called when it is unlocked.
    fn tell(&mut self) {
        self.lines.serve(&mut self.stream, &mut self.served);
    }
}

/// Unlocks the stream, then calls those whose wait is over.
fn unlock(mut live: MutexGuard<'_, Live>) {
    let served = std::mem::take(&mut live.served);
    drop(live);
    served.call();
}

/// A panic while the lock was held is a bug that is counted elsewhere; the stream goes on.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
