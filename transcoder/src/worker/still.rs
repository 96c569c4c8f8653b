//! [pure] What a worker for a slate is told: one picture, and the rung whose encoder is to repeat it.

use bytes::Bytes;

use super::RungPlan;

/// Largest picture in bytes, as a file: a photograph of 8K in JPEG.
pub(super) const MAX_PICTURE: usize = 8 << 20;
/// Most pictures of a slate: the longest segments there are (10 s) at the highest rate (300 per second).
const MAX_COUNT: u64 = 3001;

/// A slate to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Still {
    /// The rung, as the worker of the show was told.
    pub rung: RungPlan,
    /// The caps of its encoder's pictures, as the worker of the show says in its [`super::Event::Config`].
    pub pictures: String,
    /// How long a held segment is, milliseconds.
    pub length_ms: u32,
    /// Pictures per second as a fraction, when the caps do not say.
    pub rate: (u32, u32),
    /// A file, PNG or JPEG, of up to 8 MiB.
    pub picture: Bytes,
}

/// What a picture's file can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StillFormat {
    /// ISO/IEC 15948.
    Png,
    /// ISO/IEC 10918-1.
    Jpeg,
}

impl StillFormat {
    /// By the file's first bytes.
    pub fn of(file: &[u8]) -> Option<Self> {
        if file.starts_with(b"\x89PNG\r\n\x1a\n") {
            Some(Self::Png)
        } else if file.starts_with(b"\xff\xd8\xff") {
            Some(Self::Jpeg)
        } else {
            None
        }
    }

    /// Caps, and the element that decodes it.
    pub(super) const fn elements(self) -> (&'static str, &'static str) {
        match self {
            Self::Png => ("image/png", "pngdec"),
            Self::Jpeg => ("image/jpeg", "jpegdec"),
        }
    }
}

impl Still {
    /// Pictures that fill a segment, and one more: a last segment may be half a picture longer.
    pub(super) fn count(&self, (frames, seconds): (u32, u32)) -> u64 {
        let length = u64::from(self.length_ms) * u64::from(frames);
        let count = length.div_ceil(u64::from(seconds.max(1)) * 1000);
        count.saturating_add(1).min(MAX_COUNT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_known_by_its_first_bytes() {
        assert_eq!(
            StillFormat::of(b"\x89PNG\r\n\x1a\n\0"),
            Some(StillFormat::Png)
        );
        assert_eq!(
            StillFormat::of(b"\xff\xd8\xff\xe0"),
            Some(StillFormat::Jpeg)
        );
        assert_eq!(StillFormat::of(b"<svg>"), None);
        assert_eq!(StillFormat::of(b""), None);
    }

    #[test]
    fn there_are_pictures_for_a_whole_segment() {
        let still = Still {
            rung: RungPlan {
                rendition: live::Rendition::Encoded(240),
                width: 426,
                height: 240,
                bitrate_bps: 400_000,
                halved: false,
            },
            pictures: String::new(),
            length_ms: 2000,
            rate: (30, 1),
            picture: Bytes::new(),
        };
        assert_eq!(still.count((30, 1)), 61);
        assert_eq!(still.count((30_000, 1001)), 61);
        assert_eq!(still.count((u32::MAX, 0)), MAX_COUNT);
    }
}
