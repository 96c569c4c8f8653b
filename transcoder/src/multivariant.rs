//! [pure] The multivariant playlist of a stream: what players may choose from, and what it costs them.
//!
//! Bandwidths are what was declared (an encoder's cap, the publisher's own metadata, the configured ceiling), raised
//! to what was measured; they do not follow every segment, since players read this playlist once.

use live::{
    Object, Rendition,
    playlist::{
        AlternativeRendition, FrameRate, IFrameVariant, MediaType, Multivariant, Resolution, Text,
        Uri, Variant,
    },
};

use crate::codec::{AacTrack, VideoTrack};

/// One video rendition on offer.
#[derive(Debug, Clone, Copy)]
pub struct Offer<'a> {
    /// Its name.
    pub rendition: Rendition,
    /// Its decoder configuration.
    pub codec: &'a VideoTrack,
    /// Frames per second, when the configuration does not say.
    pub frame_rate: Option<FrameRate>,
    /// Average bits per second, without the sound.
    pub average_bps: u64,
    /// Largest bits per second of any segment, without the sound.
    pub peak_bps: u64,
    /// Bits per second of the first pictures of segments alone.
    pub i_frames_bps: u64,
}

/// The sound on offer.
#[derive(Debug, Clone, Copy)]
pub struct Sound<'a> {
    /// Its decoder configuration.
    pub codec: &'a AacTrack,
    /// Bits per second.
    pub bps: u64,
}

/// A player that knows nothing of its network starts with the variant nearest to this (Apple's authoring rule 1.32).
const FIRST_BPS: u64 = 2_000_000;
const GROUP: &str = "audio";

/// The playlist; `None` when there is nothing on offer.
pub fn write(offers: &[Offer<'_>], sound: Option<Sound<'_>>) -> Option<String> {
    let mut variants: Vec<Variant> = offers.iter().map(|offer| variant(offer, sound)).collect();
    variants.sort_by_key(|variant| std::cmp::Reverse(variant.bandwidth));
    let first = (0..variants.len()).min_by_key(|index| {
        variants
            .get(*index)
            .map(|variant| variant.bandwidth.abs_diff(FIRST_BPS))
    });
    if let Some(first) = first {
        let first = variants.remove(first);
        variants.insert(0, first);
    }
    variants.extend(sound.map(sound_alone));
    if variants.is_empty() {
        return None;
    }
    let playlist = Multivariant {
        independent_segments: true,
        renditions: sound.iter().map(alternative).collect(),
        variants,
        i_frame_variants: i_frame_variants(offers),
        ..Multivariant::default()
    };
    Some(playlist.write())
}

fn variant(offer: &Offer<'_>, sound: Option<Sound<'_>>) -> Variant {
    let sound_bps = sound.map_or(0, |sound| sound.bps);
    let mut codecs = offer.codec.codecs();
    if let Some(sound) = sound {
        codecs.push(',');
        codecs.push_str(&sound.codec.codecs());
    }
    Variant {
        bandwidth: offer.peak_bps.saturating_add(sound_bps),
        average_bandwidth: Some(offer.average_bps.saturating_add(sound_bps)),
        codecs: text(&codecs),
        resolution: Some(resolution(offer)),
        frame_rate: offer
            .codec
            .frame_rate()
            .map(|(n, d)| FrameRate::from_thousandths(u64::from(n) * 1000 / u64::from(d.max(1))))
            .or(offer.frame_rate),
        audio: sound.and_then(|_| text(GROUP)),
        pathway: None,
        uri: Uri::of(Object::Media(offer.rendition)),
    }
}

/// For players that show pictures while they wind: those of the smallest rung, and of the source for large screens.
fn i_frame_variants(offers: &[Offer<'_>]) -> Vec<IFrameVariant> {
    let smallest = offers.iter().min_by_key(|offer| offer.codec.height());
    let source = offers.iter().filter(|offer| {
        offer.rendition == Rendition::Source
            && smallest.is_some_and(|smallest| smallest.rendition != Rendition::Source)
    });
    let variant = |offer: &Offer<'_>| IFrameVariant {
        bandwidth: offer.i_frames_bps,
        average_bandwidth: Some(offer.i_frames_bps),
        codecs: text(&offer.codec.codecs()),
        resolution: Some(resolution(offer)),
        pathway: None,
        uri: Uri::of(Object::IFrames(offer.rendition)),
    };
    smallest.into_iter().chain(source).map(variant).collect()
}

fn resolution(offer: &Offer<'_>) -> Resolution {
    Resolution {
        width: offer.codec.width().into(),
        height: offer.codec.height().into(),
    }
}

/// For a listener on a bad line: Apple's rule 1.24 wants one below 192 kbit/s.
fn sound_alone(sound: Sound<'_>) -> Variant {
    Variant {
        bandwidth: sound.bps,
        average_bandwidth: Some(sound.bps),
        codecs: text(&sound.codec.codecs()),
        resolution: None,
        frame_rate: None,
        audio: text(GROUP),
        pathway: None,
        uri: Uri::of(Object::Media(Rendition::Audio)),
    }
}

fn alternative(sound: &Sound<'_>) -> AlternativeRendition {
    AlternativeRendition {
        media_type: MediaType::Audio,
        group_id: constant(GROUP),
        name: constant("Sound"),
        language: text("und"),
        default: true,
        autoselect: true,
        channels: text(&sound.codec.channels().to_string()),
        uri: Some(Uri::of(Object::Media(Rendition::Audio))),
    }
}

fn text(text: &str) -> Option<Text> {
    text.parse().ok()
}

fn constant(word: &'static str) -> Text {
    match word.parse() {
        Ok(text) => text,
        Err(_) => unreachable!("a word without quotes"),
    }
}
