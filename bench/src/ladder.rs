//! The ladder: a 1080p30 show with B-frames to 720p, 480p and 360p by x264 veryfast, source and sound packaged beside
//! them. The transcoder, its worker included, beside one ffmpeg that makes the same as HLS.
//!
//! All take the show in real time, each in turn alone on CPU 0; mux, the publisher and the clock are on the others.

use std::{path::Path, process::Command, time::Duration};

use anyhow::{Context, Result, bail};
use tokio::time::sleep;

use crate::{
    Plan,
    server::Server,
    table::{Figure, Row},
};

mod box_of_ours;
mod delay;
mod reloads;

pub(crate) use box_of_ours::{OurBox, SECRET};

/// Heights and kilobits per second.
const RUNGS: [(u16, u32); 3] = [(720, 2800), (480, 1400), (360, 800)];
/// Until decoders and rate control have settled.
const SETTLE: Duration = Duration::from_secs(8);
/// Shorter than this a figure depends on which pictures it saw.
const SHORTEST: Duration = Duration::from_secs(20);

/// Who makes the ladder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Maker {
    /// One ffmpeg with the filters that it takes by default: each rung bicubic from the source.
    FfmpegDefault,
    /// One ffmpeg with our graph: each rung bilinear from the next larger one.
    FfmpegChain,
    Transcoder,
}

impl Maker {
    const ALL: [Self; 3] = [Self::FfmpegDefault, Self::FfmpegChain, Self::Transcoder];

    const fn name(self) -> &'static str {
        match self {
            Self::FfmpegDefault => "ffmpeg default",
            Self::FfmpegChain => "ffmpeg chain",
            Self::Transcoder => "footlight-tr.",
        }
    }
}

pub(crate) async fn run(plan: &Plan, dir: &Path) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    if plan.wants("ladder") {
        let clip = clip(dir, "ladder.flv", 2)?;
        let window = plan.window.max(SHORTEST);
        let mut best: [Option<Vec<Figure>>; 3] = [None, None, None];
        for round in 1..=plan.rounds {
            for (slot, maker) in best.iter_mut().zip(Maker::ALL) {
                let (name, rounds) = (maker.name(), plan.rounds);
                plan.progress(&format!("ladder by {name}, round {round} of {rounds}"));
                let figures = measure(plan, dir, &clip, maker, window).await?;
                *slot = Some(match slot.take() {
                    Some(best) => best
                        .into_iter()
                        .zip(figures)
                        .map(|(a, b)| a.better(b))
                        .collect(),
                    None => figures,
                });
            }
        }
        rows.extend(
            best.into_iter()
                .zip(Maker::ALL)
                .filter_map(|(figures, maker)| {
                    Some(Row {
                        case: "1080p30 to 720p, 480p and 360p, x264 veryfast".into(),
                        server: maker.name(),
                        figures: figures?,
                    })
                }),
        );
    }
    if plan.wants("delay") {
        let clip = clip(dir, "delay.flv", 0)?;
        rows.extend(delay::run(plan, dir, &clip).await?);
    }
    if plan.wants("reloads") {
        let clip = clip(dir, "reloads.flv", 0)?;
        rows.extend(reloads::run(plan, dir, &clip).await?);
    }
    Ok(rows)
}

async fn measure(
    plan: &Plan,
    dir: &Path,
    clip: &Path,
    maker: Maker,
    window: Duration,
) -> Result<Vec<Figure>> {
    match maker {
        Maker::FfmpegDefault | Maker::FfmpegChain => {
            let out = dir.join("ffmpeg-out");
            std::fs::create_dir_all(&out)?;
            let mut command = ffmpeg(clip, &out, maker);
            let server = Server::spawn(&mut command, &dir.join("ffmpeg.log"))?;
            settled(&server, window).await
        }
        Maker::Transcoder => {
            let ours = OurBox::start(plan, dir, &RUNGS).await?;
            let _publisher = ours.publish(clip, &dir.join("publisher.log"))?;
            settled(&ours.transcoder, window).await
        }
    }
}

/// What a process costs once it runs steadily.
async fn settled(server: &Server, window: Duration) -> Result<Vec<Figure>> {
    sleep(SETTLE).await;
    let before = server.cpu_ns();
    sleep(window).await;
    let used = Duration::from_nanos(server.cpu_ns().saturating_sub(before));
    let peak_kib = server.peak_kib();
    if used.is_zero() || peak_kib == 0 {
        bail!("it did nothing, or has ended: see the logs");
    }
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let peak_mib = peak_kib as f64 / 1024.0;
    Ok(vec![
        Figure {
            name: "CPU s/min of show",
            value: used.as_secs_f64() * 60.0 / window.as_secs_f64(),
            more_is_better: false,
        },
        Figure {
            name: "peak MiB",
            value: peak_mib,
            more_is_better: false,
        },
    ])
}

/// One command: the rungs, the source and the sound, each as fMP4 segments of 2 s with a sliding playlist.
fn ffmpeg(clip: &Path, out: &Path, maker: Maker) -> Command {
    let names: Vec<String> = RUNGS
        .iter()
        .map(|(height, _)| format!("v{height}"))
        .collect();
    let mut graph = String::new();
    if maker == Maker::FfmpegDefault {
        graph.push_str(&format!("[0:v]split={}", RUNGS.len()));
        names
            .iter()
            .for_each(|name| graph.push_str(&format!("[in{name}]")));
        for ((height, _), name) in RUNGS.iter().zip(&names) {
            graph.push_str(&format!(";[in{name}]scale=-2:{height}[{name}]"));
        }
    } else {
        let mut from = String::from("0:v");
        for (n, ((height, _), name)) in RUNGS.iter().zip(&names).enumerate() {
            graph.push_str(&format!("[{from}]scale=-2:{height}:flags=bilinear"));
            if n + 1 < RUNGS.len() {
                graph.push_str(&format!(",split=2[{name}][from{name}];"));
                from = format!("from{name}");
            } else {
                graph.push_str(&format!("[{name}]"));
            }
        }
    }
    let mut command = Command::new("ffmpeg");
    command.args(["-hide_banner", "-nostdin", "-nostats", "-loglevel", "error"]);
    command.args(["-re", "-stream_loop", "-1", "-i"]).arg(clip);
    command.args(["-filter_complex", &graph]);
    let hls = |command: &mut Command, name: &str| {
        command.args(["-f", "hls", "-hls_time", "2", "-hls_list_size", "15"]);
        command.args(["-hls_flags", "delete_segments", "-hls_segment_type", "fmp4"]);
        command.args(["-hls_fmp4_init_filename", &format!("{name}-init.mp4")]);
        command.arg(out.join(format!("{name}.m3u8")));
    };
    for ((_, kilobits), name) in RUNGS.iter().zip(&names) {
        let rate = format!("{kilobits}k");
        command.args(["-map", &format!("[{name}]"), "-c:v", "libx264"]);
        command.args([
            "-preset",
            "veryfast",
            "-tune",
            "zerolatency",
            "-profile:v",
            "high",
        ]);
        command.args(["-b:v", &rate, "-maxrate", &rate, "-bufsize", &rate]);
        command.args(["-g", "60", "-keyint_min", "60", "-sc_threshold", "0"]);
        hls(&mut command, name);
    }
    command.args(["-map", "0:v", "-c:v", "copy"]);
    hls(&mut command, "source");
    command.args(["-map", "0:a", "-c:a", "copy"]);
    hls(&mut command, "audio");
    command
}

/// Forty seconds of 1080p30 at 6 Mbit/s that are worth encoding, two-second GOPs, AAC, made in `dir`.
pub(crate) fn clip(dir: &Path, name: &str, b_frames: u32) -> Result<std::path::PathBuf> {
    let file = dir.join(name);
    let picture = "testsrc2=size=1920x1080:rate=30:duration=40,noise=alls=12:allf=t";
    let sound = "sine=frequency=440:sample_rate=48000:duration=40";
    let made = Command::new("ffmpeg")
        .args(["-loglevel", "error", "-f", "lavfi", "-i", picture])
        .args(["-f", "lavfi", "-i", sound])
        .args([
            "-c:v",
            "libx264",
            "-preset",
            "superfast",
            "-bf",
            &b_frames.to_string(),
        ])
        .args(["-g", "60", "-keyint_min", "60", "-sc_threshold", "0"])
        .args([
            "-pix_fmt", "yuv420p", "-b:v", "6M", "-maxrate", "6M", "-bufsize", "6M",
        ])
        .args([
            "-c:a",
            "aac",
            "-b:a",
            "128k",
            "-flvflags",
            "no_duration_filesize",
        ])
        .args(["-f", "flv", "-y"])
        .arg(&file)
        .output()
        .context("ffmpeg is missing: run make deps")?;
    if !made.status.success() {
        bail!("ffmpeg: {}", String::from_utf8_lossy(&made.stderr));
    }
    Ok(file)
}
