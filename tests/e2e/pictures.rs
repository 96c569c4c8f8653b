//! The poster and the storyboard, as a viewer's player finds them.

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use hyper::StatusCode;
use live::playlist::MediaPlaylist;
use tests::{Clip, Picture, Plan, STAGE, Viewer};

use crate::{media, multivariant, start};

const POSTER: &str = "/live/stage/poster.jpg";
const STORYBOARD: &str = "/live/stage/storyboard.vtt";

/// A tile that the storyboard names: seconds, the sheet's file, and where it lies there.
struct Tile {
    from: f64,
    until: f64,
    sheet: String,
    region: [u16; 4],
}

#[tokio::test]
async fn a_show_has_a_poster_and_a_storyboard_also_while_nobody_publishes() -> Result<()> {
    let mut stage = start(Plan {
        rungs: vec![(240, "400k")],
        ..Plan::default()
    });
    let mut encoder = stage.publish(STAGE, &Clip::of(Picture::Small)?)?;
    let viewer = stage.viewer().await?;
    multivariant(&viewer, STAGE, &["source", "240p", "audio"]).await?;

    viewer.wait_for(POSTER).await?;
    let poster = viewer.get(POSTER).await?;
    assert_eq!(poster.header("content-type"), "image/jpeg");
    assert_eq!(poster.header("cache-control"), "public, max-age=5");
    ensure!(!poster.header("etag").is_empty(), "no ETag");
    assert_eq!(size(&poster.body)?, (416, 234));

    // The second picture is taken ten seconds after the first at most.
    viewer
        .wait_until(STORYBOARD, |text| named(text) >= 2)
        .await?;
    let storyboard = viewer.get(STORYBOARD).await?;
    assert_eq!(storyboard.header("content-type"), "text/vtt");
    let playlist = viewer.fetch(&media(STAGE, "240p")).await?;
    let playlist = MediaPlaylist::parse(&playlist)?;
    let listed = playlist
        .segments
        .iter()
        .map(|s| s.duration.millis())
        .sum::<u64>();
    for tile in tiles(storyboard.text()?)? {
        let Tile { from, until, .. } = tile;
        ensure!(from < until, "{from} to {until}");
        #[expect(clippy::cast_precision_loss, reason = "seconds of a playlist")]
        let end = listed as f64 / 1000.0;
        ensure!(from < end + 2.0, "{from} s in a playlist of {end} s");
        lies_on_its_sheet(&viewer, "/live/stage", &tile).await?;
    }

    encoder.kill()?;
    let admin = stage.transcoders[0].admin()?;
    admin.wait_until(|status| status["streams"]["stage"]["held"] == true)?;
    viewer.wait_for(POSTER).await?;
    stage.check_unharmed()
}

#[tokio::test]
async fn a_recorded_show_has_them_too_when_its_transcoder_was_killed_in_the_middle() -> Result<()> {
    let mut stage = start(Plan {
        rungs: vec![(240, "400k")],
        hold: "10s",
        record: true,
        ..Plan::default()
    });
    let mut encoder = stage.publish(STAGE, &Clip::of(Picture::Small)?)?;
    let viewer = stage.viewer().await?;
    multivariant(&viewer, STAGE, &["source", "240p", "audio"]).await?;
    let admin = stage.transcoders[0].admin()?;
    let status = admin.wait_until(|status| status["streams"]["stage"]["pictures"] == 1)?;
    let session = &status["streams"]["stage"]["session"];
    let show = format!("/live/stage/vod/{session}");
    let index = format!("{show}/storyboard.vtt");
    let has = |least: usize| move |text: &Bytes| named(text) >= least;
    viewer.wait_until(&index, has(1)).await?;
    stage.restart_transcoder(0)?;
    viewer.wait_until(&index, has(2)).await?;
    encoder.finish()?;
    let over = |text: &Bytes| text.ends_with(b"#EXT-X-ENDLIST\n");
    let playlist = format!("{show}/240p/media.m3u8");
    let playlist = viewer.wait_until(&playlist, over).await?;

    let begins = MediaPlaylist::parse(&playlist)?;
    let begins = begins.segments.front().context("no segment")?;
    let begins = begins.head.program_date_time.context("no date")?;
    // The distributor may serve the one before for a while.
    let date = format!("EXT-X-PROGRAM-DATE-TIME:{begins}\n");
    let is_final = |text: &Bytes| text.windows(date.len()).any(|it| it == date.as_bytes());
    let storyboard = viewer.wait_until(&index, is_final).await?;
    for tile in tiles(std::str::from_utf8(&storyboard)?)? {
        ensure!(tile.from < tile.until);
        lies_on_its_sheet(&viewer, &show, &tile).await?;
    }
    let poster = viewer.get(&format!("{show}/poster.jpg")).await?;
    assert_eq!(poster.header("content-type"), "image/jpeg");
    assert_eq!(size(&poster.body)?, (416, 234));
    stage.check_unharmed()
}

/// Tiles that an index names.
fn named(text: &Bytes) -> usize {
    text.windows(3).filter(|it| it == b"-->").count()
}

async fn lies_on_its_sheet(viewer: &Viewer, below: &str, tile: &Tile) -> Result<()> {
    let path = format!("{below}/{}", tile.sheet);
    let sheet = viewer.get(&path).await?;
    assert_eq!(sheet.status, StatusCode::OK, "{path}");
    assert_eq!(sheet.header("content-type"), "image/jpeg");
    ensure!(sheet.header("cache-control").contains("immutable"));
    let (width, height) = size(&sheet.body)?;
    let [x, y, w, h] = tile.region;
    assert_eq!((w, h), (160, 90));
    ensure!(
        x + w <= width && y + h <= height,
        "{x},{y} of {width}x{height}"
    );
    Ok(())
}

/// Cues of a storyboard (WebVTT), each of two lines between empty ones.
fn tiles(text: &str) -> Result<Vec<Tile>> {
    ensure!(text.starts_with("WEBVTT\n\n"), "no WebVTT: {text}");
    let mut tiles = Vec::new();
    for cue in text.split("\n\n").filter(|block| block.contains("-->")) {
        let (times, what) = cue.split_once('\n').context("a cue's text")?;
        let (from, until) = times.split_once(" --> ").context("a cue's times")?;
        let (sheet, region) = what.trim_end().split_once("#xywh=").context("a region")?;
        let region: Result<Vec<u16>, _> = region.split(',').map(str::parse).collect();
        let region = region?.try_into().ok().context("four numbers")?;
        tiles.push(Tile {
            from: seconds(from)?,
            until: seconds(until)?,
            sheet: sheet.to_owned(),
            region,
        });
    }
    Ok(tiles)
}

fn seconds(clock: &str) -> Result<f64> {
    clock
        .split(':')
        .try_fold(0.0, |sum, part| Ok(sum * 60.0 + part.parse::<f64>()?))
}

/// Width and height of a JPEG file, by its first frame header (ITU-T T.81, B.2.2).
fn size(file: &[u8]) -> Result<(u16, u16)> {
    ensure!(
        file.starts_with(b"\xff\xd8\xff") && file.ends_with(b"\xff\xd9"),
        "no JPEG"
    );
    let mut at = 2;
    let two = |at: usize| {
        let bytes = file.get(at..at + 2).context("a JPEG file cut short")?;
        Ok::<_, anyhow::Error>(u16::from_be_bytes([bytes[0], bytes[1]]))
    };
    while !(0xffc0..=0xffc2).contains(&two(at)?) {
        at += 2 + usize::from(two(at + 2)?);
    }
    Ok((two(at + 7)?, two(at + 5)?))
}
