//! One daemon as a child process: its log, its listeners, its end.
//!
//! The log is read as it is written, so one waits for a line, not for a time. The child dies with the thread that
//! started it, whatever happens to us.
#![expect(
    unsafe_code,
    reason = "pre_exec is the only way to tie a child's life to ours before its first instruction"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "a shell: deadlines for processes that hang"
)]

use std::{
    ffi::OsStr,
    fs::File,
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use nix::{
    errno::Errno,
    sys::{
        prctl,
        signal::{Signal, kill},
        wait::{Id, WaitPidFlag, waitid},
    },
    unistd::Pid,
};
use serde_json::Value;

use crate::{Admin, admin::poll};

/// How long a daemon may take to start, or to say what one waits for. Generous: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);
/// Lines of a log that are shown when a test fails.
const SHOWN: usize = 60;

/// A binary of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// footlight-mux
    Mux,
    /// footlight-transcoder
    Transcoder,
    /// footlight-distributor
    Distributor,
}

impl Program {
    /// The binary's file name.
    pub const fn file(self) -> &'static str {
        match self {
            Self::Mux => "footlight-mux",
            Self::Transcoder => "footlight-transcoder",
            Self::Distributor => "footlight-distributor",
        }
    }

    /// The binary itself.
    pub fn path(self) -> Result<PathBuf> {
        program(self.file())
    }
}

/// A binary of the workspace: in the directory of the program that runs, or, for a test, in the one above.
pub fn program(file: &str) -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    own.ancestors()
        .skip(1)
        .take(2)
        .map(|directory| directory.join(file))
        .find(|path| path.is_file())
        .with_context(|| format!("{file} is not built: cargo build --workspace --bins"))
}

/// A child that is killed when dropped.
#[derive(Debug)]
pub struct Daemon {
    name: String,
    child: Child,
    log: Arc<Log>,
}

#[derive(Debug, Default)]
struct Log {
    state: Mutex<LogState>,
    grown: Condvar,
}

#[derive(Debug, Default)]
struct LogState {
    lines: Vec<String>,
    /// Nobody can write any more.
    ended: bool,
    /// The process is no more.
    exited: bool,
}

impl Log {
    fn lock(&self) -> MutexGuard<'_, LogState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What `find` finds, as soon as it does; `None` when patience is at its end.
    fn wait_until<T>(&self, mut find: impl FnMut(&LogState) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.lock();
        loop {
            if let Some(found) = find(&state) {
                return Some(found);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            let grown = self.grown.wait_timeout(state, left);
            state = grown.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Daemon {
    /// Starts `program` with its configuration. `name` is the log's file name in `directory`.
    pub fn start(program: Program, name: &str, config: &Path, directory: &Path) -> Result<Self> {
        let arguments = [
            OsStr::new("--log"),
            "json".as_ref(),
            "--config".as_ref(),
            config.as_ref(),
        ];
        Self::spawn(
            Command::new(program.path()?).args(arguments),
            name,
            directory,
        )
    }

    /// Starts any command, its standard error being the log.
    pub(crate) fn spawn(command: &mut Command, name: &str, directory: &Path) -> Result<Self> {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // Ctrl-C is for us to pass on.
            .process_group(0);
        // SAFETY: prctl is one system call and allocates nothing between fork and exec.
        unsafe {
            command.pre_exec(|| Ok(prctl::set_pdeathsig(Signal::SIGKILL)?));
        }
        let mut child = command
            .spawn()
            .with_context(|| format!("{command:?} does not start"))?;
        let stderr = child.stderr.take().context("standard error is a pipe")?;
        let log = Arc::new(Log::default());
        let file = File::create(directory.join(format!("{name}.log")))?;
        let reader = Arc::clone(&log);
        std::thread::spawn(move || copy_lines(BufReader::new(stderr), file, &reader));
        let (waiter, process) = (Arc::clone(&log), child.id());
        std::thread::spawn(move || note_exit(process, &waiter));
        Ok(Self {
            name: name.to_owned(),
            child,
            log,
        })
    }

    /// Where its listener called `name` is, as its log said; waits until it says so.
    pub fn listener(&self, name: &str) -> Result<SocketAddr> {
        self.wait_for_line(&format!("the listener {name}"), |line| {
            let entry: Value = serde_json::from_str(line).ok()?;
            let listening = entry.get("message")? == "listening" && entry.get("listener")? == name;
            listening.then(|| entry.get("address")?.as_str()?.parse().ok())?
        })
    }

    /// Its admin listener.
    pub fn admin(&self) -> Result<Admin> {
        self.listener("admin").map(Admin)
    }

    /// Waits until `/ready` says that it is.
    pub fn wait_until_ready(&self) -> Result<()> {
        let admin = self.admin()?;
        poll(PATIENCE, || {
            ensure!(!self.log.lock().ended, "it has ended");
            Ok(admin.is_ready())
        })
        .with_context(|| {
            let last = admin.get("/ready").map(|(_, body)| body);
            let last = last.unwrap_or_default();
            let (name, tail) = (&self.name, self.tail());
            format!("{name} does not become ready ({}):\n{tail}", last.trim())
        })
    }

    /// Waits until `find` finds something in a line of the log, past lines included.
    pub fn wait_for_line<T>(&self, what: &str, find: impl Fn(&str) -> Option<T>) -> Result<T> {
        let mut seen = 0;
        let found = self.log.wait_until(|state| {
            let found = state.lines.iter().skip(seen).find_map(|line| find(line));
            seen = state.lines.len();
            found.map(Some).or_else(|| state.ended.then_some(None))
        });
        found
            .flatten()
            .with_context(|| format!("{}: waited in vain for {what}:\n{}", self.name, self.tail()))
    }

    /// What it has said so far.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().lines.clone()
    }

    /// The last lines of what it said.
    pub fn tail(&self) -> String {
        let lines = self.log();
        let from = lines.len().saturating_sub(SHOWN);
        lines
            .iter()
            .skip(from)
            .map(|line| format!("  {}: {line}\n", self.name))
            .collect()
    }

    /// The first line of the log that tells of a panic.
    pub fn panic(&self) -> Option<String> {
        self.log()
            .into_iter()
            .find(|line| line.contains("panicked"))
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// The most memory that it has had at one time, bytes (VmHWM).
    pub fn peak_memory(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
        Ok(kib.context("VmHWM")?.trim().parse::<u64>()? * 1024)
    }

    /// Sends a signal to it alone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let id = i32::try_from(self.child.id())?;
        kill(Pid::from_raw(id), signal)?;
        Ok(())
    }

    /// Kills one of the processes that it started.
    pub fn kill_child(&self, id: i32) -> Result<()> {
        let parent = format!("PPid:\t{}\n", self.child.id());
        let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
        ensure!(status.contains(&parent), "{id} is not its child");
        Ok(kill(Pid::from_raw(id), Signal::SIGKILL)?)
    }

    /// Kills the processes that it started: a transcoder's encoders, as a driver that crashes would. Says how many.
    pub fn kill_children(&self) -> Result<usize> {
        self.signal_children(Signal::SIGKILL)
    }

    /// Stops the processes that it started, as a driver that hangs would. Says how many.
    pub fn stop_children(&self) -> Result<usize> {
        self.signal_children(Signal::SIGSTOP)
    }

    fn signal_children(&self, signal: Signal) -> Result<usize> {
        let parent = format!("PPid:\t{}\n", self.child.id());
        let mut reached = 0;
        for process in std::fs::read_dir("/proc")? {
            let path = process?.path();
            let status = std::fs::read_to_string(path.join("status")).unwrap_or_default();
            let id = path
                .file_name()
                .and_then(|name| name.to_str()?.parse().ok());
            if let Some(id) = id.filter(|_| status.contains(&parent)) {
                kill(Pid::from_raw(id), signal)?;
                reached += 1;
            }
        }
        Ok(reached)
    }

    /// Kills it as a power cut would, and waits until it is gone.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to stop and waits until it has, as it was asked.
    pub fn stop(&mut self) -> Result<()> {
        self.signal(Signal::SIGTERM)?;
        let status = self.exited()?;
        if !status.success() {
            bail!(
                "{}: {status} instead of a clean stop:\n{}",
                self.name,
                self.tail()
            );
        }
        Ok(())
    }

    /// Waits until it ends by itself.
    pub fn exited(&mut self) -> Result<ExitStatus> {
        self.log
            .wait_until(|state| state.exited.then_some(()))
            .with_context(|| format!("{} does not end:\n{}", self.name, self.tail()))?;
        Ok(self.child.wait()?)
    }
}

/// Says in the log when the process has ended; whoever owns it takes its status.
fn note_exit(process: u32, log: &Log) {
    if let Ok(id) = i32::try_from(process) {
        let seen = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
        // An interrupted call waits on; any other error says that somebody has taken the status.
        while waitid(Id::Pid(Pid::from_raw(id)), seen) == Err(Errno::EINTR) {}
    }
    log.lock().exited = true;
    log.grown.notify_all();
}

fn copy_lines(from: impl BufRead, mut to: File, log: &Log) {
    for line in from.lines() {
        let Ok(line) = line else {
            break;
        };
        // A full disk costs the file, not the run.
        let _lost = writeln!(to, "{line}");
        log.lock().lines.push(line);
        log.grown.notify_all();
    }
    log.lock().ended = true;
    log.grown.notify_all();
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Already gone is as good as killed.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}
