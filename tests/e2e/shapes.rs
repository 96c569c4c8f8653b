//! Sources that nobody plans for: tiny and huge pictures, odd sides, a portrait, one picture a second and 120; sound at
//! 8 kHz and of six channels. Each is offered as it is, and plays in all its renditions.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use live::playlist::Multivariant;
use tests::{Encoder, Plan, Recording, Stage, Stream, Viewer, decode, quiet_ffmpeg};

use crate::{
    conformance::{broken, lint},
    media, multivariant, start,
};

/// What one publisher sends, and what viewers are offered of it.
#[derive(Debug, Clone, Copy)]
struct Shape {
    stream: Stream,
    size: &'static str,
    rate: &'static str,
    /// Which of those pictures there are: a filter of ffmpeg's.
    choice: &'static str,
    /// 4:4:4 where a side is odd: nothing else has odd sides.
    pixels: &'static str,
    /// Samples per second and channels.
    sound: (&'static str, &'static str),
    /// Rendition, RESOLUTION and FRAME-RATE.
    offered: &'static [(&'static str, &'static str, &'static str)],
}

const USUAL: Shape = Shape {
    stream: Stream {
        name: "usual",
        key: "usual",
    },
    size: "640x360",
    rate: "30",
    choice: "null",
    pixels: "yuv420p",
    sound: ("48000", "2"),
    offered: &[],
};

const SMALL: [Shape; 5] = [
    Shape {
        stream: stream("tiny"),
        size: "16x16",
        sound: ("8000", "1"),
        offered: &[("source", "16x16", "30.000"), ("16p", "16x16", "30.000")],
        ..USUAL
    },
    Shape {
        stream: stream("odd"),
        size: "641x359",
        rate: "25",
        pixels: "yuv444p",
        sound: ("44100", "6"),
        offered: &[
            ("source", "641x359", "25.000"),
            ("240p", "428x240", "25.000"),
            ("144p", "258x144", "25.000"),
        ],
        ..USUAL
    },
    Shape {
        stream: stream("cropped"),
        size: "854x482",
        rate: "24000/1001",
        offered: &[
            ("source", "854x482", "23.976"),
            ("240p", "426x240", "23.976"),
            ("144p", "256x144", "23.976"),
        ],
        ..USUAL
    },
    Shape {
        stream: stream("fast"),
        size: "480x270",
        rate: "120",
        offered: &[
            ("source", "480x270", "120.000"),
            ("240p", "426x240", "60.000"),
            ("144p", "256x144", "60.000"),
        ],
        ..USUAL
    },
    Shape {
        stream: stream("portrait"),
        size: "360x640",
        sound: ("48000", "6"),
        offered: &[
            ("source", "360x640", "30.000"),
            ("240p", "240x426", "30.000"),
            ("144p", "144x256", "30.000"),
        ],
        ..USUAL
    },
];

/// Where a part of half a second would hold a picture too many or one too few.
const SLOW: [Shape; 4] = [
    Shape {
        stream: stream("slides"),
        rate: "1",
        offered: &[("source", "640x360", "1.000"), ("144p", "256x144", "1.000")],
        ..USUAL
    },
    Shape {
        stream: stream("three"),
        rate: "3",
        offered: &[("source", "640x360", "3.000"), ("144p", "256x144", "3.000")],
        ..USUAL
    },
    Shape {
        stream: stream("five"),
        rate: "5",
        sound: ("44100", "2"),
        offered: &[("source", "640x360", "5.000"), ("144p", "256x144", "5.000")],
        ..USUAL
    },
    Shape {
        stream: stream("seven"),
        rate: "7",
        sound: ("8000", "1"),
        offered: &[("source", "640x360", "7.000"), ("144p", "256x144", "7.000")],
        ..USUAL
    },
];

/// A shared screen: a few pictures, then none for a quarter of a second.
const UNEVEN: Shape = Shape {
    stream: stream("uneven"),
    choice: "select=between(mod(n\\,11)\\,1\\,5)",
    offered: &[
        ("source", "640x360", "30.000"),
        ("144p", "256x144", "30.000"),
    ],
    ..USUAL
};

const LARGE: Shape = Shape {
    stream: stream("large"),
    size: "4096x2304",
    rate: "4",
    offered: &[
        ("source", "4096x2304", "4.000"),
        ("240p", "426x240", "4.000"),
        ("144p", "256x144", "4.000"),
    ],
    ..USUAL
};

const fn stream(name: &'static str) -> Stream {
    Stream { name, key: name }
}

/// Publishes twenty seconds of it, once.
fn publish(stage: &Stage, shape: &Shape) -> Result<Encoder> {
    let directory = stage.directory().path();
    let clip = directory.join(format!("{}.flv", shape.stream.name));
    let mut ffmpeg = quiet_ffmpeg();
    let (rate, size, pixels) = (shape.rate, shape.size.replace('x', ":"), shape.pixels);
    let choice = shape.choice;
    let picture = format!("testsrc2=rate={rate},{choice},format={pixels},scale={size},setsar=1");
    let (rate, channels) = shape.sound;
    ffmpeg.args(["-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i"]);
    ffmpeg.arg(format!("sine=sample_rate={rate}"));
    ffmpeg.args(["-t", "20", "-fps_mode", "passthrough", "-c:v", "libx264"]);
    ffmpeg.args(["-preset", "ultrafast", "-sc_threshold", "0"]);
    ffmpeg.args(["-force_key_frames", "expr:gte(t,n_forced*2)"]);
    ffmpeg.args(["-c:a", "aac", "-ac", channels, "-f", "flv", "-y"]);
    let made = ffmpeg.arg(&clip).status().context("make deps")?;
    ensure!(made.success(), "{shape:?}: {made}");
    let mut ffmpeg = quiet_ffmpeg();
    ffmpeg.args(["-re", "-i"]).arg(&clip).args(["-c", "copy"]);
    ffmpeg.args(["-f", "flv", &stage.publish_url(shape.stream)?]);
    Encoder::other(&mut ffmpeg, shape.stream.name, directory)
}

/// Watches all renditions for two segments.
async fn plays(viewer: Viewer, shape: Shape, directory: &Path) -> Result<()> {
    let name = shape.stream.name;
    let pictures = shape.offered.iter().map(|(rendition, ..)| *rendition);
    let renditions: Vec<&str> = pictures.chain(["audio"]).collect();
    let offered = multivariant(&viewer, shape.stream, &renditions).await?;
    check(&offered, &shape)?;
    for rendition in renditions {
        let recording = Recording::follow(&viewer, &media(shape.stream, rendition), 2).await?;
        let file = directory.join(format!("{name}-{rendition}.mp4"));
        std::fs::write(&file, recording.all()?)?;
        let probed = decode(&file).with_context(|| format!("{name}, {rendition}"))?;
        let wanted = shape.offered.iter().find(|(found, ..)| *found == rendition);
        let (codec, height) = match wanted {
            Some((_, size, _)) => ("h264", size.split_once('x').map_or("", |(_, h)| h)),
            None => ("aac", "0"),
        };
        ensure!(
            probed.codec == codec && probed.height.to_string() == height && probed.frames > 0,
            "{name}, {rendition}: {probed:?}"
        );
    }
    Ok(())
}

/// The index is as it must be.
fn check(offered: &Multivariant, shape: &Shape) -> Result<()> {
    for (rendition, size, rate) in shape.offered {
        let uri = format!("{rendition}/media.m3u8");
        let found = offered.variants.iter().find(|v| v.uri.as_str() == uri);
        let found = found.with_context(|| format!("{uri} is not offered"))?;
        let told = |value: Option<String>| value.unwrap_or_default();
        let codecs = told(found.codecs.as_ref().map(ToString::to_string));
        let seen = (
            told(found.resolution.map(|size| size.to_string())),
            told(found.frame_rate.map(|rate| rate.to_string())),
        );
        ensure!(
            seen == ((*size).to_owned(), (*rate).to_owned())
                && codecs.starts_with("avc1.")
                && codecs.ends_with(",mp4a.40.2"),
            "{uri} of {}: {seen:?} {codecs}",
            shape.stream.name
        );
    }
    Ok(())
}

fn plan(shapes: &[Shape]) -> Plan {
    Plan {
        streams: shapes.iter().map(|shape| shape.stream).collect(),
        rungs: vec![(240, "300k"), (144, "150k")],
        ..Plan::default()
    }
}

/// All of them at once.
async fn watch(stage: &mut Stage, shapes: &[Shape]) -> Result<()> {
    let encoders = shapes.iter().map(|shape| publish(stage, shape));
    let _encoders = encoders.collect::<Result<Vec<Encoder>>>()?;
    let directory = stage.directory().path().to_owned();
    let mut watched = Vec::new();
    for shape in shapes.iter().copied() {
        let (viewer, directory) = (stage.viewer().await?, directory.clone());
        let plays = async move { plays(viewer, shape, &directory).await };
        watched.push(tokio::spawn(plays));
    }
    for watched in watched {
        watched.await??;
    }
    stage.check_unharmed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn small_odd_and_fast_sources_play() -> Result<()> {
    watch(&mut start(plan(&SMALL)), &SMALL).await
}

#[tokio::test]
async fn the_largest_source_plays() -> Result<()> {
    let mut stage = start(plan(&[LARGE]));
    let _encoder = publish(&stage, &LARGE)?;
    let directory = stage.directory().path().to_owned();
    plays(stage.viewer().await?, LARGE, &directory).await?;
    stage.check_unharmed()
}

#[tokio::test]
async fn slow_and_uneven_pictures_break_no_rule() -> Result<()> {
    let shapes = [SLOW[1], UNEVEN];
    let mut plan = plan(&shapes);
    plan.rungs.remove(0);
    let mut stage = start(plan);
    for shape in shapes {
        let _encoder = publish(&stage, &shape)?;
        let offered = multivariant(&stage.viewer().await?, shape.stream, &["audio"]).await?;
        check(&offered, &shape)?;
        let report = lint(&stage, shape.stream).await?;
        let broken = broken(&report)?;
        ensure!(broken.is_empty(), "{}: {broken:#?}", shape.stream.name);
    }
    stage.check_unharmed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_few_pictures_a_second_play() -> Result<()> {
    let mut plan = plan(&SLOW);
    plan.rungs.remove(0);
    let mut stage = start(plan);
    watch(&mut stage, &SLOW).await
}
