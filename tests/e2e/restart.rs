//! What an operator did before a restart of mux, or while it was down, counts after it.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tests::{
    Admin, Clip, Encoder, Entrance, Picture, Program, RunDirectory, Service, quiet_ffmpeg, schema,
};

const PUBLISH: &str = "restart-publish";
const GUEST: &str = "restart-guest";
const REGULAR: &str = "restart-regular";

/// Mux under a service manager, with a show on the stream `stage`.
struct Venue {
    service: Service,
    config: PathBuf,
    encoder: Encoder,
    directory: RunDirectory,
}

fn key(key: &str, more: &str) -> String {
    let hash = hex::encode(Sha256::digest(key));
    format!("{{ sha256 = \"{hash}\"{more} }}")
}

fn configuration(directory: &RunDirectory, publish: &str, play: &str, pushes: &str) -> String {
    let state = directory.path().join("mux-state");
    format!(
        "state_directory = {state:?}\n[admin]\nlisten = \"127.0.0.1:0\"\n[rtmp]\nlisten = \"127.0.0.1:0\"\n\
         [[stream]]\nname = \"stage\"\npublish = [{publish}]\nplay = [{play}]\n{pushes}"
    )
}

impl Venue {
    fn open(play: &str, pushes: impl FnOnce(&RunDirectory) -> Result<String>) -> Result<Self> {
        let directory = RunDirectory::new()?;
        let pushes = pushes(&directory)?;
        let text = configuration(&directory, &key(PUBLISH, ""), play, &pushes);
        let config = directory.write("mux.toml", text)?;
        let service = Service::start(Program::Mux, &["rtmp"], &config, directory.path())?;
        service.daemon.wait_until_ready()?;
        let clip = Clip::of(Picture::Small)?;
        let url = format!("rtmp://{}/live/{PUBLISH}", service.address("rtmp")?);
        let encoder = Encoder::publish(&clip, &url, directory.path())?;
        let venue = Self {
            service,
            config,
            encoder,
            directory,
        };
        venue.stage(|stage| stage["state"] == "live")?;
        Ok(venue)
    }

    fn admin(&self) -> Result<Admin> {
        self.service.daemon.admin()
    }

    fn stage(&self, is: impl Fn(&Value) -> bool) -> Result<Value> {
        self.admin()?
            .wait_until(|status| is(&status["streams"]["stage"]))
    }

    fn order(&self, what: &str) -> Result<()> {
        let (code, answer) = self.admin()?.post(&format!("/streams/stage/{what}"))?;
        ensure!((200..300).contains(&code), "{what}: {code} {answer}");
        Ok(())
    }

    fn player(&self, key: &str) -> Result<Encoder> {
        let mut ffmpeg = quiet_ffmpeg();
        let url = format!("rtmp://{}/live/{key}", self.service.address("rtmp")?);
        ffmpeg.args(["-i", &url, "-c", "copy", "-f", "null", "-"]);
        Encoder::other(&mut ffmpeg, key, self.directory.path())
    }

    fn restart(&mut self) -> Result<()> {
        self.service.daemon.kill()?;
        self.service.start_again()?;
        self.service.daemon.wait_until_ready()?;
        let daemon = &self.service.daemon;
        ensure!(daemon.panic().is_none(), "{}", daemon.tail());
        Ok(())
    }
}

#[test]
fn who_came_by_a_key_that_is_taken_away_meanwhile_is_let_go_and_nobody_for_an_expiry() -> Result<()>
{
    let play = [key(GUEST, ""), key(REGULAR, "")].join(", ");
    let mut venue = Venue::open(&play, |_| Ok(String::new()))?;
    let (mut guest, mut regular) = (venue.player(GUEST)?, venue.player(REGULAR)?);
    venue.stage(|stage| stage["players"]["connected"] == 2)?;

    let expired = ", expires = \"2020-02-02\"";
    let rewrite = |venue: &Venue, publish: &str| {
        let play = key(REGULAR, expired);
        let text = configuration(&venue.directory, publish, &play, "");
        venue.directory.write("mux.toml", text)
    };
    ensure!(rewrite(&venue, &key(PUBLISH, expired))? == venue.config);
    venue.restart()?;
    guest.exited()?;
    let status = venue.stage(|stage| stage["players"]["connected"] == 1)?;
    let handover = &status["handover"];
    ensure!(handover["kept"] == true, "{handover}");
    ensure!(handover["connections"]["carried_on"] == 3, "{handover}");
    ensure!(handover["connections"]["lost"] == 0, "{handover}");
    let admin = venue.admin()?;
    let lets_go = admin.metric("footlight_mux_connections_ended_total", "class=\"revoked\"")?;
    ensure!(lets_go.total_cmp(&1.0).is_eq(), "{lets_go} were let go");
    let carried = admin.metric(
        "footlight_mux_handover_connections",
        "outcome=\"carried_on\"",
    )?;
    ensure!(carried.total_cmp(&3.0).is_eq(), "{carried} were carried on");
    // The expired ones stay, through the next restart too.
    rewrite(&venue, "")?;
    ensure!(regular.is_running() && venue.encoder.is_running());
    venue.restart()?;
    venue.encoder.exited()?;
    venue.stage(|stage| stage["state"] == "held" && stage["publishers"] == 0)?;
    ensure!(regular.is_running(), "{}", regular.complaints());
    Ok(())
}

#[test]
fn a_push_stays_stopped_or_started_as_the_operator_ordered() -> Result<()> {
    let platforms = ["stopped", "started"].map(|name| {
        let stream = Entrance::stream("stage", &format!("platform-{name}"), "play");
        Entrance::start(&stream).map(|platform| (name, platform))
    });
    let [stopped, started] = platforms;
    let platforms = [stopped?, started?];
    let mut venue = Venue::open("", |directory| {
        let mut pushes = String::new();
        for (name, platform) in &platforms {
            let key = directory.write(&format!("{name}-key"), format!("platform-{name}"))?;
            let start = if *name == "started" {
                "manual"
            } else {
                "always"
            };
            let address = platform.address("rtmp")?;
            pushes.push_str(&format!(
                "[[stream.push]]\nname = \"{name}\"\nstart = \"{start}\"\nurl = \"rtmp://{address}/live\"\nkey = {{ file = {key:?} }}\n"
            ));
        }
        Ok(pushes)
    })?;
    venue.stage(|stage| stage["pushes"][0]["state"] == "live")?;
    venue.order("outputs/stopped/stop")?;
    venue.order("outputs/started/start")?;
    let as_ordered = |stage: &Value| {
        let pushes = &stage["pushes"];
        pushes[0]["state"] == "stopped" && pushes[1]["state"] == "live"
    };
    venue.stage(as_ordered)?;
    for _ in 0..3 {
        venue.restart()?;
        venue.stage(as_ordered)?;
    }
    // Each of them had one connection, all the time.
    for (name, platform) in &platforms {
        let log = platform.mux.log();
        let came = log.iter().filter(|line| line.contains("\"publishes\""));
        ensure!(came.count() == 1, "{name} was connected to anew");
    }
    // The newest order counts.
    venue.order("outputs/stopped/start")?;
    venue.restart()?;
    venue.stage(|stage| stage["pushes"][0]["state"] == "live")?;
    Ok(())
}

#[test]
fn a_hold_and_an_end_by_command_stay_in_force() -> Result<()> {
    let mut venue = Venue::open("", |_| Ok(String::new()))?;
    let session = |status: &Value| status["streams"]["stage"]["session"].clone();
    let before = session(&venue.stage(|stage| stage["state"] == "live")?);
    venue.order("hold")?;
    venue.restart()?;
    let held = venue.stage(|stage| stage["publishing"][0]["standing"] == "on_hold")?;
    ensure!(held["streams"]["stage"]["state"] == "held", "{held}");
    ensure!(held["streams"]["stage"]["on_hold"] == true, "{held}");
    venue.order("resume")?;
    let after = venue.stage(|stage| stage["state"] == "live")?;
    ensure!(session(&after) == before, "another session: {after}");

    venue.order("end")?;
    venue.restart()?;
    let ended = venue.stage(|stage| stage["publishing"][0]["standing"] == "ended")?;
    ensure!(ended["streams"]["stage"]["state"] == "ended", "{ended}");
    ensure!(venue.encoder.is_running(), "{}", venue.encoder.complaints());
    Ok(())
}

#[test]
fn the_status_tells_what_a_restart_does() -> Result<()> {
    let mut venue = Venue::open("", |_| Ok(String::new()))?;
    venue.restart()?;
    let admin = venue.admin()?;
    let status = admin.wait_until(|status| status["handover"]["streams"]["carried_on"] == 1)?;
    let document: Value = serde_json::from_str(&admin.get("/openapi.json")?.1)?;
    let described = &document["components"]["schemas"]["Status"];
    let found = schema::violations(&document, described, &status);
    ensure!(found.is_empty(), "{found:?}");

    // Without systemd.
    let alone = Entrance::start(&Entrance::stream("stage", PUBLISH, REGULAR))?;
    let status = alone.mux.admin()?.wait_until(|_| true)?;
    ensure!(status["handover"]["kept"] == false, "{status}");
    let why = status["handover"]["why"].as_str().unwrap_or_default();
    ensure!(why.contains("systemd"), "{why}");
    Ok(())
}
