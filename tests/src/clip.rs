//! Recorded shows to publish: made once by ffmpeg, kept in the target directory.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use crate::encoder::quiet_ffmpeg;

/// What is in the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Picture {
    /// What OBS sends by default at 1080p30, with B-frames and a keyframe every two seconds.
    FullHd,
    /// 640x360 at 30 frames a second, else the same: where the picture does not matter.
    Small,
    /// 320x180 at 15 frames a second: where there are many.
    Tiny,
}

impl Picture {
    const fn size(self) -> &'static str {
        match self {
            Self::FullHd => "1920x1080",
            Self::Small => "640x360",
            Self::Tiny => "320x180",
        }
    }

    const fn bitrate(self) -> &'static str {
        match self {
            Self::FullHd => "4M",
            Self::Small => "800k",
            Self::Tiny => "150k",
        }
    }

    const fn frame_rate(self) -> u16 {
        match self {
            Self::FullHd | Self::Small => 30,
            Self::Tiny => 15,
        }
    }
}

/// An FLV file with H.264 (B-frames, 2 s between keyframes) and AAC at 48 kHz.
#[derive(Debug, Clone)]
pub struct Clip(PathBuf);

/// Longer than any test watches: where the end meets the beginning, sound moves by a part of a frame.
const SECONDS: &str = "40";

impl Clip {
    /// Takes it from the target directory, or makes it first.
    pub fn of(picture: Picture) -> Result<Self> {
        let own = std::env::current_exe()?;
        let target = own.ancestors().nth(3).context("the target directory")?;
        let directory = target.join("clips");
        fs::create_dir_all(&directory)?;
        let name = format!("{}-{SECONDS}s", picture.size());
        let path = directory.join(format!("{name}.flv"));
        // Whoever comes second waits until the first has made it.
        let lock = File::create(directory.join(format!("{name}.lock")))?;
        lock.lock()?;
        if !path.is_file() {
            make(picture, &path)?;
        }
        Ok(Self(path))
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

fn make(picture: Picture, path: &Path) -> Result<()> {
    let unfinished = path.with_extension("unfinished");
    let bitrate = picture.bitrate();
    let rate = picture.frame_rate();
    let video = format!("testsrc2=size={}:rate={rate}", picture.size());
    let group = (rate * 2).to_string();
    let mut ffmpeg = quiet_ffmpeg();
    ffmpeg
        .args(["-f", "lavfi", "-i", &video])
        .args([
            "-f",
            "lavfi",
            "-i",
            "sine=frequency=440:beep_factor=2:sample_rate=48000",
        ])
        .args(["-t", SECONDS, "-pix_fmt", "yuv420p"])
        .args([
            "-c:v",
            "libx264",
            "-preset",
            "superfast",
            "-profile:v",
            "high",
            "-bf",
            "2",
        ])
        .args(["-b:v", bitrate, "-maxrate", bitrate, "-bufsize", bitrate])
        .args(["-g", &group, "-keyint_min", &group, "-sc_threshold", "0"])
        .args(["-c:a", "aac", "-b:a", "128k", "-ac", "2"])
        .args(["-flvflags", "no_duration_filesize", "-f", "flv", "-y"])
        .arg(&unfinished);
    let status = ffmpeg.status().context("ffmpeg is missing: make deps")?;
    if !status.success() {
        bail!("ffmpeg could not make {}: {status}", path.display());
    }
    fs::rename(&unfinished, path)?;
    Ok(())
}
