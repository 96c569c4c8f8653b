//! [pure] Events in the media: what a date range says, as an ID3 tag in an `emsg` box in front of a fragment
//! (ISO/IEC 23009-1 5.10.3.3; "Carriage of ID3 Timed Metadata in CMAF").
//!
//! Players of Apple's and hls.js hand the tag to the page at its time. The bytes depend on the range alone.

use bytes::Bytes;
use live::{
    InitHash, MediaTime,
    playlist::{DateRange, Extent},
};

use super::boxes::Boxes;

const SCHEME: &[u8] = b"https://aomedia.org/emsg/ID3\0";
/// `event_duration` of what has no known end.
const UNKNOWN: u32 = u32::MAX;

/// An event of one moment, the same in all tracks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    time: MediaTime,
    duration_ms: Option<u64>,
    id: u32,
    tag: Bytes,
}

impl Event {
    /// What a date range says, at its start.
    pub fn of(range: &DateRange) -> Self {
        let hash = InitHash::of(range.to_string().as_bytes()).to_string();
        let id = hash
            .get(..8)
            .and_then(|hex| u32::from_str_radix(hex, 16).ok());
        Self {
            time: MediaTime::from_millis(range.start().unix_millis()),
            duration_ms: match range.extent() {
                Extent::Lasts(lasts) => Some(lasts.millis()),
                Extent::UntilNext | Extent::Unknown => None,
            },
            id: id.unwrap_or_default(),
            tag: tag(range),
        }
    }

    /// When it is.
    pub const fn time(&self) -> MediaTime {
        self.time
    }

    fn write(&self, out: &mut Boxes, timescale: u32) {
        let scale = u128::from(timescale);
        let time = u128::from(self.time.ticks()) * scale / u128::from(MediaTime::HZ);
        let duration = self.duration_ms.map(|ms| u128::from(ms) * scale / 1000);
        let duration = duration.and_then(|units| u32::try_from(units).ok());
        out.full(*b"emsg", 1, 0, |out| {
            out.u32(timescale);
            out.u64(u64::try_from(time).unwrap_or(u64::MAX));
            out.u32(duration.unwrap_or(UNKNOWN));
            out.u32(self.id);
            out.bytes(SCHEME);
            // No value.
            out.u8(0);
            out.bytes(&self.tag);
        });
    }
}

/// The fragment with these events before its moof, in the track's timescale.
pub fn with_events(fragment: &Bytes, events: &[Event], timescale: u32) -> Bytes {
    let tags: usize = events.iter().map(|event| event.tag.len() + 64).sum();
    let mut out = Boxes::with_capacity(fragment.len() + tags);
    let clock = clock_length(fragment);
    let (before, rest) = fragment.split_at_checked(clock).unwrap_or((&[], fragment));
    out.bytes(before);
    for event in events {
        event.write(&mut out, timescale);
    }
    out.bytes(rest);
    out.finish()
}

/// The bytes of prft at its start.
fn clock_length(fragment: &[u8]) -> usize {
    match fragment.split_first_chunk::<4>() {
        Some((size, rest)) if rest.starts_with(b"prft") => {
            usize::try_from(u32::from_be_bytes(*size)).unwrap_or(0)
        }
        _ => 0,
    }
}

/// An ID3 tag, version 2.4: title and artist in frames of their own, all else in those of the user.
fn tag(range: &DateRange) -> Bytes {
    let mut frames = Vec::new();
    let class = range.class().map(|class| ("CLASS", class));
    let named = [("ID", range.id())].into_iter().chain(class);
    for (name, value) in named.chain(range.client()) {
        let value = value.as_str().as_bytes();
        match name {
            "X-TITLE" => frame(*b"TIT2", value, &mut frames),
            "X-ARTIST" => frame(*b"TPE1", value, &mut frames),
            _ => frame(
                *b"TXXX",
                &[name.as_bytes(), b"\0", value].concat(),
                &mut frames,
            ),
        }
    }
    let mut tag = b"ID3\x04\x00\x00".to_vec();
    tag.extend(seven_bits(frames.len()));
    tag.extend(frames);
    tag.into()
}

fn frame(name: [u8; 4], body: &[u8], out: &mut Vec<u8>) {
    const UTF_8: u8 = 3;
    out.extend(name);
    out.extend(seven_bits(body.len() + 1));
    out.extend([0, 0, UTF_8]);
    out.extend(body);
}

/// A length in four bytes of seven bits. A range is of 4 KiB at most.
fn seven_bits(length: usize) -> [u8; 4] {
    let length = u32::try_from(length).unwrap_or(0);
    [21, 14, 7, 0].map(|shift| u8::try_from(length >> shift & 0x7f).unwrap_or(0))
}
