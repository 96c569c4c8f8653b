//! Pushing to platforms: real nginx-rtmp servers that are down, refuse, hang, die and come back, while everybody else
//! gets every packet.

use std::{
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    process::Child,
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::{
    Authority, Clip, Encoder, Entrance, Picture, Platform,
    packets::{self, Packets},
    quiet_ffmpeg,
};

const PUBLISH: &str = "relay-publish";
const PLAY: &str = "relay-play";
const KEY: &str = "relay-platform-key";

/// The lines of a push target.
fn push(name: &str, url: &str) -> String {
    format!(
        "[[stream.push]]\nname = \"{name}\"\nurl = \"{url}\"\nkey = {{ file = \"KEY_FILE\" }}\n"
    )
}

/// A mux with the stream `stage` that is pushed as `pushes` say.
fn entrance(pushes: &[String]) -> Result<Entrance> {
    Entrance::with(|directory| {
        let file = directory.write("platform-key", KEY)?;
        let pushes = pushes.concat().replace("KEY_FILE", &file.to_string_lossy());
        Ok(Entrance::stream("stage", PUBLISH, PLAY) + &pushes)
    })
}

fn to(platform: &Platform) -> String {
    push(
        platform.name(),
        &format!("rtmp://{}/live", platform.address()),
    )
}

/// What `/status` says of a push.
fn status(entrance: &Entrance, name: &str) -> Result<Value> {
    let (_, body) = entrance.mux.admin()?.get("/status")?;
    let status: Value = serde_json::from_str(&body)?;
    let pushes = status["streams"]["stage"]["pushes"]
        .as_array()
        .context("pushes")?;
    let push = pushes.iter().find(|push| push["name"] == name);
    push.cloned().with_context(|| format!("no push {name}"))
}

/// Waits until the log has told `count` times that the push called `name` is in `state`; answers with what it said last.
fn told(entrance: &Entrance, name: &str, state: &str, count: usize) -> Result<String> {
    let seen = std::cell::Cell::new(0);
    entrance
        .mux
        .wait_for_line(&format!("{name} {state} {count}"), |line| {
            let entry: Value = serde_json::from_str(line).ok()?;
            if entry.get("output")? != name || entry.get("state")? != state {
                return None;
            }
            seen.set(seen.get() + 1);
            (seen.get() == count).then(|| entry["message"].as_str().map(str::to_owned))?
        })
}

/// A player that writes what it gets until it is interrupted.
struct Player(Child);

impl Player {
    fn start(entrance: &Entrance, file: &Path) -> Result<Self> {
        let mut ffmpeg = quiet_ffmpeg();
        ffmpeg.args(["-i", &entrance.url(PLAY)?, "-map", "0", "-c", "copy", "-y"]);
        Ok(Self(ffmpeg.arg(file).spawn()?))
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        // Already gone is as good as killed.
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// Sound and pictures are a stretch of the clip each, of at least so many pictures.
fn assert_whole(who: &str, file: &Path, clip: &Packets, least: usize) -> Result<()> {
    let got = Packets::of(file)?.but_the_last();
    assert!(
        got.track(0).len() >= least,
        "{who}: {} pictures",
        got.track(0).len()
    );
    for track in 0..2 {
        let (got, whole) = (got.track(track), clip.track(track));
        assert!(
            packets::find(got, whole).is_some(),
            "{who}: track {track} of {} packets is whole up to {}",
            got.len(),
            (0..got.len())
                .take_while(|n| packets::find(&got[..=*n], whole).is_some())
                .count()
        );
    }
    Ok(())
}

/// A player of the platform's gets what is pushed there.
fn assert_plays_there(platform: &str, directory: &Path, clip: &Packets) -> Result<()> {
    let file = directory.join("there.flv");
    let mut ffmpeg = quiet_ffmpeg();
    ffmpeg.args(["-i", platform, "-map", "0", "-c", "copy"]);
    ffmpeg.args(["-frames:v", "120"]).arg(&file);
    ensure!(ffmpeg.status()?.success());
    assert_whole("a player of the platform's", &file, clip, 60)
}

fn publish(entrance: &Entrance, picture: Picture) -> Result<(Encoder, Packets)> {
    let clip = Clip::of(picture)?;
    let whole = Packets::of(clip.path())?;
    Ok((entrance.publish(PUBLISH, &clip)?, whole))
}

#[test]
fn a_target_may_be_down_come_up_die_and_come_back() -> Result<()> {
    let mut platform = Platform::down("platform")?;
    let mut entrance = entrance(&[to(&platform)])?;
    let (_encoder, clip) = publish(&entrance, Picture::Small)?;
    let why = told(&entrance, "platform", "connecting", 1)?;
    assert!(
        why.contains("cannot be reached") && why.contains("check 'url'"),
        "{why}"
    );

    platform.start()?;
    told(&entrance, "platform", "live", 1)?;
    // Long enough for something to be recorded: a player has some GOPs of it meanwhile.
    watch(&entrance)?;
    platform.kill()?;
    told(&entrance, "platform", "connecting", 2)?;
    platform.start()?;
    told(&entrance, "platform", "live", 2)?;
    watch(&entrance)?;
    platform.kill()?;
    let recordings = platform.recordings()?;
    ensure!(recordings.len() == 2, "{recordings:?}");
    for recording in &recordings {
        assert_whole("platform", recording, &clip, 60)?;
    }
    let log = entrance.mux.log().concat();
    assert!(!log.contains(KEY), "the key is in the log");
    ensure!(entrance.mux.is_running() && entrance.mux.panic().is_none());
    Ok(())
}

/// Plays eight seconds.
fn watch(entrance: &Entrance) -> Result<()> {
    let mut ffmpeg = quiet_ffmpeg();
    ffmpeg.args(["-i", &entrance.url(PLAY)?, "-c", "copy", "-frames:v", "240"]);
    let status = ffmpeg.args(["-f", "null", "-"]).status()?;
    ensure!(status.success(), "{status}");
    Ok(())
}

#[test]
fn a_target_that_hangs_and_one_that_is_dead_cost_nobody_a_packet() -> Result<()> {
    let (hanging, one, other) = (
        Platform::up("hanging")?,
        Platform::up("one")?,
        Platform::up("other")?,
    );
    let dead = Platform::down("dead")?;
    let targets = [&hanging, &dead, &one, &other].map(to);
    let mut entrance = entrance(&targets)?;
    let (_encoder, clip) = publish(&entrance, Picture::FullHd)?;
    for name in ["hanging", "one", "other"] {
        told(&entrance, name, "live", 1)?;
    }
    let file = entrance.directory().join("played.flv");
    let player = Player::start(&entrance, &file)?;
    hanging.freeze(true)?;
    let why = told(&entrance, "hanging", "stalled", 1)?;
    assert!(why.contains("too slowly"), "{why}");
    // It is given up after ten seconds, and tried again like any other.
    let why = told(&entrance, "hanging", "connecting", 1)?;
    assert!(why.contains("took nothing"), "{why}");
    hanging.freeze(false)?;
    told(&entrance, "hanging", "live", 2)?;
    assert_eq!(status(&entrance, "dead")?["state"], "connecting");
    assert_eq!(status(&entrance, "one")?["skips"], 0);
    drop(player);
    assert_whole("player", &file, &clip, 240)?;
    for platform in [&one, &other] {
        let [recording] = &platform.recordings()?[..] else {
            panic!("{} was disturbed", platform.name());
        };
        assert_whole(platform.name(), recording, &clip, 240)?;
    }
    ensure!(entrance.mux.is_running() && entrance.mux.panic().is_none());
    Ok(())
}

#[test]
fn a_wrong_key_parks_the_target_and_a_corrected_one_is_tried_at_once() -> Result<()> {
    // The platform is another mux: it says plainly that a key is wrong. nginx-rtmp only closes.
    let platform = Entrance::start(&Entrance::stream("there", "right-key-there", "play-there"))?;
    let closing = Platform::up("closing")?;
    let targets = [
        push(
            "plain",
            &format!("rtmp://{}/live", platform.address("rtmp")?),
        ),
        push("closing", &format!("rtmp://{}/closed", closing.address())),
    ];
    let mut entrance = entrance(&targets)?;
    let (_encoder, clip) = publish(&entrance, Picture::Small)?;
    let why = told(&entrance, "closing", "refused", 1)?;
    assert!(why.contains("as soon as it had heard the key"), "{why}");
    let why = told(&entrance, "plain", "parked", 1)?;
    assert!(
        why.contains("NetStream.Publish.Denied") && why.contains("left alone"),
        "{why}"
    );
    assert_eq!(status(&entrance, "plain")?["failures"], 3);

    std::fs::write(
        entrance.directory().join("platform-key"),
        "right-key-there\n",
    )?;
    entrance.mux.signal(nix::sys::signal::Signal::SIGHUP)?;
    told(&entrance, "plain", "live", 1)?;
    assert_plays_there(&platform.url("play-there")?, entrance.directory(), &clip)?;
    let log = entrance.mux.log().concat();
    assert!(
        !log.contains(KEY) && !log.contains("right-key"),
        "a key is in the log"
    );
    ensure!(entrance.mux.is_running() && entrance.mux.panic().is_none());
    Ok(())
}

/// `POST /streams/stage/outputs/{name}/{order}`.
fn order(entrance: &Entrance, name: &str, order: &str) -> Result<()> {
    let mut admin = TcpStream::connect(entrance.address("admin")?)?;
    write!(
        admin,
        "POST /streams/stage/outputs/{name}/{order} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    )?;
    let mut answer = String::new();
    admin.read_to_string(&mut answer)?;
    ensure!(answer.starts_with("HTTP/1.1 2"), "{answer}");
    Ok(())
}

#[test]
fn a_target_is_started_and_stopped_while_live_and_another_does_not_notice() -> Result<()> {
    let (ordered, always) = (Platform::up("ordered")?, Platform::up("always")?);
    let manual = to(&ordered) + "start = \"manual\"\n";
    let mut entrance = entrance(&[manual, to(&always)])?;
    let (_encoder, clip) = publish(&entrance, Picture::Small)?;
    told(&entrance, "always", "live", 1)?;
    assert_eq!(status(&entrance, "ordered")?["state"], "stopped");
    for round in 1..=2 {
        order(&entrance, "ordered", "start")?;
        told(&entrance, "ordered", "live", round)?;
        watch(&entrance)?;
        order(&entrance, "ordered", "stop")?;
        entrance.mux.admin()?.wait_until(|status| {
            let pushes = status["streams"]["stage"]["pushes"].as_array();
            let stopped = |push: &Value| push["name"] == "ordered" && push["state"] == "stopped";
            pushes.is_some_and(|pushes| pushes.iter().any(stopped))
        })?;
    }
    assert_eq!(status(&entrance, "ordered")?["failures"], 0);
    let recordings = ordered.recordings()?;
    ensure!(recordings.len() == 2, "{recordings:?}");
    for recording in &recordings {
        assert_whole("ordered", recording, &clip, 120)?;
    }
    let [recording] = &always.recordings()?[..] else {
        panic!("the other was disturbed");
    };
    assert_whole("always", recording, &clip, 240)?;
    ensure!(entrance.mux.is_running() && entrance.mux.panic().is_none());
    Ok(())
}

#[test]
fn a_push_under_tls_trusts_whom_it_was_told_to_and_nobody_else() -> Result<()> {
    let authority = Authority::new()?;
    let platform = Entrance::with(|directory| {
        let certificate = directory.write("certificate.pem", &authority.certificate)?;
        let key = directory.write("key.pem", &authority.key)?;
        let tls = format!(
            "\n[rtmps]\nlisten = \"127.0.0.1:0\"\ncertificate = {certificate:?}\nkey = {key:?}\n"
        );
        Ok(tls + &Entrance::stream("there", KEY, "play-there"))
    })?;
    let url = format!(
        "rtmps://localhost:{}/live",
        platform.address("rtmps")?.port()
    );
    let ca = platform.directory().join("authority.pem");
    std::fs::write(&ca, &authority.root)?;
    let trusting = push("trusting", &url) + &format!("ca = {ca:?}\n");
    let mut entrance = entrance(&[trusting, push("wary", &url)])?;
    let (_encoder, clip) = publish(&entrance, Picture::FullHd)?;
    told(&entrance, "trusting", "live", 1)?;
    let why = told(&entrance, "wary", "connecting", 1)?;
    assert!(
        why.contains("nobody we trust") && why.contains("'ca'"),
        "{why}"
    );
    assert_plays_there(&platform.url("play-there")?, entrance.directory(), &clip)?;
    ensure!(entrance.mux.is_running() && entrance.mux.panic().is_none());
    Ok(())
}
