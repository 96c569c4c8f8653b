//! The encoder's process, as the daemon sees it. Placeholder: it says that no worker can be started.

use std::io;

use bytes::Bytes;
use live::{MediaTime, Rendition};

use crate::sample::Sample;

/// What a worker is to encode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// avcC of the source.
    pub codec_config: Bytes,
    /// Width of the source, pixels.
    pub width: u16,
    /// Height of the source, pixels.
    pub height: u16,
    /// The rungs, tall to small.
    pub rungs: Vec<RungPlan>,
}

/// One rung of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RungPlan {
    /// Its name.
    pub rendition: Rendition,
    /// Width, pixels, even.
    pub width: u16,
    /// Height, pixels, even.
    pub height: u16,
    /// Average bitrate, bits per second.
    pub bitrate_bps: u32,
    /// Frames per second as a fraction, when known.
    pub frame_rate: Option<(u32, u32)>,
}

/// What goes into a worker.
#[derive(Debug, Clone)]
pub enum Input {
    /// An access unit of the source, in decoding order.
    Frame(Sample),
    /// A boundary without a keyframe: IDR at the first frame at or after it.
    ForceKey(MediaTime),
}

/// What comes out of a worker.
#[derive(Debug, Clone)]
pub enum Event {
    /// A rung's decoder configuration, before its first sample.
    Config {
        /// Whose.
        rendition: Rendition,
        /// avcC.
        codec_config: Bytes,
        /// Pixels.
        width: u16,
        /// Pixels.
        height: u16,
    },
    /// An encoded access unit.
    Sample(Rendition, Sample),
    /// It cannot go on.
    Failed {
        /// For the operator.
        reason: String,
    },
}

/// The worker takes nothing more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the encoder's process is gone")]
pub struct FeedError;

/// The way in.
#[derive(Debug)]
pub struct Feed(());

impl Feed {
    /// Non-blocking and bounded; drops the remainder of a GOP when full.
    pub fn push(&mut self, _input: Input) -> Result<(), FeedError> {
        Err(FeedError)
    }
}

/// The way out.
#[derive(Debug)]
pub struct Output(());

impl Output {
    /// The next event; `None` when the process is gone.
    #[expect(clippy::unused_async, reason = "a placeholder")]
    pub async fn recv(&mut self) -> Option<Event> {
        None
    }
}

/// The child process.
#[derive(Debug)]
pub struct Process(());

impl Process {
    /// Starts one.
    #[expect(clippy::unused_async, reason = "a placeholder")]
    pub async fn spawn(_plan: Plan) -> io::Result<(Feed, Output)> {
        Err(io::Error::from(io::ErrorKind::Unsupported))
    }
}

/// The child's own main.
pub fn run() -> std::process::ExitCode {
    std::process::ExitCode::FAILURE
}
