//! The operator's side of mux: orders, events, the document that describes them, and the view in a terminal.

use std::{
    collections::BTreeSet,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
};

use anyhow::{Context, Result};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tests::{
    Admin, Clip, Entrance, EventStream, Picture, Program, http, packets::Packets, quiet_ffmpeg,
    schema,
};

const PUBLISH: &str = "control-publish";
const BACKUP: &str = "control-backup";
const PLAY: &str = "control-play";
/// More bytes than an order may have.
const TOO_MUCH: usize = 4_097;

/// Mux with the stream `stage`, pushed as `copy` to a second mux that has it as `stage` too.
struct Venue {
    entrance: Entrance,
    admin: Admin,
    elsewhere: Entrance,
}

impl Venue {
    fn open() -> Result<Self> {
        let stage = Entrance::stream("stage", PUBLISH, PLAY);
        let elsewhere = Entrance::start(&stage)?;
        let to = elsewhere.address("rtmp")?;
        let entrance = Entrance::with(|directory| {
            let key = directory.write("push-key", PUBLISH)?;
            let push = format!(
                "[[stream.push]]\nname = \"copy\"\nurl = \"rtmp://{to}/live\"\nkey = {{ file = {key:?} }}\nstart = \"manual\"\n"
            );
            Ok(format!("{stage}{push}"))
        })?;
        let admin = entrance.mux.admin()?;
        Ok(Self {
            entrance,
            admin,
            elsewhere,
        })
    }

    fn watch(&self) -> Result<EventStream> {
        let mut events = EventStream::open(self.admin.0, "/events")?;
        let first = events.next_event()?;
        assert_eq!(first.kind, "snapshot");
        assert!(
            first.data["fields"]["streams"]["stage"].is_object(),
            "{first:?}"
        );
        Ok(events)
    }

    fn stage(&self, is: impl Fn(&Value) -> bool) -> Result<Value> {
        self.admin
            .wait_until(|status| is(&status["streams"]["stage"]))
    }

    /// Orders, and answers with the status code.
    fn order(&self, what: &str) -> Result<(u16, Value)> {
        self.admin.post(&format!("/streams/stage/{what}"))
    }
}

fn state(stage: &Value) -> &str {
    stage["state"].as_str().unwrap_or_default()
}

#[test]
fn a_push_is_started_and_stopped_while_the_show_is_on() -> Result<()> {
    let venue = Venue::open()?;
    let mut events = venue.watch()?;
    let _encoder = venue
        .entrance
        .publish(PUBLISH, &Clip::of(Picture::Small)?)?;
    events.wait_for("publisher_on_air")?;

    let (code, answer) = venue.order("outputs/copy/start")?;
    assert_eq!(
        (code, answer["command"].as_str()),
        (202, Some("start")),
        "{answer}"
    );
    let told = events.wait_for("command")?;
    assert_eq!(told.data["text"], "an operator starts the push to copy");
    assert_eq!(told.data["fields"]["output"], "copy");
    venue.stage(|stage| stage["pushes"][0]["state"] == "live")?;
    venue
        .elsewhere
        .mux
        .admin()?
        .wait_until(|status| state(&status["streams"]["stage"]) == "live")?;

    let (code, _) = venue.order("outputs/copy/stop")?;
    assert_eq!(code, 202);
    assert_eq!(
        events.wait_for("command")?.data["fields"]["command"],
        "stop"
    );
    venue.stage(|stage| stage["pushes"][0]["state"] == "stopped")?;
    venue
        .elsewhere
        .mux
        .admin()?
        .wait_until(|status| state(&status["streams"]["stage"]) == "held")?;
    // The show itself never noticed.
    let status = venue.stage(|stage| state(stage) == "live")?;
    assert_eq!(status["streams"]["stage"]["takeovers"], 0);
    Ok(())
}

/// ffmpeg that plays the stream into a file. Dropping it kills it.
struct Player {
    ffmpeg: Child,
    file: PathBuf,
}

impl Player {
    fn start(entrance: &Entrance) -> Result<Self> {
        let file = entrance.directory().join("played.flv");
        let mut ffmpeg = quiet_ffmpeg();
        ffmpeg.args(["-i", &entrance.url(PLAY)?, "-c", "copy"]);
        let ffmpeg = ffmpeg.arg(&file).spawn()?;
        Ok(Self { ffmpeg, file })
    }

    /// Waits until it is told that the show is over, and reads what it has.
    fn ended(mut self) -> Result<Packets> {
        let status = self.ffmpeg.wait()?;
        assert!(status.success(), "the player was not told: {status}");
        Packets::of(&self.file)
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _gone = self.ffmpeg.kill();
        let _reaped = self.ffmpeg.wait();
    }
}

/// Mux with the stream `stage` for a primary, a backup and players.
fn two_encoders() -> Result<Entrance> {
    let hash = |key: &str| hex::encode(Sha256::digest(key));
    Entrance::start(&format!(
        "[[stream]]\nname = \"stage\"\npublish = [{{ sha256 = \"{}\" }}, {{ sha256 = \"{}\", role = \"backup\" }}]\nplay = [{{ sha256 = \"{}\" }}]\n",
        hash(PUBLISH),
        hash(BACKUP),
        hash(PLAY),
    ))
}

#[test]
fn an_operator_switches_holds_resumes_kicks_and_ends_a_show() -> Result<()> {
    let entrance = two_encoders()?;
    let admin = entrance.mux.admin()?;
    let order = |what: &str| admin.post(&format!("/streams/stage/{what}"));
    let stage =
        |is: &dyn Fn(&Value) -> bool| admin.wait_until(|status| is(&status["streams"]["stage"]));
    let mut events = EventStream::open(admin.0, "/events")?;
    let command = |events: &mut EventStream| -> Result<String> {
        let event = events.wait_for("command")?;
        assert_eq!(event.data["fields"]["who"], "admin");
        Ok(event.data["fields"]["command"]
            .as_str()
            .unwrap_or_default()
            .to_owned())
    };
    let (code, refused) = order("kick")?;
    assert_eq!(code, 409, "{refused}");
    assert!(
        refused["error"]
            .as_str()
            .is_some_and(|text| text.contains("there is no show")),
        "{refused}"
    );

    let clip = Clip::of(Picture::Small)?;
    let mut primary = entrance.publish(PUBLISH, &clip)?;
    events.wait_for("publisher_on_air")?;
    let mut backup = entrance.publish(BACKUP, &clip)?;
    let stands_by = |publisher: &Value| publisher["standing"] == "stands_by";
    stage(&|stage| {
        stage["publishing"]
            .as_array()
            .is_some_and(|all| all.iter().any(stands_by))
    })?;
    let player = Player::start(&entrance)?;
    stage(&|stage| stage["players"]["connected"] == 1)?;

    assert_eq!(order("switch")?.0, 202);
    assert_eq!(command(&mut events)?, "switch");
    events.wait_for("publisher_on_air")?;
    stage(&|stage| stage["publisher"]["role"] == "backup")?;

    let (code, held) = order("hold")?;
    assert_eq!((code, state(&held["status"])), (200, "held"), "{held}");
    assert_eq!(held["status"]["on_hold"], true);
    events.wait_for("held")?;
    assert_eq!(command(&mut events)?, "hold");
    assert_eq!(order("kick")?.0, 409);

    assert_eq!(order("resume")?.0, 202);
    assert_eq!(command(&mut events)?, "resume");
    let live = stage(&|stage| state(stage) == "live" && stage["publisher"].is_object())?;

    let on_air = live["streams"]["stage"]["publisher"]["role"].clone();
    assert_eq!(order("kick")?.0, 200);
    assert_eq!(command(&mut events)?, "kick");
    let kicked = if on_air == "backup" {
        &mut backup
    } else {
        &mut primary
    };
    kicked.exited()?;
    stage(&|stage| stage["publisher"].is_object() && stage["publisher"]["role"] != on_air)?;

    end(&order, &mut events, player)?;
    assert_eq!(command(&mut events)?, "end");
    let told = entrance.mux.log().concat();
    for wanted in ["an operator ended the show", "a command is refused"] {
        assert!(told.contains(wanted), "{wanted} is not in the log");
    }
    assert_eq!(entrance.mux.panic(), None);
    Ok(())
}

/// Ends the show: the player is told, and has what came before.
fn end(
    order: &impl Fn(&str) -> Result<(u16, Value)>,
    events: &mut EventStream,
    player: Player,
) -> Result<()> {
    let (code, ended) = order("end")?;
    assert_eq!((code, state(&ended["status"])), (200, "ended"), "{ended}");
    events.wait_for("ended")?;
    let played = player.ended()?;
    assert!(
        played.track(0).len() > 30 && played.track(1).len() > 30,
        "{played:?}"
    );
    Ok(())
}

#[test]
fn what_is_not_there_is_told_with_its_nearest_spelling() -> Result<()> {
    let venue = Venue::open()?;
    for (path, advice) in [
        ("/streams/stge/kick", "did you mean stage?"),
        ("/streams/stge/outputs/copy/start", "did you mean stage?"),
        ("/streams/zzz/outputs/copy/start", "there are: stage"),
        ("/streams/stage/outputs/cpoy/stop", "did you mean copy?"),
    ] {
        let (code, answer) = venue.admin.post(path)?;
        assert_eq!(code, 404, "{path}");
        assert_eq!(answer["advice"], advice, "{path}");
    }
    Ok(())
}

#[test]
fn an_order_of_a_web_page_and_a_flood_are_refused() -> Result<()> {
    let venue = Venue::open()?;
    let at = venue.admin.0;
    let path = "/streams/stage/outputs/copy/start";
    let host = format!("Host: {at}\r\n");
    let post = |headers: &str, body: &[u8]| -> Result<u16> {
        let length = format!("{headers}Content-Length: {}\r\n", body.len());
        let (code, _, answer) = http(at, "POST", path, &length, body)?;
        let answer: Value = serde_json::from_slice(&answer)?;
        assert_eq!(answer["advice"].is_string(), code != 202, "{answer}");
        Ok(code)
    };
    for stranger in [
        "Host: evil.example\r\n".to_owned(),
        String::new(),
        format!("{host}Origin: https://evil.example\r\n"),
        format!("{host}Origin: null\r\n"),
        format!("{host}Sec-Fetch-Site: cross-site\r\n"),
        format!("{host}Sec-Fetch-Site: same-site\r\n"),
    ] {
        assert_eq!(post(&stranger, b"")?, 403, "{stranger}");
    }
    let page = format!("{host}Origin: http://{at}\r\nSec-Fetch-Site: same-origin\r\n");
    assert_eq!(post(&page, b"")?, 202);
    assert_eq!(post(&host, &[b'x'; TOO_MUCH])?, 413);
    let chunked = format!("{host}Transfer-Encoding: chunked\r\n");
    let body = [b"1001\r\n".as_slice(), &[b'x'; TOO_MUCH], b"\r\n0\r\n\r\n"].concat();
    assert_eq!(http(at, "POST", path, &chunked, &body)?.0, 413);
    for method in ["GET", "PUT", "DELETE", "OPTIONS", "BREW"] {
        let (code, head, _) = http(at, method, path, &host, b"")?;
        assert_eq!(code, 405, "{method}");
        assert!(head.contains("allow: POST\r\n"), "{head}");
        assert!(!head.to_lowercase().contains("access-control"), "{head}");
    }
    Ok(())
}

#[test]
fn the_document_is_what_mux_answers() -> Result<()> {
    let venue = Venue::open()?;
    let _encoder = venue
        .entrance
        .publish(PUBLISH, &Clip::of(Picture::Small)?)?;
    venue.stage(|stage| state(stage) == "live")?;
    let (code, text) = venue.admin.get("/openapi.json")?;
    let document: Value = serde_json::from_str(&text)?;
    assert_eq!((code, document["openapi"].as_str()), (200, Some("3.1.0")));

    let paths = document["paths"].as_object().context("no paths")?;
    let mut described = BTreeSet::new();
    for (path, item) in paths {
        for method in ["get", "post"] {
            if let Some(operation) = item.get(method) {
                described.insert(format!("{} {path}", method.to_uppercase()));
                check_examples(&document, operation, path);
                check_answers(&venue, &document, (method, path), item)?;
            }
        }
    }
    // What there is, mux itself says to whoever asks for what there is not.
    let (_, nothing) = venue.admin.get("/nothing")?;
    let nothing: Value = serde_json::from_str(&nothing)?;
    let list = nothing["advice"]
        .as_str()
        .and_then(|text| text.strip_prefix("there are: "));
    let served: BTreeSet<String> = list
        .context("no list")?
        .split(", ")
        .map(str::to_owned)
        .collect();
    assert_eq!(described, served);
    Ok(())
}

/// Every example in the document is as its own schema says.
fn check_examples(document: &Value, operation: &Value, path: &str) {
    for (code, response) in operation["responses"].as_object().into_iter().flatten() {
        for media in response["content"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(_, media)| media)
        {
            if let Some(example) = media.get("example") {
                let found = schema::violations(document, &media["schema"], example);
                assert!(found.is_empty(), "{path} {code}: {found:#?}");
            }
        }
    }
}

/// Each operation, asked with the names that exist and then with those that do not, answers as it is described.
fn check_answers(
    venue: &Venue,
    document: &Value,
    (method, path): (&str, &str),
    item: &Value,
) -> Result<()> {
    if path == "/events" {
        let event = EventStream::open(venue.admin.0, path)?.next_event()?;
        let found = schema::violations(
            document,
            &document["components"]["schemas"]["Event"],
            &event.data,
        );
        assert!(found.is_empty(), "{path}: {found:#?}");
        return Ok(());
    }
    let parameters = item["parameters"].as_array();
    for example in ["known", "unknown"] {
        let mut asked = path.to_owned();
        for parameter in parameters.into_iter().flatten() {
            let name = parameter["name"].as_str().context("no name")?;
            let value = parameter["examples"][example]["value"]
                .as_str()
                .context("no example")?;
            asked = asked.replace(&format!("{{{name}}}"), value);
        }
        let host = format!("Host: {}\r\n", venue.admin.0);
        let (code, head, body) = http(venue.admin.0, &method.to_uppercase(), &asked, &host, b"")?;
        assert!(
            example == "known" || code == 404 || parameters.is_none(),
            "{asked}: {code}"
        );
        assert!(example == "unknown" || code != 404, "{asked}: {code}");
        let media = &item[method]["responses"][code.to_string()]["content"];
        let (kind, media) = media
            .as_object()
            .and_then(|media| media.iter().next())
            .with_context(|| format!("{asked}: {code} is not described"))?;
        assert!(
            head.contains(&format!("content-type: {kind}")),
            "{asked}: {head}"
        );
        let answer = match kind.as_str() {
            "application/json" => serde_json::from_slice(&body)?,
            _ => Value::from(String::from_utf8(body)?),
        };
        let found = schema::violations(document, &media["schema"], &answer);
        assert!(found.is_empty(), "{asked} {code}: {found:#?}");
    }
    Ok(())
}

fn status(arguments: &[&str]) -> Result<Output> {
    let mut command = Command::new(Program::Mux.path()?);
    command.arg("status").args(arguments).stdin(Stdio::null());
    Ok(command.output()?)
}

#[test]
fn the_terminal_shows_the_show_and_says_when_there_is_no_mux() -> Result<()> {
    let venue = Venue::open()?;
    let _encoder = venue
        .entrance
        .publish(PUBLISH, &Clip::of(Picture::Small)?)?;
    venue.stage(|stage| state(stage) == "live")?;
    let at = venue.admin.0.to_string();
    let shown = status(&["--admin", &at])?;
    let text = String::from_utf8(shown.stdout)?;
    assert_eq!(shown.status.code(), Some(0), "{text}");
    for wanted in [
        "footlight-mux ",
        "ready",
        "stage  LIVE",
        "primary",
        "copy",
        "stopped",
    ] {
        assert!(text.contains(wanted), "{wanted} is not in\n{text}");
    }
    assert!(!text.contains('\x1b'), "colour in a pipe: {text}");
    let json = status(&["--json", "--admin", &at])?;
    let json: Value = serde_json::from_slice(&json.stdout)?;
    assert_eq!(state(&json["streams"]["stage"]), "live");

    // By its configuration, in which the admin listener is a port that nobody has.
    let file = venue.entrance.directory().join("elsewhere.toml");
    std::fs::write(
        &file,
        "[admin]\nlisten = \"127.0.0.1:1\"\n[rtmp]\nnonsense = 1\n",
    )?;
    let refused = status(&["--config", &file.to_string_lossy()])?;
    let told = String::from_utf8(refused.stderr)?;
    assert_eq!(refused.status.code(), Some(69), "{told}");
    for wanted in ["127.0.0.1:1", "is footlight-mux running"] {
        assert!(told.contains(wanted), "{wanted} is not in {told}");
    }
    Ok(())
}
