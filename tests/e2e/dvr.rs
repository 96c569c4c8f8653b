//! A viewer goes back in time, to what the transcoder has on disk alone.

use anyhow::{Result, ensure};
use live::playlist::MediaPlaylist;
use tests::{Clip, Picture, Plan, STAGE, Stage, decode, quiet_ffmpeg};

use crate::{media, start};

/// Segments of picture and sound on disk: 40 s of show, of which half a minute at most is in memory.
const SAVED: f64 = 40.0;
/// Pictures that are played: two segments.
const PICTURES: u64 = 120;

fn archive(stage: &Stage, metric: &str) -> Result<f64> {
    let name = format!("footlight_transcoder_archive_{metric}_total");
    stage.transcoders[0].admin()?.metric(&name, "")
}

#[tokio::test]
async fn a_viewer_who_goes_back_is_sent_the_show_from_the_disk() -> Result<()> {
    let mut stage = start(Plan {
        rungs: Vec::new(),
        ..Plan::default()
    });
    let _encoder = stage.publish(STAGE, &Clip::of(Picture::Small)?)?;
    let viewer = stage.viewer().await?;
    // Nobody watches the picture meanwhile: the distributor would have it all.
    let sound = media(STAGE, "audio");
    let mut text = viewer.wait_for(&sound).await?;
    while archive(&stage, "segments")? < SAVED {
        let open = MediaPlaylist::parse(&text)?.open_msn();
        text = viewer.fetch(&format!("{sound}?_HLS_msn={open}")).await?;
    }
    ensure!(archive(&stage, "read_segments")? < 1.0);
    let path = media(STAGE, "source");
    let listed = MediaPlaylist::parse(&viewer.fetch(&path).await?)?;
    let gaps = listed.segments.iter().take_while(|s| s.gap).count();

    let file = stage.directory().path().join("past.mp4");
    let mut player = quiet_ffmpeg();
    player.args(["-live_start_index", &gaps.to_string()]);
    player.args(["-i", &format!("https://{}{path}", stage.https()?)]);
    player.args(["-frames:v", &PICTURES.to_string(), "-c", "copy"]);
    let output = player.arg(&file).output()?;
    let complaints = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "ffmpeg: {complaints}");
    ensure!(decode(&file)?.frames == PICTURES, "{complaints}");
    ensure!(archive(&stage, "read_segments")? >= 2.0, "{complaints}");
    ensure!(archive(&stage, "missing_segments")? < 1.0);
    stage.check_unharmed()
}
