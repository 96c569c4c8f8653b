//! While nobody publishes: the encoded rungs show the slate, the sound is silent, playlists tell of the hold, and then the
//! show goes on.

use anyhow::{Context, Result, ensure};
use live::{
    playlist::{DateRange, MediaPlaylist},
    telling::HOLD,
};
use serde_json::Value;
use tests::{Clip, Picture, Plan, Recording, STAGE, decode};

use crate::{media, multivariant, start};

/// Held segments that are watched.
const HELD: u64 = 3;

fn rung(status: &Value) -> &Value {
    let renditions = status["streams"]["stage"]["renditions"].as_array();
    let rung = renditions.and_then(|all| all.iter().find(|one| one["name"] == "240p"));
    rung.unwrap_or(&Value::Null)
}

/// When holds begin and end in turn, as a playlist tells it: Unix milliseconds.
pub(crate) fn holds(playlist: &MediaPlaylist) -> Result<Vec<u64>> {
    let mut told = Vec::new();
    for line in &playlist.date_ranges {
        let range: DateRange = line.as_str().parse()?;
        if range.class().is_some_and(|class| class.as_str() == HOLD) {
            told.push(range.start().unix_millis());
        }
    }
    Ok(told)
}

#[tokio::test]
async fn viewers_see_the_slate_until_a_new_publisher_comes() -> Result<()> {
    let mut stage = start(Plan {
        rungs: vec![(240, "400k")],
        ..Plan::default()
    });
    let clip = Clip::of(Picture::Small)?;
    let mut encoder = stage.publish(STAGE, &clip)?;
    let viewer = stage.viewer().await?;
    multivariant(&viewer, STAGE, &["source", "240p", "audio"]).await?;
    let admin = stage.transcoders[0].admin()?;
    admin.wait_until(|status| rung(status)["slate"] == true)?;

    encoder.kill()?;
    let held = admin.wait_until(|status| status["streams"]["stage"]["held"] == true)?;
    let msn = |status: &Value| status["streams"]["stage"]["msn"].as_u64();
    let first = msn(&held).context("a number")?;
    admin.wait_until(|status| msn(status) >= Some(first + HELD))?;
    let _again = stage.publish(STAGE, &clip)?;
    admin.wait_until(|status| status["streams"]["stage"]["held"] == false)?;

    let shown = Recording::follow(&viewer, &media(STAGE, "240p"), 2).await?;
    let sound = viewer.fetch(&media(STAGE, "audio")).await?;
    let source = viewer.fetch(&media(STAGE, "source")).await?;
    let (sound, source) = (
        MediaPlaylist::parse(&sound)?,
        MediaPlaylist::parse(&source)?,
    );
    let during = |playlist: &MediaPlaylist, gap: bool| {
        let held = playlist
            .numbered()
            .filter(|(msn, _)| (first..first + HELD).contains(&msn.0));
        held.filter(|(_, segment)| segment.gap == gap).count() as u64
    };
    ensure!(
        during(shown.last()?, false) == HELD,
        "no slate: {first}, {:?}",
        shown.last()?
    );
    ensure!(during(&sound, false) == HELD, "no silence: {sound:?}");
    ensure!(during(&source, true) == HELD, "no gap: {source:?}");
    let resumed = source.numbered().find(|(msn, s)| msn.0 > first && !s.gap);
    let held = source.numbered().find(|(msn, _)| msn.0 == first);
    let dates = [held, resumed].into_iter().flatten();
    let dates = dates.filter_map(|(_, segment)| segment.head.program_date_time);
    let dates: Vec<u64> = dates
        .map(live::playlist::ProgramDateTime::unix_millis)
        .collect();
    ensure!(dates.len() == 2, "{source:?}");
    for playlist in [shown.last()?, &sound, &source] {
        ensure!(holds(playlist)? == dates, "{dates:?}, {playlist:?}");
    }
    for (msn, segment) in shown.last()?.numbered().filter(|(msn, _)| msn.0 >= first) {
        ensure!(!segment.head.discontinuity, "a discontinuity at {msn}");
    }

    // One file of show, slate and show again, as a player that goes on reading gets them.
    let file = stage.directory().path().join("slate.mp4");
    std::fs::write(&file, shown.all()?)?;
    decode(&file)?;
    admin.wait_until(|status| status["streams"]["stage"]["encoders_started"] == 1)?;
    stage.check_unharmed()
}

#[tokio::test]
async fn a_transcoder_that_starts_in_a_hold_shows_the_slate_to_whoever_comes() -> Result<()> {
    let mut stage = start(Plan {
        rungs: vec![(240, "400k")],
        ..Plan::default()
    });
    let clip = Clip::of(Picture::Small)?;
    let mut encoder = stage.publish(STAGE, &clip)?;
    let viewer = stage.viewer().await?;
    multivariant(&viewer, STAGE, &["source", "240p", "audio"]).await?;
    encoder.kill()?;
    let held = |status: &Value| status["streams"]["stage"]["held"] == true;
    stage.transcoders[0].admin()?.wait_until(held)?;

    stage.restart_transcoder(0)?;
    let admin = stage.transcoders[0].admin()?;
    let shown = |status: &Value| status["streams"]["stage"]["playable"] == true && held(status);
    let status = admin.wait_until(shown)?;
    ensure!(rung(&status)["slate"] == true, "{status}");
    let newcomer = stage.viewer().await?;
    multivariant(&newcomer, STAGE, &["240p", "audio"]).await?;
    let shown = Recording::follow(&newcomer, &media(STAGE, "240p"), 2).await?;
    ensure!(admin.wait_until(held).is_ok(), "all of it in the hold");
    ensure!(holds(shown.last()?)?.len() == 1, "{:?}", shown.last()?);
    let file = stage.directory().path().join("slate.mp4");
    std::fs::write(&file, shown.all()?)?;
    decode(&file)?;

    let _again = stage.publish(STAGE, &clip)?;
    admin.wait_until(|status| {
        !held(status) && status["streams"]["stage"]["source_offered"] == true
    })?;
    let after = Recording::follow(&newcomer, &media(STAGE, "240p"), 2).await?;
    let discontinuities = after
        .last()?
        .segments
        .iter()
        .filter(|s| s.head.discontinuity);
    ensure!(discontinuities.count() == 0, "{:?}", after.last()?);
    Ok(())
}
