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
    given.files.insert(
        "/etc/footlight/youtube-key".into(),
        "abcd-efgh\n".to_owned(),
    );
    let url = "rtmp://host/app/whole-key?x=1\n".to_owned();
    given.files.insert("/etc/footlight/whole-url".into(), url);
    given
        .files
        .insert("/etc/footlight/ca.pem".into(), CERTIFICATE.to_owned());
    let made = rcgen::generate_simple_self_signed(["mux.example".to_owned()]).unwrap();
    given
        .files
        .insert("/etc/footlight/certificate.pem".into(), made.cert.pem());
    given.files.insert(
        "/etc/footlight/key.pem".into(),
        made.signing_key.serialize_pem(),
    );
    read(file, &given, Raw::resolve)
}

/// Any certificate: what it says is not looked at.
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

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

fn push(text: &str) -> String {
    format!("[[stream]]\nname = \"a\"\n[[stream.push]]\nname = \"p\"\n{text}")
}

const URL: &str = "url = \"rtmp://host/app?token=hidden\"\n";
const WITH_KEY: &str = "key = { file = \"/etc/footlight/youtube-key\" }\n";

#[test]
fn a_push_target_is_what_was_written_and_shows_no_secret() {
    let (raw, config) = parse(&push(&format!("{URL}{WITH_KEY}"))).unwrap();
    let [target] = &config.pushes[&"a".parse().unwrap()][..] else {
        panic!("{:?}", config.pushes);
    };
    assert_eq!(
        (target.key.expose(), target.chunk_size),
        ("abcd-efgh", 65_536)
    );
    assert_eq!(target.url.app(), "app?token=hidden");
    let printed = format!(
        "{} {raw:?} {config:?}",
        serde_json::to_string(&raw).unwrap()
    );
    assert!(
        !printed.contains("hidden\"") && !printed.contains("abcd-efgh"),
        "{printed}"
    );
    assert!(printed.contains("rtmp://host:1935/(hidden)"), "{printed}");

    let whole = push("url = { file = \"/etc/footlight/whole-url\" }");
    let (_, config) = parse(&whole).unwrap();
    let target = &config.pushes[&"a".parse().unwrap()][0];
    assert_eq!(
        (target.url.app(), target.key.expose()),
        ("app", "whole-key?x=1")
    );
}

#[test]
fn every_mistake_in_a_push_target_is_named_with_its_remedy() {
    for (wrong, told) in [
        (URL.to_owned(), "push[0].key: is missing"),
        (
            format!("{URL}key = \"abcd\""),
            "a secret is not written here",
        ),
        (WITH_KEY.to_owned(), "url"),
        (
            format!("url = \"http://host/app\"\n{WITH_KEY}"),
            "write rtmp://HOST/APP",
        ),
        (
            format!("{URL}{WITH_KEY}codecs = [\"h264\"]"),
            "use avc, hevc",
        ),
        (
            format!("{URL}{WITH_KEY}chunk_size = 64"),
            "64 is outside 128 to 16777215",
        ),
        (format!("{URL}{WITH_KEY}start = \"never\""), "always"),
        (
            format!("{URL}{WITH_KEY}ca = \"/etc/footlight/youtube-key\""),
            "no certificate",
        ),
        (
            format!("{URL}{WITH_KEY}[[stream.push]]\nname = \"p\"\n{URL}{WITH_KEY}"),
            "another output",
        ),
        (
            format!("{URL}{WITH_KEY}[[stream.push]]\nname = \"players\"\n{URL}{WITH_KEY}"),
            "another output",
        ),
        (
            "url = { file = \"/etc/footlight/youtube-key\" }".to_owned(),
            "write rtmp://HOST/APP",
        ),
    ] {
        let error = parse(&push(&wrong)).unwrap_err().to_string();
        assert!(error.contains(told), "{wrong}\n gave: {error}");
        assert!(!error.contains("abcd"), "{error}");
    }
}
