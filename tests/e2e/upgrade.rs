//! Mux is restarted, upgraded and killed in the middle of a show, and nobody who is connected notices.

use std::{fs::File, io::Write, os::fd::OwnedFd, path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use tests::{
    Clip, Encoder, Entrance, Picture, Program, RunDirectory, Service,
    packets::{self, Packets},
    quiet_ffmpeg,
};

const PUBLISH: &str = "upgrade-publish";
const PLAY: &str = "upgrade-play";
/// Pictures that a player takes: ten seconds.
const PICTURES: &str = "300";

/// Mux with one stream, under a service manager.
fn service(directory: &RunDirectory, push: &str) -> Result<Service> {
    let state = directory.path().join("mux-state");
    let stream = Entrance::stream("stage", PUBLISH, PLAY);
    let configuration = format!(
        "state_directory = {state:?}\n[admin]\nlisten = \"127.0.0.1:0\"\n[rtmp]\nlisten = \"127.0.0.1:0\"\n{stream}{push}"
    );
    let file = directory.write("mux.toml", configuration)?;
    let service = Service::start(Program::Mux, &["rtmp"], &file, directory.path())?;
    service.daemon.wait_until_ready()?;
    Ok(service)
}

fn url(service: &Service, key: &str) -> Result<String> {
    Ok(format!("rtmp://{}/live/{key}", service.address("rtmp")?))
}

fn player(url: &str, file: &Path) -> Command {
    let mut ffmpeg = quiet_ffmpeg();
    ffmpeg.args(["-i", url, "-map", "0", "-c", "copy", "-frames:v", PICTURES]);
    ffmpeg.arg("-y").arg(file);
    ffmpeg
}

/// Whether a player was sent ten seconds of the clip without a gap.
fn no_packet_lost(played: &Path, clip: &Packets) -> Result<()> {
    let played = Packets::of(played)?;
    ensure!(played.track(0).len() >= 300, "the player was cut off");
    for track in 0..2 {
        packets::find(played.track(track), clip.track(track))
            .with_context(|| format!("track {track} has a packet too many or too few"))?;
    }
    Ok(())
}

fn unharmed(service: &Service) -> Result<()> {
    let daemon = &service.daemon;
    ensure!(daemon.panic().is_none(), "{}", daemon.tail());
    Ok(())
}

#[test]
fn a_show_goes_through_restarts_and_kills_without_a_frame_lost() -> Result<()> {
    let clip = Clip::of(Picture::Small)?;
    let whole = Packets::of(clip.path())?;
    let directory = RunDirectory::new()?;
    let mut service = service(&directory, "")?;
    let mut encoder = Encoder::publish(&clip, &url(&service, PUBLISH)?, directory.path())?;
    let mut players = Vec::new();
    for number in 1..=3 {
        let file = directory.path().join(format!("played-{number}.flv"));
        let player = player(&url(&service, PLAY)?, &file).spawn()?;
        players.push((player, file));
    }
    // All are connected once their sockets are kept; then blow after blow until the first player has all it wants.
    service.wait_until_stored("connection-", 4)?;
    let mut blows = 0;
    while players[0].0.try_wait()?.is_none() {
        service.daemon.wait_until_ready()?;
        blows += 1;
        if blows % 2 == 0 {
            service.daemon.signal(Signal::SIGTERM)?;
            ensure!(
                service.daemon.exited()?.success(),
                "{}",
                service.daemon.tail()
            );
        } else {
            service.daemon.kill()?;
        }
        service.start_again()?;
    }
    ensure!(blows >= 5, "{blows} restarts in ten seconds");
    for (mut player, file) in players {
        ensure!(player.wait()?.success(), "a player failed");
        no_packet_lost(&file, &whole)?;
    }
    ensure!(
        encoder.is_running(),
        "the encoder was cut off: {}",
        encoder.complaints()
    );
    unharmed(&service)
}

#[test]
fn a_state_of_another_version_is_a_fresh_start() -> Result<()> {
    let clip = Clip::of(Picture::Small)?;
    let directory = RunDirectory::new()?;
    let mut service = service(&directory, "")?;
    let mut encoder = Encoder::publish(&clip, &url(&service, PUBLISH)?, directory.path())?;
    service.wait_until_stored("connection-", 1)?;
    service.daemon.kill()?;
    for kind in ["connections", "stream-"] {
        service.replace(kind, || {
            let path = directory.path().join("foreign");
            File::create(&path)?.write_all(&[0x5a; 100_000])?;
            Ok(OwnedFd::from(
                File::options().read(true).write(true).open(path)?,
            ))
        })?;
    }
    service.start_again()?;
    service.daemon.wait_until_ready()?;
    // Its connection was let go.
    encoder.exited()?;
    let _encoder = Encoder::publish(&clip, &url(&service, PUBLISH)?, directory.path())?;
    let file = directory.path().join("played.flv");
    ensure!(
        player(&url(&service, PLAY)?, &file).status()?.success(),
        "no show"
    );
    unharmed(&service)
}

#[test]
fn a_push_to_a_platform_goes_through_restarts_and_kills() -> Result<()> {
    let clip = Clip::of(Picture::Small)?;
    let whole = Packets::of(clip.path())?;
    let directory = RunDirectory::new()?;
    let platform = Entrance::start(&Entrance::stream("stage", "platform-publish", PLAY))?;
    let key = directory.write("platform-key", "platform-publish")?;
    let push = format!(
        "\n[[stream.push]]\nname = \"platform\"\nurl = \"rtmp://{}/live\"\nkey = {{ file = {key:?} }}\n",
        platform.address("rtmp")?
    );
    let mut service = service(&directory, &push)?;
    let _encoder = Encoder::publish(&clip, &url(&service, PUBLISH)?, directory.path())?;
    let file = directory.path().join("played.flv");
    let mut player = player(&platform.url(PLAY)?, &file).spawn()?;
    platform.mux.wait_for_line("a publisher", |line| {
        line.contains("on the air").then_some(())
    })?;
    let mut blows = 0;
    while player.try_wait()?.is_none() {
        service.daemon.wait_until_ready()?;
        service.daemon.kill()?;
        service.start_again()?;
        blows += 1;
    }
    ensure!(blows >= 5, "{blows} restarts in ten seconds");
    no_packet_lost(&file, &whole)?;
    let publishers = platform.mux.log();
    let publishers = publishers
        .iter()
        .filter(|line| line.contains("\"publishes\""));
    ensure!(
        publishers.count() == 1,
        "the platform was connected to anew"
    );
    Ok(())
}
