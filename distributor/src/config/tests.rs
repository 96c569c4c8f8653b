use std::path::Path;

use live::daemon::config::{ConfigError, Given, read};

use super::*;

const SAMPLE: &str = include_str!("../../distributor.toml");

fn given(text: &str) -> Given {
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["a".to_owned()]).unwrap();
    let files = [
        ("/distributor.toml", text.to_owned()),
        ("/etc/footlight/certificate.pem", cert.pem()),
        ("/etc/footlight/key.pem", signing_key.serialize_pem()),
        (
            "/etc/footlight/cluster-secret",
            "0123456789abcdef\n".to_owned(),
        ),
    ];
    Given {
        files: files.map(|(path, text)| (path.into(), text)).into(),
        ..Given::default()
    }
}

fn resolve(text: &str) -> Result<(Raw, Config), ConfigError> {
    read(
        Path::new("/distributor.toml"),
        &given(text),
        Config::resolve,
    )
}

/// The sample with one line changed must be refused so.
fn refused(line: &str, instead: &str, expected: &str) {
    assert!(SAMPLE.contains(line), "{line}");
    let error = resolve(&SAMPLE.replacen(line, instead, 1))
        .err()
        .unwrap()
        .to_string();
    let (_, what) = error.split_once(": ").unwrap();
    assert!(what.starts_with(expected), "{error}");
}

#[test]
fn the_sample_is_the_structs_defaults_and_names_every_key() {
    let (raw, config) = resolve(SAMPLE).unwrap();
    assert_eq!(config.origins.len(), 1);
    assert_eq!(config.origins[0].authority, "10.0.0.2:8080");
    let written: toml::Value = toml::from_str(SAMPLE).unwrap();
    assert_eq!(
        toml::Value::try_from(&raw).unwrap(),
        written,
        "every key is in the sample, in one spelling"
    );

    let required = "[https]\ncertificate = \"/etc/footlight/certificate.pem\"\nkey = \"/etc/footlight/key.pem\"\n\
        [cluster]\nsecret = { file = \"/etc/footlight/cluster-secret\" }\n\
        [[transcoder]]\nname = \"transcoder-1\"\naddress = \"10.0.0.2:8080\"\n";
    assert_eq!(
        resolve(required).unwrap().0,
        raw,
        "the sample's values are the defaults"
    );
}

#[test]
fn each_mistake_is_told_by_its_key() {
    refused(
        "memory = \"512MiB\"",
        "memory = \"1MiB\"",
        "cache.memory: 1MiB is outside 64MiB to 1024GiB",
    );
    refused(
        "weight = 1",
        "weight = 101",
        "transcoder[0].weight: a weight is",
    );
    refused(
        "\"transcoder-1\"",
        "\"Transcoder 1\"",
        "transcoder[0].name: a box's name",
    );
    refused(
        "weight = 1",
        "weigth = 1",
        "transcoder[0].weigth: unknown key; did you mean weight?",
    );
    refused(
        "/etc/footlight/key.pem",
        "/nowhere",
        "https.key: /nowhere cannot be read",
    );
    refused(
        "/etc/footlight/key.pem",
        "/etc/footlight/certificate.pem",
        "https.certificate: the key file holds no PEM",
    );
    refused(
        "/etc/footlight/cluster-secret",
        "/nowhere",
        "cluster.secret: /nowhere cannot be read",
    );
    refused("certificate = ", "# ", "https.certificate: is missing");
    let twice = "[[transcoder]]\nname = \"transcoder-1\"\naddress = \"b:1\"\n[cors]";
    refused(
        "[cors]",
        twice,
        "transcoder[1].name: this name is given twice",
    );
}

#[test]
fn tls_towards_the_transcoders_is_whole_or_refused_by_its_key() {
    let both = "certificate = \"/etc/footlight/certificate.pem\"\nkey = \"/etc/footlight/key.pem\"";
    let ca = "ca = \"/etc/footlight/certificate.pem\"";
    let section = |lines: &str| SAMPLE.replacen("[upstream]", &format!("[upstream]\n{lines}"), 1);
    let (_, config) = resolve(&section(ca)).unwrap();
    assert!(config.upstream.unwrap().certificate.is_none());
    let (_, config) = resolve(&section(&format!("{ca}\n{both}"))).unwrap();
    assert!(config.upstream.unwrap().certificate.is_some());
    for (lines, expected) in [
        (both, "upstream.ca: is missing"),
        ("ca = \"/nowhere\"", "upstream.ca: /nowhere cannot be read"),
        (
            "ca = \"/etc/footlight/key.pem\"",
            "upstream.ca: holds no PEM certificate",
        ),
        ("key = \"/nowhere\"", "upstream.certificate: is missing"),
        (
            "certificate = \"/nowhere\"\nkey = \"/etc/footlight/key.pem\"",
            "upstream.certificate: /nowhere cannot be read",
        ),
    ] {
        refused("[upstream]", &format!("[upstream]\n{lines}"), expected);
    }
}

#[test]
fn a_page_is_named_as_a_browser_names_it() {
    for good in [
        "https://venue.example",
        "http://localhost:3000",
        "https://[::1]:8443",
    ] {
        assert_eq!(web_origin(good).unwrap(), good);
    }
    for bad in [
        "*",
        "null",
        "venue.example",
        "https://venue.example/",
        "https://venue.example/a",
        "https://a?b",
        "https://Venue.example",
        "ftp://a",
        "https://u@a",
        "",
    ] {
        assert_eq!(web_origin(bad), None, "{bad}");
        refused(
            "origins = []",
            &format!("origins = [{bad:?}]"),
            "cors.origins[0]: ",
        );
    }
}
