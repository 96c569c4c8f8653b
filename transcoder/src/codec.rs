//! [pure] What a decoder configuration tells of its track: the names and numbers that playlists and boxes want.
//!
//! A configuration that parsed here can be packaged; one that cannot be is refused with a reason for the operator.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod aac;
mod avc;

pub use aac::{AacTrack, AacTrackError};
pub use avc::{AvcTrack, AvcTrackError};

#[cfg(test)]
mod tests;
