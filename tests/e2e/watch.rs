//! `footlight-mux status --watch` while mux goes away and comes back: it says so, and goes on by itself.

use std::{
    io::{Read, Write},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use tests::{Daemon, Entrance, Program, RunDirectory};

/// A mux that listens for operators at `admin`, with one stream of this name.
fn start(directory: &RunDirectory, admin: &str, stream: &str) -> Result<Daemon> {
    let at = directory.path();
    let configuration = format!(
        "state_directory = {:?}\nkeys_file = {:?}\n[admin]\nlisten = \"{admin}\"\n[rtmp]\nlisten = \"127.0.0.1:0\"\n{}",
        at.join("mux-state"),
        at.join("mux-keys.toml"),
        Entrance::stream(stream, "watch-publish", "watch-play"),
    );
    let file = directory.write("mux.toml", configuration)?;
    let mux = Daemon::start(Program::Mux, "mux", &file, at)?;
    mux.wait_until_ready()?;
    Ok(mux)
}

/// The command, by whatever way it reaches a person. Dropping it kills it.
struct Watcher(Child);

impl Watcher {
    fn start(command: &mut Command) -> Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        Ok(Self(command.spawn()?))
    }

    /// Reads on until it has said this.
    fn says(&mut self, what: &str) -> Result<()> {
        let out = self.0.stdout.as_mut().context("a pipe")?;
        let mut said = Vec::new();
        let mut chunk = [0; 4_096];
        loop {
            let count = out.read(&mut chunk)?;
            said.extend_from_slice(chunk.get(..count).unwrap_or_default());
            let text = String::from_utf8_lossy(&said);
            if text.contains(what) {
                return Ok(());
            }
            ensure!(count > 0, "it ended without {what}: {text}");
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// Mux is killed and started anew, with another stream so that news is told from what is left on the screen.
fn goes_and_comes(command: impl Fn(&str) -> Command, absent: &str) -> Result<Watcher> {
    let directory = RunDirectory::new()?;
    let mut mux = start(&directory, "127.0.0.1:0", "before")?;
    let admin = mux.listener("admin")?.to_string();
    let mut watcher = Watcher::start(&mut command(&admin))?;
    watcher.says("before")?;
    mux.kill()?;
    watcher.says(absent)?;
    let _mux = start(&directory, &admin, "after")?;
    watcher.says("after")?;
    Ok(watcher)
}

#[test]
fn on_a_screen_and_in_a_pipe() -> Result<()> {
    let program = Program::Mux.path()?;
    // To standard error in a pipe: both are read as one.
    let pipe = |admin: &str| {
        let mut shell = Command::new("sh");
        shell.args(["-c", "exec \"$0\" status --watch --admin \"$1\" 2>&1"]);
        shell.arg(&program).arg(admin);
        shell
    };
    goes_and_comes(pipe, "asking on")?;

    let screen = |admin: &str| {
        let mut script = Command::new("script");
        let command = format!("{} status --watch --admin {admin}", program.display());
        script.args(["--quiet", "--return", "--flush", "--command", &command]);
        script.arg("/dev/null");
        script
    };
    let mut watcher = goes_and_comes(screen, "NO ANSWER")?;
    let keys = watcher.0.stdin.as_mut().context("a pipe")?;
    keys.write_all(b"q")?;
    let status = watcher.0.wait()?;
    ensure!(status.success(), "{status}");
    Ok(())
}
