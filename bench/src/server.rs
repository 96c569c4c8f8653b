//! A server under measurement: a real process, alone on CPU 0, whose CPU time and memory the kernel counts.
//!
//! The load runs on the other CPUs. CPU time is read in nanoseconds from the scheduler, so a busy machine stretches the
//! run but not the figure. Dropping it kills the process and all its children.
#![expect(
    unsafe_code,
    reason = "pre_exec is the only way to pin a child before its first instruction"
)]

use std::{
    fs,
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use nix::{
    sched::{CpuSet, sched_setaffinity},
    sys::{
        prctl,
        signal::{Signal, killpg},
    },
    unistd::Pid,
};
use tokio::net::TcpStream;

/// How long a server may take to open its port.
const START: Duration = Duration::from_secs(10);

/// A running server.
pub(crate) struct Server {
    child: Child,
}

impl Server {
    /// Starts `command` on CPU 0 and waits until `port` on loopback accepts. Its output goes to `log`.
    pub(crate) async fn start(command: &mut Command, port: u16, log: &Path) -> Result<Self> {
        if TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
            bail!(
                "port {port} is taken by another program: stop it (ss -tlnp names it), then measure again"
            );
        }
        let server = Self::spawn(command, log)?;
        let opened = tokio::time::timeout(START, async {
            while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        if opened.await.is_err() {
            bail!(
                "port {port} stays closed:\n{}",
                fs::read_to_string(log).unwrap_or_default()
            );
        }
        Ok(server)
    }

    /// Starts `command` on CPU 0, for one that listens nowhere. Its output goes to `log`.
    pub(crate) fn spawn(command: &mut Command, log: &Path) -> Result<Self> {
        let log_file = fs::File::create(log).context("log file")?;
        command
            .stdin(Stdio::null())
            .stdout(log_file.try_clone()?)
            .stderr(log_file)
            .process_group(0);
        // SAFETY: two system calls, nothing is allocated between fork and exec.
        unsafe {
            command.pre_exec(|| {
                prctl::set_pdeathsig(Signal::SIGTERM)?;
                Ok(pin(Pid::from_raw(0), 0)?)
            })
        };
        let child = command
            .spawn()
            .with_context(|| format!("{command:?} does not start"))?;
        Ok(Self { child })
    }

    /// Moves it off CPU 0: it is no server under measurement, but what feeds one.
    pub(crate) fn beside_the_load(&self) -> Result<()> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id()))?;
        for task in tasks.flatten() {
            let id = task.file_name().to_string_lossy().parse()?;
            // With one CPU there is no other, and a thread may have ended since.
            let _stays = pin(Pid::from_raw(id), 1);
        }
        Ok(())
    }

    /// CPU time that the process and its children have used, nanoseconds.
    pub(crate) fn cpu_ns(&self) -> u64 {
        self.each_process(|dir| {
            let tasks = fs::read_dir(dir.join("task"))
                .into_iter()
                .flatten()
                .flatten();
            tasks
                .filter_map(|task| fs::read_to_string(task.path().join("schedstat")).ok())
                .filter_map(|stat| stat.split_whitespace().next()?.parse::<u64>().ok())
                .sum()
        })
    }

    /// Largest resident memory so far, KiB, the sum over its processes.
    pub(crate) fn peak_kib(&self) -> u64 {
        self.memory("VmHWM:")
    }

    /// Resident memory now, KiB, the sum over its processes.
    pub(crate) fn rss_kib(&self) -> u64 {
        self.memory("VmRSS:")
    }

    fn memory(&self, field: &str) -> u64 {
        self.each_process(|dir| {
            let status = fs::read_to_string(dir.join("status")).unwrap_or_default();
            let line = status.lines().find(|line| line.starts_with(field));
            line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
                .unwrap_or(0)
        })
    }

    /// Sum of `figure` over the process group (nginx has a master and a worker).
    fn each_process(&self, figure: impl Fn(&Path) -> u64) -> u64 {
        let group = self.child.id().to_string();
        let of_group = |dir: &Path| {
            let stat = fs::read_to_string(dir.join("stat")).unwrap_or_default();
            // Fields after the command's closing parenthesis: state, parent, process group.
            stat.rsplit_once(") ")
                .and_then(|(_, rest)| rest.split(' ').nth(2))
                == Some(group.as_str())
        };
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        processes
            .map(|entry| entry.path())
            .filter(|dir| of_group(dir))
            .map(|dir| figure(&dir))
            .sum()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Ok(group) = i32::try_from(self.child.id()) {
            // Already gone is as good as killed.
            let _gone = killpg(Pid::from_raw(group), Signal::SIGKILL);
        }
        let _reaped = self.child.wait();
    }
}

/// Keeps `process` (0 is the caller) on one CPU.
pub(crate) fn pin(process: Pid, cpu: usize) -> nix::Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu)?;
    sched_setaffinity(process, &set)
}
