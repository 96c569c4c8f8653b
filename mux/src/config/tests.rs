use std::path::Path;

use live::daemon::config::{ConfigError, Given, read};
use serde_json::Value;

use super::*;

const SAMPLE: &str = include_str!("../../mux.toml");

fn parse(text: &str) -> Result<(Raw, Config), ConfigError> {
    let file = Path::new("mux.toml");
    let mut given = Given::default();
    given.files.insert(file.into(), text.to_owned());
    given.files.insert(
        "/etc/footlight/cluster-secret".into(),
        "0123456789abcdef0123456789abcdef\n".to_owned(),
    );
    read(file, &given, Raw::resolve)
}

/// The sample with its examples in force.
fn with_examples() -> String {
    let line = |line: &'static str| match line.strip_prefix('#') {
        Some(example) if !example.starts_with(' ') => example,
        _ => line,
    };
    SAMPLE.lines().map(line).collect::<Vec<_>>().join("\n")
}

fn keys(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                found.push(format!("{at}.{name}"));
                keys(value, &format!("{at}.{name}"), found);
            }
        }
        Value::Array(array) => array.iter().for_each(|value| keys(value, at, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn the_sample_states_the_defaults() {
    let (sample, _) = parse(SAMPLE).unwrap();
    assert_eq!(
        serde_json::to_value(sample).unwrap(),
        serde_json::to_value(Raw::default()).unwrap()
    );
}

#[test]
fn the_sample_shows_every_key() {
    let (raw, config) = parse(&with_examples()).unwrap();
    let mut known = Vec::new();
    keys(&serde_json::to_value(raw).unwrap(), "", &mut known);
    for key in known {
        let name = key.rsplit('.').next().unwrap();
        assert!(SAMPLE.contains(name), "{key} is not in mux.toml");
    }
    assert_eq!(config.streams, ["stage".parse().unwrap()]);
    assert_eq!(config.transcoders.unwrap().members.len(), 1);
}

#[test]
fn what_is_printed_holds_no_hash() {
    let (raw, config) = parse(&with_examples()).unwrap();
    let printed = format!(
        "{} {raw:?} {config:?}",
        serde_json::to_string(&raw).unwrap()
    );
    assert!(!printed.contains("1b4f0e98") && !printed.contains("0123456789abcdef"));
    assert!(printed.contains("(hidden)"));
}

#[test]
fn every_mistake_is_named_with_its_remedy() {
    for (wrong, told) in [
        ("[rtmp]\nlisten_on = \"[::]:1\"", "did you mean listen?"),
        ("[rtmp]\napp = \"a/b\"", "rtmp.app: use 1 to 64"),
        ("[rtmp]\nconnections = 0", "rtmp.connections: 0 is outside"),
        (
            "[segment]\ntarget = \"500ms\"",
            "segment.target: a segment lasts",
        ),
        ("[segment]\nhold = \"1h\"", "segment.hold: 1h is outside"),
        ("[ring]\nsize = \"1MiB\"", "ring.size: 1MiB is outside"),
        ("state_directory = \"here\"", "give an absolute path"),
        ("[[stream]]\nname = \"Main Stage\"", "a-z, 0-9"),
        (
            "[[stream]]\nname = \"a\"\n[[stream]]\nname = \"a\"",
            "another stream has this name",
        ),
        (
            "[[stream]]\nname = \"a\"\npublish = [{ sha256 = \"secret\" }]",
            "sha256sum",
        ),
        (
            "[[stream]]\nname = \"a\"\nplay = [{ sha256 = \"00\", role = \"primary\" }]",
            "64 hexadecimal digits",
        ),
        (
            "[[stream]]\nname = \"a\"\nplay = [{ sha256 = \"7c6f2dd4b3a0e7b1ed41d29e1ad42c4c0ed5ab32d5e7b7a3ecf6d0a1c93e2f11\", role = \"backup\" }]",
            "stream[0].play[0].role: only a key to publish",
        ),
        (
            "[[stream]]\nname = \"a\"\npublish = [{ sha256 = \"7c6f2dd4b3a0e7b1ed41d29e1ad42c4c0ed5ab32d5e7b7a3ecf6d0a1c93e2f11\", from = [\"192.0.2.1/24\"] }]",
            "write \"192.0.2.0/24\"",
        ),
        (
            "[[transcoder]]\nname = \"t\"\naddress = \"10.0.0.2:1935\"",
            "cluster.secret: is missing",
        ),
        (
            "[cluster]\nsecret = { file = \"/nowhere\" }",
            "/nowhere cannot be read",
        ),
    ] {
        let error = parse(wrong).unwrap_err().to_string();
        assert!(error.contains(told), "{wrong}\n gave: {error}");
    }
}

#[test]
fn a_key_in_two_places_is_refused() {
    let key = "1b4f0e9851971998e732078544c96b36c3d01cedf7caa332359d6f1d83567014";
    let text = format!(
        "[[stream]]\nname = \"a\"\npublish = [{{ sha256 = \"{key}\" }}]\nplay = [{{ sha256 = \"{key}\" }}]"
    );
    let error = parse(&text).unwrap_err().to_string();
    assert!(error.contains("configured twice"), "{error}");
}
