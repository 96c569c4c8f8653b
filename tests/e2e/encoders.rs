//! What viewers notice when an encoder fails: a segment without media on the encoded rungs, and nothing else.

use anyhow::{Context, Result, ensure};
use live::playlist::{MediaPlaylist, check};
use serde_json::Value;
use tests::{Clip, Daemon, Encoder, Picture, Plan, Recording, STAGE, Stage, Viewer, decode};

use crate::{assert_none, media, multivariant, start};

const RUNG: &str = "240p";
/// Segments that are followed: two failures, and whole segments before, between and after.
const WATCHED: u64 = 12;

/// A show with one rung that viewers are offered.
async fn show() -> Result<(Stage, Encoder, Viewer)> {
    let stage = start(Plan {
        rungs: vec![(240, "400k")],
        ..Plan::default()
    });
    let encoder = stage.publish(STAGE, &Clip::of(Picture::Small)?)?;
    let viewer = stage.viewer().await?;
    multivariant(&viewer, STAGE, &["source", RUNG, "audio"]).await?;
    Ok((stage, encoder, viewer))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_encoder_that_fails_twice_is_replaced_and_costs_a_segment_each_time() -> Result<()> {
    let (mut stage, _encoder, viewer) = show().await?;
    let follow = |rendition| {
        let (viewer, path) = (viewer.clone(), media(STAGE, rendition));
        tokio::spawn(async move { Recording::follow(&viewer, &path, WATCHED).await })
    };
    let [source, rung, audio] = ["source", RUNG, "audio"].map(follow);
    let transcoder = stage.transcoders.first().context("one transcoder")?;
    tokio::task::block_in_place(|| fail_twice(transcoder))?;
    let (source, rung, audio) = (source.await??, rung.await??, audio.await??);

    for (name, recording, most) in [
        ("source", &source, 0),
        (RUNG, &rung, 2),
        ("audio", &audio, 0),
    ] {
        let last = recording.last()?;
        let gaps = gaps(last);
        ensure!(
            gaps <= most,
            "{name}: {gaps} gaps\n{}",
            last_text(recording)
        );
        let mut before: Option<&MediaPlaylist> = None;
        for (text, playlist) in &recording.playlists {
            ensure!(
                playlist
                    .segments
                    .iter()
                    .all(|segment| !segment.head.discontinuity),
                "{name} has a discontinuity"
            );
            if let Some(before) = before {
                let what = format!("{name}:\n{}", String::from_utf8_lossy(text));
                assert_none(&what, &check::successive(before, playlist));
            }
            before = Some(playlist);
        }
        assert_none(name, &check::media(last));
    }
    ensure!(rung.inits.len() == 2, "one section of each encoder");
    ensure!(source.inits.len() == 1 && audio.inits.len() == 1);
    // Each plays behind its own initialization section.
    let file = stage.directory().path().join("segment.mp4");
    for msn in rung.segments.keys() {
        std::fs::write(&file, rung.playable(*msn)?)?;
        let decoded = decode(&file).with_context(|| format!("{RUNG}, segment {msn}"))?;
        ensure!(decoded.height == 240 && decoded.frames > 0);
    }
    stage.check_unharmed()
}

#[tokio::test]
async fn an_encoder_that_hangs_is_replaced_and_source_and_sound_go_on() -> Result<()> {
    let (mut stage, _encoder, _viewer) = show().await?;
    let transcoder = stage.transcoders.first().context("one transcoder")?;
    let admin = transcoder.admin()?;
    let rendition = |status: &Value, name: &str, key: &str| {
        let all = status["streams"][STAGE.name]["renditions"].as_array();
        let one = all.and_then(|all| all.iter().find(|r| r["name"] == name));
        one.and_then(|one| one[key].as_u64()).unwrap_or_default()
    };
    let before = admin.wait_until(|status| rendition(status, RUNG, "parts") > 0)?;
    ensure!(transcoder.stop_children()? == 1, "one encoder runs");
    let back = admin.wait_until(|status| {
        status["streams"][STAGE.name]["encoders_started"] == 2
            && rendition(status, RUNG, "msn") > rendition(&before, RUNG, "msn") + 3
            && rendition(status, RUNG, "parts") > 0
    })?;
    for name in ["source", "audio"] {
        let gaps = [&before, &back].map(|status| rendition(status, name, "gaps"));
        ensure!(gaps[0] == gaps[1], "{name}: {back}");
    }
    let told = transcoder.log();
    let told = told.iter().filter(|line| line.contains("gave none"));
    ensure!(told.count() > 0, "it is said why:\n{}", transcoder.tail());
    stage.check_unharmed()
}

#[tokio::test]
async fn the_verdicts_of_an_exam_hold_for_the_next_start() -> Result<()> {
    let mut stage = start(Plan {
        rungs: vec![(240, "400k")],
        exam: true,
        ..Plan::default()
    });
    let directory = stage.directory().path().to_owned();
    let admin = stage.transcoders[0].admin()?;
    let found = admin.wait_until(|status| status["encoders"]["examined"] == true)?;
    ensure!(found["encoders"]["recalled"] == false);
    let reports = found["encoders"]["exam"].as_array();
    let reports = reports.context("reports")?;
    // On a box that is too busy now nothing is kept.
    let slow = reports.iter().any(|report| {
        let reason = report["reason"].as_str();
        reason.is_some_and(|reason| reason.ends_with("are wanted"))
    });
    let kept = || {
        let files = std::fs::read_dir(&directory)
            .into_iter()
            .flatten()
            .flatten();
        let mut names = files.map(|file| file.file_name().to_string_lossy().into_owned());
        names.any(|name| name.ends_with("-exam.json"))
    };
    admin.wait_until(|_| slow || kept())?;
    stage.restart_transcoder(0)?;
    let admin = stage.transcoders[0].admin()?;
    let status = admin.wait_until(|status| status["encoders"].is_object())?;
    ensure!(status["encoders"]["recalled"] == !slow, "{status}");
    if !slow {
        ensure!(status["encoders"]["exam"] == found["encoders"]["exam"]);
    }
    Ok(())
}

/// Kills the encoder, waits until its successor has delivered, and does it again.
fn fail_twice(transcoder: &Daemon) -> Result<()> {
    let admin = transcoder.admin()?;
    for (fails, encoder) in [(1, "x264"), (2, "openh264")] {
        let encodes = |status: &Value, least: u64| {
            let stream = &status["streams"][STAGE.name];
            let rung = stream["renditions"].as_array().into_iter().flatten();
            let rung = rung.clone().find(|rung| rung["name"] == RUNG);
            let msn = rung
                .and_then(|rung| rung["msn"].as_u64())
                .unwrap_or_default();
            (stream["encoders_started"] == fails && msn >= least).then_some(msn)
        };
        let before = admin.wait_until(|status| encodes(status, 1).is_some())?;
        let msn = encodes(&before, 1).unwrap_or_default();
        admin.wait_until(|status| encodes(status, msn + 2).is_some())?;
        ensure!(transcoder.kill_children()? == 1, "one encoder runs");
        let after = admin
            .wait_until(|status| status["streams"][STAGE.name]["encoders_started"] == fails + 1)?;
        let stream = &after["streams"][STAGE.name];
        ensure!(stream["encoded_by"] == encoder, "{stream}");
    }
    admin.wait_for_metric("footlight_transcoder_encoder_changes_total", "", 1.0)?;
    let told = transcoder.log();
    let told = told
        .iter()
        .filter(|line| line.contains("another one goes on"));
    ensure!(told.count() == 1, "it is said once:\n{}", transcoder.tail());
    Ok(())
}

/// GAPs after the first media: before it there is nothing that could be missing.
fn gaps(playlist: &MediaPlaylist) -> usize {
    let segments = playlist.segments.iter();
    let begun = segments.skip_while(|segment| segment.gap);
    begun.filter(|segment| segment.gap).count()
}

fn last_text(recording: &Recording) -> String {
    let last = recording.playlists.last();
    last.map_or_else(String::new, |(text, _)| {
        String::from_utf8_lossy(text).into_owned()
    })
}
