//! Every program that people publish and play with, against mux alone: what comes out is what went in, packet by packet.

use std::{path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use tests::{
    Clip, Encoder, Entrance, Picture, enhanced_ffmpeg,
    packets::{self, Packets},
    quiet_ffmpeg,
};

const PUBLISH: &str = "matrix-publish";
const PLAY: &str = "matrix-play";
/// Pictures that a player takes: four seconds, two of our keyframes' distances.
const PICTURES: &str = "120";
/// The same in bytes.
const BYTES: &str = "500000";
/// Buffers that GStreamer's player takes: headers, and about four seconds of sound and pictures.
const BUFFERS: &str = "300";

fn entrance() -> Result<Entrance> {
    Entrance::start(&Entrance::stream("stage", PUBLISH, PLAY))
}

/// A recorded show through a pipeline that ends in `sink`.
fn gstreamer(clip: &Clip, sink: &str, url: &str) -> Command {
    let mut gst = Command::new("gst-launch-1.0");
    gst.arg("-q")
        .args(["filesrc", &format!("location={}", clip.path().display())]);
    gst.args(["!", "flvdemux", "name=d"]);
    gst.args(["flvmux", "name=m", "streamable=true", "!", sink]);
    gst.arg(format!("location={url}"));
    gst.args(["d.video", "!", "queue", "!", "clocksync", "!", "m.video"]);
    gst.args(["d.audio", "!", "queue", "!", "clocksync", "!", "m.audio"]);
    gst
}

/// Runs a player to its end and reads what it has written.
fn played(mut player: Command, file: &Path) -> Result<Packets> {
    let output = player.output().with_context(|| format!("{player:?}"))?;
    let complaints = String::from_utf8_lossy(&output.stderr);
    ensure!(file.is_file(), "{player:?} wrote nothing: {complaints}");
    Packets::of(file).with_context(|| complaints.into_owned())
}

/// A player that is done once it has its pictures.
fn ffmpeg(program: Command, url: &str, file: &Path) -> Command {
    let mut ffmpeg = program;
    ffmpeg.args(["-i", url, "-map", "0", "-c", "copy", "-frames:v", PICTURES]);
    ffmpeg.args(["-y"]).arg(file);
    ffmpeg
}

/// Sound and pictures are a stretch of the clip each.
fn assert_whole(who: &str, played: &Packets, clip: &Packets) {
    for track in 0..2 {
        let got = played.track(track);
        assert!(
            got.len() > 60,
            "{who}: {} packets of track {track}",
            got.len()
        );
        assert!(
            packets::find(got, clip.track(track)).is_some(),
            "{who}: track {track} has a packet too many, too few, or changed"
        );
    }
}

#[test]
fn whoever_publishes_players_get_every_packet_unchanged() -> Result<()> {
    let clip = Clip::of(Picture::Small)?;
    let whole = Packets::of(clip.path())?;
    for publisher in ["ffmpeg", "rtmp2sink", "rtmpsink"] {
        let mut entrance = entrance()?;
        let (url, directory) = (entrance.url(PUBLISH)?, entrance.directory());
        let _encoder = match publisher {
            "ffmpeg" => entrance.publish(PUBLISH, &clip)?,
            sink => Encoder::other(&mut gstreamer(&clip, sink, &url), sink, directory)?,
        };
        let file = directory.join("played.flv");
        let player = ffmpeg(quiet_ffmpeg(), &entrance.url(PLAY)?, &file);
        assert_whole(publisher, &played(player, &file)?, &whole);
        ensure!(entrance.mux.is_running() && entrance.mux.panic().is_none());
    }
    Ok(())
}

#[test]
fn whoever_plays_gets_every_packet_unchanged() -> Result<()> {
    let clip = Clip::of(Picture::Small)?;
    let whole = Packets::of(clip.path())?;
    let mut entrance = entrance()?;
    let _encoder = entrance.publish(PUBLISH, &clip)?;
    let url = entrance.url(PLAY)?;
    let file = |name: &str| entrance.directory().join(name);

    // It stops when nobody reads any more; the packet that was cut off then is nobody's fault.
    let rtmpdump = file("rtmpdump.flv");
    let mut player = Command::new("sh");
    player.args([
        "-c",
        "rtmpdump --quiet --live -r \"$0\" -o - | head -c \"$1\" > \"$2\"",
    ]);
    player.args([&url, BYTES]).arg(&rtmpdump);
    assert_whole(
        "rtmpdump",
        &played(player, &rtmpdump)?.but_the_last(),
        &whole,
    );

    let gst = file("gst.flv");
    let mut player = Command::new("gst-launch-1.0");
    player.args(["-q", "rtmp2src", &format!("location={url}")]);
    player.args([&format!("num-buffers={BUFFERS}"), "!", "filesink"]);
    player.arg(format!("location={}", gst.display()));
    assert_whole("rtmp2src", &played(player, &gst)?, &whole);
    ensure!(entrance.mux.is_running() && entrance.mux.panic().is_none());
    Ok(())
}

/// A show of `video` and `audio` encoded by these arguments, made once into `file` and then published as it is.
fn enhanced_clip(arguments: &[&str], file: &Path) -> Result<()> {
    let mut ffmpeg = enhanced_ffmpeg()?;
    ffmpeg.args(["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=30"]);
    ffmpeg.args(["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"]);
    ffmpeg
        .args(["-t", "12", "-pix_fmt", "yuv420p", "-g", "60"])
        .args(arguments);
    let status = ffmpeg.args(["-y"]).arg(file).status()?;
    ensure!(status.success(), "{arguments:?}: {status}");
    Ok(())
}

#[test]
fn enhanced_rtmp_goes_through_untouched_and_late_players_decode_it() -> Result<()> {
    const TWO_TRACKS: &[&str] = &["-map", "0:v", "-map", "0:v", "-map", "1:a", "-map", "1:a"];
    let hevc = [
        "-c:v",
        "libx265",
        "-preset",
        "ultrafast",
        "-x265-params",
        "log-level=none",
        "-c:a",
        "aac",
    ];
    let av1 = ["-c:v", "libsvtav1", "-preset", "12", "-c:a", "libopus"];
    let two = [
        TWO_TRACKS,
        &["-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac"],
    ]
    .concat();
    for (what, arguments, tracks) in [
        ("HEVC and AAC", &hevc[..], 2),
        ("AV1 and Opus", &av1, 2),
        ("two of each", &two, 4),
    ] {
        let mut entrance = entrance()?;
        let clip = entrance.directory().join("clip.mkv");
        enhanced_clip(arguments, &clip)?;
        let whole = Packets::of_by(enhanced_ffmpeg()?, &clip)?;
        let mut publisher = enhanced_ffmpeg()?;
        publisher
            .args(["-re", "-stream_loop", "-1", "-i"])
            .arg(&clip);
        publisher.args([
            "-map",
            "0",
            "-c",
            "copy",
            "-f",
            "flv",
            &entrance.url(PUBLISH)?,
        ]);
        let _encoder = Encoder::other(&mut publisher, "publisher", entrance.directory())?;
        for round in ["early", "late"] {
            let file = entrance.directory().join(format!("{round}.mkv"));
            let player = ffmpeg(enhanced_ffmpeg()?, &entrance.url(PLAY)?, &file);
            played(player, &file)?;
            let got = Packets::of_by(enhanced_ffmpeg()?, &file)?;
            assert_eq!(got.tracks(), tracks, "{what}, {round}");
            let mut decoder = enhanced_ffmpeg()?;
            decoder
                .args(["-xerror", "-i"])
                .arg(&file)
                .args(["-map", "0", "-f", "null", "-"]);
            let decoded = decoder.output()?;
            let complaints = String::from_utf8_lossy(&decoded.stderr);
            assert!(
                decoded.status.success() && complaints.is_empty(),
                "{what}, {round}: {complaints}"
            );
            assert!(
                packets::find(got.track(0), whole.track(0)).is_some(),
                "{what}, {round}: pictures"
            );
        }
        ensure!(entrance.mux.is_running() && entrance.mux.panic().is_none());
    }
    Ok(())
}
