//! [pure] Media and multivariant playlists (RFC 8216bis §4), low-latency tags included: models, writer, parser, checks.
//!
//! The model holds what a playlist says, in exact integers; what was written is read back equal, and every value that
//! is in a model can be written without breaking a line or a quote. The parser is tolerant of tags and attributes it
//! does not know and bounded by [`MAX_BYTES`] and [`MAX_LINES`]; its errors name line and tag.

mod attributes;
pub mod check;
mod date_range;
mod date_ranges;
mod date_time;
mod media;
mod multivariant;
mod parse;
mod parse_media;
mod parse_multivariant;
mod settled;
mod value;
mod wording;
mod write_i_frames;
mod write_media;
mod write_multivariant;

pub use date_range::{DateRange, DateRangeError, Extent};
pub use date_ranges::{DateRanges, Unfit};
pub use date_time::ProgramDateTime;
pub use media::{
    MediaPlaylist, OpenSegment, Part, RenditionReport, Segment, SegmentHead, ServerControl,
    Skipped, Start,
};
pub use multivariant::{AlternativeRendition, IFrameVariant, MediaType, Multivariant, Variant};
pub use parse::{Mistake, ParseError, version_of};
pub use settled::Settled;
pub use value::{FrameRate, Line, Resolution, Seconds, Text, Uri, ValueError};
pub use wording::{ByteRange, PlaylistType, Wording};

/// Longest playlist that is parsed, in bytes. A window of 24 h at 2 s is about 4 MiB.
pub const MAX_BYTES: usize = 8 << 20;
/// Most lines that are parsed; each makes at most one entry of a model, so it bounds memory too. 24 h at 2 s with
/// PROGRAM-DATE-TIME are 130,000.
pub const MAX_LINES: usize = 200_000;

#[cfg(test)]
mod tests;
