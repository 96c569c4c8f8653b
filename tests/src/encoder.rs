//! The publisher: ffmpeg, or any other program that speaks RTMP.

use std::{
    path::Path,
    process::{Command, ExitStatus},
};

use anyhow::{Context, Result};
use nix::sys::signal::Signal;

use crate::{Clip, Daemon};

/// A program that publishes. Dropping it kills it: the connection ends wherever it is.
#[derive(Debug)]
pub struct Encoder(Daemon);

impl Encoder {
    /// Publishes `clip` to `url`, over and over, in real time, without encoding anything anew.
    pub fn publish(clip: &Clip, url: &str, directory: &Path) -> Result<Self> {
        let mut ffmpeg = quiet_ffmpeg();
        ffmpeg
            .args(["-re", "-stream_loop", "-1", "-i"])
            .arg(clip.path());
        ffmpeg.args(["-c", "copy", "-f", "flv", url]);
        Daemon::spawn(&mut ffmpeg, "ffmpeg", directory).map(Self)
    }

    /// Publishes a moving picture with the time of day in it, and a tone, to `url`.
    ///
    /// `of_day`: seconds since midnight that the clock starts at.
    pub fn show(url: &str, of_day: f64, directory: &Path) -> Result<Self> {
        let clock = format!(
            "drawtext=font=DejaVu Sans Mono:fontsize=64:fontcolor=white:box=1:boxcolor=black@0.6:boxborderw=16:\
             x=(w-tw)/2:y=h-th-48:text='%{{pts\\:hms\\:{of_day:.3}}} UTC'"
        );
        let mut ffmpeg = quiet_ffmpeg();
        ffmpeg
            .args(["-re", "-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=30"])
            .args([
                "-re",
                "-f",
                "lavfi",
                "-i",
                "sine=frequency=440:beep_factor=2:sample_rate=48000",
            ])
            .args(["-vf", &clock, "-pix_fmt", "yuv420p"])
            .args([
                "-c:v",
                "libx264",
                "-preset",
                "veryfast",
                "-profile:v",
                "high",
                "-bf",
                "2",
            ])
            .args(["-b:v", "2500k", "-maxrate", "2500k", "-bufsize", "2500k"])
            .args(["-g", "60", "-keyint_min", "60", "-sc_threshold", "0"])
            .args(["-c:a", "aac", "-b:a", "128k", "-ac", "2", "-f", "flv", url]);
        Daemon::spawn(&mut ffmpeg, "ffmpeg", directory).map(Self)
    }

    /// Any other program that publishes; `name` is its log's.
    pub fn other(command: &mut Command, name: &str, directory: &Path) -> Result<Self> {
        Daemon::spawn(command, name, directory).map(Self)
    }

    /// Waits until it gives up.
    pub fn exited(&mut self) -> Result<ExitStatus> {
        self.0.exited()
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.0.is_running()
    }

    /// Ends the show as one does at its end: it says so (FCUnpublish, deleteStream) and is gone.
    pub fn finish(&mut self) -> Result<()> {
        self.0.signal(Signal::SIGINT)?;
        self.0.exited()?;
        Ok(())
    }

    /// Kills it in the middle of whatever it is sending.
    pub fn kill(&mut self) -> Result<()> {
        self.0.kill()
    }

    /// Stops it from sending anything, without closing its connection.
    pub fn freeze(&mut self) -> Result<()> {
        self.0.signal(Signal::SIGSTOP)
    }

    /// What it has complained about.
    pub fn complaints(&self) -> String {
        self.0.tail()
    }
}

/// ffmpeg that reads no terminal and says errors only.
pub fn quiet_ffmpeg() -> Command {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-hide_banner", "-nostdin", "-nostats", "-loglevel", "error"]);
    ffmpeg
}

/// The ffmpeg that speaks Enhanced RTMP, of `make test-deps`.
pub fn enhanced_ffmpeg() -> Result<Command> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("ffmpeg/imageio_ffmpeg/binaries");
    let programs = std::fs::read_dir(&directory)
        .with_context(|| format!("{} is missing: make test-deps", directory.display()))?;
    let program = programs
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| {
            path.file_name()
                .is_some_and(|name| name.as_encoded_bytes().starts_with(b"ffmpeg"))
        })
        .context("no ffmpeg among the binaries: make test-deps")?;
    let mut ffmpeg = Command::new(program);
    ffmpeg.args(["-hide_banner", "-nostdin", "-nostats", "-loglevel", "error"]);
    Ok(ffmpeg)
}
