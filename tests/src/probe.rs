//! ffprobe and ffmpeg as judges of what came out.

use std::{path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::encoder::quiet_ffmpeg;

/// What ffprobe says of a file's first stream, every frame decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probed {
    /// `h264`, `aac`.
    pub codec: String,
    /// Pictures or AAC frames that were decoded.
    pub frames: u64,
    /// Height of the picture in pixels, 0 for sound.
    pub height: u64,
}

/// Decodes a file whole; any complaint is an error.
pub fn decode(file: &Path) -> Result<Probed> {
    let mut ffmpeg = quiet_ffmpeg();
    ffmpeg
        .args(["-xerror", "-i"])
        .arg(file)
        .args(["-f", "null", "-"]);
    let output = ffmpeg.output().context("ffmpeg is missing: make deps")?;
    let complaints = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success() && complaints.is_empty(),
        "ffmpeg: {complaints}"
    );

    let shown = "stream=codec_name,height,nb_read_frames";
    let found = ffprobe(&["-count_frames", "-show_entries", shown], file)?;
    let stream = found
        .pointer("/streams/0")
        .context("ffprobe found no stream")?;
    let text = |name: &str| stream.get(name).and_then(Value::as_str).unwrap_or_default();
    Ok(Probed {
        codec: text("codec_name").to_owned(),
        frames: text("nb_read_frames").parse()?,
        height: stream.get("height").and_then(Value::as_u64).unwrap_or(0),
    })
}

/// What ffprobe says of a file that it has nothing to complain about.
fn ffprobe(arguments: &[&str], file: &Path) -> Result<Value> {
    let mut ffprobe = Command::new("ffprobe");
    ffprobe
        .args(["-v", "error", "-of", "json"])
        .args(arguments)
        .arg(file);
    let output = ffprobe.output().context("ffprobe is missing: make deps")?;
    let complaints = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success() && complaints.is_empty(),
        "ffprobe: {complaints}"
    );
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// When each picture or frame of sound of a file's first stream is shown, in microseconds from the first, every frame
/// decoded.
pub fn frame_times(file: &Path) -> Result<Vec<i64>> {
    let shown = "frame=best_effort_timestamp_time";
    let found = ffprobe(&["-show_frames", "-show_entries", shown], file)?;
    let frames = found["frames"].as_array().context("no frames")?;
    let times = frames.iter().map(|frame| {
        let text = frame["best_effort_timestamp_time"].as_str();
        let (whole, rest) = text
            .context("no time")?
            .split_once('.')
            .context("no point")?;
        let rest: i64 = format!("{rest:0<6}")
            .get(..6)
            .context("no fraction")?
            .parse()?;
        Ok(whole.parse::<i64>()? * 1_000_000 + rest)
    });
    let times: Vec<i64> = times.collect::<Result<_>>()?;
    let first = times.iter().min().copied().unwrap_or_default();
    Ok(times.into_iter().map(|time| time - first).collect())
}
