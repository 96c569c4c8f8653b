//! [pure] How one encoder is built: which elements decode, scale and encode, and where pictures lie in between.
//!
//! A recipe is a table of GStreamer elements with their properties. [`super::graph`] makes every pipeline from one,
//! whatever the encoder, so that a test may put elements of its own in the hardware's place. In all of them pictures
//! stay where they are decoded (in the box's memory, in VA surfaces, in CUDA memory) until they are encoded.
//!
//! What every encoder is asked for: no B-frame, no key but those requested, no lookahead, the bit rate as the ceiling
//! over one second.

use serde::{Deserialize, Serialize};

use crate::codec::VideoCodec;

/// Decoder errors in a row before it gives up: two seconds of a source that cannot be decoded.
const DECODER_ERRORS: u32 = 60;
/// No key but those asked for (`int` in x264enc, so 2^30).
const KEY_INTERVAL: u32 = 1 << 30;
/// The longest `key-int-max` that the va encoders take (`MAX_GOP_SIZE`): 17 s at 60 frames per second. A request begins
/// a new GOP, so none ends by itself as long as stamps come every few seconds.
const VA_KEY_INTERVAL: u32 = 1024;
/// Bits of its buffer as milliseconds of the bit rate: what BANDWIDTH in the multivariant playlist may promise.
const VBV_MS: u32 = 1000;

/// An encoder as an operator knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EncoderKind {
    /// NVIDIA's.
    Nvenc,
    /// Intel's and AMD's, over VA-API.
    Vaapi,
    /// In software.
    X264,
    /// In software, under a licence that asks for nothing.
    OpenH264,
}

impl EncoderKind {
    /// All, the cheapest for the box first.
    pub const ALL: [Self; 4] = [Self::Nvenc, Self::Vaapi, Self::X264, Self::OpenH264];

    /// The encoders of this kind, better first.
    pub const fn encoders(self) -> &'static [Encoder] {
        match self {
            Self::Nvenc => &[Encoder::NvCuda, Encoder::Nv],
            Self::Vaapi => &[Encoder::VaLowPower, Encoder::Va],
            Self::X264 => &[Encoder::X264],
            Self::OpenH264 => &[Encoder::OpenH264],
        }
    }
}

/// One way to encode: a kind, and which of its elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Encoder {
    /// `nvcudah264enc`.
    #[serde(rename = "nvenc-cuda")]
    NvCuda,
    /// `nvh264enc`, the older element.
    #[serde(rename = "nvenc")]
    Nv,
    /// `vah264lpenc`: Intel's fixed-function encoder.
    #[serde(rename = "vaapi-lp")]
    VaLowPower,
    /// `vah264enc`.
    #[serde(rename = "vaapi")]
    Va,
    /// `x264enc`.
    #[serde(rename = "x264")]
    X264,
    /// `openh264enc`.
    #[serde(rename = "openh264")]
    OpenH264,
}

impl Encoder {
    /// As it is called in `/status`, in logs and by `probe`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NvCuda => "nvenc-cuda",
            Self::Nv => "nvenc",
            Self::VaLowPower => "vaapi-lp",
            Self::Va => "vaapi",
            Self::X264 => "x264",
            Self::OpenH264 => "openh264",
        }
    }

    /// What it is one of.
    pub const fn kind(self) -> EncoderKind {
        match self {
            Self::NvCuda | Self::Nv => EncoderKind::Nvenc,
            Self::VaLowPower | Self::Va => EncoderKind::Vaapi,
            Self::X264 => EncoderKind::X264,
            Self::OpenH264 => EncoderKind::OpenH264,
        }
    }

    /// How it is built.
    pub fn recipe(self, preset: Preset) -> Recipe {
        let (memory, encoder, coded) = match self {
            Self::NvCuda => (Memory::Cuda, NV_CUDA.to_owned(), BYTE_STREAM),
            Self::Nv => (Memory::Cuda, NV.to_owned(), BYTE_STREAM),
            Self::VaLowPower => (Memory::Va, va("vah264lpenc"), BYTE_STREAM),
            Self::Va => (Memory::Va, va("vah264enc"), BYTE_STREAM),
            Self::X264 => (Memory::Box, x264(preset), AVC),
            Self::OpenH264 => (Memory::Box, OPENH264.to_owned(), BYTE_STREAM),
        };
        Recipe {
            encoder,
            coded: coded.to_owned(),
            ..memory.recipe()
        }
    }
}

impl std::fmt::Display for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// How much work x264 puts into a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// Three quarters of the time of `veryfast`.
    Superfast,
    /// What a picture is worth at a live show's bit rates.
    #[default]
    Veryfast,
    /// A little better.
    Faster,
    /// Better.
    Fast,
    /// Twice to three times the time of `veryfast`.
    Medium,
}

impl Preset {
    const fn name(self) -> &'static str {
        match self {
            Self::Superfast => "superfast",
            Self::Veryfast => "veryfast",
            Self::Faster => "faster",
            Self::Fast => "fast",
            Self::Medium => "medium",
        }
    }
}

/// The elements of a pipeline, with their properties. In `decoder`, `{codec}` is what the hardware's elements call the
/// source's codec, and `{software}` the decoder that needs none. In `encoder`, `{name}` is the element's name to be, `{bps}` and
/// `{kbps}` the rung's bit rate, and `{vbv_kbit}` its buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    /// From the source as it comes out of its parser to pictures.
    pub decoder: String,
    /// From pictures of one size to those of another; the caps behind it say which.
    pub scaler: String,
    /// The caps of scaled pictures, without their size.
    pub pictures: String,
    /// From pictures to coded ones. The element called `{name}` is the one that is asked for keys.
    pub encoder: String,
    /// What makes the encoder's output fit for MP4: caps, or a parser and caps.
    pub coded: String,
    /// Whether a driver maps its device into the process: CUDA reserves more addresses than there is memory, so the
    /// process cannot be given a limit of them.
    pub maps_device: bool,
}

/// Where pictures lie between the elements.
#[derive(Debug, Clone, Copy)]
enum Memory {
    Box,
    Va,
    Cuda,
}

impl Memory {
    /// The part of a recipe that is the same for all encoders that take pictures from here.
    fn recipe(self) -> Recipe {
        let (decoder, scaler, pictures) = match self {
            Self::Box => (
                "{software}",
                // The ladder keeps the aspect; a side rounded to even must not bring a black line, hence no borders.
                "videoconvertscale method=bilinear n-threads=1 add-borders=false qos=false",
                "video/x-raw,format=I420",
            ),
            Self::Va => (
                "va{codec}dec",
                "vapostproc add-borders=false qos=false",
                "video/x-raw(memory:VAMemory),format=NV12",
            ),
            Self::Cuda => (
                "nv{codec}dec",
                "cudaconvertscale add-borders=false qos=false",
                "video/x-raw(memory:CUDAMemory),format=NV12",
            ),
        };
        Recipe {
            decoder: format!("{decoder} qos=false max-errors={DECODER_ERRORS}"),
            scaler: scaler.to_owned(),
            pictures: pictures.to_owned(),
            encoder: String::new(),
            coded: String::new(),
            maps_device: matches!(self, Self::Va | Self::Cuda),
        }
    }
}

/// Of the encoders that write `avc1` samples: parameter sets apart.
const AVC: &str = "video/x-h264,profile=high,stream-format=avc,alignment=au";
/// Of those that do not. The parser also writes parameter sets before each key; they are taken out again.
const BYTE_STREAM: &str = "video/x-h264,profile=high\
    \n! h264parse\
    \n! video/x-h264,stream-format=avc,alignment=au";

// B-frames and lookahead are off by default, and not every device has the properties.
const NV_CUDA: &str = "nvcudah264enc name={name} gop-size=-1 zero-reorder-delay=true aud=false \
    rate-control=vbr bitrate={kbps} max-bitrate={kbps} vbv-buffer-size={vbv_kbit}";

const NV: &str = "nvh264enc name={name} gop-size=-1 zerolatency=true aud=false \
    rc-mode=vbr bitrate={kbps} max-bitrate={kbps} vbv-buffer-size={vbv_kbit}";

const OPENH264: &str = "openh264enc name={name} gop-size=0 scene-change-detection=false multi-thread=1 \
    usage-type=camera complexity=medium enable-frame-skip=false rate-control=bitrate \
    bitrate={bps} max-bitrate={bps}";

fn va(element: &str) -> String {
    format!(
        "{element} name={{name}} key-int-max={VA_KEY_INTERVAL} b-frames=0 aud=false \
         rate-control=cbr bitrate={{kbps}} cpb-size={{vbv_kbit}}"
    )
}

fn x264(preset: Preset) -> String {
    format!(
        "x264enc name={{name}} speed-preset={} tune=zerolatency threads=1 bframes=0 aud=false \
         key-int-max={KEY_INTERVAL} option-string=scenecut=0:repeat-headers=0 \
         bitrate={{kbps}} vbv-buf-capacity={VBV_MS}",
        preset.name()
    )
}

impl Recipe {
    /// The decoder of a source. In software it has one thread, for the same pictures on every box; libaom has one by
    /// itself.
    pub(super) fn decoder(&self, codec: VideoCodec) -> String {
        let (name, software) = match codec {
            VideoCodec::Avc => ("h264", "avdec_h264 max-threads=1"),
            VideoCodec::Hevc => ("h265", "avdec_h265 max-threads=1"),
            VideoCodec::Av1 => ("av1", "av1dec"),
        };
        self.decoder
            .replace("{codec}", name)
            .replace("{software}", software)
    }

    /// The encoder of one rung.
    pub(super) fn encoder(&self, name: &str, bitrate_bps: u32) -> String {
        let kbps = bitrate_bps / 1000;
        let vbv_kbit = u64::from(kbps) * u64::from(VBV_MS) / 1000;
        self.encoder
            .replace("{name}", name)
            .replace("{bps}", &(kbps * 1000).to_string())
            .replace("{kbps}", &kbps.to_string())
            .replace("{vbv_kbit}", &vbv_kbit.to_string())
    }

    /// What only looks: pictures as they are, I420, instead of coded ones. For the exam's judge.
    pub fn pictures() -> Self {
        Self {
            // Some encoders write down which colours they were given, others leave that to be guessed by the size.
            pictures: "video/x-raw,format=I420,colorimetry=bt709".to_owned(),
            encoder: "identity name={name}".to_owned(),
            coded: "video/x-raw".to_owned(),
            ..Memory::Box.recipe()
        }
    }
}
