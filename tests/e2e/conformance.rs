//! A show before judges who know nothing of ours: a strict reader of playlists, a validator of CMAF, ffmpeg, hls.js and
//! Shaka; and before our own linter, as anybody would run it.
//!
//! Each test leaves its part of the report that `make conformance` puts together in `target/conformance`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use live::{Msn, playlist::check::Rule};
use serde_json::{Value, json};
use tests::{Browser, Camera, Plan, Recording, STAGE, Stage, Stream, frame_times, program};

use crate::{media, multivariant, start};

/// Segments that are recorded of each rendition.
const WATCHED: u64 = 6;
/// How long the linter follows a live playlist, in seconds: parts leave the playlist within it.
const LINTED_S: &str = "12";
/// Rules about when things come. They say how busy this machine is.
const TIMED: [Rule; 3] = [Rule::SegmentLate, Rule::PartLate, Rule::PartDribbles];
/// What the origin does not do yet.
const TO_COME: [Rule; 2] = [Rule::IFramesMissing, Rule::PlaylistNotCompressed];
/// How far a picture may be from where its time says, in milliseconds: half a frame.
const HALF_FRAME_MS: f64 = 17.0;
/// What each player is watched, in seconds, and how often its level is changed meanwhile.
const PLAYED_S: u32 = 20;
const CHANGE_EVERY_S: u32 = 3;
/// The encoded rung's and the source's height.
const HEIGHTS: [u64; 2] = [480, 720];

/// A show whose pictures carry their own time.
fn show(stage: &Stage) -> Result<Camera> {
    Camera::publish(&stage.publish_url(STAGE)?, &["steady"])
}

const RENDITIONS: [&str; 3] = ["source", "480p", "audio"];

#[tokio::test]
async fn our_own_linter_finds_nothing_that_must_not_be() -> Result<()> {
    let mut stage = start(Plan::default());
    let _camera = show(&stage)?;
    multivariant(&stage.viewer().await?, STAGE, &RENDITIONS).await?;
    let report = lint(&stage, STAGE).await?;
    write_part("1-linter", &linted(&report)?)?;

    let broken = broken(&report)?;
    assert!(broken.is_empty(), "{broken:#?}");
    let rules = report["rules"].as_array().context("no rules")?;
    // What is put to the test: all but what needs a show that has ended, or one longer than its window.
    let not_tested: BTreeSet<&str> = rules
        .iter()
        .filter(|rule| rule["verdict"] == "not tested")
        .filter_map(|rule| rule["rule"].as_str())
        .collect();
    let late = [
        "DirectivesAfterEnd",
        "SegmentRemovedEarly",
        "IFramesOnlyMissing",
        "IFrameRange",
    ];
    assert!(not_tested.is_subset(&late.into()), "{not_tested:?}");
    stage.check_unharmed()
}

/// What our linter says of a live show.
pub(crate) async fn lint(stage: &Stage, stream: Stream) -> Result<Value> {
    let (https, root) = (stage.https()?.port(), stage.root_certificate());
    let url = format!("https://localhost:{https}/live/{}/index.m3u8", stream.name);
    let lint = tokio::task::spawn_blocking(move || {
        Command::new(program("footlight-transcoder")?)
            .args(["lint", "--json", "--watch", LINTED_S, &url, "--ca"])
            .arg(root)
            .output()
            .context("the linter does not start")
    });
    let lint = lint.await??;
    serde_json::from_slice(&lint.stdout)
        .with_context(|| String::from_utf8_lossy(&lint.stderr).into_owned())
}

/// The rules that are broken, but for those that must be expected here.
pub(crate) fn broken(report: &Value) -> Result<Vec<&Value>> {
    let expected: Vec<String> = TIMED
        .iter()
        .chain(&TO_COME)
        .map(|rule| format!("{rule:?}"))
        .collect();
    let rules = report["rules"].as_array().context("no rules")?.iter();
    let broken = rules.filter(|rule| rule["verdict"] == "broken");
    let unexpected = broken.filter(|rule| !expected.iter().any(|known| rule["rule"] == **known));
    Ok(unexpected.collect())
}

/// The linter's verdicts as a table.
fn linted(report: &Value) -> Result<String> {
    let mut text = String::from(
        "## Our linter\n\n`footlight-transcoder lint` over a live show.\n\n| rule | level | verdict | what it asks | places |\n|---|---|---|---|---|\n",
    );
    for rule in report["rules"].as_array().context("no rules")? {
        let of = |name: &str| rule[name].as_str().unwrap_or_default().replace('|', "\\|");
        let places: Vec<&str> = rule["places"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .take(2)
            .collect();
        writeln!(
            text,
            "| {} | {} | {} | {} | {} |",
            of("rule"),
            of("level"),
            of("verdict"),
            of("sentence"),
            places.join("; ").replace('|', "\\|"),
        )?;
    }
    text.push_str("\n| rendition | codecs | size | segments | peak kbit/s | average kbit/s |\n|---|---|---|---|---|---|\n");
    for (rendition, figures) in report["renditions"].as_object().context("no renditions")? {
        let of = |name: &str| {
            figures[name]
                .as_str()
                .map_or_else(|| figures[name].to_string(), str::to_owned)
        };
        let row = ["codecs", "size", "segments", "peak_kbps", "average_kbps"].map(of);
        writeln!(text, "| {rendition} | {} |", row.join(" | "))?;
    }
    Ok(text)
}

#[tokio::test]
async fn strangers_read_playlists_media_and_pictures_alike() -> Result<()> {
    let mut stage = start(Plan::default());
    let _camera = show(&stage)?;
    let viewer = stage.viewer().await?;
    multivariant(&viewer, STAGE, &RENDITIONS).await?;
    let mut watching = tokio::task::JoinSet::new();
    for rendition in RENDITIONS {
        let viewer = viewer.clone();
        watching.spawn(async move {
            let recording = Recording::follow(&viewer, &media(STAGE, rendition), WATCHED).await;
            recording.map(|recording| (rendition, recording))
        });
    }
    let mut recordings = BTreeMap::new();
    while let Some(recording) = watching.join_next().await {
        let (rendition, recording) = recording??;
        recordings.insert(rendition, recording);
    }
    stage.check_unharmed()?;
    let mut text = String::from("## Others' readers and validators\n\n");
    let index = viewer
        .fetch(&format!("/live/{}/index.m3u8", STAGE.name))
        .await?;
    writeln!(
        text,
        "{}",
        strict_reader(stage.directory().path(), &index, &recordings)?
    )?;
    let judged = cmaf_validator(stage.directory().path(), &recordings)?;
    writeln!(text, "{judged}")?;
    writeln!(
        text,
        "{}",
        same_frame_times(stage.directory().path(), &recordings)?
    )?;
    write_part("2-readers", &text)
}

/// npm's hls-parser, in strict mode, over every playlist of the recordings.
fn strict_reader(
    directory: &Path,
    index: &[u8],
    recordings: &BTreeMap<&str, Recording>,
) -> Result<String> {
    let folder = directory.join("playlists");
    fs::create_dir(&folder)?;
    fs::write(folder.join("index.m3u8"), index)?;
    let mut written = 1;
    for (rendition, recording) in recordings {
        for (number, (playlist, _)) in recording.playlists.iter().enumerate() {
            fs::write(
                folder.join(format!("{rendition}-{number:03}.m3u8")),
                playlist,
            )?;
            written += 1;
        }
    }
    let output = Command::new("node")
        .arg(Browser::scripts()?.join("strict.mjs"))
        .arg(&folder)
        .stdin(Stdio::null())
        .output()
        .context("node does not start: make test-deps")?;
    let report: Value = serde_json::from_slice(&output.stdout)
        .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    assert_eq!(report["read"], written);
    assert_eq!(report["complaints"], json!([]), "{report:#}");
    Ok(format!(
        "- hls-parser, strict: {written} playlists read, no complaint; known false alarms: {}",
        report["falseAlarms"]
    ))
}

/// The crate transmux (tests/cmaf) over every rendition: each run of segments without a gap, and its parts.
fn cmaf_validator(directory: &Path, recordings: &BTreeMap<&str, Recording>) -> Result<String> {
    let mut judged = 0;
    for (rendition, recording) in recordings {
        let (first, _) = recording.segments.first_key_value().context("no segment")?;
        let init = recording.init_of(*first)?;
        for run in runs(recording) {
            let of_run = |msn: &Msn| run.contains(msn);
            let segments = recording.segments.iter().filter(|(msn, _)| of_run(msn));
            let parts = recording.parts.iter().filter(|((msn, _), _)| of_run(msn));
            let segments: Vec<&Bytes> = segments.map(|(_, bytes)| bytes).collect();
            let parts: Vec<&Bytes> = parts.map(|(_, bytes)| bytes).collect();
            for objects in [segments, parts].into_iter().filter(|all| !all.is_empty()) {
                judged += objects.len();
                let issues = cmaf_issues(directory, init, &objects)?;
                assert!(issues.is_empty(), "{rendition}: {issues:#?}");
            }
        }
    }
    Ok(format!(
        "- transmux: {judged} segments and parts, no finding"
    ))
}

/// Numbers of segments that follow each other.
fn runs(recording: &Recording) -> Vec<Vec<Msn>> {
    let mut runs: Vec<Vec<Msn>> = Vec::new();
    for msn in recording.segments.keys() {
        match runs.last_mut() {
            Some(run) if run.last().map(|last| last.next()) == Some(*msn) => run.push(*msn),
            _ => runs.push(vec![*msn]),
        }
    }
    runs
}

/// What the validator says that is not known and allowed.
fn cmaf_issues(directory: &Path, init: &[u8], objects: &[&Bytes]) -> Result<Vec<String>> {
    /// A part need not begin with a keyframe, and a segment may begin without styp (ISO/IEC 14496-12 §8.16.2).
    const ALLOWED: [&str; 2] = ["media.sample.non-sync-first", "media.styp.missing"];
    let validator = target_directory()?.join("cmaf/debug/cmaf");
    ensure!(
        validator.is_file(),
        "the validator is not built: make conformance"
    );
    let mut command = Command::new(&validator);
    let all = [init]
        .into_iter()
        .chain(objects.iter().map(|object| &object[..]));
    for (number, bytes) in all.enumerate() {
        let file = directory.join(format!("cmaf-{number}"));
        fs::write(&file, bytes)?;
        command.arg(file);
    }
    let output = command.stdin(Stdio::null()).output()?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let told = String::from_utf8(output.stdout)?;
    let told = told
        .lines()
        .filter(|line| !ALLOWED.iter().any(|code| line.contains(code)));
    Ok(told.map(str::to_owned).collect())
}

/// ffmpeg decodes source and rung to pictures at the same times, and every frame of sound.
fn same_frame_times(directory: &Path, recordings: &BTreeMap<&str, Recording>) -> Result<String> {
    let file = directory.join("frames.mp4");
    let common: BTreeSet<Msn> = recordings
        .values()
        .map(|recording| recording.segments.keys().copied().collect::<BTreeSet<_>>())
        .reduce(|a, b| &a & &b)
        .context("nothing was recorded")?;
    ensure!(
        common.len() >= 4,
        "only {} segments in common",
        common.len()
    );
    let mut pictures: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for (rendition, recording) in recordings {
        let first = *common.first().context("no segment")?;
        let mut bytes = recording.init_of(first)?.to_vec();
        for msn in &common {
            bytes.extend_from_slice(&recording.segments[msn]);
        }
        fs::write(&file, bytes)?;
        pictures.insert(*rendition, frame_times(&file)?);
    }
    let source: BTreeSet<i64> = pictures["source"].iter().copied().collect();
    ensure!(source.len() > 200, "{} pictures", source.len());
    // A rung that the box is too slow for has fewer pictures, but none at a time of its own.
    let rung = &pictures["480p"];
    let own: Vec<&i64> = rung.iter().filter(|at| !source.contains(at)).collect();
    ensure!(
        own.is_empty(),
        "the rung's own times, in microseconds: {own:?}"
    );
    ensure!(
        rung.len() * 3 > source.len(),
        "{} pictures in the rung",
        rung.len()
    );
    Ok(format!(
        "- ffmpeg: {} segments; source has {} pictures, the rung {}, all at times of the source's; {} frames of sound",
        common.len(),
        source.len(),
        rung.len(),
        pictures["audio"].len()
    ))
}

#[test]
fn players_that_change_level_show_every_picture_where_its_time_says() -> Result<()> {
    let mut stage = start(Plan::default());
    let _camera = show(&stage)?;
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async { multivariant(&stage.viewer().await?, STAGE, &RENDITIONS).await })?;
    let files = stage.directory().path();
    let plan = json!({
        "media": format!("https://localhost:{}/live/{}/index.m3u8", stage.https()?.port(), STAGE.name),
        "seconds": PLAYED_S,
        "every": CHANGE_EVERY_S,
        "certificate": files.join("certificate.pem"),
        "key": files.join("key.pem"),
    });
    let output = Command::new("node")
        .arg(Browser::scripts()?.join("players.mjs"))
        .arg(plan.to_string())
        .stdin(Stdio::null())
        .output()
        .context("node does not start: make test-deps")?;
    let told = String::from_utf8(output.stdout)?;
    let mut text = String::from(
        "## Players\n\nDebian's Chromium; the level is changed by force, and the clock in every picture is read.\n\n\
         | player | pictures read | worst distance of a level | changes | heights seen | waits | longest still | errors |\n|---|---|---|---|---|---|---|---|\n",
    );
    let mut players = 0;
    for line in told.lines() {
        let report: Value = serde_json::from_str(line)?;
        if report["event"] != "report" {
            bail!("{report:#}");
        }
        check_exact(&report)?;
        players += 1;
        writeln!(
            text,
            "| {} | {} | {} ms | {} | {} | {} | {} ms | {} |",
            report["player"].as_str().unwrap_or_default(),
            report["framesRead"],
            report["worstMs"],
            report["stats"]["changes"],
            report["heights"],
            report["stats"]["waits"],
            report["longestGapMs"],
            report["stats"]["fatal"],
        )?;
    }
    ensure!(
        players == 2,
        "{told} {}",
        String::from_utf8_lossy(&output.stderr)
    );
    write_part("3-players", &text)?;
    stage.check_unharmed()
}

fn check_exact(report: &Value) -> Result<()> {
    let worst = report["worstMs"].as_f64().context("no worst")?;
    ensure!(
        worst <= HALF_FRAME_MS,
        "a picture is {worst} ms off: {report:#}"
    );
    ensure!(report["backwards"] == 0, "the show went back: {report:#}");
    let fatal = &report["stats"]["fatal"];
    // On a busy machine Chromium's buffers may refuse Shaka what they take from hls.js; what it showed until then counts.
    if report["player"] == "shaka" && fatal.to_string().contains("3014 ") {
        return Ok(());
    }
    let heights: Vec<u64> = report["heights"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_u64)
        .collect();
    for height in HEIGHTS {
        ensure!(heights.contains(&height), "never in {height}: {report:#}");
    }
    ensure!(heights.len() > 2, "its level never changed: {report:#}");
    let read = report["framesRead"].as_u64().unwrap_or_default();
    ensure!(read > 100, "only {read} pictures: {report:#}");
    // Drawn a moment late, a picture is the next one already; more than a few are no accident.
    let strays = report["strays"].as_u64().unwrap_or(read);
    ensure!(strays * 10 <= read, "{strays} pictures are off: {report:#}");
    // What a player gets over by itself says how busy this machine is: a rung that is late is a gap.
    // Shaka calls it critical that a hinted part which never came is refused, and asks again.
    if report["player"] == "hls.js" {
        ensure!(fatal == &json!([]), "{report:#}");
    }
    Ok(())
}

/// A part of the report.
fn write_part(name: &str, text: &str) -> Result<()> {
    let folder = target_directory()?.join("conformance");
    fs::create_dir_all(&folder)?;
    Ok(fs::write(folder.join(format!("{name}.md")), text)?)
}

fn target_directory() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let target = own.ancestors().nth(3).context("the target directory")?;
    Ok(target.to_owned())
}
