//! The daemon's side of the socket: starts a worker, feeds it, listens to it, buries it.
//!
//! Two tasks and a thread per worker. Writing and reading are apart, so a worker that does not read still gets heard.
//! What waits for the daemon is bounded by [`QUEUED_EVENTS`]; when full, the worker waits, and then the feed drops.

use std::{
    io,
    os::unix::process::ExitStatusExt as _,
    path::Path,
    process::ExitStatus,
    sync::{Arc, Once},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::AsyncReadExt as _,
    net::{
        UnixStream,
        unix::{OwnedReadHalf, pipe},
    },
    sync::mpsc,
    task::JoinHandle,
    time::{MissedTickBehavior, interval, timeout},
};
use tracing::Instrument as _;

use crate::codec::ForeignSound;

use super::{
    Event, Feed, Plan, Recipe, Still,
    feed::{Load, Orders, Queue},
    graph::Graph,
    life::Life,
    meter::Meter,
    order::{Disorder, Order},
    protocol::{self, Frame, FromWorker, ProtocolError, ToWorker},
    tail::{Tail, one_line},
    watchdog::{Verdict, Watchdog},
};

/// Events that wait to be received: half a second of four rungs at 60 frames per second.
const QUEUED_EVENTS: usize = 128;
/// How often the watchdog looks.
const LOOK: Duration = Duration::from_millis(100);
/// How long a worker that closed its socket may take to end, and its standard error after that.
const LAST_BREATH: Duration = Duration::from_secs(2);
/// The network is refused to no worker or to all: it is said once.
static NOT_ISOLATED: Once = Once::new();

/// Starts workers.
#[derive(Debug)]
pub enum Process {}

impl Process {
    /// Starts this very executable as a worker. Its `main` must call [`super::run`] for the argument `worker`, before
    /// it starts a thread. To be called within a tokio runtime; the caller's span goes along.
    ///
    /// # Errors
    /// `InvalidInput` with a [`super::PlanError`] for a plan that cannot be; else what the system refused.
    pub fn spawn(recipe: &Recipe, plan: &Plan) -> io::Result<(Feed, Output)> {
        // Stays right when the file was replaced by an upgrade.
        Self::spawn_live(Path::new("/proc/self/exe"), recipe, plan)
    }

    /// As [`Self::spawn`] with another executable than this one, for a caller that is no transcoder.
    ///
    /// # Errors
    /// As [`Self::spawn`].
    pub fn spawn_live(program: &Path, recipe: &Recipe, plan: &Plan) -> io::Result<(Feed, Output)> {
        Self::start_pictures(program, recipe, plan, true)
    }

    /// As [`Self::spawn_live`] for a caller that feeds as fast as it can: no picture is left out to be in time.
    ///
    /// # Errors
    /// As [`Self::spawn`].
    pub fn spawn_program(
        program: &Path,
        recipe: &Recipe,
        plan: &Plan,
    ) -> io::Result<(Feed, Output)> {
        Self::start_pictures(program, recipe, plan, false)
    }

    /// Starts a worker for a slate: its events are those of one rung, and then it ends.
    ///
    /// # Errors
    /// `InvalidInput` for what is too long; else what the system refused.
    pub fn spawn_still(recipe: &Recipe, still: &Still) -> io::Result<Output> {
        Self::spawn_still_program(Path::new("/proc/self/exe"), recipe, still)
    }

    /// As [`Self::spawn_still`] with another executable than this one.
    ///
    /// # Errors
    /// As [`Self::spawn_still`].
    pub fn spawn_still_program(
        program: &Path,
        recipe: &Recipe,
        still: &Still,
    ) -> io::Result<Output> {
        let first = ToWorker::still(recipe, still).ok_or(io::ErrorKind::InvalidInput)?;
        let order = Order::of(std::slice::from_ref(&still.rung));
        let feed = Feed::new(Watchdog::new(Vec::new(), false));
        Self::start(program, first, order, feed).map(|(_, output)| output)
    }

    fn start_pictures(
        program: &Path,
        recipe: &Recipe,
        plan: &Plan,
        sheds: bool,
    ) -> io::Result<(Feed, Output)> {
        let invalid = |error| io::Error::new(io::ErrorKind::InvalidInput, error);
        Graph::new(recipe, plan).map_err(invalid)?;
        let first = ToWorker::plan(recipe, plan).ok_or(io::ErrorKind::InvalidInput)?;
        let rungs = plan.rungs.iter().map(|rung| rung.rendition);
        let feed = Feed::new(Watchdog::new(rungs.collect(), sheds));
        Self::start(program, first, Order::new(plan), feed)
    }

    /// As [`Self::spawn`], for a worker that makes AAC-LC of `sound`: [`crate::codec::AacTrack::encoded`]. Its frames go
    /// in as keys; its events are those of the rendition `audio`.
    ///
    /// # Errors
    /// What the system refused.
    pub fn spawn_sound(sound: &ForeignSound) -> io::Result<(Feed, Output)> {
        Self::spawn_sound_program(Path::new("/proc/self/exe"), sound)
    }

    /// As [`Self::spawn_sound`] with another executable than this one.
    ///
    /// # Errors
    /// As [`Self::spawn_sound`].
    pub fn spawn_sound_program(program: &Path, sound: &ForeignSound) -> io::Result<(Feed, Output)> {
        let first = ToWorker::sound(sound).ok_or(io::ErrorKind::InvalidInput)?;
        Self::start(program, first, Order::of_sound(), Feed::of_sound())
    }

    fn start(
        program: &Path,
        first: Frame,
        order: Order,
        (feed, orders, queue): (Feed, Orders, Queue),
    ) -> io::Result<(Feed, Output)> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let (reader, writer) = UnixStream::from_std(ours)?.into_split();
        let (life, stderr) = Life::start(program, theirs.into())?;

        let process = life.id();
        let (event, events) = mpsc::channel(QUEUED_EVENTS);
        let listener = Listener {
            socket: reader,
            read: BytesMut::new(),
            order,
            events: event,
            load: queue.load(),
            orders,
            meter: Meter::new(life.pid()),
            greeted: false,
            failed: false,
        };
        let span = tracing::Span::current();
        let writing = tokio::spawn(queue.write(writer, first));
        let tail = tokio::spawn(last_words(stderr));
        tokio::spawn(attend(listener, life, writing, tail).instrument(span));
        Ok((feed, Output { events, process }))
    }
}

/// The way out of a worker. Dropping it kills the worker.
#[derive(Debug)]
pub struct Output {
    events: mpsc::Receiver<Event>,
    process: Option<u32>,
}

impl Output {
    /// The worker's process, as the system numbers it; none if it was gone at once.
    pub const fn process(&self) -> Option<u32> {
        self.process
    }

    /// The next event; `None` when the worker has ended and its exit status is in the log. Cancel safe.
    pub async fn recv(&mut self) -> Option<Event> {
        self.events.recv().await
    }
}

/// How a worker's talk ended.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    #[error(transparent)]
    Disorder(#[from] Disorder),
    #[error("the worker began without a greeting, or greeted twice")]
    Greeting,
    #[error("the worker took frames for {} s and gave none", .0.as_secs())]
    Silence(Duration),
}

/// Hears one worker to its end.
struct Listener {
    socket: OwnedReadHalf,
    read: BytesMut,
    order: Order,
    events: mpsc::Sender<Event>,
    load: Arc<Load>,
    orders: Orders,
    meter: Meter,
    greeted: bool,
    /// It has said why it cannot go on.
    failed: bool,
}

impl Listener {
    /// Passes events on until the worker closes its end, or nobody wants them any more.
    async fn listen(&mut self) -> Result<(), Broken> {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            while let Some(frame) = protocol::take(&mut self.read)? {
                if let Some(event) = self.hear(frame)?
                    && self.events.send(event).await.is_err()
                {
                    return Ok(());
                }
            }
            tokio::select! {
                () = self.events.closed() => return Ok(()),
                read = self.socket.read_buf(&mut self.read) => match read {
                    Ok(0) | Err(_) => return Ok(()),
                    Ok(_) => {}
                },
                _ = looks.tick() => if !self.look().await? {
                    return Ok(());
                },
            }
        }
    }

    /// Measures, and does as the watchdog says. `false` when nobody wants to hear any more.
    async fn look(&mut self) -> Result<bool, Broken> {
        if let Some(millicores) = self.meter.taken()
            && self.events.send(Event::Used { millicores }).await.is_err()
        {
            return Ok(false);
        }
        let (paces, lag) = match self.load.look() {
            None => return Ok(true),
            Some(Verdict::Hung(silence)) => return Err(Broken::Silence(silence)),
            Some(Verdict::Paces(paces, lag)) => (paces, lag),
        };
        let lag_ms = lag.map(|lag| u64::try_from(lag.as_millis()).unwrap_or(u64::MAX));
        for (rendition, pace) in paces {
            self.orders.pace(rendition, pace);
            let event = Event::Paced {
                rendition,
                pace,
                lag_ms,
            };
            if self.events.send(event).await.is_err() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn hear(&mut self, frame: Bytes) -> Result<Option<Event>, Broken> {
        match FromWorker::parse(frame)? {
            FromWorker::Hello { isolated } if !self.greeted => {
                self.greeted = true;
                if !isolated {
                    NOT_ISOLATED.call_once(|| {
                        tracing::warn!(
                            "encoders run with a network: the system refuses them a namespace of \
                             their own (user namespaces; see kernel.unprivileged_userns_clone)"
                        );
                    });
                }
                Ok(None)
            }
            FromWorker::Event(Event::Failed { reason }) if self.greeted => {
                self.failed = true;
                let reason = one_line(&reason);
                Ok(Some(Event::Failed { reason }))
            }
            FromWorker::Event(event) if self.greeted => {
                self.order.check(&event)?;
                if let Event::Sample { rendition, pts, .. } = event {
                    self.load.came_out(rendition, pts);
                }
                Ok(Some(event))
            }
            FromWorker::Hello { .. } | FromWorker::Event(_) => Err(Broken::Greeting),
        }
    }
}

/// Listens, then buries. The last sender of events is dropped after the log was written.
async fn attend(
    mut listener: Listener,
    mut life: Life,
    writing: JoinHandle<()>,
    tail: JoinHandle<Tail>,
) {
    let outcome = listener.listen().await;
    // From here on the feed says `Gone`.
    writing.abort();
    writing.await.ok();
    let killed = outcome.is_err() || listener.events.is_closed();
    if killed {
        life.kill();
    }
    if let Err(error) = outcome {
        let reason = error.to_string();
        // Nobody may be listening any more, and that is fine.
        listener.events.send(Event::Failed { reason }).await.ok();
    }
    let status = match timeout(LAST_BREATH, &mut life.ended).await {
        Ok(status) => status.ok(),
        Err(_) => {
            life.kill();
            (&mut life.ended).await.ok()
        }
    };
    // A grandchild may hold standard error open: GStreamer's plugin scanner.
    let words = match timeout(LAST_BREATH, tail).await {
        Ok(Ok(tail)) => tail.text(),
        Ok(Err(_)) | Err(_) => String::new(),
    };
    obituary(status, killed, &words);
    let well = killed || listener.failed || status.is_some_and(|status| status.success());
    if !well {
        let how = status.map_or_else(String::new, |status| format!(": {status}"));
        let reason = format!("its process ended without a word{how}");
        // As above.
        listener.events.send(Event::Failed { reason }).await.ok();
    }
}

fn obituary(status: Option<ExitStatus>, killed: bool, words: &str) {
    let how = status.map_or_else(|| "unknown".to_owned(), |status| status.to_string());
    let crashed = status.is_none_or(|status| status.signal().is_some());
    if killed || status.is_some_and(|status| status.success()) {
        tracing::debug!(status = how, stderr = words, "encoder process ended");
    } else if crashed {
        tracing::warn!(status = how, stderr = words, "encoder process crashed");
    } else {
        tracing::info!(status = how, stderr = words, "encoder process gave up");
    }
}

/// Reads standard error to its end and keeps the last of it.
async fn last_words(mut stderr: pipe::Receiver) -> Tail {
    let mut tail = Tail::default();
    let mut chunk = [0; Tail::MAX_BYTES];
    while let Ok(n @ 1..) = stderr.read(&mut chunk).await {
        tail.push(chunk.get(..n).unwrap_or_default());
    }
    tail
}

#[cfg(test)]
mod tests;
