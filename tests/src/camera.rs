//! A camera pointed at a clock, and ffmpeg that publishes it as one who cares for latency would.

use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

use crate::program;

/// The program that draws the clock, a binary of this package.
const CLOCK: &str = "clock_source";

/// Publishes for four minutes at most. Dropping it ends both programs wherever they are.
#[derive(Debug)]
pub struct Camera {
    clock: Child,
    encoder: Child,
}

impl Camera {
    /// Publishes to `url`; `clock`: further arguments of `clock_source`.
    pub fn publish(url: &str, clock: &[&str]) -> Result<Self> {
        let mut clock = Command::new(program(CLOCK)?)
            .args(["1280x720", "30", "240"])
            .args(clock)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let pictures = clock.stdout.take().context("standard output is a pipe")?;
        let encoder = Command::new("ffmpeg")
            .args(["-hide_banner", "-nostats", "-loglevel", "error"])
            .args(["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", "1280x720"])
            .args(["-r", "30", "-i", "-", "-f", "lavfi"])
            .args(["-i", "sine=frequency=440:sample_rate=48000", "-shortest"])
            .args(["-c:v", "libx264", "-preset", "superfast", "-tune"])
            .args(["zerolatency", "-b:v", "2500k", "-maxrate", "2500k"])
            .args(["-bufsize", "2500k", "-g", "60", "-sc_threshold", "0"])
            .args(["-c:a", "aac", "-b:a", "128k", "-f", "flv", url])
            .stdin(pictures)
            .spawn()
            .context("ffmpeg does not start: make deps")?;
        Ok(Self { clock, encoder })
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        for child in [&mut self.encoder, &mut self.clock] {
            // Already gone is as good as killed.
            let _gone = child.kill();
            let _reaped = child.wait();
        }
    }
}
