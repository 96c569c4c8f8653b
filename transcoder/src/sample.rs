//! [pure] One coded access unit, the same type for the publisher's video, the encoded rungs and the sound.
//!
//! Its payload is never empty and never larger than [`Sample::MAX_BYTES`], so that every size in a fragment fits 32 bits.

use bytes::Bytes;
use live::MediaTime;

/// One access unit in decoding order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// When it is shown.
    pub pts: MediaTime,
    /// When it is decoded. The same as `pts` without B-frames and for sound.
    pub dts: MediaTime,
    /// Whether decoding can start here.
    pub key: bool,
    bytes: Bytes,
}

/// The payload cannot be a sample. The peer's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an access unit of {0} bytes; there must be 1 to {max}", max = Sample::MAX_BYTES)]
pub struct SampleError(pub usize);

impl Sample {
    /// Largest payload in bytes: an intra frame of 8K at its best is below 10 MB.
    pub const MAX_BYTES: usize = 16 << 20;

    /// `bytes` are H.264 NAL units behind 4-byte lengths (or as avcC says), or one raw AAC frame.
    pub fn new(
        pts: MediaTime,
        dts: MediaTime,
        key: bool,
        bytes: Bytes,
    ) -> Result<Self, SampleError> {
        if (1..=Self::MAX_BYTES).contains(&bytes.len()) {
            Ok(Self {
                pts,
                dts,
                key,
                bytes,
            })
        } else {
            Err(SampleError(bytes.len()))
        }
    }

    /// The payload.
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The payload's length; the bound makes it fit.
    pub fn size(&self) -> u32 {
        u32::try_from(self.bytes.len()).unwrap_or(u32::MAX)
    }
}
