//! [pure] Rules that hold between all playlists of a presentation.

use std::collections::BTreeMap;

use super::{FRAME_MS, Finding, Findings, Rule};
use crate::{
    Msn,
    playlist::{MediaPlaylist, PlaylistType, Uri, Wording},
};

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
        let heads = heads(playlist);
        if let Some((here, there)) = numbered_otherwise(&seen, &heads) {
            findings.need(false, Rule::MediaSequencesDiffer, || {
                format!("{uri}: what is {here} elsewhere is {there}")
            });
            continue;
        }
        for (msn, (discontinuity, date)) in heads {
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

/// Whether only some of the playlists are of PLAYLIST-TYPE EVENT.
pub fn playlist_types(playlists: &[(&Uri, &Wording)]) -> Vec<Finding> {
    let mut findings = Findings::default();
    let event = |wording: &Wording| wording.playlist_type == Some(PlaylistType::Event);
    if playlists.iter().any(|(_, wording)| event(wording)) {
        for (uri, wording) in playlists {
            findings.need(event(wording), Rule::PlaylistTypesDiffer, || {
                uri.to_string()
            });
        }
    }
    findings.0
}

/// A moment that has one number here and another there. Segments are taken for the same when their dates are within a
/// frame; those that have no such partner say nothing.
fn numbered_otherwise(here: &Heads, there: &Heads) -> Option<(Msn, Msn)> {
    let mut partners = there.iter().filter_map(|(msn, (_, date))| {
        let date = (*date)?;
        let near = |(_, (_, other)): &(&Msn, &(bool, Option<u64>))| {
            other.is_some_and(|other| other.abs_diff(date) <= FRAME_MS)
        };
        here.iter().find(near).map(|(partner, _)| (*partner, *msn))
    });
    let first = partners.next()?;
    (first.0 != first.1 && partners.all(|(here, there)| here != there)).then_some(first)
}

type Heads = BTreeMap<Msn, (bool, Option<u64>)>;

/// Discontinuity and date (Unix milliseconds) by number, the open segment's included.
fn heads(playlist: &MediaPlaylist) -> Heads {
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
            let told = resolve(uri.as_str(), report.uri.as_str());
            told == resolve("", other.as_str()) || told == resolve("", bare(other.as_str()))
        });
        findings.need(reported, Rule::RenditionReportMissing, || {
            format!("{uri} says nothing of {other}")
        });
    }
}

/// Without its query. A playlist is the same for all viewers, so a report cannot name a query that is each viewer's own:
/// hls.js takes one without for any query, but its own would come first.
fn bare(uri: &str) -> &str {
    uri.split_once('?').map_or(uri, |(path, _)| path)
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
