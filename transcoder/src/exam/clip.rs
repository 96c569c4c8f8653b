//! [pure] What the encoders are given at their exam: three seconds of a moving picture, 1920x1080 at 30 frames per second,
//! with B-frames as OBS makes them, on a timeline of today.
//!
//! Its edges are soft, so that scalers may differ and the picture be the same. It was made by
//! `ffmpeg -f lavfi -i testsrc2=size=1920x1080:rate=30:duration=3,gblur=sigma=6 -pix_fmt yuv420p -threads 1 -c:v libx264
//! -profile:v high -preset slower -crf 32 -bf 2 -b_strategy 0 -g 9999 -sc_threshold 0 -force_key_frames 0,1.3
//! -flags +bitexact -fflags +bitexact clip.flv`.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use bytes::{Buf as _, Bytes, TryGetError};
use live::MediaTime;

use crate::worker::Input;

const FLV: &[u8] = include_bytes!("clip.flv");
/// Unix milliseconds of the first picture: times as large as mux makes them.
const EPOCH_MS: u64 = 1_790_000_000_000;
/// The picture at which a key is asked for where the source has none.
const FORCED: usize = 62;

/// A source for encoders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Clip {
    /// avcC.
    pub(super) codec_config: Bytes,
    /// Access units in decoding order, and a request for a key before the pictures it is meant for.
    pub(super) inputs: Vec<Input>,
    /// When each picture is shown, in order.
    pub(super) times: Vec<MediaTime>,
    /// When a key is shown: wherever the source has one, and where one is asked for.
    pub(super) keys: Vec<MediaTime>,
}

impl Clip {
    /// The clip that comes with the transcoder.
    pub(super) fn read() -> Option<Self> {
        Self::from_flv(Bytes::from_static(FLV)).ok()
    }

    /// FLV (Adobe, version 10.1, annex E): a header of 9 bytes, then tags behind the size of the one before.
    fn from_flv(mut flv: Bytes) -> Result<Self, TryGetError> {
        const HEADER: usize = 9;
        const VIDEO: u8 = 9;
        let mut clip = Self {
            codec_config: Bytes::new(),
            inputs: Vec::new(),
            times: Vec::new(),
            keys: Vec::new(),
        };
        flv.advance(HEADER.min(flv.len()));
        loop {
            flv.try_get_u32()?;
            if flv.is_empty() {
                break;
            }
            let kind = flv.try_get_u8()?;
            let size = usize::try_from(flv.try_get_uint(3)?).unwrap_or(usize::MAX);
            let ms = flv.try_get_uint(3)? | u64::from(flv.try_get_u8()?) << 24;
            flv.try_get_uint(3)?;
            let body = flv.split_to(size.min(flv.len()));
            if kind == VIDEO {
                clip.video(ms, body)?;
            }
        }
        clip.force();
        Ok(clip)
    }

    fn video(&mut self, ms: u64, mut body: Bytes) -> Result<(), TryGetError> {
        let key = body.try_get_u8()? >> 4 == 1;
        let packet = body.try_get_u8()?;
        let composition = body.try_get_uint(3)?;
        let dts = MediaTime::from_millis(EPOCH_MS).plus_millis(ms);
        let pts = dts.plus_millis(composition);
        match packet {
            0 => self.codec_config = body,
            1 => {
                self.times.push(pts);
                if key {
                    self.keys.push(pts);
                }
                self.inputs.push(Input::Frame {
                    pts,
                    dts,
                    key,
                    bytes: body,
                });
            }
            _ => {}
        }
        Ok(())
    }

    /// Puts the request in: a boundary where the source has no key, as mux makes one that is overdue.
    fn force(&mut self) {
        self.times.sort_unstable();
        let Some(&forced) = self.times.get(FORCED) else {
            return;
        };
        let later = |input: &Input| matches!(input, Input::Frame { pts, .. } if *pts >= forced);
        if let Some(first) = self.inputs.iter().position(later) {
            self.inputs.insert(first, Input::ForceKey { pts: forced });
            self.keys.push(forced);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{VideoCodec, VideoTrack};

    #[test]
    fn the_clip_is_what_an_exam_needs() {
        let clip = Clip::read().unwrap();
        assert_eq!((clip.times.len(), clip.inputs.len()), (90, 91));
        let number = |key| clip.times.iter().position(|time| time == key);
        let keys: Vec<_> = clip.keys.iter().map(number).collect();
        assert_eq!(keys, [Some(0), Some(39), Some(FORCED)]);
        let track = VideoTrack::parse(VideoCodec::Avc, &clip.codec_config).unwrap();
        assert_eq!((track.width(), track.height()), (1920, 1080));
    }

    #[test]
    fn half_a_file_is_refused() {
        assert!(Clip::from_flv(Bytes::from_static(FLV.split_at(FLV.len() / 2).0)).is_err());
    }
}
