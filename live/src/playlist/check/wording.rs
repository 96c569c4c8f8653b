//! [pure] Rules about what a media playlist's text says beside its model.

use super::{Finding, Findings, Rule};
use crate::playlist::{MediaPlaylist, PlaylistType, Wording};

/// Holds the text of a media playlist against the rules, its version included.
pub fn wording(wording: &Wording, playlist: &MediaPlaylist) -> Vec<Finding> {
    let mut findings = Findings(super::version(wording.version, playlist));
    let fits = playlist.end_list || wording.playlist_type != Some(PlaylistType::Vod);
    findings.need(fits, Rule::PlaylistType, || "VOD".into());
    let broken = playlist.segments.iter().any(|s| s.head.discontinuity);
    let told = wording.discontinuity_sequence || !broken;
    findings.need(told, Rule::DiscontinuitySequenceMissing, || {
        "playlist".into()
    });
    for line in &wording.late_heads {
        findings.need(false, Rule::HeadAfterPart, || format!("line {line}"));
    }
    findings.0
}
