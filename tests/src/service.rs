//! systemd's part in a restart, for one daemon: it holds the listening sockets of its units, keeps what the daemon stores,
//! and gives all of it to the next process.
#![expect(
    unsafe_code,
    reason = "pre_exec is the only way to put descriptors where a started service expects them"
)]

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    io::{ErrorKind, IoSliceMut},
    net::{SocketAddr, TcpListener, TcpStream},
    os::{
        fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
        linux::net::SocketAddrExt,
        unix::{
            net::{SocketAddr as UnixAddress, UnixDatagram},
            process::CommandExt,
        },
    },
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering::Relaxed},
        mpsc,
    },
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use nix::{
    fcntl::{FcntlArg, fcntl},
    sys::socket::{ControlMessageOwned, MsgFlags, recvmsg},
    unistd::dup2_raw,
};

use crate::{Daemon, Program};

/// Descriptors are passed from here on (SD_LISTEN_FDS_START).
const FIRST: RawFd = 3;
/// Ours lie above all that are passed.
const ABOVE: RawFd = 2_000;
/// How long something may take to be stored. Generous: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);
/// What we send ourselves behind everything a process has sent before it died.
const BARRIER: &str = "X_BARRIER=1";

/// A daemon that is started anew with what it stored.
#[derive(Debug)]
pub struct Service {
    /// The process that runs now.
    pub daemon: Daemon,
    program: Program,
    config: PathBuf,
    directory: PathBuf,
    notify: Vec<u8>,
    /// Of its socket units.
    listeners: Vec<(&'static str, TcpListener)>,
    store: Arc<Store>,
    reached: mpsc::Receiver<()>,
    starts: usize,
}

/// What is kept, by name.
#[derive(Debug, Default)]
struct Store {
    kept: Mutex<BTreeMap<String, Vec<OwnedFd>>>,
    changed: Condvar,
}

impl Store {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Vec<OwnedFd>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn count(kept: &BTreeMap<String, Vec<OwnedFd>>, prefix: &str) -> usize {
    let kept = kept.iter().filter(|(name, _)| name.starts_with(prefix));
    kept.map(|(_, descriptors)| descriptors.len()).sum()
}

impl Service {
    /// Starts `program`, whose listeners `names` have socket units, on free ports: they stay open whatever becomes of it.
    pub fn start(
        program: Program,
        names: &[&'static str],
        config: &Path,
        directory: &Path,
    ) -> Result<Self> {
        let listeners = names.iter().map(|name| {
            let listener = TcpListener::bind("127.0.0.1:0")?;
            Ok((*name, listener))
        });
        let listeners = listeners.collect::<Result<Vec<_>>>()?;
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let started = STARTED.fetch_add(1, Relaxed);
        let notify = format!("footlight-{}-{started}", std::process::id());
        let address = UnixAddress::from_abstract_name(&notify)?;
        let socket = UnixDatagram::bind_addr(&address)?;
        let store = Arc::<Store>::default();
        let (reach, reached) = mpsc::sync_channel(1);
        let kept = Arc::clone(&store);
        std::thread::spawn(move || while serve(&socket, &kept, &reach).is_ok() {});
        let notify = [b"@", notify.as_bytes()].concat();
        let listening = opened(&listeners)?;
        let name = name_of(program, 1);
        let daemon = spawn(program, config, directory, &name, &notify, &listening)?;
        Ok(Self {
            daemon,
            program,
            config: config.to_owned(),
            directory: directory.to_owned(),
            notify,
            listeners,
            store,
            reached,
            starts: 1,
        })
    }

    /// Where the listener of this name is.
    pub fn address(&self, name: &str) -> Result<SocketAddr> {
        match self.listeners.iter().find(|(known, _)| *known == name) {
            Some((_, listener)) => Ok(listener.local_addr()?),
            None => self.daemon.listener(name),
        }
    }

    /// Waits until at least `least` descriptors are kept under names that begin with `prefix`.
    pub fn wait_until_stored(&self, prefix: &str, least: usize) -> Result<()> {
        let lacks = |kept: &mut BTreeMap<String, Vec<OwnedFd>>| count(kept, prefix) < least;
        let waited = self
            .store
            .changed
            .wait_timeout_while(self.store.lock(), PATIENCE, lacks);
        let (kept, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let stored = count(&kept, prefix);
        ensure!(stored >= least, "{stored} of {least} {prefix} are kept");
        Ok(())
    }

    /// Whether the daemon has read all that `peer` has sent on a connection that is kept.
    pub fn has_read(&self, peer: SocketAddr) -> Result<bool> {
        for descriptor in self.store.lock().values().flatten() {
            let socket = TcpStream::from(descriptor.try_clone()?);
            // What is no connection has no peer.
            if socket.peer_addr().is_ok_and(|found| found == peer) {
                // The daemon's sockets do not wait.
                return match socket.peek(&mut [0]) {
                    Ok(0) => bail!("the connection is over"),
                    Ok(_) => Ok(false),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(true),
                    Err(error) => Err(error.into()),
                };
            }
        }
        bail!("the connection is not kept")
    }

    /// Puts something else in the place of what is stored under names that begin with `prefix`.
    pub fn replace(&self, prefix: &str, with: impl Fn() -> Result<OwnedFd>) -> Result<()> {
        let mut store = self.store.lock();
        for (_, descriptors) in store
            .iter_mut()
            .filter(|(name, _)| name.starts_with(prefix))
        {
            *descriptors = vec![with()?];
        }
        Ok(())
    }

    /// Starts it anew, now that its process has ended.
    pub fn start_again(&mut self) -> Result<()> {
        let barrier = UnixDatagram::unbound()?;
        let address = UnixAddress::from_abstract_name(self.notify.split_at(1).1)?;
        barrier.send_to_addr(BARRIER.as_bytes(), &address)?;
        self.reached.recv()?;
        let mut passed = opened(&self.listeners)?;
        for (name, descriptors) in self.store.lock().iter() {
            for descriptor in descriptors {
                passed.push((name.clone(), above(descriptor)?));
            }
        }
        self.starts += 1;
        let name = name_of(self.program, self.starts);
        self.daemon = spawn(
            self.program,
            &self.config,
            &self.directory,
            &name,
            &self.notify,
            &passed,
        )?;
        Ok(())
    }
}

/// What the log of its nth process is called.
fn name_of(program: Program, nth: usize) -> String {
    format!("service-{program:?}-{nth}").to_lowercase()
}

/// The listeners once more, to be passed on.
fn opened(listeners: &[(&'static str, TcpListener)]) -> Result<Vec<(String, RawFd)>> {
    let passed = listeners
        .iter()
        .map(|(name, listener)| Ok(((*name).to_owned(), above(listener)?)));
    passed.collect()
}

fn above(descriptor: impl std::os::fd::AsFd) -> Result<RawFd> {
    Ok(fcntl(descriptor, FcntlArg::F_DUPFD_CLOEXEC(ABOVE))?)
}

/// Starts the program with these descriptors, which are closed here.
fn spawn(
    program: Program,
    config: &Path,
    directory: &Path,
    name: &str,
    notify: &[u8],
    passed: &[(String, RawFd)],
) -> Result<Daemon> {
    let names: Vec<&str> = passed.iter().map(|(name, _)| name.as_str()).collect();
    let mut command = Command::new("sh");
    // A shell knows its own process, which stays the same through exec.
    command.args(["-c", "LISTEN_PID=$$; export LISTEN_PID; exec \"$@\"", "sh"]);
    command
        .arg(program.path()?)
        .args(["--log", "json", "--config"])
        .arg(config);
    command.env(
        "NOTIFY_SOCKET",
        <OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(notify),
    );
    // Of nothing systemd does not speak.
    if !names.is_empty() {
        command.env("LISTEN_FDS", names.len().to_string());
        command.env("LISTEN_FDNAMES", names.join(":"));
    }
    let descriptors: Vec<RawFd> = passed.iter().map(|(_, descriptor)| *descriptor).collect();
    // SAFETY: both are duplicates that `above` made for this call alone.
    let owned: Vec<OwnedFd> = descriptors
        .iter()
        .map(|fd| unsafe { OwnedFd::from_raw_fd(*fd) })
        .collect();
    // SAFETY: dup2 is one system call and allocates nothing between fork and exec; what it closes is the child's.
    unsafe {
        command.pre_exec(move || {
            for (to, from) in (FIRST..).zip(&descriptors) {
                std::mem::forget(dup2_raw(std::os::fd::BorrowedFd::borrow_raw(*from), to)?);
            }
            Ok(())
        });
    }
    let daemon = Daemon::spawn(&mut command, name, directory);
    drop(owned);
    daemon
}

/// Takes one message in.
fn serve(socket: &UnixDatagram, kept: &Store, reach: &mpsc::SyncSender<()>) -> Result<()> {
    let mut text = [0; 4096];
    let mut room = nix::cmsg_space!([RawFd; 8]);
    let (length, descriptors) = {
        let mut slices = [IoSliceMut::new(&mut text)];
        let flags = MsgFlags::MSG_CMSG_CLOEXEC;
        let message = recvmsg::<()>(socket.as_raw_fd(), &mut slices, Some(&mut room), flags)?;
        let mut descriptors = Vec::new();
        for control in message.cmsgs()? {
            if let ControlMessageOwned::ScmRights(passed) = control {
                // SAFETY: the kernel has just opened them for us.
                descriptors.extend(
                    passed
                        .into_iter()
                        .map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }),
                );
            }
        }
        (message.bytes, descriptors)
    };
    let text = std::str::from_utf8(text.get(..length).unwrap_or_default())?;
    if text == BARRIER {
        reach.send(())?;
        return Ok(());
    }
    let field = |name: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
    };
    let mut store = kept.lock();
    if field("FDSTORE") == Some("1") {
        let name = field("FDNAME").context("no name")?;
        store
            .entry(name.to_owned())
            .or_default()
            .extend(descriptors);
    } else if field("FDSTOREREMOVE") == Some("1") {
        store.remove(field("FDNAME").context("no name")?);
    }
    kept.changed.notify_all();
    Ok(())
}
