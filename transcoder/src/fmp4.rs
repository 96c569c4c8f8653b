//! [pure] Fragmented MP4 as CMAF wants it (ISO/IEC 14496-12, 23000-19): initialization sections and fragments.
//!
//! The bytes depend on the arguments alone: no creation times, no tool names. One track a file, always track 1.

mod boxes;
mod event;
mod film;
mod fragment;
mod init;
pub mod read;

pub use event::{Event, with_events};
pub use film::{FilmTrack, film_head};
pub use fragment::{Entry, Fragment, MediaKind, ReferenceTime, sequence_number};
pub use init::{audio_init, video_init};

/// Timescale of every video track: the segment clock's own.
pub const VIDEO_TIMESCALE: u32 = 90_000;

#[cfg(test)]
mod tests;
