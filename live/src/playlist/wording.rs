//! [pure] What a media playlist's text says that its model does not hold: a writer has no choice there, and only a checker
//! asks.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::parse::{ParseError, Statement, statements};

/// PLAYLIST-TYPE (§4.4.3.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlaylistType {
    /// EVENT: segments are added and never removed.
    Event,
    /// VOD: nothing ever changes.
    Vod,
}

/// A piece of a resource (EXT-X-BYTERANGE, §4.4.4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteRange {
    /// Its length in bytes.
    pub length: u64,
    /// Its first byte; none is where the piece before ended.
    pub offset: Option<u64>,
}

/// What the text says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wording {
    /// EXT-X-VERSION, 1 when there is none; none when it is no number.
    pub version: Option<u32>,
    /// EXT-X-PLAYLIST-TYPE.
    pub playlist_type: Option<PlaylistType>,
    /// EXT-X-DISCONTINUITY-SEQUENCE is there.
    pub discontinuity_sequence: bool,
    /// EXT-X-I-FRAMES-ONLY is there.
    pub i_frames_only: bool,
    /// EXT-X-KEY with a method: media cannot be looked into.
    pub encrypted: bool,
    /// Segments, parts or initialization sections are pieces of larger resources.
    pub pieces: bool,
    /// The piece that each segment is, oldest first; as many as there are segments.
    pub segments: Vec<Option<ByteRange>>,
    /// Lines, from 1, where something is said of a segment after its first part.
    pub late_heads: Vec<usize>,
}

impl Wording {
    /// Reads the text of a media playlist. The bounds are those of its parser.
    pub fn parse(playlist: &[u8]) -> Result<Self, ParseError> {
        let mut wording = Self {
            version: Some(1),
            ..Self::default()
        };
        let (mut parts, mut piece) = (false, None);
        for (line, statement) in statements(playlist)? {
            match statement {
                Statement::Uri(_) => {
                    wording.segments.push(piece.take());
                    parts = false;
                }
                Statement::Tag("EXT-X-BYTERANGE", value) => {
                    wording.pieces = true;
                    piece = byte_range(value);
                }
                Statement::Tag(name, value) => {
                    let head = [
                        "EXT-X-DISCONTINUITY",
                        "EXT-X-KEY",
                        "EXT-X-MAP",
                        "EXT-X-PROGRAM-DATE-TIME",
                    ];
                    if parts && head.contains(&name) {
                        wording.late_heads.push(line);
                    }
                    parts |= name == "EXT-X-PART";
                    wording.tag(name, value);
                }
            }
        }
        Ok(wording)
    }

    fn tag(&mut self, name: &str, value: &str) {
        match name {
            "EXT-X-VERSION" => self.version = value.parse().ok(),
            "EXT-X-PLAYLIST-TYPE" => {
                self.playlist_type = match value {
                    "EVENT" => Some(PlaylistType::Event),
                    "VOD" => Some(PlaylistType::Vod),
                    _ => None,
                }
            }
            "EXT-X-DISCONTINUITY-SEQUENCE" => self.discontinuity_sequence = true,
            "EXT-X-I-FRAMES-ONLY" => self.i_frames_only = true,
            "EXT-X-KEY" => self.encrypted |= !value.contains("METHOD=NONE"),
            "EXT-X-PART" | "EXT-X-MAP" => self.pieces |= value.contains("BYTERANGE="),
            _ => {}
        }
    }
}

/// `1000@200`.
fn byte_range(value: &str) -> Option<ByteRange> {
    let (length, offset) = match value.split_once('@') {
        Some((length, offset)) => (length, Some(offset.parse().ok()?)),
        None => (value, None),
    };
    Some(ByteRange {
        length: length.parse().ok()?,
        offset,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_model_leaves_out_is_read() {
        let text = b"#EXTM3U\n#EXT-X-VERSION:4\n#EXT-X-PLAYLIST-TYPE:EVENT\n#EXT-X-I-FRAMES-ONLY\n\
            #EXT-X-KEY:METHOD=NONE\n#EXTINF:2,\n#EXT-X-BYTERANGE:10@5\na\n#EXT-X-PART:URI=\"x\"\n\
            #EXT-X-DISCONTINUITY\n#EXTINF:2,\nb\n";
        let piece = ByteRange {
            length: 10,
            offset: Some(5),
        };
        assert_eq!(
            Wording::parse(text).unwrap(),
            Wording {
                version: Some(4),
                playlist_type: Some(PlaylistType::Event),
                i_frames_only: true,
                pieces: true,
                segments: vec![Some(piece), None],
                late_heads: vec![10],
                ..Wording::default()
            }
        );
    }

    #[test]
    fn nothing_said_is_version_one() {
        let wording = Wording::parse(b"#EXTM3U\n").unwrap();
        assert_eq!(wording.version, Some(1));
        assert_eq!(wording.segments, []);
        let odd = Wording::parse(b"#EXTM3U\n#EXT-X-VERSION:x\n").unwrap();
        assert_eq!(odd.version, None);
    }
}
