//! [pure] The media initialization section: ftyp and moov.

use bytes::Bytes;

use super::{VIDEO_TIMESCALE, boxes::Boxes};
use crate::codec::{AacTrack, VideoCodec, VideoTrack};

/// Room for either kind without growing.
const USUAL_SIZE: usize = 1024;
/// No rotation, no scaling (ISO/IEC 14496-12 6.2.2).
const UNITY_MATRIX: [u32; 9] = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000];
/// ISO 639-2 `und`, five bits a letter.
const UNDETERMINED: u16 = 0x55c4;

/// The initialization section of a video track.
pub fn video_init(track: &VideoTrack) -> Bytes {
    let (width, height) = (track.width(), track.height());
    init(&TrackHeader {
        timescale: VIDEO_TIMESCALE,
        volume: 0,
        width,
        height,
        handler: *b"vide",
        media_header: &|out| out.full(*b"vmhd", 0, 1, |out| out.zeros(8)),
        sample_entry: &|out| visual(out, track),
    })
}

/// The initialization section of an AAC track.
pub fn audio_init(track: &AacTrack) -> Bytes {
    init(&TrackHeader {
        timescale: track.sample_rate(),
        volume: 0x0100,
        width: 0,
        height: 0,
        handler: *b"soun",
        media_header: &|out| out.full(*b"smhd", 0, 0, |out| out.zeros(4)),
        sample_entry: &|out| mp4a(out, track),
    })
}

fn unity_matrix(out: &mut Boxes) {
    for value in UNITY_MATRIX {
        out.u32(value);
    }
}

struct TrackHeader<'a> {
    timescale: u32,
    volume: u16,
    width: u16,
    height: u16,
    handler: [u8; 4],
    media_header: &'a dyn Fn(&mut Boxes),
    sample_entry: &'a dyn Fn(&mut Boxes),
}

fn init(track: &TrackHeader<'_>) -> Bytes {
    let mut out = Boxes::with_capacity(USUAL_SIZE);
    out.boxed(*b"ftyp", |out| {
        out.bytes(b"iso6");
        out.u32(0);
        out.bytes(b"iso6cmfcmp41");
    });
    out.boxed(*b"moov", |out| {
        out.full(*b"mvhd", 0, 0, |out| {
            out.zeros(8);
            out.u32(track.timescale);
            out.u32(0);
            out.u32(0x1_0000);
            out.u16(0x0100);
            out.zeros(10);
            unity_matrix(out);
            out.zeros(24);
            out.u32(2);
        });
        out.boxed(*b"trak", |out| trak(out, track));
        out.boxed(*b"mvex", |out| {
            out.full(*b"trex", 0, 0, |out| {
                out.u32(1);
                out.u32(1);
                out.zeros(12);
            });
        });
    });
    out.finish()
}

fn trak(out: &mut Boxes, track: &TrackHeader<'_>) {
    // Flags: the track is enabled and part of the presentation.
    out.full(*b"tkhd", 0, 3, |out| {
        out.zeros(8);
        out.u32(1);
        out.zeros(4 + 4 + 8 + 2 + 2);
        out.u16(track.volume);
        out.zeros(2);
        unity_matrix(out);
        out.u32(u32::from(track.width) << 16);
        out.u32(u32::from(track.height) << 16);
    });
    out.boxed(*b"mdia", |out| {
        out.full(*b"mdhd", 0, 0, |out| {
            out.zeros(8);
            out.u32(track.timescale);
            out.u32(0);
            out.u16(UNDETERMINED);
            out.zeros(2);
        });
        out.full(*b"hdlr", 0, 0, |out| {
            out.zeros(4);
            out.bytes(&track.handler);
            out.zeros(12 + 1);
        });
        out.boxed(*b"minf", |out| {
            (track.media_header)(out);
            out.boxed(*b"dinf", |out| {
                out.full(*b"dref", 0, 0, |out| {
                    out.u32(1);
                    // Flag: the media are in this file.
                    out.full(*b"url ", 0, 1, |_| {});
                });
            });
            stbl(out, track);
        });
    });
}

/// The samples are in fragments: every table is empty.
fn stbl(out: &mut Boxes, track: &TrackHeader<'_>) {
    out.boxed(*b"stbl", |out| {
        out.full(*b"stsd", 0, 0, |out| {
            out.u32(1);
            (track.sample_entry)(out);
        });
        out.full(*b"stts", 0, 0, |out| out.u32(0));
        out.full(*b"stsc", 0, 0, |out| out.u32(0));
        out.full(*b"stsz", 0, 0, |out| out.zeros(8));
        out.full(*b"stco", 0, 0, |out| out.u32(0));
    });
}

/// Parameter sets are in the configuration alone, hence not `avc3` and `hev1` (ISO/IEC 14496-15 5.4.2, 8.4.1).
fn visual(out: &mut Boxes, track: &VideoTrack) {
    let (entry, configuration) = match track.codec() {
        VideoCodec::Avc => (*b"avc1", *b"avcC"),
        VideoCodec::Hevc => (*b"hvc1", *b"hvcC"),
        VideoCodec::Av1 => (*b"av01", *b"av1C"),
    };
    out.boxed(entry, |out| {
        out.zeros(6);
        out.u16(1);
        out.zeros(16);
        out.u16(track.width());
        out.u16(track.height());
        // 72 dpi both ways, as everybody writes.
        out.u32(0x0048_0000);
        out.u32(0x0048_0000);
        out.u32(0);
        out.u16(1);
        out.zeros(32);
        out.u16(24);
        out.u16(u16::MAX);
        out.boxed(configuration, |out| out.bytes(track.record()));
    });
}

fn mp4a(out: &mut Boxes, track: &AacTrack) {
    out.boxed(*b"mp4a", |out| {
        out.zeros(6);
        out.u16(1);
        out.zeros(8);
        out.u16(u16::from(track.channels()));
        out.u16(16);
        out.zeros(4);
        // 16.16 fixed point; a rate beyond 16 bits stands in the decoder's configuration only.
        out.u32(u32::from(u16::try_from(track.sample_rate()).unwrap_or(0)) << 16);
        esds(out, track.config());
    });
}

/// ES_Descriptor (ISO/IEC 14496-1 7.2.6.5) around the AudioSpecificConfig. Its lengths take one byte each:
/// `AacTrack::MAX_BYTES` leaves room.
fn esds(out: &mut Boxes, config: &[u8]) {
    let length = u8::try_from(config.len()).unwrap_or(0);
    let decoder = length + 2 + 13;
    out.full(*b"esds", 0, 0, |out| {
        out.u8(0x03);
        out.u8(decoder + 2 + 3 + 3);
        out.u16(1);
        out.u8(0);
        out.u8(0x04);
        out.u8(decoder);
        // MPEG-4 audio; audio stream, with the reserved bit set.
        out.u8(0x40);
        out.u8(0x15);
        out.zeros(3 + 4 + 4);
        out.u8(0x05);
        out.u8(length);
        out.bytes(config);
        // SLConfigDescriptor: as MP4 files have it.
        out.u8(0x06);
        out.u8(1);
        out.u8(2);
    });
}
