//! A child process from its start to its burial.
//!
//! A thread of its own starts the child and waits for it: the child's death signal is tied to the thread that started it,
//! and a thread of a runtime's pool may end long before.

use std::{
    io,
    os::fd::OwnedFd,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{SyncSender, sync_channel},
    },
    thread,
};

use nix::{
    sys::{
        signal::{Signal, kill},
        wait::{Id, WaitPidFlag, waitid},
    },
    unistd::Pid,
};
use tokio::{net::unix::pipe, sync::oneshot};

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

/// A child that runs. Dropping it kills the child.
pub(super) struct Life {
    /// `None` once it is reaped, when the number may be another's.
    pid: Arc<Mutex<Option<Pid>>>,
    /// Its exit status, once.
    pub(super) ended: oneshot::Receiver<ExitStatus>,
}

impl Life {
    /// Starts `program` as a worker at this end of a socket; also gives its standard error.
    pub(super) fn start(program: &Path, socket: OwnedFd) -> io::Result<(Self, pipe::Receiver)> {
        let mut command = command(program, socket);
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

    /// The child's number, as long as it is the child's.
    pub(super) fn pid(&self) -> Arc<Mutex<Option<Pid>>> {
        Arc::clone(&self.pid)
    }

    /// The same as it is now, for people.
    pub(super) fn id(&self) -> Option<u32> {
        let pid = *self.pid.lock().unwrap_or_else(PoisonError::into_inner);
        u32::try_from(pid?.as_raw()).ok()
    }

    pub(super) fn kill(&self) {
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
    started: &SyncSender<io::Result<OwnedFd>>,
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
