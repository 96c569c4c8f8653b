//! Sound that players do not take, through the real worker: what comes out is heard when it was to be heard.
#![expect(
    clippy::unwrap_used,
    reason = "what cannot be made or read fails the test"
)]

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use bytes::{Buf as _, Bytes};
use live::{MediaTime, Rendition};
use rtmp::flv::{self, Class};
use transcoder::{
    codec::{AacTrack, SoundCodec, SoundTrack},
    worker::{Event, Input, Process},
};

const WORKER: &str = env!("CARGO_BIN_EXE_footlight-transcoder");
/// A day in 2026, in milliseconds.
const EPOCH_MS: u64 = 1_790_000_000_000;
/// When the tone begins, from the first sample.
const TONE_MS: u64 = 1500;
/// One AAC frame, in samples.
const FRAME: u64 = AacTrack::FRAME as u64;

/// Sound as a publisher sends it.
struct Published {
    config: Bytes,
    frames: Vec<(u64, Bytes)>,
}

/// Three seconds, silent but for a tone.
fn published(name: &str, arguments: &[&str]) -> Published {
    let file = directory(name).join("sound.flv");
    let tone = format!(
        "aevalsrc=0.5*sin(2*PI*1000*t)*between(t\\,{0}.{1}\\,{0}.{2}):s=48000:d=3",
        TONE_MS / 1000,
        TONE_MS % 1000,
        TONE_MS % 1000 + 200
    );
    let mut ffmpeg = enhanced();
    ffmpeg.args(["-f", "lavfi", "-i", &tone]).args(arguments);
    let status = ffmpeg.args(["-f", "flv"]).arg(&file).status();
    assert!(status.unwrap().success(), "{name}");
    let mut flv = Bytes::from(std::fs::read(file).unwrap());
    flv.advance(9);
    let mut published = Published {
        config: Bytes::new(),
        frames: Vec::new(),
    };
    while flv.len() > 15 {
        let mut head = flv.split_to(15);
        head.advance(4);
        let kind = head.get_u8();
        let size = usize::try_from(head.get_uint(3)).unwrap();
        let ms = head.get_uint(3);
        let payload = flv.split_to(size);
        if kind != 8 {
            continue;
        }
        let tag = flv::audio(&payload).unwrap();
        let body = payload.slice_ref(tag.body);
        if tag.class == Class::SequenceHeader {
            published.config = body;
        } else if tag.class == Class::Audio && !body.is_empty() {
            published.frames.push((EPOCH_MS + ms, body));
        }
    }
    published
}

/// Frames of AAC-LC with their places, in samples since the epoch.
async fn encoded(codec: SoundCodec, published: &Published) -> Vec<(u64, Bytes)> {
    let SoundTrack::Foreign(sound) = SoundTrack::parse(codec, &published.config).unwrap() else {
        unreachable!("players take it as it is")
    };
    let (mut feed, mut output) = Process::spawn_sound_program(Path::new(WORKER), &sound).unwrap();
    for (ms, bytes) in &published.frames {
        let time = MediaTime::from_millis(*ms);
        let input = Input::Frame {
            pts: time,
            dts: time,
            key: true,
            bytes: bytes.clone(),
        };
        feed.push(input).unwrap();
    }
    drop(feed);
    let mut frames = Vec::new();
    while let Some(event) = output.recv().await {
        match event {
            Event::Config {
                rendition,
                codec_config,
                ..
            } => {
                assert_eq!(rendition, Rendition::Audio);
                assert_eq!(&codec_config, AacTrack::encoded().config());
            }
            Event::Sample { pts, bytes, .. } => frames.push((pts.ticks() * 8 / 15, bytes)),
            Event::Failed { reason } => panic!("{codec}: {reason}"),
            Event::Paced { .. } => unreachable!("sound has no pace"),
            Event::Picture(_) | Event::NoPictures { .. } => unreachable!("sound is not seen"),
            Event::Used { .. } => {}
        }
    }
    frames
}

/// What an independent decoder makes of it: 48 kHz, the left channel.
fn decoded(name: &str, frames: &[(u64, Bytes)]) -> Vec<f32> {
    let file = directory(&format!("{name}-decoded")).join("sound.aac");
    let mut adts = Vec::new();
    for (_, frame) in frames {
        let length = u32::try_from(frame.len() + 7).unwrap();
        let [_, high, middle, low] = (length << 5 | 0x1f).to_be_bytes();
        // LC, 48 kHz, two channels (ISO/IEC 14496-3 1.A.2.2).
        adts.extend([0xff, 0xf1, 0x4c, 0x80 | high, middle, low, 0xfc]);
        adts.extend(frame);
    }
    std::fs::write(&file, adts).unwrap();
    let raw = file.with_extension("raw");
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-nostdin", "-y", "-xerror", "-i"]);
    ffmpeg.arg(&file).args(["-f", "f32le"]).arg(&raw);
    assert!(ffmpeg.status().unwrap().success(), "{name}");
    let raw = std::fs::read(raw).unwrap();
    let moments = raw.as_chunks::<8>().0;
    let left = |[a, b, c, d, ..]: &[u8; 8]| f32::from_le_bytes([*a, *b, *c, *d]);
    moments.iter().map(left).collect()
}

#[tokio::test]
async fn a_tone_is_heard_when_it_was_to_be_heard() {
    let cases: [(&str, SoundCodec, &[&str], u64); 7] = [
        // The last is what the publisher's own encoder adds before the first sample, in samples at 48 kHz; its times
        // begin with that.
        ("opus", SoundCodec::Opus, &["-c:a", "libopus"], 312),
        (
            "opus-51",
            SoundCodec::Opus,
            &["-c:a", "libopus", "-ac", "6"],
            312,
        ),
        (
            "mp3",
            SoundCodec::Mp3,
            &["-c:a", "libmp3lame", "-ar", "44100"],
            1203,
        ),
        (
            "mp3-mono",
            SoundCodec::Mp3,
            &["-c:a", "libmp3lame", "-ar", "22050", "-ac", "1"],
            2406,
        ),
        ("flac", SoundCodec::Flac, &["-c:a", "flac"], 0),
        ("ac3", SoundCodec::Ac3, &["-c:a", "ac3", "-ac", "6"], 256),
        ("eac3", SoundCodec::Eac3, &["-c:a", "eac3", "-ac", "2"], 256),
    ];
    for (name, codec, arguments, priming) in cases {
        let frames = encoded(codec, &published(name, arguments)).await;
        assert!(frames.len() > 135, "{name}: {} frames", frames.len());
        for pair in frames.windows(2) {
            assert_eq!(pair[0].0 + FRAME, pair[1].0, "{name}: a seam");
        }
        let (start, _) = frames[0];
        assert_eq!(start % FRAME, 0, "{name}");
        let sound = decoded(name, &frames);
        assert_eq!(sound.len(), frames.len() * 1024, "{name}");
        let loud = sound.iter().position(|sample| sample.abs() > 0.1).unwrap();
        let heard = start + u64::try_from(loud).unwrap();
        let meant = (EPOCH_MS + TONE_MS) * 48 + priming;
        let off = i64::try_from(heard).unwrap() - i64::try_from(meant).unwrap();
        assert!(off.unsigned_abs() < FRAME / 4, "{name}: {off} samples off");
    }
}

#[tokio::test]
async fn two_workers_with_one_source_write_the_same_bytes() {
    let published = published("twins", &["-c:a", "libopus"]);
    let one = encoded(SoundCodec::Opus, &published).await;
    let other = encoded(SoundCodec::Opus, &published).await;
    assert!(one == other, "some frame differs");
}

#[tokio::test]
async fn garbage_ends_in_silence_or_an_error_but_it_ends() {
    let published = published("garbage", &["-c:a", "libmp3lame"]);
    for codec in SoundCodec::ALL {
        let config = match codec {
            SoundCodec::Aac => Bytes::from_static(&[0x09, 0x90]),
            SoundCodec::Opus => Bytes::from_static(b"OpusHead\x01\x02\0\0\0\0\0\0\0\0\0"),
            SoundCodec::Flac => Bytes::from_static(&[0xff; 34]),
            SoundCodec::Mp3 | SoundCodec::Ac3 | SoundCodec::Eac3 => Bytes::new(),
        };
        let SoundTrack::Foreign(sound) = SoundTrack::parse(codec, &config).unwrap() else {
            unreachable!("players take it as it is")
        };
        let spawned = Process::spawn_sound_program(Path::new(WORKER), &sound);
        let (mut feed, mut output) = spawned.unwrap();
        for (ms, bytes) in &published.frames {
            let time = MediaTime::from_millis(*ms);
            let torn = bytes.iter().map(|byte| byte.wrapping_mul(31) ^ 0x5a);
            let input = Input::Frame {
                pts: time,
                dts: time,
                key: true,
                bytes: torn.collect(),
            };
            // Refused once the worker has given up.
            let _gone = feed.push(input);
        }
        drop(feed);
        while output.recv().await.is_some() {}
    }
}

/// The ffmpeg that speaks Enhanced RTMP, of `make test-deps`.
fn enhanced() -> Command {
    let directory =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/ffmpeg/imageio_ffmpeg/binaries");
    let programs = std::fs::read_dir(directory).expect("it is there after make test-deps");
    let program = programs.map(|entry| entry.unwrap().path()).find(|path| {
        let name = path.file_name().unwrap().as_encoded_bytes();
        name.starts_with(b"ffmpeg")
    });
    let mut ffmpeg = Command::new(program.expect("it is there after make test-deps"));
    ffmpeg.args(["-v", "error", "-nostdin", "-y"]);
    ffmpeg
}

/// An empty directory for one test.
fn directory(name: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("sound")
        .join(name);
    if dir.exists() {
        std::fs::remove_dir_all(&dir).unwrap();
    }
    std::fs::create_dir_all(&dir).unwrap();
    dir
}
