//! What `make run SHOW=1` starts: a show that can be watched, and nothing left behind.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use live::playlist::Multivariant;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tests::{Ports, Viewer, program};

/// The program, killed when dropped; its daemons end with it.
struct Onebox {
    child: Child,
    told: Vec<String>,
}

impl Onebox {
    fn command(base: u16) -> Result<Command> {
        let mut command = Command::new(program("onebox")?);
        command
            .env("FOOTLIGHT_PORT_BASE", base.to_string())
            .env("SHOW", "1")
            .stdin(Stdio::null());
        Ok(command)
    }

    /// Starts it and reads what it tells until it is ready.
    fn start(base: u16) -> Result<Self> {
        let mut child = Self::command(base)?.stdout(Stdio::piped()).spawn()?;
        let out = BufReader::new(child.stdout.take().context("a pipe")?);
        let mut onebox = Self {
            child,
            told: Vec::new(),
        };
        for line in out.lines() {
            let line = line?;
            let ready = line.contains("Ctrl-C stops everything");
            onebox.told.push(line);
            if ready {
                return Ok(onebox);
            }
        }
        anyhow::bail!("it ended: {:?}", onebox.told)
    }

    /// What it prints behind `label`.
    fn value(&self, label: &str) -> Result<&str> {
        let line = self
            .told
            .iter()
            .find_map(|line| line.trim().strip_prefix(label));
        let value = line.and_then(|line| line.split_whitespace().next());
        value.with_context(|| format!("{label} is not told: {:#?}", self.told))
    }
}

impl Drop for Onebox {
    fn drop(&mut self) {
        // Already gone is as good as killed.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

// A second thread, so that the viewer's connection can end while this one waits for the program to.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn one_command_puts_a_show_on_the_air_and_ctrl_c_leaves_nothing() -> Result<()> {
    let (base, ports) = free_ports(20_000).context("no ports are free")?;
    let mut onebox = Onebox::start(base)?;
    assert_eq!(onebox.value("Stream Key")?, "stage-dev");
    assert_eq!(
        onebox.value("Server")?,
        format!("rtmp://127.0.0.1:{}/live", ports.mux_rtmp)
    );

    let playlist = onebox.value("Playlist")?;
    let path = playlist
        .strip_prefix(&format!("https://localhost:{}", ports.https))
        .with_context(|| playlist.to_owned())?;
    let authority = std::fs::read_to_string(onebox.value("Authority")?)?;
    let viewer = Viewer::connect(([127, 0, 0, 1], ports.https).into(), &authority).await?;
    let multivariant = Multivariant::parse(&viewer.wait_for(path).await?)?;
    ensure!(multivariant.variants.len() >= 2, "{multivariant:?}");
    let page = viewer.fetch("/watch/stage").await?;
    ensure!(
        page.starts_with(b"<!doctype html>"),
        "the watch page is no page"
    );

    // A second one finds the ports taken, and says so in one sentence.
    let second = Onebox::command(base)?.output()?;
    let told = String::from_utf8(second.stderr)?;
    assert!(!second.status.success());
    assert!(told.contains(&format!("port {}", ports.mux_rtmp)), "{told}");
    assert!(told.contains("FOOTLIGHT_PORT_BASE"), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");

    let directory = PathBuf::from(onebox.value("Logs")?);
    let members = processes_of(&directory)?;
    assert!(
        members >= 3,
        "{members} processes work in {}",
        directory.display()
    );
    kill(
        Pid::from_raw(i32::try_from(onebox.child.id())?),
        Signal::SIGINT,
    )?;
    let status = onebox.child.wait()?;
    assert!(status.success(), "{status}");
    assert!(
        !directory.exists(),
        "{} is left behind",
        directory.display()
    );
    assert_eq!(processes_of(&directory)?, 0, "processes are left behind");
    ports.check_free()
}

/// A base from which on all ports are free: one of eight.
pub(crate) fn free_ports(from: u16) -> Option<(u16, Ports)> {
    (from..from + 4_000)
        .step_by(500)
        .filter_map(|base| Some((base, Ports::from_base(base)?)))
        .find(|(_, ports)| ports.check_free().is_ok())
}

/// How many processes have the directory in their command line.
fn processes_of(directory: &Path) -> Result<usize> {
    let directory = directory.to_string_lossy().into_owned();
    let count = std::fs::read_dir("/proc")?
        .flatten()
        .filter_map(|process| std::fs::read(process.path().join("cmdline")).ok())
        .filter(|line| String::from_utf8_lossy(line).contains(&directory))
        .count();
    Ok(count)
}
