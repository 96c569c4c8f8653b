//! The encoder's process for real: the built binary, GStreamer, and a source made by ffmpeg.
#![expect(
    clippy::unwrap_used,
    reason = "what cannot be made or read fails the test"
)]

use std::{
    collections::BTreeMap,
    io::Read as _,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use live::{MediaTime, Rendition};
use transcoder::codec::{VideoCodec, VideoTrack};
use transcoder::worker::{
    Encoder, Event, Feed, FeedError, Input, Output, Plan, Preset, Process, Recipe, RungPlan,
};

#[path = "worker/load.rs"]
mod load;
#[path = "worker/pictures.rs"]
mod pictures;
#[path = "worker/show.rs"]
mod show;
#[path = "worker/slate.rs"]
mod slate;

use show::Show;

const P360: Rendition = Rendition::Encoded(360);
const P180: Rendition = Rendition::Encoded(180);

/// Irregular, as an encoder with scene cuts has them; the first is at the start.
const KEYS_MS: [u64; 4] = [0, 1400, 3400, 5000];

#[tokio::test]
async fn every_picture_keeps_its_time_and_every_source_key_its_place() {
    let show = Show::make("keys", "640x360", 30, 6, &KEYS_MS);
    assert!(show.has_b_frames());
    let rungs = encode(&show, &[]).await;

    let mut times: Vec<MediaTime> = show.frames.iter().map(|frame| frame.pts).collect();
    times.sort_unstable();
    let source_keys: Vec<MediaTime> = KEYS_MS.into_iter().map(|ms| show.at(ms)).collect();
    for (rendition, size) in [(P360, (640, 360)), (P180, (320, 180))] {
        let rung = &rungs[&rendition];
        assert_eq!(rung.times(), times, "{rendition}");
        assert_eq!(rung.keys(), source_keys, "{rendition}");
        assert_eq!(rung.size, size);
        assert_eq!(show::decoded(rung), (size, times.len()), "{rendition}");
    }
}

#[tokio::test]
async fn a_source_in_hevc_or_av1_is_encoded_picture_by_picture() {
    for (name, codec) in [("hevc", VideoCodec::Hevc), ("av1", VideoCodec::Av1)] {
        let show = Show::coded(name, codec);
        let rungs = encode(&show, &[]).await;
        let mut times: Vec<MediaTime> = show.frames.iter().map(|frame| frame.pts).collect();
        times.sort_unstable();
        for (rendition, rung) in &rungs {
            assert_eq!(rung.times(), times, "{name}, {rendition}");
            assert_eq!(rung.keys(), [0, 1000].map(|ms| show.at(ms)), "{name}");
            assert_eq!(show::decoded(rung), (rung.size, times.len()), "{name}");
        }
    }
}

#[tokio::test]
async fn a_halved_rung_has_every_second_picture_from_each_key_and_says_so() {
    // The second key is the 63rd picture, the last of an odd number.
    let show = Show::make("halved", "640x360", 60, 4, &[0, 1050, 2500]);
    let mut plan = plan(&show);
    plan.rungs[0].halved = true;
    let halved = encode_by(&show, &plan, &[]).await;
    let keys = [0, 1050, 2500].map(|ms| show.at(ms));
    let mut times: Vec<MediaTime> = show.frames.iter().map(|frame| frame.pts).collect();
    times.sort_unstable();
    let mut since_key = 0;
    let every_second = times.iter().copied().filter(|pts| {
        since_key = if keys.contains(pts) { 0 } else { since_key + 1 };
        since_key % 2 == 0
    });
    assert_eq!(halved[&P180].times(), every_second.collect::<Vec<_>>());
    assert_eq!(halved[&P360].times(), times);
    for (rendition, rate) in [(P180, (30, 1)), (P360, (60, 1))] {
        let rung = &halved[&rendition];
        assert_eq!(rung.keys(), keys, "{rendition}");
        let config = VideoTrack::parse(VideoCodec::Avc, &rung.codec_config).unwrap();
        assert_eq!(config.frame_rate(), Some(rate), "{rendition}");
    }
    // A bit rate is per second, not per picture.
    let whole = encode(&show, &[]).await;
    let bytes = |rung: &Rung| rung.samples.iter().map(|(.., bytes)| bytes.len()).sum();
    let (halved, whole): (usize, usize) = (bytes(&halved[&P180]), bytes(&whole[&P180]));
    assert!(halved * 10 > whole * 8, "{halved} bytes beside {whole}");
}

#[tokio::test]
async fn an_overdue_boundary_is_a_key_at_the_first_picture_from_there() {
    let show = Show::make("overdue", "320x180", 25, 4, &[0, 3000]);
    // Between the pictures of 1000 and 1040 ms; and one that a source key meets anyway.
    let rungs = encode(&show, &[show.at(1001), show.at(3000)]).await;
    for rung in rungs.values() {
        assert_eq!(rung.keys(), [0, 1040, 3000].map(|ms| show.at(ms)));
    }
}

#[tokio::test]
async fn a_drained_worker_gives_all_that_it_holds_back_and_goes_on_at_the_next_key() {
    let show = Show::make("drained", "320x180", 25, 4, &[0, 2000]);
    let (mut feed, mut output) = spawn(&show);
    let (first, rest): (Vec<usize>, Vec<usize>) =
        (0..show.frames.len()).partition(|n| show.frames[*n].pts < show.at(2000));
    let mut rungs = BTreeMap::new();
    let both = |rungs: &BTreeMap<Rendition, Rung>, count| {
        let complete = rungs.values().filter(|rung| rung.samples.len() == count);
        complete.count() == 2
    };
    for &n in &first {
        feed.push(show.input(n)).unwrap();
    }
    feed.push(Input::Drain).unwrap();
    while !both(&rungs, first.len()) {
        note(&mut rungs, output.recv().await.expect("more pictures"));
    }
    for &n in &rest {
        feed.push(show.input(n)).unwrap();
    }
    feed.push(Input::Drain).unwrap();
    while !both(&rungs, show.frames.len()) {
        note(&mut rungs, output.recv().await.expect("more pictures"));
    }
    for rung in rungs.values() {
        assert_eq!(rung.keys(), [0, 2000].map(|ms| show.at(ms)));
        assert_eq!(show::decoded(rung), (rung.size, show.frames.len()));
    }
}

#[tokio::test]
async fn two_workers_with_one_source_write_the_same_bytes() {
    let show = Show::make("twins", "1280x720", 30, 3, &[0, 1400]);
    let boundary = [show.at(2500)];
    let (one, other) = tokio::join!(encode(&show, &boundary), encode(&show, &boundary));
    assert!(one == other, "some sample differs");
}

#[tokio::test]
async fn a_killed_worker_ends_its_output() {
    let show = Show::make("killed", "320x180", 25, 2, &[0]);
    let scene = Scene::new("killed-scene", "echo $$ > $dir/pid; exec $worker worker");
    let (mut feed, mut output) = scene.spawn(&show);
    // More than the decoder holds back to put B-frames in order.
    (0..10).for_each(|n| feed.push(show.input(n)).unwrap());
    assert!(matches!(output.recv().await, Some(Event::Config { .. })));

    let pid = std::fs::read_to_string(scene.dir.join("pid")).unwrap();
    let killed = std::process::Command::new("kill")
        .args(["-KILL", pid.trim()])
        .status();
    assert!(killed.unwrap().success());
    while output.recv().await.is_some() {}
    assert_eq!(feed.push(show.input(0)), Err(FeedError::Gone));
}

#[tokio::test]
async fn a_worker_that_is_not_wanted_any_more_is_killed() {
    let show = Show::make("unwanted", "320x180", 25, 2, &[0]);
    let scene = Scene::new(
        "unwanted-scene",
        "exec 9> $dir/alive; echo started >&9; exec $worker worker",
    );
    let alive = scene.dir.join("alive");
    let made = std::process::Command::new("mkfifo").arg(&alive).status();
    assert!(made.unwrap().success());
    let (feed, output) = scene.spawn(&show);
    let started = move || {
        let mut alive = std::fs::File::open(alive).unwrap();
        alive.read_exact(&mut [0; "started\n".len()]).unwrap();
        alive
    };
    let mut alive = tokio::task::spawn_blocking(started).await.unwrap();
    drop(output);
    // The file ends when the last process that has it open is dead.
    let dead = move || alive.read_to_end(&mut Vec::new()).unwrap();
    assert_eq!(tokio::task::spawn_blocking(dead).await.unwrap(), 0);
    drop(feed);
}

#[tokio::test]
async fn a_worker_fed_with_garbage_does_not_hang() {
    let show = Show::make("garbage", "320x180", 25, 2, &[0]);
    let (mut feed, mut output) = spawn(&show);
    for n in 0..200 {
        feed.push(torn(show.input(n % show.frames.len()), n == 0))
            .unwrap();
    }
    drop(feed);
    // Pictures, an error, or neither: but it ends.
    while output.recv().await.is_some() {}
}

/// A frame whose NAL units kept their lengths and types, or the parser would drop it before anybody decodes it.
fn torn(input: Input, key: bool) -> Input {
    let Input::Frame {
        pts, dts, bytes, ..
    } = input
    else {
        unreachable!("a show is made of frames")
    };
    let tear = |(at, byte): (usize, &u8)| {
        if at < 6 {
            *byte
        } else {
            byte.wrapping_mul(31) ^ 0x5a
        }
    };
    let bytes = bytes.iter().enumerate().map(tear).collect();
    Input::Frame {
        pts,
        dts,
        key,
        bytes,
    }
}

#[tokio::test]
async fn a_worker_that_talks_nonsense_is_ended() {
    let show = Show::make("nonsense", "320x180", 25, 2, &[0]);
    for words in [
        r"\377\377\377\377",
        r"\0\0\0\0",
        r"\0\0\0\001\143",
        r"\0\0\0\003\020\001\001\0\0\0\001\021",
    ] {
        let scene = Scene::new(
            "nonsense-scene",
            &format!("printf '{words}' >&0; exec sleep 1000"),
        );
        let (_feed, mut output) = scene.spawn(&show);
        let event = output.recv().await;
        assert!(
            matches!(event, Some(Event::Failed { .. })),
            "{words}: {event:?}"
        );
        assert_eq!(output.recv().await, None, "{words}");
    }
}

#[tokio::test]
async fn a_plan_that_cannot_be_is_refused_before_a_process_starts() {
    let show = Show::make("plan", "320x180", 25, 2, &[0]);
    let mut plan = plan(&show);
    plan.rungs.clear();
    let error = Process::spawn_program(Path::new("/nowhere"), &recipe(), &plan).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
}

/// Everything a rung said.
#[derive(Debug, Default, PartialEq, Eq)]
struct Rung {
    codec_config: Bytes,
    size: (u16, u16),
    pictures: String,
    samples: Vec<(MediaTime, bool, Bytes)>,
}

impl Rung {
    fn times(&self) -> Vec<MediaTime> {
        self.samples.iter().map(|(pts, ..)| *pts).collect()
    }

    fn keys(&self) -> Vec<MediaTime> {
        let keys = self.samples.iter().filter(|(_, key, _)| *key);
        keys.map(|(pts, ..)| *pts).collect()
    }
}

/// Encodes a show; each boundary is pushed before the first frame, in decoding order, that reaches it.
async fn encode(show: &Show, boundaries: &[MediaTime]) -> BTreeMap<Rendition, Rung> {
    encode_by(show, &plan(show), boundaries).await
}

async fn encode_by(
    show: &Show,
    plan: &Plan,
    boundaries: &[MediaTime],
) -> BTreeMap<Rendition, Rung> {
    let (mut feed, mut output) =
        Process::spawn_program(Path::new(WORKER), &recipe(), plan).unwrap();
    let mut rungs = BTreeMap::new();
    let mut boundaries = boundaries.iter().copied().peekable();
    for (n, frame) in show.frames.iter().enumerate() {
        if let Some(pts) = boundaries.next_if(|pts| *pts <= frame.pts) {
            feed.push(Input::ForceKey { pts }).unwrap();
        }
        feed.push(show.input(n)).unwrap();
        // As a live source, never far ahead of the encoders.
        while rungs.get(&P360).map_or(0, |rung: &Rung| rung.samples.len()) + 15 < n {
            note(&mut rungs, output.recv().await.expect("more pictures"));
        }
    }
    drop(feed);
    while let Some(event) = output.recv().await {
        note(&mut rungs, event);
    }
    rungs
}

fn note(rungs: &mut BTreeMap<Rendition, Rung>, event: Event) {
    match event {
        Event::Config {
            rendition,
            codec_config,
            width,
            height,
            pictures,
        } => {
            let rung = rungs.entry(rendition).or_default();
            assert_eq!(rung.codec_config, Bytes::new(), "configured once");
            rung.codec_config = codec_config;
            rung.size = (width, height);
            rung.pictures = pictures;
        }
        Event::Sample {
            rendition,
            pts,
            key,
            bytes,
        } => {
            let rung = rungs.get_mut(&rendition).expect("configured first");
            rung.samples.push((pts, key, bytes));
        }
        Event::Used { .. } => {}
        Event::Picture(_) | Event::NoPictures { .. } => panic!("nobody wants pictures"),
        Event::Paced { .. } => panic!("nobody is in a hurry"),
        Event::Failed { reason } => panic!("{reason}"),
    }
}

fn plan(show: &Show) -> Plan {
    let rung = |rendition, width, height, bitrate_bps| RungPlan {
        rendition,
        width,
        height,
        bitrate_bps,
        halved: false,
    };
    Plan {
        codec: show.codec,
        codec_config: show.codec_config.clone(),
        width: show.size.0,
        height: show.size.1,
        rungs: vec![rung(P180, 320, 180, 200_000), rung(P360, 640, 360, 600_000)],
        pictures: false,
    }
}

fn recipe() -> Recipe {
    Encoder::X264.recipe(Preset::default())
}

fn spawn(show: &Show) -> (Feed, Output) {
    Process::spawn_program(Path::new(WORKER), &recipe(), &plan(show)).unwrap()
}

const WORKER: &str = env!("CARGO_BIN_EXE_footlight-transcoder");

/// A worker started by a shell script, with a directory of its own.
struct Scene {
    dir: PathBuf,
    script: PathBuf,
}

impl Scene {
    fn new(name: &str, lines: &str) -> Self {
        let dir = show::directory(name);
        let script = dir.join("worker.sh");
        let text = format!(
            "#!/bin/sh\ndir='{}'\nworker='{WORKER}'\n{lines}\n",
            dir.display()
        );
        std::fs::write(&script, text).unwrap();
        std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .unwrap();
        Self { dir, script }
    }

    fn spawn(&self, show: &Show) -> (Feed, Output) {
        self.spawn_by(&plan(show))
    }

    fn spawn_by(&self, plan: &Plan) -> (Feed, Output) {
        Process::spawn_program(&self.script, &recipe(), plan).unwrap()
    }
}
