//! [pure] What a publisher sends: codecs, profile, size, sound. From decoder configurations; its metadata fills gaps.

use rtmp::flv::{self, AacConfig, Class, Codec, Picture, Track};
use serde::{Deserialize, Serialize};

use crate::{headers::Medium, metadata::Metadata};

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Format {
    /// The main picture.
    pub(crate) video: Option<VideoFormat>,
    /// The main sound.
    pub(crate) audio: Option<AudioFormat>,
    /// Frames per second as the metadata has it.
    pub(crate) promised_frame_rate: Option<f64>,
    /// Size as the metadata has it.
    promised_size: Option<(u32, u32)>,
}

/// The picture.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct VideoFormat {
    /// For people: `H.264`.
    pub(crate) codec: String,
    /// For people: `High`; none where it is not known.
    pub(crate) profile: Option<String>,
    /// For people: `4.1`.
    pub(crate) level: Option<String>,
    /// Pixels.
    pub(crate) width: Option<u32>,
    /// Pixels.
    pub(crate) height: Option<u32>,
    /// `4:2:0` and the like.
    pub(crate) chroma: Option<String>,
    /// Bits of a luma sample.
    pub(crate) bit_depth: Option<u32>,
}

/// The sound.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AudioFormat {
    /// For people: `AAC`.
    pub(crate) codec: String,
    /// Samples per second.
    pub(crate) sample_rate: Option<u32>,
    /// Channels.
    pub(crate) channels: Option<u8>,
}

impl Format {
    /// A track's configuration, or for codecs without one its first frame.
    pub(super) fn payload(&mut self, medium: Medium, payload: &[u8]) {
        let tag = match medium {
            Medium::Video => flv::video(payload),
            Medium::Audio => flv::audio(payload),
        };
        let Some(tag) = tag.ok().filter(|tag| tag.track == Track::One(0)) else {
            return;
        };
        let record = (tag.class == Class::SequenceHeader).then_some(tag.body);
        match medium {
            Medium::Video => self.video = Some(self.video(tag.codec, record)),
            Medium::Audio => self.audio = Some(audio(tag.codec, record)),
        }
    }

    /// What the publisher says of itself.
    pub(super) fn metadata(&mut self, metadata: &Metadata) {
        self.promised_frame_rate = metadata
            .number("framerate")
            .filter(|rate| (1.0..=1_000.0).contains(rate));
        let pixels = |name| metadata.whole(name).filter(|n| *n > 0);
        self.promised_size = pixels("width").zip(pixels("height"));
        if let Some(mut video) = self.video.take() {
            self.fill_size(&mut video);
            self.video = Some(video);
        }
    }

    fn video(&self, codec: Codec, record: Option<&[u8]>) -> VideoFormat {
        let picture = record.and_then(|record| Picture::parse(codec, record));
        let mut video = VideoFormat {
            codec: video_name(codec),
            profile: picture.map(|picture| profile(codec, picture.profile)),
            level: picture.map(|picture| level(codec, picture.level)),
            width: picture.map(|picture| picture.width),
            height: picture.map(|picture| picture.height),
            chroma: picture.map(|picture| chroma(picture.chroma_format).to_owned()),
            bit_depth: picture.map(|picture| picture.bit_depth),
        };
        self.fill_size(&mut video);
        video
    }

    fn fill_size(&self, video: &mut VideoFormat) {
        if video.bit_depth.is_none() {
            (video.width, video.height) = self.promised_size.unzip();
        }
    }
}

fn audio(codec: Codec, record: Option<&[u8]>) -> AudioFormat {
    let config = record
        .filter(|_| codec == Codec::Aac)
        .and_then(|record| AacConfig::parse(record).ok());
    AudioFormat {
        codec: audio_name(codec),
        sample_rate: config.map(|config| config.sample_rate),
        channels: config.and_then(|config| match config.channel_configuration {
            few @ 1..=6 => Some(few),
            7 => Some(8),
            _ => None,
        }),
    }
}

fn video_name(codec: Codec) -> String {
    match codec {
        Codec::Avc => "H.264".to_owned(),
        Codec::Hevc => "HEVC".to_owned(),
        Codec::FourCc(code) => match &code {
            b"av01" => "AV1".to_owned(),
            b"vp09" => "VP9".to_owned(),
            b"vp08" => "VP8".to_owned(),
            b"vvc1" => "VVC".to_owned(),
            _ => four_cc(code),
        },
        Codec::Legacy(2) => "Sorenson H.263".to_owned(),
        Codec::Legacy(4 | 5) => "VP6".to_owned(),
        Codec::Legacy(id) => format!("video codec {id}"),
        Codec::Aac => "AAC".to_owned(),
    }
}

fn audio_name(codec: Codec) -> String {
    match codec {
        Codec::Aac => "AAC".to_owned(),
        Codec::FourCc(code) => match &code {
            b"fLaC" => "FLAC".to_owned(),
            b"ac-3" => "AC-3".to_owned(),
            b"ec-3" => "E-AC-3".to_owned(),
            b".mp3" => "MP3".to_owned(),
            _ => four_cc(code),
        },
        Codec::Legacy(2 | 14) => "MP3".to_owned(),
        Codec::Legacy(0 | 3) => "PCM".to_owned(),
        Codec::Legacy(4..=6) => "Nellymoser".to_owned(),
        Codec::Legacy(7 | 8) => "G.711".to_owned(),
        Codec::Legacy(11) => "Speex".to_owned(),
        Codec::Legacy(id) => format!("sound format {id}"),
        Codec::Avc | Codec::Hevc => video_name(codec),
    }
}

/// From a peer: anything but plain characters is left out.
fn four_cc(code: [u8; 4]) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b".-".contains(byte);
    code.iter().copied().filter(plain).map(char::from).collect()
}

fn profile(codec: Codec, profile: u8) -> String {
    let name = match (codec, profile) {
        (Codec::Avc, 66) => "Baseline",
        (Codec::Avc, 77) | (Codec::Hevc, 1) => "Main",
        (Codec::Avc, 88) => "Extended",
        (Codec::Avc, 100) => "High",
        (Codec::Avc, 110) => "High 10",
        (Codec::Avc, 122) => "High 4:2:2",
        (Codec::Avc, 244) => "High 4:4:4 Predictive",
        (Codec::Hevc, 2) => "Main 10",
        (Codec::FourCc(_), 0) => "Main",
        (Codec::FourCc(_), 1) => "High",
        (Codec::FourCc(_), 2) => "Professional",
        _ => return profile.to_string(),
    };
    name.to_owned()
}

fn level(codec: Codec, level: u8) -> String {
    let (whole, tenth) = match codec {
        Codec::Hevc => (level / 30, level % 30 / 3),
        Codec::FourCc(_) => (2_u8.saturating_add(level >> 2), level & 3),
        Codec::Avc | Codec::Aac | Codec::Legacy(_) => (level / 10, level % 10),
    };
    format!("{whole}.{tenth}")
}

const fn chroma(format: u32) -> &'static str {
    match format {
        0 => "4:0:0",
        1 => "4:2:0",
        2 => "4:2:2",
        _ => "4:4:4",
    }
}
