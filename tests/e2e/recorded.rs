//! A recorded show: through the distributor, when nobody publishes any more and the transcoder has been killed.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use live::playlist::{MediaPlaylist, Multivariant, Seconds, check, version_of};
use tests::{Clip, Encoder, Picture, Plan, STAGE, Stage, Viewer, decode, quiet_ffmpeg};

use crate::{assert_none, multivariant, start};

/// The shortest that there is.
const HOLD: &str = "10s";
const RENDITIONS: [&str; 3] = ["source", "360p", "audio"];

fn plan() -> Plan {
    Plan {
        rungs: vec![(360, "400k")],
        hold: HOLD,
        record: true,
        ..Plan::default()
    }
}

fn count(text: &[u8], tag: &str) -> usize {
    let lines = text.split(|byte| *byte == b'\n');
    lines
        .filter(|line| line.starts_with(tag.as_bytes()))
        .count()
}

/// A box that records, and `/live/stage/vod/{session}` of the show that is on air.
async fn on_air() -> Result<(Stage, Encoder, Viewer, String)> {
    let stage = start(plan());
    let encoder = stage.publish(STAGE, &Clip::of(Picture::Small)?)?;
    let viewer = stage.viewer().await?;
    multivariant(&viewer, STAGE, &RENDITIONS).await?;
    let session = |status: &serde_json::Value| {
        let session = status.pointer("/streams/stage/session")?;
        session.as_u64().map(|session| session.to_string())
    };
    let status = stage.transcoders[0].admin()?;
    let status = status.wait_until(|status| session(status).is_some())?;
    let session = session(&status).context("no session")?;
    Ok((stage, encoder, viewer, format!("/live/stage/vod/{session}")))
}

/// Where the show is on the transcoder's disk.
fn directory(stage: &Stage, show: &str) -> PathBuf {
    let below = show.trim_start_matches("/live/").replace("/vod/", "/");
    stage
        .directory()
        .path()
        .join("transcoder-1-recordings")
        .join(below)
}

/// Everything that the show's playlists name, by way of the distributor; all of it as it must be.
async fn fetch(viewer: &Viewer, show: &str, scratch: &Path) -> Result<Vec<MediaPlaylist>> {
    let index = Multivariant::parse(&viewer.fetch(&format!("{show}/index.m3u8")).await?)?;
    let mut findings = check::multivariant(&index);
    // Recorded shows have none.
    findings.retain(|finding| finding.rule != check::Rule::IFramesMissing);
    assert_none("index.m3u8", &findings);
    let variants: Vec<&str> = index.variants.iter().map(|v| v.uri.as_str()).collect();
    let mut playlists = Vec::new();
    for name in RENDITIONS {
        let uri = format!("{name}/media.m3u8");
        ensure!(
            variants.contains(&uri.as_str()),
            "{uri} is not in {variants:?}"
        );
        let text = viewer.fetch(&format!("{show}/{uri}")).await?;
        let playlist = MediaPlaylist::parse(&text)?;
        let mut findings = check::media(&playlist);
        findings.extend(check::version(version_of(&text)?, &playlist));
        assert_none(&uri, &findings);
        ensure!(
            playlist.end_list && count(&text, "#EXT-X-PLAYLIST-TYPE:VOD") == 1,
            "{text:?}"
        );
        let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        for segment in playlist.segments.iter().filter(|segment| !segment.gap) {
            let init = segment.head.map.as_ref().context("no initialization")?;
            let file = match files.entry(init.to_string()) {
                std::collections::btree_map::Entry::Occupied(file) => file.into_mut(),
                std::collections::btree_map::Entry::Vacant(file) => {
                    let init = viewer.fetch(&format!("{show}/{name}/{init}")).await?;
                    file.insert(init.to_vec())
                }
            };
            let media = viewer
                .fetch(&format!("{show}/{name}/{}", segment.uri))
                .await?;
            file.extend(media);
        }
        for (init, media) in files {
            let path = scratch.join(format!("{name}-{init}"));
            std::fs::write(&path, media)?;
            let probed = decode(&path)?;
            ensure!(probed.frames > 100, "{name}: {probed:?}");
        }
        playlists.push(playlist);
    }
    Ok(playlists)
}

fn length(playlist: &MediaPlaylist) -> f64 {
    let units: Seconds = playlist.segments.iter().map(|s| s.duration).sum();
    units.to_string().parse().unwrap_or_default()
}

/// What ffprobe says of a file's length, seconds.
fn probed_length(file: &Path) -> Result<f64> {
    let mut ffprobe = Command::new("ffprobe");
    ffprobe.args([
        "-v",
        "error",
        "-of",
        "csv=p=0",
        "-show_entries",
        "format=duration",
    ]);
    let output = ffprobe.arg(file).output()?;
    ensure!(
        output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

/// The show ends and is whole: playlists and one file.
async fn end(stage: &Stage, encoder: &mut Encoder, viewer: &Viewer, show: &str) -> Result<PathBuf> {
    encoder.finish()?;
    let over = |text: &Bytes| count(text, "#EXT-X-ENDLIST") == 1;
    viewer
        .wait_until(&format!("{show}/source/media.m3u8"), over)
        .await?;
    let films = "footlight_transcoder_recording_films_total";
    stage.transcoders[0]
        .admin()?
        .wait_for_metric(films, "", 1.0)?;
    Ok(directory(stage, show).join("show.mp4"))
}

#[tokio::test]
async fn a_show_plays_when_it_is_over_and_its_transcoder_was_restarted() -> Result<()> {
    let (mut stage, mut encoder, viewer, show) = on_air().await?;
    let grown = |text: &Bytes| count(text, "#EXTINF") >= 5;
    let text = viewer
        .wait_until(&format!("{show}/source/media.m3u8"), grown)
        .await?;
    ensure!(count(&text, "#EXT-X-PLAYLIST-TYPE:EVENT") == 1, "{text:?}");
    let film = end(&stage, &mut encoder, &viewer, &show).await?;
    stage.restart_transcoder(0)?;

    let playlists = fetch(&viewer, &show, stage.directory().path()).await?;
    let file = decode(&film)?;
    ensure!(file.codec == "h264", "{file:?}");
    let (told, found) = (length(&playlists[0]), probed_length(&film)?);
    ensure!(
        (told - found).abs() < 1.0,
        "{told} s in the playlist, {found} s in the file"
    );
    // As any player, from the first segment on.
    let mut ffmpeg = quiet_ffmpeg();
    ffmpeg
        .arg("-xerror")
        .arg("-ca_file")
        .arg(stage.root_certificate());
    let address = format!(
        "https://localhost:{}{show}/index.m3u8",
        stage.https()?.port()
    );
    ffmpeg.args(["-i", &address, "-t", "8", "-f", "null", "-"]);
    let output = ffmpeg.output()?;
    let complaints = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success() && complaints.is_empty(),
        "{complaints}"
    );
    stage.check_unharmed()
}

#[tokio::test]
async fn a_transcoder_that_is_killed_in_mid_show_goes_on_recording_it() -> Result<()> {
    let (mut stage, mut encoder, viewer, show) = on_air().await?;
    let path = format!("{show}/source/media.m3u8");
    let before = viewer
        .wait_until(&path, |text| count(text, "#EXTINF") >= 4)
        .await?;
    let before = MediaPlaylist::parse(&before)?.segments.len();
    stage.restart_transcoder(0)?;
    let grown = move |text: &Bytes| count(text, "#EXTINF") >= before + 5;
    viewer.wait_until(&path, grown).await?;
    let film = end(&stage, &mut encoder, &viewer, &show).await?;

    let playlists = fetch(&viewer, &show, stage.directory().path()).await?;
    for playlist in &playlists {
        let gaps: Vec<bool> = playlist
            .segments
            .iter()
            .map(|segment| segment.gap)
            .collect();
        // A segment that mux still holds is not lost at all.
        let lost = gaps.iter().filter(|gap| **gap).count();
        ensure!(!gaps[0] && lost <= 5, "{gaps:?}");
    }
    decode(&film)?;
    let (told, found) = (length(&playlists[0]), probed_length(&film)?);
    ensure!(
        (told - found).abs() < 3.0,
        "{told} s in the playlist, {found} s in the file"
    );
    stage.check_unharmed()
}
