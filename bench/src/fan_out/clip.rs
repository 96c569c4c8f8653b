//! The show that is published: an FLV file's messages, with a stamp in each picture.
//!
//! The stamp is an SEI message of H.264's kind for users (ISO 14496-10 D.1.7), so that every server passes it on: who
//! sent the picture, and when. Publisher and players are in one process and share its clock.

use std::{path::Path, process::Command, sync::OnceLock, time::Instant};

use anyhow::{Context, Result, bail};
use bytes::{BufMut, Bytes, BytesMut};
use rtmp::MessageKind;

const FILE: &str = "clip.flv";
/// Says that the SEI message is ours.
const UUID: [u8; 16] = *b"footlight-bench!";
/// Bytes of a video message before its first NAL unit: frame and codec, packet type, composition time.
const HEAD: usize = 5;
/// NAL length, NAL header, SEI type, SEI size.
const BEFORE_UUID: usize = HEAD + 4 + 3;

/// One message of the clip.
pub(super) struct Tag {
    /// Milliseconds from the clip's beginning.
    pub(super) at: u32,
    pub(super) kind: MessageKind,
    pub(super) payload: Bytes,
    /// Metadata or codec configuration.
    pub(super) header: bool,
}

/// Where a picture comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    /// The publisher's number, below 16.
    pub(super) publisher: u8,
    /// Nanoseconds on the clock of [`now`].
    pub(super) sent: u64,
}

/// Nanoseconds since the first call.
pub(super) fn now() -> u64 {
    static BEGAN: OnceLock<Instant> = OnceLock::new();
    u64::try_from(BEGAN.get_or_init(Instant::now).elapsed().as_nanos()).unwrap_or(u64::MAX)
}

impl Tag {
    /// Whether decoding can start here.
    pub(super) fn is_key(payload: &[u8]) -> bool {
        matches!(payload, [0x17, 1, ..])
    }

    /// The payload as `publisher` sends it now.
    pub(super) fn stamped(&self, publisher: u8) -> Bytes {
        if self.kind != MessageKind::Video || self.header || self.payload.len() < HEAD {
            return self.payload.clone();
        }
        let mut stamped = BytesMut::with_capacity(self.payload.len() + 64);
        stamped.put_slice(&self.payload[..HEAD]);
        stamped.put_u32(3 + 16 + 16 + 1);
        stamped.put_slice(&[0x06, 0x05, 32]);
        stamped.put_slice(&UUID);
        // Sixteen digits: no byte that H.264 would have to escape.
        stamped.put_slice(format!("{publisher:x}{:015x}", now()).as_bytes());
        stamped.put_u8(0x80);
        stamped.put_slice(&self.payload[HEAD..]);
        stamped.freeze()
    }
}

impl Stamp {
    /// The stamp of a video message.
    pub(super) fn of(payload: &[u8]) -> Option<Self> {
        let (uuid, rest) = payload.get(BEFORE_UUID..)?.split_at_checked(UUID.len())?;
        let digits = std::str::from_utf8(rest.get(..16)?).ok()?;
        let number = u64::from_str_radix(digits, 16)
            .ok()
            .filter(|_| uuid == UUID)?;
        Some(Self {
            publisher: u8::try_from(number >> 60).ok()?,
            sent: number & (u64::MAX >> 4),
        })
    }
}

/// Twenty seconds of 1080p30 at 4 Mbit/s with B-frames, two-second GOPs, AAC at 128 kbit/s, made in `dir`.
pub(super) fn make(dir: &Path) -> Result<Vec<Tag>> {
    let picture = "testsrc2=size=1920x1080:rate=30:duration=20";
    let sound = "sine=frequency=440:sample_rate=48000:duration=20";
    let made = Command::new("ffmpeg")
        .args(["-loglevel", "error", "-f", "lavfi", "-i", picture])
        .args(["-f", "lavfi", "-i", sound])
        .args(["-c:v", "libx264", "-preset", "ultrafast", "-bf", "2"])
        .args(["-g", "60", "-keyint_min", "60", "-sc_threshold", "0"])
        .args(["-pix_fmt", "yuv420p", "-b:v", "4M", "-minrate", "4M"])
        .args(["-maxrate", "4M", "-bufsize", "4M"])
        .args(["-x264-params", "nal-hrd=cbr", "-c:a", "aac", "-b:a", "128k"])
        .args(["-f", "flv"])
        .arg(dir.join(FILE))
        .output()
        .context("ffmpeg is missing: run make deps")?;
    if !made.status.success() {
        bail!("ffmpeg: {}", String::from_utf8_lossy(&made.stderr));
    }
    read(dir)
}

/// The clip that was made in `dir`.
pub(super) fn read(dir: &Path) -> Result<Vec<Tag>> {
    let tags = parse(&std::fs::read(dir.join(FILE))?).context("not an FLV file")?;
    if tags.len() < 100 {
        bail!("the clip has no more than {} messages", tags.len());
    }
    Ok(tags)
}

fn parse(flv: &[u8]) -> Option<Vec<Tag>> {
    let mut rest = flv.get(13..)?;
    let mut tags = Vec::new();
    while let Some((head, after)) = rest.split_first_chunk::<11>() {
        let [kind, l1, l2, l3, t1, t2, t3, t0, ..] = *head;
        let length = usize::try_from(u32::from_be_bytes([0, l1, l2, l3])).ok()?;
        let payload = Bytes::copy_from_slice(after.get(..length)?);
        rest = after.get(length + 4..).unwrap_or_default();
        tags.push(Tag {
            at: u32::from_be_bytes([t0, t1, t2, t3]),
            header: match kind {
                8 | 9 => payload.get(1) == Some(&0),
                _ => true,
            },
            kind: match kind {
                8 => MessageKind::Audio,
                9 => MessageKind::Video,
                _ => MessageKind::DataAmf0,
            },
            payload,
        });
    }
    Some(tags)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_read_back() {
        let tag = Tag {
            at: 0,
            kind: MessageKind::Video,
            payload: Bytes::from_static(b"\x17\x01\0\0\0\0\0\0\x02ab"),
            header: false,
        };
        let before = now();
        let payload = tag.stamped(2);
        let stamp = Stamp::of(&payload).unwrap();
        assert_eq!(stamp.publisher, 2);
        assert!(stamp.sent >= before && stamp.sent <= now());
        assert!(payload.ends_with(&tag.payload[HEAD..]) && Tag::is_key(&payload));
        assert_eq!(Stamp::of(&tag.payload), None);
    }
}
