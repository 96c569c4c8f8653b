//! The daemon's side of the socket: starts a worker, feeds it, listens to it, buries it.
//!
//! Two tasks and a thread per worker. Writing and reading are apart, so a worker that does not read still gets heard.
//! The thread starts the child and waits for it: the child's death signal is tied to the thread that started it, and
//! a thread of a runtime's pool may end long before.
//!
//! Queues: what waits for the worker is bounded by [`QUEUED_MESSAGES`] and [`QUEUED_BYTES`]; when full, or when the worker
//! is [`BEHIND`] at a key, input is dropped up to the next key ([`Feed::push`]). What waits for the daemon is bounded by [`QUEUED_EVENTS`]; when full, the worker
//! waits, and the other queue fills.

use std::{
    collections::VecDeque,
    io,
    os::{fd::OwnedFd, unix::process::ExitStatusExt as _},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex, Once, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
        mpsc::sync_channel,
    },
    thread,
    time::Duration,
};

use bytes::{Buf as _, Bytes, BytesMut};
use live::MediaTime;
use nix::{
    sys::{
        signal::{Signal, kill},
        wait::{Id, WaitPidFlag, waitid},
    },
    unistd::Pid,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
    net::unix::{OwnedReadHalf, OwnedWriteHalf, pipe},
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::timeout,
};
use tracing::Instrument as _;

use super::{
    Event, Input, Plan,
    graph::Graph,
    order::{Disorder, Order},
    protocol::{self, Frame, FromWorker, MAX_PAYLOAD, MAX_TICKS, ProtocolError, ToWorker},
    tail::{Tail, one_line},
};

/// Messages that wait to be written, and frames that are anywhere between feed and output. Room for what comes at once
/// when a stream is joined: a long GOP (8.3 s at 30 frames per second), while the worker still starts.
const QUEUED_MESSAGES: usize = 256;
/// Frames on their way when a key comes, from which on the worker is behind and this GOP is dropped: 1.6 s at 30 frames
/// per second, 0.8 s at 60. Later than that its segment is a GAP anyway; so a slow worker catches up at every key.
const BEHIND: usize = 48;
/// Bytes that wait to be written: two seconds of 64 Mbit/s, or the one largest frame.
const QUEUED_BYTES: usize = 16 << 20;
/// Events that wait to be received: half a second of four rungs at 60 frames per second.
const QUEUED_EVENTS: usize = 128;
/// How long frames may go in and nothing come out. The first start on a box scans GStreamer's plugins, some seconds.
const SILENCE: Duration = Duration::from_secs(10);
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
    pub fn spawn(plan: Plan) -> io::Result<(Feed, Output)> {
        // Stays right when the file was replaced by an upgrade.
        Self::spawn_program(Path::new("/proc/self/exe"), plan)
    }

    /// As [`Self::spawn`] with another executable than this one, for a caller that is no transcoder.
    ///
    /// # Errors
    /// As [`Self::spawn`].
    pub fn spawn_program(program: &Path, plan: Plan) -> io::Result<(Feed, Output)> {
        let invalid = |error| io::Error::new(io::ErrorKind::InvalidInput, error);
        Graph::new(&plan).map_err(invalid)?;
        let first = ToWorker::plan(&plan).ok_or(io::ErrorKind::InvalidInput)?;

        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let (reader, writer) = UnixStream::from_std(ours)?.into_split();
        let (life, stderr) = Life::start(command(program, theirs.into()))?;

        let (input, inputs) = mpsc::channel(QUEUED_MESSAGES);
        let (event, events) = mpsc::channel(QUEUED_EVENTS);
        let load = Arc::<Load>::default();
        let span = tracing::Span::current();
        let writing = write(writer, first, inputs, Arc::clone(&load));
        let writing = tokio::spawn(writing.instrument(span.clone()));
        let listener = Listener {
            socket: reader,
            read: BytesMut::new(),
            order: Order::new(&plan),
            events: event,
            load: Arc::clone(&load),
            greeted: false,
        };
        let tail = tokio::spawn(last_words(stderr));
        tokio::spawn(attend(listener, life, writing, tail).instrument(span));
        let feed = Feed {
            inputs: input,
            load,
            on_the_way: VecDeque::new(),
            until_key: true,
            dropped: 0,
        };
        Ok((feed, Output(events)))
    }
}

/// The worker decodes a stranger's video: it gets nothing of the daemon's but the socket. Not its credentials, nor
/// systemd's sockets.
fn command(program: &Path, socket: OwnedFd) -> Command {
    let mut command = Command::new(program);
    command
        .arg("worker")
        .stdin(socket)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .env("GST_DEBUG_NO_COLOR", "1");
    for name in [
        "CREDENTIALS_DIRECTORY",
        "LISTEN_FDS",
        "LISTEN_FDNAMES",
        "LISTEN_PID",
        "NOTIFY_SOCKET",
        "WATCHDOG_PID",
        "WATCHDOG_USEC",
    ] {
        command.env_remove(name);
    }
    command
}

/// The way into a worker. Dropping it ends the input: the worker encodes what it has, and ends.
#[derive(Debug)]
pub struct Feed {
    inputs: mpsc::Sender<Input>,
    load: Arc<Load>,
    /// Frames that went in and are later than all that every rung gave. Times only, at most [`QUEUED_MESSAGES`].
    on_the_way: VecDeque<MediaTime>,
    /// Nothing but a key may follow, as the frames between are lost.
    until_key: bool,
    dropped: u64,
}

/// Why an input did not go in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FeedError {
    /// The encoders are slower than the source: this input and all up to the next key are dropped.
    #[error("the encoders are behind: frames are dropped up to the next key")]
    Full,
    /// It follows dropped frames, or is before the first key: it could not be decoded.
    #[error("a frame that cannot be decoded before the next key")]
    AwaitingKey,
    /// Empty, larger than 16 MiB, or of a time after the year 2251. The source's fault; it counts as dropped.
    #[error("a frame that is empty, larger than 16 MiB, or after the year 2251")]
    Unfit,
    /// The worker is gone; [`Output::recv`] says the rest.
    #[error("the encoder's process is gone")]
    Gone,
}

impl Feed {
    /// Hands over one input. Never waits.
    ///
    /// # Errors
    /// The input was dropped; all but [`FeedError::Gone`] pass by themselves at a later key.
    pub fn push(&mut self, input: Input) -> Result<(), FeedError> {
        let outcome = self.try_push(input);
        if outcome.is_err() {
            self.until_key = true;
            self.dropped = self.dropped.saturating_add(1);
        }
        outcome
    }

    /// Inputs dropped so far.
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    fn try_push(&mut self, input: Input) -> Result<(), FeedError> {
        if self.inputs.is_closed() {
            return Err(FeedError::Gone);
        }
        let frame = match &input {
            Input::Frame {
                pts,
                dts,
                key,
                bytes,
            } => {
                let fits = (1..=MAX_PAYLOAD).contains(&bytes.len());
                if !fits || (*pts).max(*dts).ticks() > MAX_TICKS {
                    return Err(FeedError::Unfit);
                }
                Some((*pts, *key, bytes.len()))
            }
            Input::ForceKey { pts } if pts.ticks() > MAX_TICKS => return Err(FeedError::Unfit),
            Input::ForceKey { .. } => None,
        };
        let key = frame.is_some_and(|(_, key, _)| key);
        if self.until_key && !key {
            return Err(FeedError::AwaitingKey);
        }
        let newest_out = self.load.newest_out.load(Ordering::Relaxed);
        self.on_the_way.retain(|pts| pts.ticks() > newest_out);
        let size = frame.map_or(0, |(.., size)| size);
        let most = if key { BEHIND } else { QUEUED_MESSAGES };
        if self.on_the_way.len() >= most || !self.load.take(size) {
            return Err(FeedError::Full);
        }
        self.inputs.try_send(input).map_err(|error| {
            self.load.give_back(size);
            match error {
                mpsc::error::TrySendError::Full(_) => FeedError::Full,
                mpsc::error::TrySendError::Closed(_) => FeedError::Gone,
            }
        })?;
        self.on_the_way.extend(frame.map(|(pts, ..)| pts));
        self.until_key = false;
        Ok(())
    }
}

/// What is on its way into a worker.
#[derive(Debug, Default)]
struct Load {
    queued_bytes: AtomicUsize,
    /// Messages written since the worker was last heard.
    unanswered: AtomicU64,
    /// The newest `pts`, in ticks, that every rung has given.
    newest_out: AtomicU64,
}

impl Load {
    /// Makes room for `size` bytes, if there is room.
    fn take(&self, size: usize) -> bool {
        let grow = |queued: usize| queued.checked_add(size).filter(|sum| *sum <= QUEUED_BYTES);
        let (set, fetch) = (Ordering::Relaxed, Ordering::Relaxed);
        self.queued_bytes.fetch_update(set, fetch, grow).is_ok()
    }

    fn give_back(&self, size: usize) {
        self.queued_bytes.fetch_sub(size, Ordering::Relaxed);
    }
}

/// The way out of a worker. Dropping it kills the worker.
#[derive(Debug)]
pub struct Output(mpsc::Receiver<Event>);

impl Output {
    /// The next event; `None` when the worker has ended and its exit status is in the log. Cancel safe.
    pub async fn recv(&mut self) -> Option<Event> {
        self.0.recv().await
    }
}

/// Writes until the feed is dropped or the worker reads no more.
async fn write(
    mut socket: OwnedWriteHalf,
    first: Frame,
    mut inputs: mpsc::Receiver<Input>,
    load: Arc<Load>,
) {
    let mut next = Some((first, 0));
    while let Some((Frame { head, payload }, size)) = next {
        if socket
            .write_all_buf(&mut head.chain(payload))
            .await
            .is_err()
        {
            return;
        }
        load.give_back(size);
        load.unanswered.fetch_add(1, Ordering::Relaxed);
        next = loop {
            match inputs.recv().await {
                None => break None,
                Some(input) => {
                    let size = match &input {
                        Input::Frame { bytes, .. } => bytes.len(),
                        Input::ForceKey { .. } => 0,
                    };
                    // `Feed::push` let in nothing that is too long.
                    if let Some(frame) = ToWorker::input(input) {
                        break Some((frame, size));
                    }
                }
            }
        };
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
    #[error("the worker took frames for {} s and gave none", SILENCE.as_secs())]
    Silence,
}

/// Hears one worker to its end.
struct Listener {
    socket: OwnedReadHalf,
    read: BytesMut,
    order: Order,
    events: mpsc::Sender<Event>,
    load: Arc<Load>,
    greeted: bool,
}

impl Listener {
    /// Passes events on until the worker closes its end, or nobody wants them any more.
    async fn listen(&mut self) -> Result<(), Broken> {
        loop {
            while let Some(frame) = protocol::take(&mut self.read)? {
                self.load.unanswered.store(0, Ordering::Relaxed);
                if let Some(event) = self.hear(frame)?
                    && self.events.send(event).await.is_err()
                {
                    return Ok(());
                }
            }
            tokio::select! {
                () = self.events.closed() => return Ok(()),
                read = timeout(SILENCE, self.socket.read_buf(&mut self.read)) => match read {
                    Ok(Ok(0) | Err(_)) => return Ok(()),
                    Ok(Ok(_)) => {}
                    Err(_) if self.load.unanswered.load(Ordering::Relaxed) == 0 => {}
                    Err(_) => return Err(Broken::Silence),
                },
            }
        }
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
                let reason = one_line(&reason);
                Ok(Some(Event::Failed { reason }))
            }
            FromWorker::Event(event) if self.greeted => {
                self.order.check(&event)?;
                let newest = self.order.newest().ticks();
                self.load.newest_out.store(newest, Ordering::Relaxed);
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
    let unwanted = listener.events.is_closed();
    if let Err(error) = &outcome {
        let reason = error.to_string();
        // Nobody may be listening any more, and that is fine.
        listener.events.send(Event::Failed { reason }).await.ok();
    }
    let killed = unwanted || outcome.is_err();
    if killed {
        life.kill();
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

/// A child that runs. Dropping it kills the child.
struct Life {
    /// `None` once it is reaped, when the number may be another's.
    pid: Arc<Mutex<Option<Pid>>>,
    ended: oneshot::Receiver<ExitStatus>,
}

impl Life {
    fn start(mut command: Command) -> io::Result<(Self, pipe::Receiver)> {
        let (started, start) = sync_channel(1);
        let (end, ended) = oneshot::channel();
        let pid = Arc::<Mutex<Option<Pid>>>::default();
        let shared = Arc::clone(&pid);
        let keep = move || {
            let child = match command.spawn() {
                Ok(child) => child,
                Err(error) => {
                    // The caller waits for one of the two.
                    started.send(Err(error)).ok();
                    return;
                }
            };
            // Our copy of the worker's end of the socket.
            drop(command);
            wait(child, &shared, &started, end);
        };
        thread::Builder::new().name("worker".into()).spawn(keep)?;
        let gone = |_| io::Error::other("the thread that starts a worker is gone");
        let stderr = start.recv().map_err(gone)??;
        let life = Self { pid, ended };
        Ok((life, pipe::Receiver::from_owned_fd(stderr)?))
    }

    fn kill(&self) {
        let pid = self.pid.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pid) = *pid {
            // Fails only when it is dead.
            kill(pid, Signal::SIGKILL).ok();
        }
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Waits for the child's end on the thread that started it.
fn wait(
    mut child: Child,
    shared: &Mutex<Option<Pid>>,
    started: &std::sync::mpsc::SyncSender<io::Result<OwnedFd>>,
    end: oneshot::Sender<ExitStatus>,
) {
    let lock = || shared.lock().unwrap_or_else(PoisonError::into_inner);
    let pid = i32::try_from(child.id()).map(Pid::from_raw).ok();
    *lock() = pid;
    let stderr = child.stderr.take().map(OwnedFd::from);
    // The caller waits for it.
    started
        .send(stderr.ok_or_else(|| io::ErrorKind::BrokenPipe.into()))
        .ok();
    if let Some(pid) = pid {
        let ended = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
        while let Err(nix::Error::EINTR) = waitid(Id::Pid(pid), ended) {}
    }
    // Reaped under the lock: whoever kills sees either a child of ours or nothing.
    let mut pid = lock();
    if let Ok(status) = child.wait() {
        // Nobody may be interested.
        end.send(status).ok();
    }
    *pid = None;
}

#[cfg(test)]
mod tests;
