//! [pure] Writes a multivariant playlist. The bytes depend on the model alone.

use std::fmt::{self, Write};

use super::{
    AlternativeRendition, IFrameVariant, MediaType, Multivariant, Resolution, Text, Variant,
    write_media::write_start,
};

impl Multivariant {
    /// The playlist as text. It carries no EXT-X-VERSION: nothing in it needs one (§8).
    pub fn write(&self) -> String {
        let mut out = String::new();
        // A String takes every write.
        let _infallible = self.write_to(&mut out);
        out
    }

    fn write_to(&self, out: &mut String) -> fmt::Result {
        out.write_str("#EXTM3U\n")?;
        if self.independent_segments {
            out.write_str("#EXT-X-INDEPENDENT-SEGMENTS\n")?;
        }
        if let Some(start) = &self.start {
            write_start(out, start)?;
        }
        if let Some(steering) = &self.content_steering {
            writeln!(out, "#EXT-X-CONTENT-STEERING:{steering}")?;
        }
        for rendition in &self.renditions {
            write_rendition(out, rendition)?;
        }
        for variant in &self.variants {
            write_variant(out, variant)?;
        }
        for variant in &self.i_frame_variants {
            write_i_frame_variant(out, variant)?;
        }
        Ok(())
    }
}

impl MediaType {
    /// The word of the TYPE attribute.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Audio => "AUDIO",
            Self::Video => "VIDEO",
            Self::Subtitles => "SUBTITLES",
            Self::ClosedCaptions => "CLOSED-CAPTIONS",
        }
    }
}

fn write_rendition(out: &mut String, rendition: &AlternativeRendition) -> fmt::Result {
    write!(
        out,
        "#EXT-X-MEDIA:TYPE={},GROUP-ID=\"{}\",NAME=\"{}\"",
        rendition.media_type.as_str(),
        rendition.group_id,
        rendition.name
    )?;
    write_quoted(out, "LANGUAGE", rendition.language.as_ref())?;
    if rendition.default {
        out.write_str(",DEFAULT=YES")?;
    }
    if rendition.autoselect {
        out.write_str(",AUTOSELECT=YES")?;
    }
    write_quoted(out, "CHANNELS", rendition.channels.as_ref())?;
    if let Some(uri) = &rendition.uri {
        write!(out, ",URI=\"{uri}\"")?;
    }
    out.write_char('\n')
}

fn write_variant(out: &mut String, variant: &Variant) -> fmt::Result {
    out.write_str("#EXT-X-STREAM-INF:")?;
    write_bandwidth(out, variant.bandwidth, variant.average_bandwidth)?;
    write_quoted(out, "CODECS", variant.codecs.as_ref())?;
    write_resolution(out, variant.resolution)?;
    if let Some(rate) = variant.frame_rate {
        write!(out, ",FRAME-RATE={rate}")?;
    }
    write_quoted(out, "AUDIO", variant.audio.as_ref())?;
    write_quoted(out, "PATHWAY-ID", variant.pathway.as_ref())?;
    writeln!(out, "\n{}", variant.uri)
}

fn write_i_frame_variant(out: &mut String, variant: &IFrameVariant) -> fmt::Result {
    out.write_str("#EXT-X-I-FRAME-STREAM-INF:")?;
    write_bandwidth(out, variant.bandwidth, variant.average_bandwidth)?;
    write_quoted(out, "CODECS", variant.codecs.as_ref())?;
    write_resolution(out, variant.resolution)?;
    write_quoted(out, "PATHWAY-ID", variant.pathway.as_ref())?;
    writeln!(out, ",URI=\"{}\"", variant.uri)
}

fn write_bandwidth(out: &mut String, peak: u64, average: Option<u64>) -> fmt::Result {
    write!(out, "BANDWIDTH={peak}")?;
    match average {
        Some(average) => write!(out, ",AVERAGE-BANDWIDTH={average}"),
        None => Ok(()),
    }
}

fn write_resolution(out: &mut String, resolution: Option<Resolution>) -> fmt::Result {
    match resolution {
        Some(resolution) => write!(out, ",RESOLUTION={resolution}"),
        None => Ok(()),
    }
}

fn write_quoted(out: &mut String, name: &str, value: Option<&Text>) -> fmt::Result {
    match value {
        Some(value) => write!(out, ",{name}=\"{value}\""),
        None => Ok(()),
    }
}
