//! [pure] What a decoder configuration tells of its track: the names and numbers that playlists and boxes want.
//!
//! A configuration that parsed here can be packaged; one that cannot be is refused with a reason for the operator.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod aac;
mod av1;
mod nal;
mod sound;
mod video;

pub use aac::{AacTrack, AacTrackError};
pub use sound::{ForeignSound, SoundCodec, SoundTrack, SoundTrackError};
pub use video::{VideoCodec, VideoTrack, VideoTrackError};

#[cfg(test)]
mod tests;
