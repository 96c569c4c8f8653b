//! [pure] Reads a multivariant playlist. Tags and attributes it does not know are passed over (§6.3.1).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::{
    AlternativeRendition, IFrameVariant, MediaType, Multivariant, ParseError, Uri, Variant,
    attributes::{Attributes, needed},
    parse::{Mistake, Statement, once, start, statements},
};

impl Multivariant {
    /// Reads a playlist as a server sent it.
    pub fn parse(playlist: &[u8]) -> Result<Self, ParseError> {
        let mut list = Self::default();
        // EXT-X-STREAM-INF, its line and attributes, until its URI comes.
        let mut pending: Option<(usize, &str)> = None;
        for (line, statement) in statements(playlist)? {
            match statement {
                Statement::Uri(uri) => {
                    let uri: Uri = uri.parse().map_err(|_| Mistake::Value.at(line, "URI"))?;
                    let (line, attributes) = pending
                        .take()
                        .ok_or_else(|| Mistake::StrayUri.at(line, "URI"))?;
                    let variant = variant(attributes, uri).map_err(|m| m.at(line, STREAM_INF))?;
                    list.variants.push(variant);
                }
                Statement::Tag(STREAM_INF, value) => {
                    if let Some((line, _)) = pending.replace((line, value)) {
                        return Err(Mistake::NoUri.at(line, STREAM_INF));
                    }
                }
                Statement::Tag(name, value) => {
                    // Found among the known ones, so that an error's tag is ours and not the server's text.
                    if let Some(tag) = TAGS.iter().find(|known| **known == name) {
                        list.read_tag(tag, value).map_err(|m| m.at(line, tag))?;
                    }
                }
            }
        }
        match pending {
            Some((line, _)) => Err(Mistake::NoUri.at(line, STREAM_INF)),
            None => Ok(list),
        }
    }

    fn read_tag(&mut self, tag: &str, value: &str) -> Result<(), Mistake> {
        match tag {
            "EXT-X-INDEPENDENT-SEGMENTS" => self.independent_segments = true,
            "EXT-X-START" => once(&mut self.start, start(value)?)?,
            "EXT-X-CONTENT-STEERING" => {
                let line = value.trim().parse().map_err(|_| Mistake::Value)?;
                once(&mut self.content_steering, line)?;
            }
            "EXT-X-MEDIA" => self.renditions.push(rendition(value)?),
            "EXT-X-I-FRAME-STREAM-INF" => self.i_frame_variants.push(i_frame_variant(value)?),
            _ => return Err(Mistake::OtherKind),
        }
        Ok(())
    }
}

const STREAM_INF: &str = "EXT-X-STREAM-INF";

const TAGS: [&str; 11] = [
    "EXT-X-INDEPENDENT-SEGMENTS",
    "EXT-X-START",
    "EXT-X-CONTENT-STEERING",
    "EXT-X-MEDIA",
    "EXT-X-I-FRAME-STREAM-INF",
    // Of the other kind: a multivariant playlist must not contain them (§4.4.3, §4.4.4).
    "EXT-X-TARGETDURATION",
    "EXT-X-MEDIA-SEQUENCE",
    "EXTINF",
    "EXT-X-PART",
    "EXT-X-MAP",
    "EXT-X-ENDLIST",
];

fn rendition(value: &str) -> Result<AlternativeRendition, Mistake> {
    let attributes = Attributes::parse(value)?;
    let word = attributes.word("TYPE")?;
    let media_type = [
        MediaType::Audio,
        MediaType::Video,
        MediaType::Subtitles,
        MediaType::ClosedCaptions,
    ]
    .into_iter()
    .find(|known| known.as_str() == word)
    .ok_or(Mistake::Attribute("TYPE"))?;
    Ok(AlternativeRendition {
        media_type,
        group_id: needed("GROUP-ID", attributes.quoted("GROUP-ID")?)?,
        name: needed("NAME", attributes.quoted("NAME")?)?,
        language: attributes.quoted("LANGUAGE")?,
        default: attributes.yes("DEFAULT"),
        autoselect: attributes.yes("AUTOSELECT"),
        channels: attributes.quoted("CHANNELS")?,
        uri: attributes.quoted("URI")?,
    })
}

fn variant(value: &str, uri: Uri) -> Result<Variant, Mistake> {
    let attributes = Attributes::parse(value)?;
    Ok(Variant {
        bandwidth: needed("BANDWIDTH", attributes.bare("BANDWIDTH")?)?,
        average_bandwidth: attributes.bare("AVERAGE-BANDWIDTH")?,
        codecs: attributes.quoted("CODECS")?,
        resolution: attributes.bare("RESOLUTION")?,
        frame_rate: attributes.bare("FRAME-RATE")?,
        audio: attributes.quoted("AUDIO")?,
        pathway: attributes.quoted("PATHWAY-ID")?,
        uri,
    })
}

fn i_frame_variant(value: &str) -> Result<IFrameVariant, Mistake> {
    let attributes = Attributes::parse(value)?;
    Ok(IFrameVariant {
        bandwidth: needed("BANDWIDTH", attributes.bare("BANDWIDTH")?)?,
        average_bandwidth: attributes.bare("AVERAGE-BANDWIDTH")?,
        codecs: attributes.quoted("CODECS")?,
        resolution: attributes.bare("RESOLUTION")?,
        pathway: attributes.quoted("PATHWAY-ID")?,
        uri: needed("URI", attributes.quoted("URI")?)?,
    })
}
