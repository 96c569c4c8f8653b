//! Shows in other codecs than H.264 and AAC, and shows that become others, as their viewers get them.

use std::{collections::BTreeSet, path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use live::Msn;
use tests::{
    Clip, Encoder, Picture, Plan, Recording, STAGE, decode, enhanced_ffmpeg, fmp4, quiet_ffmpeg,
};

use crate::{media, multivariant, start};

/// Ticks of 90 kHz.
const SECOND: i64 = 90_000;
/// One AAC frame at 48 kHz, in the same.
const AUDIO_FRAME: i64 = SECOND * 1024 / 48_000;

/// White in the first fifth of each second, with a tone.
fn flashes(arguments: &[&str], file: &Path) -> Result<()> {
    let mut ffmpeg = enhanced_ffmpeg()?;
    ffmpeg.args(["-f", "lavfi", "-i"]);
    ffmpeg.arg("color=c=black:s=320x180:r=30,drawbox=c=white:t=fill:enable='lt(mod(t,1),0.2)'");
    ffmpeg.args(["-f", "lavfi", "-i"]);
    ffmpeg.arg("aevalsrc=0.5*sin(2*PI*1000*t)*lt(mod(t\\,1)\\,0.2):s=48000");
    ffmpeg.args(["-t", "40", "-pix_fmt", "yuv420p", "-g", "60"]);
    let status = ffmpeg.args(arguments).arg("-y").arg(file).status()?;
    ensure!(status.success(), "{arguments:?}: {status}");
    Ok(())
}

/// Publishes a file as it is, over Enhanced RTMP.
fn publish(file: &Path, url: &str, directory: &Path) -> Result<Encoder> {
    let mut ffmpeg = enhanced_ffmpeg()?;
    ffmpeg.args(["-re", "-stream_loop", "-1", "-i"]).arg(file);
    ffmpeg.args(["-c", "copy", "-f", "flv", url]);
    Encoder::other(&mut ffmpeg, "publisher", directory)
}

/// Raw samples of a recording by an independent decoder.
fn raw(recording: &Recording, file: &Path, arguments: &[&str]) -> Result<Vec<u8>> {
    std::fs::write(file, recording.all()?)?;
    let mut ffmpeg: Command = quiet_ffmpeg();
    ffmpeg.args(["-xerror", "-i"]).arg(file).args(arguments);
    let output = ffmpeg.arg("-").output()?;
    let complaints = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{complaints}");
    Ok(output.stdout)
}

/// When each sample of the recording is shown, in ticks.
fn times(recording: &Recording) -> Result<Vec<i64>> {
    let mut times = Vec::new();
    for (msn, segment) in &recording.segments {
        let scale = i64::from(fmp4::timescale(recording.init_of(*msn)?)?);
        let samples = fmp4::samples(segment)?;
        times.extend(samples.iter().map(|sample| {
            let ticks = i128::from(sample.pts) * i128::from(SECOND) / i128::from(scale);
            i64::try_from(ticks).expect("a time of this century")
        }));
    }
    times.sort_unstable();
    Ok(times)
}

/// When something begins that was not there 200 ms before.
fn onsets(there: impl Iterator<Item = (i64, bool)>) -> Vec<i64> {
    let mut last = None;
    let mut onsets = Vec::new();
    for (time, there) in there {
        if there {
            if last.is_some_and(|last| time - last > SECOND / 5) {
                onsets.push(time);
            }
            last = Some(time);
        }
    }
    onsets
}

/// When the tone of a recording begins, in ticks.
fn tones(audio: &Recording, directory: &Path) -> Result<Vec<i64>> {
    let file = directory.join("sound.mp4");
    let sound = raw(audio, &file, &["-ac", "1", "-f", "f32le"])?;
    let start = *times(audio)?.first().context("no sound")?;
    let loud = sound.as_chunks::<4>().0.iter().zip(0_i64..);
    Ok(onsets(loud.map(|(sample, n)| {
        let time = start + n * SECOND / 48_000;
        (time, f32::from_le_bytes(*sample).abs() > 0.1)
    })))
}

/// When the white of a recording begins, in ticks.
fn whites(pictures: &Recording, directory: &Path) -> Result<Vec<i64>> {
    let file = directory.join("pictures.mp4");
    let gray = ["-vf", "scale=1:1", "-pix_fmt", "gray"];
    let plain = ["-fps_mode", "passthrough", "-f", "rawvideo"];
    let brightness = raw(pictures, &file, &[gray, plain].concat())?;
    let times = times(pictures)?;
    ensure!(brightness.len() == times.len(), "pictures are missing");
    let white = times.into_iter().zip(brightness);
    Ok(onsets(white.map(|(time, gray)| (time, gray > 128))))
}

#[tokio::test]
async fn hevc_with_opus_plays_in_step() -> Result<()> {
    let hevc = ["-c:v", "libx265", "-preset", "ultrafast"];
    let closed = ["-x265-params", "log-level=none:open-gop=0"];
    let arguments = [&hevc[..], &closed, &["-c:a", "libopus"]].concat();
    plays_in_step("hvc1.1.6.L60.90,mp4a.40.2", &arguments).await
}

#[tokio::test]
async fn av1_with_flac_plays_in_step() -> Result<()> {
    let arguments = ["-c:v", "libsvtav1", "-preset", "12", "-c:a", "flac"];
    plays_in_step("av01.0.00M.08,mp4a.40.2", &arguments).await
}

async fn plays_in_step(codecs: &str, arguments: &[&str]) -> Result<()> {
    let mut stage = start(Plan::default());
    let directory = stage.directory().path().to_owned();
    let clip = directory.join("flashes.mkv");
    flashes(arguments, &clip)?;
    let _encoder = publish(&clip, &stage.publish_url(STAGE)?, &directory)?;
    let viewer = stage.viewer().await?;
    let offered = multivariant(&viewer, STAGE, &["source", "180p", "audio"]).await?;
    let variants = offered.variants.iter();
    let told: Vec<String> = variants
        .filter_map(|variant| Some(variant.codecs.as_ref()?.to_string()))
        .collect();
    assert!(told.iter().any(|told| told == codecs), "{told:?}");
    let paths = ["source", "180p", "audio"].map(|rendition| media(STAGE, rendition));
    let (source, rung, audio) = tokio::try_join!(
        Recording::follow(&viewer, &paths[0], 3),
        Recording::follow(&viewer, &paths[1], 3),
        Recording::follow(&viewer, &paths[2], 3)
    )?;
    let tones = tones(&audio, &directory)?;
    assert!(tones.len() > 3, "{tones:?}");
    let heard = tones[0] - SECOND / 2..tones[tones.len() - 1] + SECOND / 2;
    for recording in [&source, &rung] {
        let mut both = whites(recording, &directory)?;
        both.retain(|at| heard.contains(at));
        assert!(both.len() > 2, "{both:?} {tones:?}");
        for white in both {
            let off = tones.iter().map(|tone| (tone - white).abs()).min();
            assert!(
                off.is_some_and(|off| off < AUDIO_FRAME),
                "{off:?} ticks apart"
            );
        }
    }
    stage.check_unharmed()
}

/// The segments that are told to be a discontinuity.
fn seams_of(recording: &Recording) -> Vec<Msn> {
    let playlists = recording.playlists.iter();
    let listed = playlists.flat_map(|(_, playlist)| playlist.numbered());
    let seams: BTreeSet<Msn> = listed
        .filter(|(_, segment)| segment.head.discontinuity)
        .map(|(msn, _)| msn)
        .collect();
    seams.into_iter().collect()
}

#[tokio::test]
async fn a_show_may_become_another_and_back() -> Result<()> {
    let mut stage = start(Plan::default());
    let directory = stage.directory().path().to_owned();
    let small = directory.join("720p60.mkv");
    flashes(
        &[
            "-vf",
            "scale=1280:720,fps=60",
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-c:a",
            "aac",
        ],
        &small,
    )?;
    let full = Clip::of(Picture::FullHd)?;
    let encoder = stage.publish(STAGE, &full)?;
    let viewer = stage.viewer().await?;
    multivariant(&viewer, STAGE, &["source", "480p", "audio"]).await?;
    let mut recordings = Vec::new();
    let follow = |rendition, viewer: &tests::Viewer| {
        let (path, viewer) = (media(STAGE, rendition), viewer.clone());
        tokio::spawn(async move { Recording::follow(&viewer, &path, 16).await })
    };
    for rendition in ["source", "480p", "audio"] {
        recordings.push((rendition, follow(rendition, &viewer)));
    }
    let height = |height: &'static str| {
        let path = format!("/live/{}/index.m3u8", STAGE.name);
        let viewer = viewer.clone();
        async move {
            let told = |text: &bytes::Bytes| String::from_utf8_lossy(text).contains(height);
            viewer.wait_until(&path, told).await
        }
    };
    drop(encoder);
    let encoder = publish(&small, &stage.publish_url(STAGE)?, &directory)?;
    height("RESOLUTION=1280x720").await?;
    drop(encoder);
    let _encoder = stage.publish(STAGE, &full)?;
    height("RESOLUTION=1920x1080").await?;
    let mut seams: Vec<Vec<Msn>> = Vec::new();
    for (rendition, recording) in recordings {
        let recording = recording.await??;
        let file = directory.join(format!("{rendition}.mp4"));
        let mut heights = Vec::new();
        for msn in recording.segments.keys() {
            std::fs::write(&file, recording.playable(*msn)?)?;
            let probed = decode(&file).with_context(|| format!("{rendition}, {msn}"))?;
            heights.push(probed.height);
        }
        heights.dedup();
        if rendition == "source" {
            assert_eq!(heights, [1080, 720, 1080]);
        }
        seams.push(seams_of(&recording));
    }
    assert_eq!(seams[0].len(), 2, "{seams:?}");
    assert!(seams.iter().all(|seam| *seam == seams[0]), "{seams:?}");
    stage.check_unharmed()
}
