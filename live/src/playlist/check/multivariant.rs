//! [pure] Rules of a multivariant playlist.

use super::{Finding, Findings, Rule};
use crate::playlist::{AlternativeRendition, MediaType, Multivariant, Resolution, Variant};

/// The bit rates of a variant that suits most viewers to begin with, bits per second.
const FIRST: std::ops::RangeInclusive<u64> = 1_000_000..=4_000_000;

/// Holds a multivariant playlist against the rules.
pub fn multivariant(playlist: &Multivariant) -> Vec<Finding> {
    let mut findings = Findings::default();
    let any = !playlist.variants.is_empty();
    findings.need(any, Rule::NoVariant, || "playlist".into());
    findings.need(
        playlist.independent_segments,
        Rule::IndependentSegmentsMissing,
        || "playlist".into(),
    );
    for one in &playlist.variants {
        variant(playlist, one, &mut findings);
    }
    for (index, one) in playlist.renditions.iter().enumerate() {
        let before = playlist.renditions.iter().take(index);
        rendition(one, before, &mut findings);
    }
    between_variants(playlist, &mut findings);
    let pictures = playlist.variants.iter().any(|v| v.resolution.is_some());
    let trick_play = !playlist.i_frame_variants.is_empty() || !pictures;
    findings.need(trick_play, Rule::IFramesMissing, || "playlist".into());
    findings.0
}

fn variant(playlist: &Multivariant, variant: &Variant, findings: &mut Findings) {
    let place = || variant.uri.to_string();
    findings.need(variant.codecs.is_some(), Rule::CodecsMissing, place);
    let average = variant.average_bandwidth;
    findings.need(average.is_some(), Rule::AverageBandwidthMissing, place);
    let peaked = average.is_none_or(|average| average <= variant.bandwidth);
    findings.need(peaked, Rule::AverageOverPeak, place);
    let codecs = variant.codecs.as_ref().map(|codecs| codecs.as_str());
    let sound_alone = codecs.is_some_and(|codecs| codecs.split(',').all(is_audio));
    if !sound_alone {
        findings.need(variant.resolution.is_some(), Rule::ResolutionMissing, place);
        findings.need(variant.frame_rate.is_some(), Rule::FrameRateMissing, place);
    }
    if let Some(group) = &variant.audio {
        let defined = playlist.renditions.iter().any(|rendition| {
            rendition.media_type == MediaType::Audio && rendition.group_id == *group
        });
        findings.need(defined, Rule::AudioGroupUnknown, place);
        let named = codecs.is_none_or(|codecs| codecs.split(',').any(is_audio));
        findings.need(named, Rule::AudioGroupCodecs, place);
    }
}

/// Whether an RFC 6381 codec is one of sound.
pub fn is_audio(codec: &str) -> bool {
    let codec = codec.trim();
    ["mp4a", "ac-3", "ec-3", "Opus", "opus", "fLaC", "alac"]
        .iter()
        .any(|sound| codec.starts_with(sound))
}

fn rendition<'a>(
    one: &AlternativeRendition,
    before: impl Iterator<Item = &'a AlternativeRendition> + Clone,
    findings: &mut Findings,
) {
    let place = || format!("{} of {}", one.name, one.group_id);
    let mut group =
        before.filter(|other| other.media_type == one.media_type && other.group_id == one.group_id);
    let default_before = group.clone().any(|other| other.default);
    findings.need(!(one.default && default_before), Rule::GroupDefaults, place);
    let named_before = group.any(|other| other.name == one.name);
    findings.need(!named_before, Rule::GroupNameTwice, place);
    let selectable = one.autoselect || !one.default;
    findings.need(selectable, Rule::DefaultNotAutoselect, place);
    let audio = one.media_type == MediaType::Audio;
    let counted = one.channels.is_some() || !audio;
    findings.need(counted, Rule::ChannelsMissing, place);
    let spoken = audio || one.media_type == MediaType::Subtitles;
    let known = one.language.is_some() || !spoken;
    findings.need(known, Rule::LanguageMissing, place);
}

fn between_variants(playlist: &Multivariant, findings: &mut Findings) {
    let suits = |variant: &&Variant| {
        let rate = variant.average_bandwidth.unwrap_or(variant.bandwidth);
        FIRST.contains(&rate) && variant.resolution.is_some()
    };
    if let (Some(first), Some(better)) = (
        playlist.variants.first(),
        playlist.variants.iter().find(suits),
    ) {
        findings.need(suits(&first), Rule::FirstVariant, || {
            format!("{}, while there is {}", first.uri, better.uri)
        });
    }
    let mut sized = playlist
        .variants
        .iter()
        .filter_map(|variant| Some((variant, variant.resolution?)));
    if let Some((_, first)) = sized.next() {
        for (variant, size) in sized {
            findings.need(same_shape(first, size), Rule::AspectRatiosDiffer, || {
                format!("{}: {size}, the first is {first}", variant.uri)
            });
        }
    }
}

/// Even sizes cannot always keep a ratio to the pixel: 854x480 is 16:9 as well as 1920x1080.
fn same_shape(a: Resolution, b: Resolution) -> bool {
    let (wide, high) = (
        u64::from(a.width).saturating_mul(b.height.into()),
        u64::from(b.width).saturating_mul(a.height.into()),
    );
    wide.abs_diff(high) <= wide.max(high) / 50
}
