//! Every playlist that a test sees is held against the rules, whatever the test is about.

use anyhow::{Result, ensure};
use live::playlist::{
    MediaPlaylist, Multivariant, PlaylistType, Wording,
    check::{self, Finding, Rule},
};

/// An error that names every rule that the playlist breaks.
pub(crate) fn lint(what: &str, playlist: &[u8]) -> Result<()> {
    let is_media = playlist
        .split(|byte| *byte == b'\n')
        .any(|line| line.starts_with(b"#EXT-X-TARGETDURATION"));
    let findings: Vec<Finding> = if is_media {
        let wording = Wording::parse(playlist)?;
        if wording.i_frames_only {
            return Ok(());
        }
        let parsed = MediaPlaylist::parse(playlist)?;
        let mut findings = check::media(&parsed);
        findings.extend(check::wording(&wording, &parsed));
        // A recording that has just begun is short; nothing ever leaves it.
        if wording.playlist_type == Some(PlaylistType::Event) {
            let short = [Rule::ShortPlaylist, Rule::FewSegments];
            findings.retain(|finding| !short.contains(&finding.rule));
        }
        findings
    } else {
        check::multivariant(&Multivariant::parse(playlist)?)
    };
    let findings = findings.iter().filter(|f| f.rule != Rule::IFramesMissing);
    let told: Vec<String> = findings.map(|f| format!("\n  {f}")).collect();
    let text = String::from_utf8_lossy(playlist);
    ensure!(told.is_empty(), "{what}:{}\n{text}", told.concat());
    Ok(())
}
