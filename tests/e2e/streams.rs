//! Several streams at once: each is its own, and a transcoder takes no more of them, nor of their ladders, than it can.

use anyhow::{Context, Result, ensure};
use hyper::StatusCode;
use live::playlist::MediaPlaylist;
use serde_json::Value;
use tests::{Clip, Encoder, Picture, Plan, Program, Recording, Stage, Stream, Viewer};
use tokio::task::{JoinHandle, block_in_place};

use crate::{HALL, media, multivariant, start};

const fn named(name: &'static str, key: &'static str) -> Stream {
    Stream { name, key }
}

const CHAPEL: Stream = named("chapel", "chapel-key");
const STUDIO: Stream = named("studio", "studio-key");
const LATE: Stream = named("late", "late-key");
const RUNG: &str = "144p";
/// Segments that viewers follow while the other streams are harmed.
const WATCHED: u64 = 10;

fn of(status: &Value, stream: Stream) -> &Value {
    &status["streams"][stream.name]
}

fn rung(status: &Value, stream: Stream) -> &Value {
    let all = of(status, stream)["renditions"].as_array();
    let mut all = all.into_iter().flatten();
    all.find(|it| it["name"] == RUNG).unwrap_or(&Value::Null)
}

/// One viewer of a rendition, with a connection of his own.
async fn follow(
    stage: &Stage,
    stream: Stream,
    rendition: &'static str,
) -> Result<JoinHandle<Result<Recording>>> {
    let viewer = stage.viewer().await?;
    let path = media(stream, rendition);
    Ok(tokio::spawn(async move {
        Recording::follow(&viewer, &path, WATCHED).await
    }))
}

/// GAPs after the first media, where there must be no discontinuity.
fn gaps(recording: &Recording) -> Result<usize> {
    let segments = &recording.last()?.segments;
    let begun = segments.iter().skip_while(|segment| segment.gap);
    ensure!(
        begun.clone().all(|it| !it.head.discontinuity),
        "{}",
        recording.base
    );
    Ok(begun.filter(|segment| segment.gap).count())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_play_side_by_side_and_what_befalls_one_is_its_own() -> Result<()> {
    let mut stage = start(Plan {
        streams: vec![HALL, CHAPEL, STUDIO, LATE],
        rungs: vec![(144, "100k")],
        transcoder_extra: "[admission]\nmax_streams = 3\n\n",
        ..Plan::default()
    });
    let clip = Clip::of(Picture::Tiny)?;
    let mut publishers = Vec::new();
    for stream in [HALL, CHAPEL, STUDIO] {
        publishers.push(stage.publish(stream, &clip)?);
    }
    let viewer = stage.viewer().await?;
    for stream in [HALL, CHAPEL, STUDIO] {
        multivariant(&viewer, stream, &["source", RUNG, "audio"]).await?;
    }
    let mut watched = Vec::new();
    // A busy machine may cost a rung a segment.
    for (stream, rendition, most) in [
        (HALL, "source", 0),
        (HALL, RUNG, 1),
        (HALL, "audio", 0),
        (CHAPEL, "source", 0),
        (CHAPEL, RUNG, 2),
        (CHAPEL, "audio", 0),
    ] {
        let recording = follow(&stage, stream, rendition).await?;
        watched.push((stream, rendition, most, recording));
    }
    let late = block_in_place(|| stage.publish(LATE, &clip))?;
    let [hall, _chapel, studio] = &mut publishers[..] else {
        panic!("three publishers");
    };
    block_in_place(|| harm(&stage, studio))?;
    block_in_place(|| one_too_many(&stage))?;
    let path = "/live/late/index.m3u8";
    assert_eq!(viewer.get(path).await?.status, StatusCode::NOT_FOUND);
    for (stream, rendition, most, recording) in watched {
        let recording = recording.await??;
        let (name, gaps) = (stream.name, gaps(&recording)?);
        ensure!(gaps <= most, "{name} {rendition}: {gaps} gaps");
        ensure!(recording.inits.len() == 1, "{name} {rendition}");
    }

    apart(&stage)?;
    // The hall's show is over: viewers of it may wind back no more, but the late one begins.
    hall.finish()?;
    stage.mux.admin()?.post("/streams/hall/end")?;
    multivariant(&viewer, LATE, &["source", RUNG, "audio"]).await?;
    let status = stage.transcoders[0].admin()?.wait_until(|status| {
        status["refused"] == serde_json::json!([]) && of(status, HALL).is_null()
    })?;
    ensure!(of(&status, CHAPEL)["held"] == false && of(&status, STUDIO)["held"] == true);
    drop(late);
    stage.check_unharmed()
}

/// A publisher dies, and another stream's encoder is killed; returns when both have been noticed.
fn harm(stage: &Stage, studio: &mut Encoder) -> Result<()> {
    let transcoder = stage.transcoders.first().context("one transcoder")?;
    let admin = transcoder.admin()?;
    studio.kill()?;
    let process = |status: &Value| of(status, CHAPEL)["encoder_process"].as_i64();
    let before = admin.wait_until(|status| process(status).is_some())?;
    transcoder.kill_child(i32::try_from(process(&before).context("an encoder")?)?)?;
    let after = admin.wait_until(|status| {
        let back = process(status).is_some() && process(status) != process(&before);
        back && of(status, STUDIO)["held"] == true && rung(status, CHAPEL)["parts"] != 0
    })?;
    for (stream, started) in [(HALL, 1), (CHAPEL, 2), (STUDIO, 1)] {
        ensure!(of(&after, stream)["encoders_started"] == started, "{after}");
    }
    Ok(())
}

/// What everybody is told of a stream that has no place.
fn one_too_many(stage: &Stage) -> Result<()> {
    let transcoder = stage.transcoders.first().context("one transcoder")?;
    let admin = transcoder.admin()?;
    let status = admin.wait_until(|status| status["refused"][0] == LATE.name)?;
    ensure!(of(&status, LATE).is_null());
    let ends = "footlight_transcoder_rtmp_connections_ended_total";
    // It is tried again and again, and told of once.
    admin.wait_for_metric(ends, "class=\"full\"", 2.0)?;
    let log = transcoder.log();
    let told = log.iter().filter(|line| line.contains("is refused"));
    let told: Vec<_> = told.collect();
    ensure!(
        told.len() == 1 && told[0].contains("[admission].max_streams") && told[0].contains("late"),
        "{told:?}"
    );
    let output = |status: &Value| of(status, LATE)["outputs"][0].clone();
    let status = stage.mux.admin()?.wait_until(|status| {
        let output = output(status);
        output["state"] == "waiting" && output["failures"].as_u64() >= Some(2)
    })?;
    let why = output(&status)["why"].to_string();
    ensure!(
        why.contains("No place is free") && why.contains("max_streams"),
        "{why}"
    );
    for stream in [HALL, CHAPEL, STUDIO] {
        let output = &of(&status, stream)["outputs"][0];
        ensure!(
            output["state"] == "publishing" && output["failures"] == 0,
            "{output}"
        );
    }
    Ok(())
}

/// Each stream has its own directory, its own figures and its own lines.
fn apart(stage: &Stage) -> Result<()> {
    let transcoder = stage.transcoders.first().context("one transcoder")?;
    let archive = stage.directory().path().join("transcoder-1-archive");
    let admin = transcoder.admin()?;
    let shown = std::process::Command::new(Program::Transcoder.path()?)
        .args(["status", "--admin", &admin.0.to_string()])
        .output()?;
    let shown = String::from_utf8(shown.stdout)?;
    for stream in [HALL, CHAPEL, STUDIO] {
        let name = stream.name;
        ensure!(archive.join(name).is_dir(), "{name} has no directory");
        let label = format!("stream=\"{name}\"");
        for metric in ["msn", "encoder_starts_total", "window_bytes"] {
            let metric = format!("footlight_transcoder_{metric}");
            ensure!(admin.metric(&metric, &label)? > 0.0, "{metric} of {name}");
        }
        ensure!(shown.contains(&format!("\n{name}  ")), "{shown}");
    }
    ensure!(shown.contains("late  REFUSED"), "{shown}");
    ensure!(!archive.join(LATE.name).exists());
    Ok(())
}

/// Encoders are planned for 18 % of a processor: this ladder costs 7 %, its smaller rung 3 %.
const SMALL_BOX: &str = "[admission]\nprocessors = 0.18\n\n";

#[tokio::test]
async fn a_small_box_leaves_the_largest_rungs_out_and_never_source_and_sound() -> Result<()> {
    let streams = [HALL, CHAPEL, STUDIO];
    let mut stage = start(Plan {
        streams: streams.into(),
        rungs: vec![(240, "400k"), (144, "100k")],
        transcoder_extra: SMALL_BOX,
        ..Plan::default()
    });
    let clip = Clip::of(Picture::Small)?;
    let mut publishers = Vec::new();
    for stream in streams {
        publishers.push(stage.publish(stream, &clip)?);
    }
    // Whichever of them came first.
    let cut = |status: &Value, stream| of(status, stream)["ladder_cut"].as_str().map(str::to_owned);
    let status = stage.transcoders[0].admin()?.wait_until(|status| {
        let mut cuts: Vec<_> = streams.iter().filter_map(|it| cut(status, *it)).collect();
        cuts.sort();
        cuts == ["all", "nothing", "top"]
    })?;
    let viewer = stage.viewer().await?;
    for stream in streams {
        let faults = of(&status, stream)["faults"].to_string();
        let (rungs, told): (&[&str], _) = match cut(&status, stream).as_deref() {
            Some("nothing") => (&["240p", "144p"], ""),
            Some("top") => (&["144p"], "viewers get all but the largest rung"),
            _ => (&[], "viewers get the source and the sound alone"),
        };
        ensure!(
            faults.contains(told) && (faults == "[]") == told.is_empty(),
            "{faults}"
        );
        plays(&viewer, stream, rungs).await?;
    }
    stage.check_unharmed()
}

/// What is offered is just this, besides source and sound, and has media.
async fn plays(viewer: &Viewer, stream: Stream, rungs: &[&str]) -> Result<()> {
    let all = [&["source", "audio"], rungs].concat();
    let offered = multivariant(viewer, stream, &all).await?;
    let names = offered
        .variants
        .iter()
        .map(|variant| variant.uri.to_string());
    let offered: Vec<_> = names
        .filter_map(|uri| Some(uri.split_once('/')?.0.to_owned()))
        .collect();
    let encoded = offered.iter().filter(|name| name.ends_with('p')).count();
    ensure!(encoded == rungs.len(), "{}: {offered:?}", stream.name);
    for rendition in all {
        let path = media(stream, rendition);
        let playlist = MediaPlaylist::parse(&viewer.fetch(&path).await?)?;
        let segment = playlist.segments.iter().find(|segment| !segment.gap);
        let uri = &segment.with_context(|| format!("no media: {path}"))?.uri;
        let media = viewer
            .fetch(&format!("/live/{}/{rendition}/{uri}", stream.name))
            .await?;
        ensure!(!media.is_empty());
    }
    Ok(())
}
