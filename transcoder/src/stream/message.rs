//! [pure] What a stream is told by mux, and what it asks of its shell.

use bytes::Bytes;
use live::{stamp::Stamp, telling::Telling};

use crate::{
    codec::{ForeignSound, SoundCodec, VideoCodec},
    cue::Cue,
    worker::{Input, Plan},
};

/// What a publisher says of its stream (onMetaData), for the multivariant playlist only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Metadata {
    /// Video, bits per second.
    pub video_bps: Option<u64>,
    /// Sound, bits per second.
    pub audio_bps: Option<u64>,
    /// Thousandths of a frame per second.
    pub frame_rate: Option<u64>,
}

/// What mux sends, as far as a packager needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A video track's configuration record.
    VideoConfig(VideoCodec, Bytes),
    /// A sound track's configuration.
    AudioConfig(SoundCodec, Bytes),
    /// One access unit.
    Video {
        /// What it is coded with.
        codec: VideoCodec,
        /// Decoding time as on the wire.
        wire_ms: u32,
        /// Presentation minus decoding time, milliseconds.
        composition_ms: i32,
        /// Whether decoding can start here.
        key: bool,
        /// NAL units with lengths, or a temporal unit's OBUs.
        bytes: Bytes,
    },
    /// One frame of sound.
    Audio {
        /// What it is coded with.
        codec: SoundCodec,
        /// Presentation time as on the wire.
        wire_ms: u32,
        /// The raw frame.
        bytes: Bytes,
    },
    /// onMetaData.
    Metadata(Metadata),
    /// onDateRange.
    DateRange(Telling),
    /// onTextData or onCuePoint, and its time as on the wire.
    Cue(u32, Cue),
    /// onSegment or onHold.
    Stamp(Stamp),
    /// onEnd.
    End,
}

/// What the shell has to do with the encoder.
#[derive(Debug, Clone)]
pub enum Action {
    /// Stop the encoder there is, start this one; its events bear the generation.
    Start(u64, Plan),
    /// Feed the running encoder.
    Encode(Input),
    /// Stop it.
    Stop,
    /// The same for the encoder of sound that players do not take.
    StartSound(u64, ForeignSound),
    /// Feed it.
    EncodeSound(Input),
    /// Stop it.
    StopSound,
}
