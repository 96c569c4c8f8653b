//! The encoder's process: GStreamer behind a socket, one child per stream (DESIGN §4b).
//!
//! The daemon loads no plugin and never initialises GStreamer. It re-executes itself as `footlight-transcoder worker`,
//! hands over a [`Recipe`] and a [`Plan`], feeds the source's access units and gets encoded ones back. A plugin that crashes costs its
//! rungs a GAP, nothing else.
//!
//! Always true of what comes out, for every rung:
//! - one [`Event::Config`] before the first [`Event::Sample`], and no second one;
//! - samples in rising `pts`, every `pts` being one that went in, never a B-frame (so `dts` equals `pts`);
//! - a key exactly where the source has one, and where [`Input::ForceKey`] asked for one;
//! - every picture that went in, or in a rung that is [`RungPlan::halved`] every second one, counted from each key;
//! - bytes that depend on the input's bytes and order alone, not on the box, the clock or a thread's timing. (A box that
//!   is too slow drops input before the worker, see [`FeedError::Full`]: from there on its bytes are its own.)

use bytes::Bytes;
use live::{MediaTime, Rendition};

use crate::{codec::VideoCodec, pictures::Snapshot};

mod child;
mod coded;
mod feed;
mod gate;
mod graph;
mod keys;
mod life;
mod meter;
mod order;
mod pipeline;
mod process;
mod protocol;
mod recipe;
mod sound;
mod still;
mod tail;
mod watchdog;

pub use child::run;
pub use feed::{Feed, FeedError};
pub use graph::PlanError;
pub use process::{Output, Process};
pub use recipe::{Encoder, EncoderKind, Preset, Recipe};
pub use sound::BITRATE_BPS as SOUND_BITRATE_BPS;
pub use still::{Still, StillFormat};

/// The `codec_config` of a rung that [`Recipe::pictures`] gives: its samples are I420, each a whole picture and a key.
pub const RAW: &[u8] = b"I420";

/// What a worker is to encode. Fixed for its life: a source that changes its configuration gets a new worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What the source is coded with.
    pub codec: VideoCodec,
    /// The source's configuration record: avcC, hvcC or av1C.
    pub codec_config: Bytes,
    /// Width of the source in pixels.
    pub width: u16,
    /// Height of the source in pixels.
    pub height: u16,
    /// The encoded rungs, in any order.
    pub rungs: Vec<RungPlan>,
    /// Whether pictures are taken of the show, from the smallest rung.
    pub pictures: bool,
}

/// One encoded rung of a [`Plan`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RungPlan {
    /// Its name; each name once in a plan.
    pub rendition: Rendition,
    /// Width in pixels, even. The picture fills width x height: the caller keeps the aspect.
    pub width: u16,
    /// Height in pixels, even.
    pub height: u16,
    /// Target and ceiling over one second, in bits per second; encoded to whole thousands.
    pub bitrate_bps: u32,
    /// Every second picture is left out, but for keys.
    pub halved: bool,
}

/// How many of the pictures that a rung is planned to have are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pace {
    /// All.
    #[default]
    Full,
    /// Every second one, but for keys.
    Half,
    /// None.
    Suspended,
}

impl Pace {
    /// As `/status` has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Half => "half",
            Self::Suspended => "suspended",
        }
    }
}

/// What goes into a worker, in the source's decoding order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// One access unit of the source.
    Frame {
        /// When it is shown.
        pts: MediaTime,
        /// When it is decoded; at most `pts`.
        dts: MediaTime,
        /// Whether decoding can start here. Every rung gets an IDR at this `pts`.
        key: bool,
        /// NAL units behind lengths, as the plan's record says; OBUs of AV1.
        bytes: Bytes,
    },
    /// A boundary without a source key: every rung gets an IDR at its first frame with this `pts` or later.
    /// To be pushed before the first such frame; frames that went in already are left as they are.
    ForceKey {
        /// Where the boundary is.
        pts: MediaTime,
    },
    /// Nothing will come for a while, and then a key: every rung gives what it still holds back.
    Drain,
}

/// What comes out of a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A rung's decoder configuration, once, before its first sample.
    Config {
        /// Whose.
        rendition: Rendition,
        /// avcC.
        codec_config: Bytes,
        /// Width in pixels, as planned.
        width: u16,
        /// Height in pixels, as planned.
        height: u16,
        /// The caps of the pictures that its encoder is given: what another encoder needs to code as this one does.
        pictures: String,
    },
    /// One encoded access unit of a rung.
    Sample {
        /// Whose.
        rendition: Rendition,
        /// When it is shown and decoded.
        pts: MediaTime,
        /// Whether it is an IDR.
        key: bool,
        /// NAL units behind 4-byte lengths.
        bytes: Bytes,
    },
    /// A picture of the show: one in ten seconds, if the plan wants them.
    Picture(Snapshot),
    /// There will be no pictures, though the plan wants them; all else goes on.
    NoPictures {
        /// For the operator: one line, no control characters.
        reason: String,
    },
    /// The box is too slow for all that is planned, or is so no longer. The daemon's own end of the worker says it.
    Paced {
        /// Whose.
        rendition: Rendition,
        /// From the next picture on.
        pace: Pace,
        /// How far a rung was behind; none when what was given up is taken back.
        lag_ms: Option<u64>,
    },
    /// What the worker took lately, in thousandths of a processor. The daemon's own end of the worker says it.
    Used {
        /// More than a thousand where it has several at once.
        millicores: u64,
    },
    /// The worker cannot go on; nothing but the end follows.
    Failed {
        /// For the operator: one line, no control characters.
        reason: String,
    },
}
