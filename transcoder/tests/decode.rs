//! What is published of a real encoder's stream decodes: ffmpeg makes an FLV, ffprobe and ffmpeg judge the result.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use bytes::Bytes;
use live::{
    MediaTime, Object, Rendition,
    cutter::{Cutter, SegmentTarget, VideoFrame},
    playlist::MediaPlaylist,
};
use rtmp::MessageKind;
use transcoder::{
    feed,
    part::PartTarget,
    stream::{Message, Settings, Stream},
    window::Found,
};

const START_MS: u64 = 1_795_000_000_000;

/// A directory of its own that goes with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && errors.is_empty(),
        "{program}: {errors}"
    );
    String::from_utf8(output.stdout).unwrap()
}

/// The tags of a file that ffmpeg makes: 720p at 30 frames per second, B-frames, a GOP of two seconds, AAC.
fn tags(scratch: &Scratch, audio_rate: &str) -> Vec<rtmp::Message> {
    let file = scratch.0.join("show.flv");
    let file = file.to_str().unwrap();
    run(
        "ffmpeg",
        &[
            "-v",
            "error",
            "-y",
            "-f",
            "lavfi",
            "-i",
            "testsrc2=size=1280x720:rate=30",
            "-f",
            "lavfi",
            "-i",
            &format!("sine=frequency=440:sample_rate={audio_rate}"),
            "-t",
            "9",
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-bf",
            "2",
            "-g",
            "60",
            "-keyint_min",
            "60",
            "-sc_threshold",
            "0",
            "-pix_fmt",
            "yuv420p",
            "-c:a",
            "aac",
            "-ac",
            "2",
            file,
        ],
    );
    let flv = Bytes::from(std::fs::read(file).unwrap());
    let mut tags = Vec::new();
    let mut at = 13;
    while let Some(head) = flv.get(at..at + 11) {
        let number = |bytes: &[u8]| bytes.iter().fold(0, |n, byte| n << 8 | u32::from(*byte));
        let length = usize::try_from(number(&head[1..4])).unwrap();
        tags.push(rtmp::Message {
            timestamp: number(&head[4..7]) | u32::from(head[7]) << 24,
            kind: MessageKind::from_id(head[0]),
            stream_id: 1,
            payload: flv.slice(at + 11..at + 11 + length),
        });
        at += 11 + length + 4;
    }
    tags
}

/// Puts the tags on the absolute timeline and stamps them, as mux does.
fn stamped(tags: &[rtmp::Message]) -> Vec<Message> {
    let mut cutter = Cutter::new(SegmentTarget::from_millis(2000).unwrap(), None);
    cutter.start(START_MS);
    let mut messages = Vec::new();
    for tag in tags {
        let mut tag = tag.clone();
        let ms = START_MS + u64::from(tag.timestamp);
        tag.timestamp = u32::try_from(ms & 0xffff_ffff).unwrap();
        let Some(message) = feed::read(&tag).unwrap() else {
            continue;
        };
        let mut stamps = Vec::new();
        match &message {
            Message::Video {
                composition_ms,
                key,
                ..
            } => {
                let frame = VideoFrame {
                    dts: MediaTime::from_millis(ms),
                    pts: MediaTime::from_millis(
                        ms.checked_add_signed((*composition_ms).into()).unwrap(),
                    ),
                    key: *key,
                };
                cutter.video(frame, ms, &mut stamps);
            }
            Message::Audio { .. } => cutter.audio(MediaTime::from_millis(ms), ms, &mut stamps),
            Message::VideoConfig(..)
            | Message::AudioConfig(..)
            | Message::Metadata(_)
            | Message::DateRange(_)
            | Message::Cue(..)
            | Message::Stamp(_)
            | Message::End => {}
        }
        messages.extend(stamps.into_iter().map(Message::Stamp));
        messages.push(message);
    }
    messages
}

fn publish(messages: &[Message]) -> Stream {
    let mut stream = Stream::new(Arc::new(Settings {
        parts: PartTarget::from_millis(500).unwrap(),
        window_ms: 30_000,
        memory: 256 << 20,
        ladder: Vec::new(),
        source_bps: 6_000_000,
        audio_bps: 160_000,
        record: false,
        slate: transcoder::slate::Card::Nothing,
        pictures: false,
    }));
    for message in messages {
        stream.feed(message.clone(), &mut Vec::new()).unwrap();
    }
    stream.feed(Message::End, &mut Vec::new()).unwrap();
    stream
}

/// The initialization section and all segments, in one file.
fn write(stream: &mut Stream, rendition: Rendition, scratch: &Scratch) -> String {
    let playlist = MediaPlaylist::parse(&stream.playlist(rendition).unwrap().full.whole()).unwrap();
    let object = |uri: &str| -> Object { format!("{rendition}/{uri}").parse().unwrap() };
    let mut file = Vec::new();
    let segments: Vec<_> = playlist.segments.iter().filter(|s| !s.gap).collect();
    assert!(segments.len() >= 4);
    let map = segments[0].head.map.as_ref().unwrap();
    for uri in [map].into_iter().chain(segments.iter().map(|s| &s.uri)) {
        let Found::Bytes(pieces, _) = stream.find(object(uri.as_str())) else {
            panic!("{uri} is not there");
        };
        file.extend(pieces.concat());
    }
    let path = scratch.0.join(format!("{rendition}.mp4"));
    std::fs::write(&path, file).unwrap();
    path.to_str().unwrap().to_owned()
}

/// One line per packet: the wanted columns.
fn packets(file: &str, columns: &str) -> Vec<Vec<String>> {
    let entries = format!("packet={columns}");
    let out = run(
        "ffprobe",
        &[
            "-v",
            "error",
            "-show_entries",
            &entries,
            "-of",
            "csv=p=0",
            file,
        ],
    );
    let line = |line: &str| line.split(',').map(str::to_owned).collect();
    out.lines()
        .filter(|line| !line.is_empty())
        .map(line)
        .collect()
}

#[test]
fn every_picture_and_every_frame_of_sound_is_there_and_decodes() {
    for (name, rate) in [("decode-48k", "48000"), ("decode-44k", "44100")] {
        let scratch = Scratch::new(name);
        let tags = tags(&scratch, rate);
        let messages = stamped(&tags);
        let mut stream = publish(&messages);
        let video = write(&mut stream, Rendition::Source, &scratch);
        let sent = messages
            .iter()
            .filter(|m| matches!(m, Message::Video { .. }))
            .count();
        let shown = packets(&video, "pts,size");
        assert_eq!(shown.len(), sent);
        run(
            "ffmpeg",
            &["-v", "error", "-xerror", "-i", &video, "-f", "null", "-"],
        );
        let audio = write(&mut stream, Rendition::Audio, &scratch);
        let heard = packets(&audio, "pts,size");
        let first: u64 = heard[0][0].parse().unwrap();
        for (n, packet) in (0..).zip(&heard) {
            let pts: u64 = packet[0].parse().unwrap();
            assert_eq!(pts, first + n * 1024, "{name}: sound {n}");
        }
        run(
            "ffmpeg",
            &["-v", "error", "-xerror", "-i", &audio, "-f", "null", "-"],
        );
    }
}

#[test]
fn a_hole_in_the_sound_is_silence_that_decodes() {
    let scratch = Scratch::new("decode-hole");
    let tags = tags(&scratch, "48000");
    let hole = |tag: &rtmp::Message| {
        tag.kind == MessageKind::Audio && (3000..4700).contains(&tag.timestamp)
    };
    let with_hole: Vec<_> = tags.iter().filter(|tag| !hole(tag)).cloned().collect();
    let mut stream = publish(&stamped(&with_hole));
    let audio = write(&mut stream, Rendition::Audio, &scratch);
    let heard = packets(&audio, "pts,size");
    let first: u64 = heard[0][0].parse().unwrap();
    for (n, packet) in (0..).zip(&heard) {
        let pts: u64 = packet[0].parse().unwrap();
        assert_eq!(pts, first + n * 1024, "sound {n}");
    }
    let silent = heard.iter().filter(|packet| packet[1] == "9").count();
    assert!(
        (78..=81).contains(&silent),
        "{silent} silent frames in 1.7 s"
    );
    run(
        "ffmpeg",
        &["-v", "error", "-xerror", "-i", &audio, "-f", "null", "-"],
    );
}
