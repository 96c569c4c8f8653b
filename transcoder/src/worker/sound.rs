//! [pure] From a publisher's sound that players do not take to the text of a GStreamer pipeline that makes AAC-LC of it.
//!
//! Two chains: sound is decoded, mixed down to two channels and resampled; [`grid`] cuts it into blocks on the absolute
//! grid of [`AacTrack::FRAME`] samples; an encoder makes a frame of each. So whatever the publisher's codec, rate and
//! channels, and whenever they change, what comes out has one configuration and lies where the `audio` rendition wants it.

use crate::codec::{AacTrack, ForeignSound, SoundCodec};

mod grid;

pub(super) use grid::{Block, Grid};

/// Bits per second of what is encoded: transparent for stereo, and below the 192 kbit/s that Apple's rule 1.24 wants of
/// sound alone.
pub const BITRATE_BPS: u32 = 160_000;
/// Longest configuration of a plan, bytes.
pub(super) const MAX_CONFIG: usize = crate::codec::SoundTrack::MAX_BYTES;
/// Coded frames that wait before the decoder, and blocks before the encoder: a tenth of a second and more of either.
const WAITING: u32 = 8;

/// The name of the element that takes blocks.
pub(super) const BLOCKS: &str = "blocks";
/// The name of the element that gives decoded sound: 32-bit floats, channels interleaved.
pub(super) const DECODED: &str = "decoded";
/// The name of the element that gives frames.
pub(super) const FRAMES: &str = "frames";

/// The pipeline for `gst_parse_launch`.
pub(super) fn description(sound: &ForeignSound) -> String {
    let raw = format!(
        "audio/x-raw,format=F32LE,layout=interleaved,rate={},channels={}",
        AacTrack::ENCODED_RATE,
        AacTrack::ENCODED_CHANNELS
    );
    format!(
        "appsrc name={source} is-live=true format=time block=true \
         max-buffers={WAITING} max-bytes=0 max-time=0 caps=\"{caps}\"\
         \n! {decoder}\n! audioconvert\n! audioresample\n! {raw}\
         \n! appsink name={DECODED} sync=false async=false max-buffers=2\
         \nappsrc name={BLOCKS} is-live=true format=time block=true \
         max-buffers={WAITING} max-bytes=0 max-time=0 caps=\"{raw}\"\
         \n! avenc_aac bitrate={BITRATE_BPS}\n! audio/mpeg,mpegversion=4,stream-format=raw\
         \n! appsink name={FRAMES} sync=false async=false max-buffers=2",
        source = super::graph::Graph::SOURCE,
        caps = caps(sound),
        decoder = decoder(sound.codec),
    )
}

const fn decoder(codec: SoundCodec) -> &'static str {
    match codec {
        SoundCodec::Aac => "avdec_aac",
        SoundCodec::Opus => "opusdec",
        SoundCodec::Mp3 => "avdec_mp3float",
        SoundCodec::Ac3 => "avdec_ac3",
        SoundCodec::Eac3 => "avdec_eac3",
        SoundCodec::Flac => "avdec_flac",
    }
}

fn caps(sound: &ForeignSound) -> String {
    let config = || -> String { sound.config.iter().map(|b| format!("{b:02x}")).collect() };
    match sound.codec {
        SoundCodec::Aac => format!(
            "audio/mpeg,mpegversion=(int)4,stream-format=(string)raw,framed=(boolean)true,codec_data=(buffer){}",
            config()
        ),
        SoundCodec::Opus => opus(&sound.config),
        SoundCodec::Mp3 => {
            "audio/mpeg,mpegversion=(int)1,layer=(int)3,parsed=(boolean)true".to_owned()
        }
        SoundCodec::Ac3 => "audio/x-ac3,framed=(boolean)true".to_owned(),
        SoundCodec::Eac3 => "audio/x-eac3,framed=(boolean)true".to_owned(),
        SoundCodec::Flac => format!(
            "audio/x-flac,framed=(boolean)true,codec_data=(buffer){}",
            config()
        ),
    }
}

/// The header's fields, but not its pre-skip: a publisher's times are those of what a decoder gives, priming included.
fn opus(head: &[u8]) -> String {
    let byte = |at: usize| head.get(at).copied().unwrap_or_default();
    let (channels, family) = (byte(9), byte(18));
    let mut caps = format!(
        "audio/x-opus,rate=(int)48000,channels=(int){channels},channel-mapping-family=(int){family}"
    );
    if family > 0 {
        let mapping: Vec<String> = head
            .iter()
            .skip(21)
            .take(channels.into())
            .map(u8::to_string)
            .collect();
        caps.push_str(&format!(
            ",stream-count=(int){},coupled-count=(int){},channel-mapping=(int)<{}>",
            byte(19),
            byte(20),
            mapping.join(",")
        ));
    }
    caps
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn surround_in_opus_names_its_streams() {
        let head = b"OpusHead\x01\x06\x38\x01\x80\xbb\0\0\0\0\x01\x04\x02\0\x04\x01\x02\x03\x05";
        let sound = ForeignSound {
            codec: SoundCodec::Opus,
            config: Bytes::from_static(head),
        };
        let text = description(&sound);
        let caps = "channels=(int)6,channel-mapping-family=(int)1,stream-count=(int)4,coupled-count=(int)2,\
            channel-mapping=(int)<0,4,1,2,3,5>";
        assert!(text.contains(caps), "{text}");
    }
}
