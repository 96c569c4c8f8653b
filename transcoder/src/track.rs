//! [pure] The tracks of a stream: how each turns boundaries and samples into the segments of its window.
//!
//! All obey the same boundaries, so that a media sequence number means the same time in each of them. `source` follows
//! them in the order of messages, `audio` by presentation time behind the video, an encoded rung as the encoder
//! delivers. None waits for another.

mod audio;
mod picture;
mod rung;
mod source;

pub use audio::AudioTrack;
pub use rung::{Fed, RungTrack};
pub use source::{Admission, SourceTrack};
