//! The end of a show: whether its encoder has said goodbye or died, it is held for `[segment] hold`, and then everybody
//! is told that it is over.

use std::cell::Cell;

use anyhow::{Context, Result, ensure};
use tests::{
    Clip, Encoder, Entrance, EventStream, Picture, Plan, STAGE, packets::Packets, quiet_ffmpeg,
};

use crate::{HALL, media, multivariant, start};

/// The shortest that there is.
const HOLD: &str = "10s";
/// Segments that are left out meanwhile: all of 2 s but the first and the last.
const GAPS: usize = 3;

fn count(text: &[u8], tag: &str) -> usize {
    let lines = text.split(|byte| *byte == b'\n');
    lines.filter(|line| *line == tag.as_bytes()).count()
}

/// The encoder of the stage says that it ends; that of the hall dies.
fn go(polite: &mut Encoder, dying: &mut Encoder) -> Result<()> {
    polite.finish()?;
    dying.kill()
}

#[tokio::test]
async fn viewers_hear_of_the_end_once_the_hold_has_run_out() -> Result<()> {
    let mut stage = start(Plan {
        streams: vec![STAGE, HALL],
        rungs: Vec::new(),
        hold: HOLD,
        ..Plan::default()
    });
    let clip = Clip::of(Picture::Small)?;
    let mut polite = stage.publish(STAGE, &clip)?;
    let mut dying = stage.publish(HALL, &clip)?;
    let viewer = stage.viewer().await?;
    for stream in [STAGE, HALL] {
        let offered = multivariant(&viewer, stream, &["source"]).await?;
        ensure!(!offered.variants.is_empty(), "{}", stream.name);
    }
    go(&mut polite, &mut dying)?;
    for stream in [STAGE, HALL] {
        let is_over = |text: &bytes::Bytes| count(text, "#EXT-X-ENDLIST") == 1;
        let path = media(stream, "source");
        let last = viewer.wait_until(&path, is_over).await?;
        let gaps = count(&last, "#EXT-X-GAP");
        let text = String::from_utf8_lossy(&last);
        ensure!(gaps >= GAPS, "{}: it was not held: {text}", stream.name);
    }
    // The same key begins another show.
    let _again = stage.publish(STAGE, &clip)?;
    let goes_on = |text: &bytes::Bytes| count(text, "#EXT-X-ENDLIST") == 0;
    viewer.wait_until(&media(STAGE, "source"), goes_on).await?;
    stage.check_unharmed()
}

/// Waits until the log says this of the stream.
fn told_of(entrance: &Entrance, stream: &str, what: &str) -> Result<()> {
    let (what, stream) = (format!("\"{what}"), format!("\"{stream}\""));
    entrance.mux.wait_for_line(&what, |line| {
        (line.contains(&what) && line.contains(&stream)).then_some(())
    })
}

#[test]
fn players_and_platforms_hear_of_the_end_once_the_hold_has_run_out() -> Result<()> {
    let names = ["stage", "hall"];
    let both = names.map(|name| Entrance::stream(name, name, &format!("{name}-plays")));
    let platform = Entrance::start(&both.concat())?;
    let to = platform.address("rtmp")?;
    let entrance = Entrance::with(|directory| {
        let mut text = format!("[segment]\nhold = \"{HOLD}\"\n");
        for (name, stream) in names.iter().zip(&both) {
            let key = directory.write(&format!("{name}-key"), name)?;
            text += stream;
            text += &format!(
                "[[stream.push]]\nname = \"platform\"\nurl = \"rtmp://{to}/live\"\nkey = {{ file = {key:?} }}\n"
            );
        }
        Ok(text)
    })?;
    let mut events = EventStream::open(entrance.address("admin")?, "/events")?;
    let clip = Clip::of(Picture::Small)?;
    let mut polite = entrance.publish("stage", &clip)?;
    let mut dying = entrance.publish("hall", &clip)?;
    for name in names {
        told_of(&platform, name, "publishes")?;
    }
    let mut players = Vec::new();
    for name in names {
        let file = entrance.directory().join(format!("{name}.flv"));
        let mut ffmpeg = quiet_ffmpeg();
        ffmpeg.args(["-i", &entrance.url(&format!("{name}-plays"))?]);
        ffmpeg.args(["-c", "copy"]).arg(&file);
        players.push((
            Encoder::other(&mut ffmpeg, name, entrance.directory())?,
            file,
        ));
    }
    entrance.mux.admin()?.wait_until(|status| {
        let streams = names.map(|name| &status["streams"][name]);
        streams
            .iter()
            .all(|stream| stream["players"]["connected"] == 1)
    })?;
    go(&mut polite, &mut dying)?;
    for kind in ["held", "ended"] {
        for _ in names {
            events.wait_for(kind)?;
        }
    }
    for (mut player, file) in players {
        let status = player.exited()?;
        ensure!(status.success(), "not told: {}", player.complaints());
        let played = Packets::of(&file).context("nothing was played")?;
        ensure!(!played.track(0).is_empty() && !played.track(1).is_empty());
    }
    let missing = Cell::new(names.len());
    platform.mux.wait_for_line("a goodbye of each", |line| {
        let said = line.contains("stopped in good order");
        missing.set(missing.get() - usize::from(said));
        (missing.get() == 0).then_some(())
    })?;
    ensure!(entrance.mux.panic().is_none() && platform.mux.panic().is_none());
    Ok(())
}
