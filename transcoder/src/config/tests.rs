use std::path::Path;

use live::daemon::config::{ConfigError, Given, read};
use serde_json::Value;

use super::*;
use crate::ladder::Rung;

const SAMPLE: &str = include_str!("../../transcoder.toml");

fn parse(text: &str) -> Result<(Raw, Config), ConfigError> {
    let file = Path::new("transcoder.toml");
    let mut given = Given::default();
    given.files.insert(file.into(), text.to_owned());
    given.files.insert(
        "/etc/footlight/cluster-secret".into(),
        "0123456789abcdef0123456789abcdef\n".to_owned(),
    );
    read(file, &given, Raw::resolve)
}

#[test]
fn the_sample_states_the_defaults_and_every_key() {
    let (sample, config) = parse(SAMPLE).unwrap();
    let mut expected = serde_json::to_value(Raw::default()).unwrap();
    let secret = serde_json::json!({ "file": "/etc/footlight/cluster-secret" });
    expected["cluster"]["secret"] = secret;
    assert_eq!(serde_json::to_value(&sample).unwrap(), expected);
    let mut known = Vec::new();
    keys(&expected, &mut known);
    for key in known {
        assert!(SAMPLE.contains(&key), "{key} is not in transcoder.toml");
    }
    assert_eq!(config.streams.others().ladder.len(), 4);
}

fn keys(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                found.push(name.clone());
                keys(value, found);
            }
        }
        Value::Array(array) => array.iter().for_each(|value| keys(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let text = "
[cluster]
secret = { file = \"/etc/footlight/cluster-secret\" }
[ladder]
rungs = [{ height = 481, bitrate = \"1400k\" }, { height = 360, bitrate = \"1k\" }, { height = 360, bitrate = \"800k\" }]
[parts]
nominal = \"100ms\"
[window]
length = \"10s\"
[archive]
directory = \"here\"
";
    let error = parse(text).unwrap_err().to_string();
    for part in [
        "ladder.rungs[0]: a rung's height is an even number",
        "ladder.rungs[1]: a rung's bitrate",
        "ladder.rungs[2].height: is there twice",
        "parts.nominal: a part lasts from 200 ms to 1 s",
        "window.length: 10s is outside 30s to 12h",
        "archive.directory: give an absolute path, or nothing",
    ] {
        assert!(error.contains(part), "{part:?} is not in:\n{error}");
    }
}

#[test]
fn encoders_are_named_once_each() {
    let wrong = |section: &str| parse(&format!("{section}\n")).unwrap_err().to_string();
    for (section, told) in [
        (
            "[encoder]\norder = [\"x264\", \"x264\"]",
            "encoder.order: names the encoders to use",
        ),
        (
            "[encoder]\norder = []",
            "encoder.order: names the encoders to use",
        ),
        (
            "[encoder]\norder = [\"x265\"]",
            "\"x265\" is none of nvenc, vaapi, x264, openh264",
        ),
        (
            "[encoder]\nshows = 0",
            "encoder.shows: 0 is outside 1 to 16",
        ),
    ] {
        let error = wrong(section);
        assert!(error.contains(told), "{told:?} is not in:\n{error}");
    }
}

#[test]
fn what_is_kept_and_who_may_fetch_is_said_whole_or_refused_by_its_key() {
    let text = format!("{SAMPLE}\n").replacen(
        "[recording]",
        "[recording]\nkeep = { days = 90, size = \"500GiB\" }",
        1,
    );
    let (_, config) = parse(&text).unwrap();
    let keep = config.recordings.keep;
    assert_eq!((keep.days, keep.bytes), (Some(90), Some(500 << 30)));
    for (text, told) in [
        (
            "[recording]\nkeep = { days = 0 }",
            "recording.keep.days: 0 is outside 1 to 36500",
        ),
        (
            "[recording]\nkeep = { size = \"1MiB\" }",
            "recording.keep.size: 1MiB is outside 1GiB to 1048576GiB",
        ),
        (
            "[recording]\nkeep = { day = 1 }",
            "recording.keep.day: unknown key; did you mean days?",
        ),
        (
            "[origin]\ncertificate = \"/nowhere\"\nkey = \"/nowhere\"",
            "origin.certificate: /nowhere cannot be read",
        ),
        (
            "[origin]\nclient_ca = \"/nowhere\"",
            "origin.client_ca: needs TLS",
        ),
    ] {
        let error = parse(&format!("{text}\n")).unwrap_err().to_string();
        assert!(error.contains(told), "{told:?} is not in:\n{error}");
    }
}

#[test]
fn the_secret_is_needed_and_never_shown() {
    let error = parse("").unwrap_err().to_string();
    assert!(error.contains("cluster.secret: is missing"), "{error}");
    let (_, config) = parse(SAMPLE).unwrap();
    assert!(!format!("{config:?}").contains("0123456789abcdef"));
}

#[test]
fn a_stream_has_otherwise_what_it_says_and_the_rest_as_all() {
    let text = format!(
        "{SAMPLE}
[[stream]]
name = \"stage\"
ladder = {{ rungs = [{{ height = 360, bitrate = \"800k\" }}] }}
window = {{ length = \"4h\" }}
"
    );
    let (_, config) = parse(&text).unwrap();
    let others = config.streams.of(&"hall".parse().unwrap());
    assert_eq!(others, config.streams.others());
    let expected = Settings {
        ladder: vec![Rung::new(360, 800_000).unwrap()],
        window_ms: 4 * 3_600_000,
        ..Settings::clone(others)
    };
    assert_eq!(**config.streams.of(&"stage".parse().unwrap()), expected);
}

#[test]
fn what_is_wrong_with_a_stream_is_said_with_its_place() {
    let text = format!(
        "{SAMPLE}
[[stream]]
name = \"Stage\"
[[stream]]
name = \"hall\"
[stream.ladder]
audio_bitrate = \"1k\"
rungs = [{{ height = 361, bitrate = \"800k\" }}]
[[stream]]
name = \"hall\"
window = {{ length = \"13h\" }}
"
    );
    let error = parse(&text).unwrap_err().to_string();
    for part in [
        "stream[0].name: a stream name is made of",
        "stream[1].ladder.audio_bitrate: 1k is outside",
        "stream[1].ladder.rungs[0]: a rung's height is an even number",
        "stream[2].window.length: 13h is outside 30s to 12h",
        "stream[2].name: another stream has this name",
    ] {
        assert!(error.contains(part), "{part:?} is not in:\n{error}");
    }
}

/// What wants a restart when the sample becomes `text`.
fn for_good(changes: &[(&str, &str)]) -> Vec<&'static str> {
    let (_, before) = parse(SAMPLE).unwrap();
    let text = changes.iter().fold(SAMPLE.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    });
    let (_, after) = parse(&text).unwrap();
    before.changed_for_good(&after)
}

#[test]
fn what_streams_have_is_taken_over_and_the_rest_is_named() {
    let streams = [
        ("height = 720", "height = 540"),
        ("nominal = \"500ms\"", "nominal = \"250ms\""),
        ("length = \"15m\"", "length = \"1h\""),
        ("record = false", "record = true"),
        (
            "\n[pictures]\n",
            "\n[[stream]]\nname = \"stage\"\n[pictures]\n",
        ),
        ("max_streams = 64", "max_streams = 8\nprocessors = 4"),
    ];
    assert_eq!(for_good(&streams), [""; 0]);
    for (from, to, named) in [
        ("listen = \"[::]:1", "listen = \"[::]:2", "[rtmp]"),
        ("listen = \"[::]:8", "listen = \"[::]:9", "[origin] listen"),
        ("preset = \"veryfast\"", "preset = \"fast\"", "[encoder]"),
        (
            "stop_at_free = \"1GiB\"",
            "stop_at_free = \"2GiB\"",
            "[archive]",
        ),
        ("file = true", "file = false", "[recording] but for record"),
    ] {
        assert_eq!(for_good(&[(from, to)]), [named]);
    }
}

#[test]
fn a_ladder_for_which_no_encoder_was_examined_wants_a_restart() {
    let (rest, rungs) = SAMPLE.split_once("rungs = [\n").unwrap();
    let (_, after) = rungs.split_once("]\n").unwrap();
    let (_, without) = parse(&format!("{rest}rungs = []\n{after}")).unwrap();
    let (_, with) = parse(SAMPLE).unwrap();
    let named = without.changed_for_good(&with);
    assert_eq!(named, ["[ladder] rungs, of which there were none"]);
    assert_eq!(with.changed_for_good(&without), [""; 0]);
}
