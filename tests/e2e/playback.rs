//! A recorded show in players: hls.js and Shaka in Chromium play it from its start to its end, across the moment in which
//! nobody published, and wind through it; hls.js while its level is changed by force.
//!
//! The camera's clock is in every picture. The distance between it and a player's time is the same in all of a take; it
//! is another after the hold, since a new camera has a clock of its own.

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use live::playlist::{MediaPlaylist, Seconds};
use serde_json::{Value, json};
use tests::{Browser, Camera, Plan, STAGE, Stage};

use crate::{multivariant, start};

/// Segments of each of the two takes.
const TAKE: usize = 4;
/// Seconds of the first take that are surely there, and a moment within it.
const TAKEN_S: f64 = 6.0;
const WITHIN_S: f64 = 3.0;
/// Seconds before the end that are wound to.
const NEAR_END_S: f64 = 2.5;
/// The level of hls.js is changed so often.
const CHANGE_EVERY_S: u32 = 2;
/// How far a picture may be from where its time says, in milliseconds: half a frame.
const HALF_FRAME_MS: f64 = 17.0;
/// The encoded rung's and the source's height.
const HEIGHTS: [u64; 2] = [480, 720];

/// What was recorded.
struct Recorded {
    url: String,
    /// Where the second take begins, in seconds.
    again: f64,
}

/// Records two takes and the hold between them.
async fn record(stage: &Stage) -> Result<Recorded> {
    let url = stage.publish_url(STAGE)?;
    let camera = Camera::publish(&url, &["steady"])?;
    let viewer = stage.viewer().await?;
    multivariant(&viewer, STAGE, &["source", "480p", "audio"]).await?;
    let transcoder = stage.transcoders[0].admin()?;
    transcoder.wait_until(|status| {
        let all = status["streams"]["stage"]["renditions"].as_array();
        all.is_some_and(|all| all.iter().any(|one| one["slate"] == true))
    })?;
    let status = transcoder.wait_until(|status| status["streams"]["stage"]["session"].is_u64())?;
    let session = &status["streams"]["stage"]["session"];
    let show = format!("/live/stage/vod/{session}");
    let source = format!("{show}/source/media.m3u8");
    let count = |text: &Bytes, tag: &str| String::from_utf8_lossy(text).matches(tag).count();
    let taken = |text: &Bytes| count(text, "#EXTINF") >= TAKE;
    viewer.wait_until(&source, taken).await?;
    drop(camera);
    let held = |text: &Bytes| count(text, "#EXT-X-GAP") > 0;
    let until_held = viewer.wait_until(&source, held).await?;
    let _camera = Camera::publish(&url, &["steady"])?;
    let before = count(&until_held, "#EXTINF");
    let again =
        |text: &Bytes| count(text, "#EXTINF") - count(text, "#EXT-X-GAP") >= before + TAKE - 1;
    viewer.wait_until(&source, again).await?;
    let (code, answer) = stage.mux.admin()?.post("/streams/stage/end")?;
    ensure!((200..300).contains(&code), "{code} {answer}");
    let over = |text: &Bytes| count(text, "#EXT-X-ENDLIST") == 1;
    let playlist = MediaPlaylist::parse(&viewer.wait_until(&source, over).await?)?;
    let held = playlist.segments.iter().rposition(|segment| segment.gap);
    let until = playlist.segments.iter().take(held.context("no hold")? + 1);
    let again: Seconds = until.map(|segment| segment.duration).sum();
    Ok(Recorded {
        url: format!(
            "https://localhost:{}{show}/index.m3u8",
            stage.https()?.port()
        ),
        again: again.to_string().parse()?,
    })
}

/// Pictures of one take, each where it belongs: `offset` is the distance of the take, and is given back.
fn check(report: &Value, offset: Option<f64>) -> Result<f64> {
    let of = |name: &str| report[name].as_f64().with_context(|| format!("no {name}"));
    ensure!(of("framesRead")? > 10.0, "too few pictures: {report:#}");
    ensure!(
        of("worstMs")? <= HALF_FRAME_MS,
        "a level is off: {report:#}"
    );
    let strays = of("strays")? * 10.0;
    ensure!(strays <= of("framesRead")?, "pictures are off: {report:#}");
    ensure!(report["backwards"] == 0, "the show went back: {report:#}");
    // That a gap is one Shaka calls critical, and plays on.
    let fatal = report["fatal"].as_array().context("no errors")?;
    let gap = |error: &Value| {
        error
            .as_str()
            .is_some_and(|error| error.starts_with("1011 "))
    };
    ensure!(fatal.iter().all(gap), "{report:#}");
    let found = of("offsetMs")?;
    let expected = offset.unwrap_or(found);
    ensure!(
        (found - expected).abs() <= HALF_FRAME_MS,
        "{found} ms instead of {expected} ms: {report:#}"
    );
    Ok(found)
}

fn heights(reports: &[&Value]) -> Vec<u64> {
    let all = reports
        .iter()
        .filter_map(|report| report["heights"].as_array());
    all.flatten().filter_map(Value::as_u64).collect()
}

/// Plays all of it; then to the end once more, and from within the first take. Gives the distances of the takes.
fn play(stage: &Stage, player: &str, recorded: &Recorded) -> Result<[f64; 2]> {
    let plan = json!({ "media": recorded.url, "player": player });
    let mut viewer = Browser::open(stage, "follow.mjs", plan)?;
    let changes = player == "hls.js";
    if changes {
        viewer.order(&format!("change {CHANGE_EVERY_S}"))?;
    }
    viewer.order(&format!("reach {TAKEN_S}"))?;
    viewer.wait_for("reached")?;
    let begun = viewer.report()?;
    // Between the takes it shows the slate or leaves the hold out, as the level is.
    viewer.order(&format!("reach {}", recorded.again + 1.0))?;
    viewer.wait_for("reached")?;
    viewer.report()?;
    viewer.wait_for("ended")?;
    let ended = viewer.report()?;
    let takes = [check(&begun, None)?, check(&ended, None)?];
    let length = ended["length"].as_f64().context("no length")?;
    let seen = heights(&[&begun, &ended]);
    for height in HEIGHTS.into_iter().filter(|_| changes) {
        ensure!(
            seen.contains(&height),
            "{player}: never in {height}: {seen:?}"
        );
    }
    let played = begun["mediaSeconds"].as_f64().unwrap_or_default();
    ensure!(
        played > TAKEN_S - 1.0,
        "{played} s from the start: {begun:#}"
    );

    viewer.order(&format!("seek {}", length - NEAR_END_S))?;
    // What was shown before is none of it.
    viewer.report()?;
    viewer.wait_for("ended")?;
    check(&viewer.report()?, Some(takes[1]))?;
    viewer.order(&format!("seek {WITHIN_S}"))?;
    viewer.report()?;
    viewer.order(&format!("reach {TAKEN_S}"))?;
    viewer.wait_for("reached")?;
    check(&viewer.report()?, Some(takes[0]))?;
    Ok(takes)
}

#[tokio::test]
async fn a_recorded_show_plays_to_its_end_and_can_be_wound_through() -> Result<()> {
    let mut stage = start(Plan {
        record: true,
        ..Plan::default()
    });
    let recorded = record(&stage).await?;
    let [hls, shaka] = [
        play(&stage, "hls.js", &recorded)?,
        play(&stage, "shaka", &recorded)?,
    ];
    // Both have the show's first picture at the same time.
    for (hls, shaka) in hls.iter().zip(shaka) {
        ensure!((hls - shaka).abs() <= HALF_FRAME_MS, "{hls} {shaka}");
    }
    stage.check_unharmed()
}
