//! [pure] Rules of a multivariant playlist, and those that hold between all playlists of a presentation.

use std::collections::BTreeMap;

use super::{FRAME_MS, Finding, Findings, Rule};
use crate::{
    Msn,
    playlist::{MediaPlaylist, MediaType, Multivariant, Uri, Variant},
};

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
    for rendition in &playlist.renditions {
        let spoken = matches!(
            rendition.media_type,
            MediaType::Audio | MediaType::Subtitles
        );
        let known = rendition.language.is_some() || !spoken;
        findings.need(known, Rule::LanguageMissing, || rendition.name.to_string());
    }
    findings.0
}

fn variant(playlist: &Multivariant, variant: &Variant, findings: &mut Findings) {
    let place = || variant.uri.to_string();
    findings.need(variant.codecs.is_some(), Rule::CodecsMissing, place);
    let average = variant.average_bandwidth;
    findings.need(average.is_some(), Rule::AverageBandwidthMissing, place);
    let peaked = average.is_none_or(|average| average <= variant.bandwidth);
    findings.need(peaked, Rule::AverageOverPeak, place);
    let sound_alone = variant
        .codecs
        .as_ref()
        .is_some_and(|codecs| codecs.as_str().split(',').all(is_audio));
    if !sound_alone {
        findings.need(variant.resolution.is_some(), Rule::ResolutionMissing, place);
        findings.need(variant.frame_rate.is_some(), Rule::FrameRateMissing, place);
    }
    if let Some(group) = &variant.audio {
        let defined = playlist.renditions.iter().any(|rendition| {
            rendition.media_type == MediaType::Audio && rendition.group_id == *group
        });
        findings.need(defined, Rule::AudioGroupUnknown, place);
    }
}

/// Whether an RFC 6381 codec is one of sound.
fn is_audio(codec: &str) -> bool {
    let codec = codec.trim();
    ["mp4a", "ac-3", "ec-3", "Opus", "opus", "fLaC", "alac"]
        .iter()
        .any(|sound| codec.starts_with(sound))
}

/// Holds the media playlists of one presentation against each other. Each comes with its URI as the multivariant
/// playlist writes it. They need not be of one moment: what is compared are the segments they share.
pub fn presentation(playlists: &[(&Uri, &MediaPlaylist)]) -> Vec<Finding> {
    let mut findings = Findings::default();
    let Some((_, reference)) = playlists.first() else {
        return findings.0;
    };
    let seen = heads(reference);
    for (uri, playlist) in playlists {
        let same = playlist.target_duration == reference.target_duration;
        findings.need(same, Rule::TargetDurationsDiffer, || uri.to_string());
        let same = playlist.server_control == reference.server_control
            && playlist.part_target == reference.part_target;
        findings.need(same, Rule::ServerControlsDiffer, || uri.to_string());
        for (msn, (discontinuity, date)) in heads(playlist) {
            let Some((expected, expected_date)) = seen.get(&msn) else {
                continue;
            };
            let place = || format!("{uri}, {msn}");
            let same = discontinuity == *expected;
            findings.need(same, Rule::DiscontinuitiesDiffer, place);
            if let (Some(date), Some(expected)) = (date, expected_date) {
                let same = date.abs_diff(*expected) <= FRAME_MS;
                findings.need(same, Rule::ProgramDateTimesDiffer, place);
            }
        }
        if playlist.part_target.is_some() && !playlist.end_list {
            reports(uri, playlist, playlists, &mut findings);
        }
    }
    findings.0
}

/// Discontinuity and date (Unix milliseconds) by number, the open segment's included.
fn heads(playlist: &MediaPlaylist) -> BTreeMap<Msn, (bool, Option<u64>)> {
    let complete = playlist
        .numbered()
        .map(|(msn, segment)| (msn, &segment.head));
    let open = playlist
        .open
        .iter()
        .map(|open| (playlist.open_msn(), &open.head));
    complete
        .chain(open)
        .map(|(msn, head)| {
            let date = head.program_date_time.map(|date| date.unix_millis());
            (msn, (head.discontinuity, date))
        })
        .collect()
}

fn reports(
    uri: &Uri,
    playlist: &MediaPlaylist,
    all: &[(&Uri, &MediaPlaylist)],
    findings: &mut Findings,
) {
    for (other, _) in all.iter().filter(|(other, _)| *other != uri) {
        let reported = playlist.rendition_reports.iter().any(|report| {
            resolve(uri.as_str(), report.uri.as_str()) == resolve("", other.as_str())
        });
        findings.need(reported, Rule::RenditionReportMissing, || {
            format!("{uri} says nothing of {other}")
        });
    }
}

/// The path that `reference` means when it stands in the playlist at `base`, both relative to the same place
/// (RFC 3986 §5.2 for relative paths).
fn resolve<'a>(base: &'a str, reference: &'a str) -> Vec<&'a str> {
    let mut path: Vec<&str> = base.split('/').collect();
    path.pop();
    for step in reference.split('/') {
        match step {
            "." | "" => {}
            ".." => {
                path.pop();
            }
            step => path.push(step),
        }
    }
    path
}
