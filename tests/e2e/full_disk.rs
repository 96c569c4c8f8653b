//! The disk of the recordings fills up in the middle of a show, and has room again.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use live::playlist::MediaPlaylist;
use nix::sched::{CloneFlags, unshare};
use serde_json::Value;
use tests::{Clip, Picture, Plan, Recording, STAGE};

use crate::{media, multivariant, start};

/// More than a recording wants free to go on (128 MiB), and the show.
const SIZE: &str = "size=192m";
/// Leaves less than the 64 MiB at which it stops.
const BALLAST: usize = 140 << 20;

/// A disk that only this test and the daemons it starts see.
struct Disk(PathBuf);

impl Disk {
    fn mount(path: PathBuf) -> Result<Self> {
        std::fs::create_dir_all(&path)?;
        run(Command::new("mount")
            .args(["-t", "tmpfs", "-o", SIZE, "none"])
            .arg(&path))?;
        Ok(Self(path))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // What stays mounted goes with this process.
        let _unmounted = run(Command::new("umount").arg("--lazy").arg(&self.0));
    }
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.status()?;
    ensure!(status.success(), "{command:?}: {status}");
    Ok(())
}

/// Whether disks may be mounted here, out of everybody else's sight.
fn may_mount() -> Result<bool> {
    if let Err(error) = unshare(CloneFlags::CLONE_NEWNS) {
        #[expect(clippy::print_stderr, reason = "what is not tested is said")]
        {
            eprintln!("NOT TESTED: no disk can be mounted here ({error}); run the tests as root");
        }
        return Ok(false);
    }
    run(Command::new("mount").args(["--make-rprivate", "/"]))?;
    Ok(true)
}

fn gaps(text: &[u8]) -> Result<Vec<bool>> {
    let playlist = MediaPlaylist::parse(text)?;
    Ok(playlist
        .segments
        .iter()
        .map(|segment| segment.gap)
        .collect())
}

#[tokio::test]
async fn a_recording_stops_in_words_while_the_disk_is_full_and_the_show_goes_on() -> Result<()> {
    if !may_mount()? {
        return Ok(());
    }
    let mut stage = start(Plan {
        rungs: vec![(240, "300k")],
        record: true,
        ..Plan::default()
    });
    let disk = Disk::mount(stage.directory().path().join("transcoder-1-recordings"))?;
    let _encoder = stage.publish(STAGE, &Clip::of(Picture::Small)?)?;
    let viewer = stage.viewer().await?;
    multivariant(&viewer, STAGE, &["source", "240p", "audio"]).await?;
    let admin = stage.transcoders.first().context("a transcoder")?.admin()?;
    let status = admin.wait_until(|status| status["streams"][STAGE.name]["session"].is_u64())?;
    let show = format!(
        "/live/{}/vod/{}",
        STAGE.name, status["streams"][STAGE.name]["session"]
    );
    let recorded = format!("{show}/source/media.m3u8");
    viewer.wait_for(&recorded).await?;

    let ballast = disk.0.join("ballast");
    std::fs::write(&ballast, vec![0; BALLAST])?;
    let fault = |status: &Value| status["recording"]["fault"].as_str().map(str::to_owned);
    let status = admin.wait_until(|status| fault(status).is_some())?;
    let words = fault(&status).unwrap_or_default();
    ensure!(words.contains("recording.stop_at_free"), "{words}");
    for rendition in ["source", "240p"] {
        let live = Recording::follow(&viewer, &media(STAGE, rendition), 2).await?;
        let lost = live.last()?.segments.iter().rev().take(3);
        ensure!(
            lost.filter(|segment| segment.gap).count() == 0,
            "{rendition}"
        );
    }
    std::fs::remove_file(&ballast)?;
    admin.wait_until(|status| fault(status).is_none())?;
    let whole = |text: &bytes::Bytes| {
        gaps(text).is_ok_and(|gaps| gaps.contains(&true) && gaps.last() == Some(&false))
    };
    let text = viewer.wait_until(&recorded, whole).await?;
    for segment in MediaPlaylist::parse(&text)?.segments {
        if !segment.gap {
            check(&viewer, &show, segment.uri.as_str()).await?;
        }
    }
    stage.check_unharmed()
}

/// What is named is there.
async fn check(viewer: &tests::Viewer, show: &str, uri: &str) -> Result<()> {
    let name = Path::new("source").join(uri);
    let media = viewer.fetch(&format!("{show}/{}", name.display())).await?;
    ensure!(!media.is_empty());
    Ok(())
}
