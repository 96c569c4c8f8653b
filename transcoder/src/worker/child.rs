//! The worker's side of the socket: the child's main.
//!
//! Standard input is the socket, standard error is for the last words. The process gives up what it does not need before
//! it reads a byte: the network, more memory and files than an encoder wants, core dumps. It ends when its input ends,
//! when its pipeline fails, and at once when the daemon is gone, whatever the pipeline is doing. It does not end at the
//! signals that ask a whole service or terminal to stop: the daemon drains first, with its workers.

use std::{
    io::{self, Read as _, Write as _},
    os::{fd::AsFd as _, unix::net::UnixStream},
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError, mpsc::sync_channel},
    thread,
};

use bytes::{Buf as _, BytesMut};
use nix::{
    poll::{PollFd, PollFlags, PollTimeout},
    sched::CloneFlags,
    sys::{
        prctl,
        resource::{Resource, setrlimit},
        signal::{SigSet, Signal},
    },
};

use super::{
    Event, Input, PlanError,
    graph::Graph,
    pipeline::{Paces, Pipeline, still},
    protocol::{self, Frame, FromWorker, ProtocolError, ToWorker},
};

/// Files that a worker has open at once: the socket, plugins while they load, pipes of the bus.
const MAX_FILES: u64 = 256;
/// Address space in bytes. Generous, as stacks and allocator arenas reserve far more than they use: a ladder from 1080p
/// has 300 MB resident in 3 GB of addresses. It stops a leak before it takes the box down. See [`super::Recipe`] for
/// those who get none.
const MAX_ADDRESS_SPACE: u64 = 8 << 30;
/// The same for a slate, and seconds of a core: an operator's picture may be a bomb.
const MAX_STILL_SPACE: u64 = 2 << 30;
const MAX_STILL_SECONDS: u64 = 60;
/// Inputs that were read and wait for the pipeline, one second at 60 frames per second. What is longer waits in the
/// socket, and there a change of pace waits behind it.
const MAX_WAITING: usize = 64;
/// One read from the socket, in bytes.
const READ: usize = 64 << 10;

/// Why a worker ended with an error.
#[derive(Debug, thiserror::Error)]
pub(super) enum WorkerError {
    #[error("socket on standard input: {0}; only the transcoder itself starts a worker")]
    Socket(#[from] io::Error),
    #[error("from the daemon: {0}")]
    Protocol(#[from] ProtocolError),
    #[error("the daemon's first message was no plan, or a second plan came")]
    PlanOnceFirst,
    #[error("a message longer than the protocol allows")]
    TooLong,
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error("{0}")]
    Pipeline(String),
}

/// The child's main: encodes what comes over standard input until that ends.
pub fn run() -> ExitCode {
    match encode() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell when standard error is gone too.
            writeln!(io::stderr(), "{error}").ok();
            ExitCode::FAILURE
        }
    }
}

fn encode() -> Result<(), WorkerError> {
    let isolated = confine();
    let mut socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let voice = Voice(Arc::new(Mutex::new(socket.try_clone()?)));
    voice.say(FromWorker::Hello { isolated })?;
    leave_with(socket.try_clone()?)?;
    let outcome = serve(&mut socket, &voice);
    if let Err(error) = &outcome {
        let reason = super::tail::one_line(&error.to_string());
        // The daemon may be gone; the exit status tells the rest.
        voice.say(FromWorker::Event(Event::Failed { reason })).ok();
    }
    outcome
}

/// Gives up rights. Best effort, as containers refuse some of it; whether the network is gone is told to the daemon.
fn confine() -> bool {
    prctl::set_pdeathsig(Signal::SIGKILL).ok();
    prctl::set_no_new_privs().ok();
    let drains: SigSet = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP]
        .into_iter()
        .collect();
    // Threads inherit what is blocked, and none is started yet.
    drains.thread_block().ok();
    limit(Resource::RLIMIT_CORE, 0);
    limit(Resource::RLIMIT_NOFILE, MAX_FILES);
    nix::sched::unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET).is_ok()
}

fn limit(resource: Resource, most: u64) {
    // As in `confine`.
    setrlimit(resource, most, most).ok();
}

/// Ends the process when the daemon has closed the socket both ways: the daemon is dead or wants no more. A thread of
/// its own, since the others may be inside a plugin that hangs.
fn leave_with(socket: UnixStream) -> io::Result<()> {
    let watch = move || {
        let mut hangup = [PollFd::new(socket.as_fd(), PollFlags::empty())];
        while let Err(nix::Error::EINTR) = nix::poll::poll(&mut hangup, PollTimeout::NONE) {}
        std::process::exit(0);
    };
    thread::Builder::new().name("hangup".into()).spawn(watch)?;
    Ok(())
}

/// Reads the plan, then input to its end; pictures leave by the pipeline's own threads.
fn serve(socket: &mut UnixStream, voice: &Voice) -> Result<(), WorkerError> {
    let mut inbox = Inbox {
        socket: socket.try_clone()?,
        read: BytesMut::new(),
    };
    let pipeline = match inbox.next()? {
        Some(ToWorker::Plan(recipe, plan)) => {
            if !recipe.maps_device {
                limit(Resource::RLIMIT_AS, MAX_ADDRESS_SPACE);
            }
            Pipeline::start(&Graph::new(&recipe, &plan)?, voice)?
        }
        Some(ToWorker::Sound(sound)) => {
            limit(Resource::RLIMIT_AS, MAX_ADDRESS_SPACE);
            Pipeline::start_sound(&sound, voice)?
        }
        Some(ToWorker::Still(recipe, still)) => {
            limit(Resource::RLIMIT_CPU, MAX_STILL_SECONDS);
            if !recipe.maps_device {
                limit(Resource::RLIMIT_AS, MAX_STILL_SPACE);
            }
            return still::encode(&recipe, &still, voice);
        }
        Some(ToWorker::Input(_) | ToWorker::Pace(..)) => return Err(WorkerError::PlanOnceFirst),
        None => return Ok(()),
    };
    let (read, inputs) = sync_channel(MAX_WAITING);
    let paces = pipeline.paces();
    let reader = move || {
        while let Some(item) = next_input(&mut inbox, &paces).transpose() {
            let last = item.is_err();
            // Refused when the pipeline is gone.
            if read.send(item).is_err() || last {
                return;
            }
        }
    };
    let mut feeder = pipeline.feeder()?;
    let feed = move || {
        for item in inputs {
            match item {
                Ok(input) => feeder.push(input),
                Err(error) => return feeder.end(Err(error)),
            }
        }
        feeder.end(Ok(()));
    };
    thread::Builder::new().name("read".into()).spawn(reader)?;
    thread::Builder::new().name("feed".into()).spawn(feed)?;
    pipeline.wait()
}

/// The next input; what concerns the rungs' pace is done at once. `None` at the end of input.
fn next_input(inbox: &mut Inbox, paces: &Paces) -> Result<Option<Input>, WorkerError> {
    loop {
        match inbox.next()? {
            Some(ToWorker::Input(input)) => return Ok(Some(input)),
            Some(ToWorker::Pace(rendition, pace)) => paces.set(rendition, pace),
            Some(ToWorker::Plan(..) | ToWorker::Sound(_) | ToWorker::Still(..)) => {
                return Err(WorkerError::PlanOnceFirst);
            }
            None => return Ok(None),
        }
    }
}

/// The way to the daemon, shared by the encoders' threads. Blocks while the daemon does not read.
#[derive(Debug, Clone)]
pub(super) struct Voice(Arc<Mutex<UnixStream>>);

impl Voice {
    pub(super) fn say(&self, message: FromWorker) -> Result<(), WorkerError> {
        let Frame { head, payload } = message.frame().ok_or(WorkerError::TooLong)?;
        let mut rest = head.chain(payload);
        let mut socket = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while rest.has_remaining() {
            let mut slices = [io::IoSlice::new(&[]); 2];
            let filled = rest.chunks_vectored(&mut slices);
            match socket.write_vectored(slices.get(..filled).unwrap_or_default()) {
                Ok(0) => return Err(io::Error::from(io::ErrorKind::WriteZero).into()),
                Ok(written) => rest.advance(written),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// The daemon's messages, one by one.
struct Inbox {
    socket: UnixStream,
    read: BytesMut,
}

impl Inbox {
    /// The next message; `None` at the end of input.
    fn next(&mut self) -> Result<Option<ToWorker>, WorkerError> {
        loop {
            if let Some(frame) = protocol::take(&mut self.read)? {
                return Ok(Some(ToWorker::parse(frame)?));
            }
            let mut chunk = [0; READ];
            match self.socket.read(&mut chunk) {
                Ok(0) => return Ok(None),
                Ok(n) => self
                    .read
                    .extend_from_slice(chunk.get(..n).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}
