//! A show made by ffmpeg: H.264 with B-frames and keys where asked for, on a timeline of today.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use bytes::{Buf as _, Bytes};
use live::MediaTime;
use rtmp::flv::{self, Class};
use transcoder::{codec::VideoCodec, worker::Input};

use super::Rung;

/// A day in 2026, in milliseconds: times as large as mux makes them.
const EPOCH_MS: u64 = 1_790_000_000_000;

/// A source as it comes over RTMP.
pub(crate) struct Show {
    pub(crate) codec: VideoCodec,
    pub(crate) codec_config: Bytes,
    pub(crate) size: (u16, u16),
    pub(crate) frames: Vec<Frame>,
    start_ms: u64,
}

/// One access unit.
pub(crate) struct Frame {
    pub(crate) pts: MediaTime,
    dts: MediaTime,
    key: bool,
    bytes: Bytes,
}

impl Show {
    /// Keys at `keys_ms` from the first picture, and nowhere else.
    pub(crate) fn make(name: &str, size: &str, fps: u32, seconds: u32, keys_ms: &[u64]) -> Self {
        let picture =
            format!("testsrc2=size={size}:rate={fps}:duration={seconds},noise=alls=12:allf=t");
        Self::film(name, &picture, size, keys_ms)
    }

    /// The same of another picture, as ffmpeg's lavfi has it.
    pub(crate) fn film(name: &str, picture: &str, size: &str, keys_ms: &[u64]) -> Self {
        let file = directory(name).join("show.flv");
        let keys: Vec<String> = keys_ms
            .iter()
            .map(|ms| format!("{}.{:03}", ms / 1000, ms % 1000))
            .collect();
        ffmpeg(&[
            "-f",
            "lavfi",
            "-i",
            picture,
            "-pix_fmt",
            "yuv420p",
            "-threads",
            "1",
            "-c:v",
            "libx264",
            "-preset",
            "veryfast",
            "-bf",
            "2",
            "-g",
            "9999",
            "-sc_threshold",
            "0",
            "-force_key_frames",
            &keys.join(","),
            "-f",
            "flv",
            file.to_str().unwrap(),
        ]);
        Self::of(&file, VideoCodec::Avc, size)
    }

    /// Two seconds of 640x360 at 30 frames per second in another codec, a key every second.
    pub(crate) fn coded(name: &str, codec: VideoCodec) -> Self {
        let file = directory(name).join("show.flv");
        let encoder: &[&str] = match codec {
            VideoCodec::Avc => &["-c:v", "libx264"],
            VideoCodec::Hevc => &["-c:v", "libx265", "-x265-params", "log-level=none"],
            VideoCodec::Av1 => &["-c:v", "libsvtav1", "-preset", "12"],
        };
        let mut ffmpeg = enhanced();
        ffmpeg.args(["-f", "lavfi", "-i", "testsrc2=size=640x360:rate=30"]);
        ffmpeg.args(["-t", "2", "-g", "30", "-pix_fmt", "yuv420p10le"]);
        let status = ffmpeg
            .args(encoder)
            .args(["-f", "flv", path(&file)])
            .status();
        assert!(status.unwrap().success());
        Self::of(&file, codec, "640x360")
    }

    fn of(file: &Path, codec: VideoCodec, size: &str) -> Self {
        let (width, height) = size.split_once('x').unwrap();
        let mut show = Self {
            codec,
            codec_config: Bytes::new(),
            size: (width.parse().unwrap(), height.parse().unwrap()),
            frames: Vec::new(),
            start_ms: 0,
        };
        show.read(std::fs::read(file).unwrap().into());
        show.start_ms = show.frames[0].pts.millis();
        show
    }

    /// FLV (Adobe, version 10.1, annex E): a header of 9 bytes, then tags behind the size of the one before.
    fn read(&mut self, mut flv: Bytes) {
        flv.advance(9);
        while flv.len() > 15 {
            let mut head = flv.split_to(15);
            head.advance(4);
            let kind = head.get_u8();
            let size = usize::try_from(head.get_uint(3)).unwrap();
            let ms = head.get_uint(3) | u64::from(head.get_u8()) << 24;
            let payload = flv.split_to(size);
            if kind != 9 {
                continue;
            }
            let tag = flv::video(&payload).unwrap();
            let body = payload.slice_ref(tag.body);
            match tag.class {
                Class::SequenceHeader => self.codec_config = body,
                Class::Key | Class::Inter => self.frames.push(Frame {
                    pts: MediaTime::from_millis(EPOCH_MS + ms)
                        .plus_millis(tag.composition_time.try_into().unwrap()),
                    dts: MediaTime::from_millis(EPOCH_MS + ms),
                    key: tag.class == Class::Key,
                    bytes: body,
                }),
                Class::Configuration
                | Class::SequenceEnd
                | Class::Disposable
                | Class::Audio
                | Class::Command => {}
            }
        }
    }

    /// A time from the first picture.
    pub(crate) fn at(&self, ms: u64) -> MediaTime {
        MediaTime::from_millis(self.start_ms + ms)
    }

    pub(crate) fn has_b_frames(&self) -> bool {
        self.frames.windows(2).any(|pair| pair[1].pts < pair[0].pts)
    }

    pub(crate) fn input(&self, n: usize) -> Input {
        let frame = &self.frames[n];
        Input::Frame {
            pts: frame.pts,
            dts: frame.dts,
            key: frame.key,
            bytes: frame.bytes.clone(),
        }
    }
}

/// Width and height, and how many pictures, as an independent decoder sees them.
pub(crate) fn decoded(rung: &Rung) -> ((u16, u16), usize) {
    let (size, pictures) = pictures(rung);
    (size, pictures.len())
}

/// The lights of the newest picture, from top to bottom in its middle.
pub(crate) fn column(rung: &Rung) -> Vec<u8> {
    let ((width, height), pictures) = pictures(rung);
    let newest = pictures.last().unwrap();
    let light = |y: u16| newest[usize::from(y) * usize::from(width) + usize::from(width) / 2];
    (0..height).map(light).collect()
}

/// A picture of one colour, as a file.
pub(crate) fn picture(name: &str, colour: &str, size: &str) -> Vec<u8> {
    let file = directory(name).join("picture.png");
    let source = format!("color={colour}:size={size}");
    ffmpeg(&["-f", "lavfi", "-i", &source, "-frames:v", "1", path(&file)]);
    std::fs::read(file).unwrap()
}

/// A JPEG file's size, and the colours of its pixels, row by row.
pub(crate) fn developed(name: &str, file: &[u8]) -> ((u16, u16), Vec<[u8; 3]>) {
    let dir = directory(name);
    let (jpeg, raw) = (dir.join("picture.jpg"), dir.join("picture.ppm"));
    std::fs::write(&jpeg, file).unwrap();
    ffmpeg(&["-xerror", "-i", path(&jpeg), path(&raw)]);
    let raw = std::fs::read(raw).unwrap();
    // P6, the sides, the lightest value: a line each.
    let mut lines = raw.splitn(4, |byte| *byte == b'\n');
    let sides = lines.nth(1).unwrap();
    let mut sides = std::str::from_utf8(sides).unwrap().split(' ');
    let mut side = || sides.next().unwrap().parse::<u16>().unwrap();
    let pixels = lines.nth(1).unwrap().chunks_exact(3);
    (
        (side(), side()),
        pixels.map(|p| [p[0], p[1], p[2]]).collect(),
    )
}

/// The size of the pictures, and their planes.
fn pictures(rung: &Rung) -> ((u16, u16), Vec<Vec<u8>>) {
    let dir = directory(&format!("decoded-{}", rung.size.1));
    let file = dir.join("rung.h264");
    let mut annex_b = Vec::new();
    let mut config = rung.codec_config.slice(5..);
    for mask in [0x1f, 0xff] {
        for _ in 0..config.get_u8() & mask {
            let length = config.get_u16().into();
            start_code(&mut annex_b, &config.split_to(length));
        }
    }
    for (_, _, bytes) in &rung.samples {
        let mut bytes = bytes.clone();
        while bytes.has_remaining() {
            let length = usize::try_from(bytes.get_u32()).unwrap();
            // No parameter sets: `avc1` has them in the sample entry only (ISO/IEC 14496-15).
            assert!(![7, 8].contains(&(bytes[0] & 0x1f)));
            start_code(&mut annex_b, &bytes.split_to(length));
        }
    }
    std::fs::write(&file, annex_b).unwrap();
    let raw = dir.join("rung.y4m");
    ffmpeg(&[
        "-xerror",
        "-f",
        "h264",
        // Sources in AV1 do not say.
        "-r",
        "30",
        "-i",
        path(&file),
        "-fps_mode",
        "passthrough",
        path(&raw),
    ]);
    let raw = std::fs::read(raw).unwrap();
    let header = String::from_utf8_lossy(raw.split(|b| *b == b'\n').next().unwrap()).into_owned();
    let side = |letter| {
        header
            .split(' ')
            .find_map(|f| f.strip_prefix(letter))
            .unwrap()
            .parse::<u16>()
            .unwrap()
    };
    let (width, height) = (side('W'), side('H'));
    let bytes = usize::from(width) * usize::from(height) * 3 / 2;
    let frames = raw[header.len() + 1..].chunks_exact("FRAME\n".len() + bytes);
    let planes = frames.map(|frame| frame["FRAME\n".len()..].to_vec());
    ((width, height), planes.collect())
}

fn start_code(out: &mut Vec<u8>, nal: &[u8]) {
    out.extend([0, 0, 0, 1]);
    out.extend(nal);
}

fn ffmpeg(args: &[&str]) {
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-y"])
        .args(args)
        .status();
    assert!(
        status.expect("ffmpeg is installed").success(),
        "ffmpeg {args:?}"
    );
}

/// The ffmpeg that speaks Enhanced RTMP, of `make test-deps`.
fn enhanced() -> Command {
    let directory =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/ffmpeg/imageio_ffmpeg/binaries");
    let programs = std::fs::read_dir(directory).expect("it is there after make test-deps");
    let program = programs.map(|entry| entry.unwrap().path()).find(|path| {
        path.file_name()
            .unwrap()
            .as_encoded_bytes()
            .starts_with(b"ffmpeg")
    });
    let mut ffmpeg = Command::new(program.expect("it is there after make test-deps"));
    ffmpeg.args(["-v", "error", "-nostdin", "-y"]);
    ffmpeg
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// An empty directory for one test.
pub(crate) fn directory(name: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("worker")
        .join(name);
    if dir.exists() {
        std::fs::remove_dir_all(&dir).unwrap();
    }
    std::fs::create_dir_all(&dir).unwrap();
    dir
}
