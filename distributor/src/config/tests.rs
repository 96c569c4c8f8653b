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
    assert!(matches!(config.identity, Identity::Files(_)));
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
    refused(
        "hosts = []",
        "hosts = [\"live.example\", \"10.0.0.1\", \"https://live.example\"]",
        "https.hosts[2]: \"https://live.example\" is no DNS name",
    );
    let twice = "[[transcoder]]\nname = \"transcoder-1\"\naddress = \"b:1\"\n[cors]";
    refused(
        "[cors]",
        twice,
        "transcoder[1].name: this name is given twice",
    );
}

/// The sample with `[acme]` as it stands there, instead of files.
fn with_acme() -> String {
    let keys = [
        "[acme]",
        "names =",
        "agree_to_terms =",
        "mail =",
        "directory =",
        "ca =",
        "challenges =",
        "state_directory =",
    ];
    let lines = SAMPLE.lines().filter(|line| {
        ![
            "certificate = \"/etc/footlight/certificate.pem\"",
            "key = \"/etc/footlight/key.pem\"",
        ]
        .contains(line)
    });
    let (mut inside, mut text) = (false, String::new());
    for line in lines {
        let bare = line.strip_prefix("# ").unwrap_or(line);
        inside = (inside || line == "# [acme]") && !line.is_empty();
        let taken = inside && keys.iter().any(|key| bare.starts_with(key));
        text.push_str(if taken { bare } else { line });
        text.push('\n');
    }
    text.replace(
        "/etc/footlight/acme-ca.pem",
        "/etc/footlight/certificate.pem",
    )
}

#[test]
fn the_sample_names_every_key_of_acme_and_its_defaults() {
    let text = with_acme();
    let (raw, config) = resolve(&text).unwrap();
    let Identity::Acme(acme) = config.identity else {
        panic!("it is [acme] that counts")
    };
    assert_eq!(acme.names, ["live.venue.example"]);
    let written: toml::Value = toml::from_str(&text).unwrap();
    assert_eq!(toml::Value::try_from(&raw).unwrap(), written);

    let (_, rest) = text.split_once("[http]").unwrap();
    let required = format!(
        "[https]\n[acme]\nnames = [\"live.venue.example\"]\nagree_to_terms = true\n[http]{rest}"
    );
    let mut defaults = resolve(&required).unwrap().0.acme.unwrap();
    let sample = raw.acme.unwrap();
    defaults.mail.clone_from(&sample.mail);
    defaults.ca.clone_from(&sample.ca);
    assert_eq!(defaults, sample, "the sample's values are the defaults");
}

#[test]
fn acme_is_whole_or_refused_by_its_key() {
    let sample = with_acme();
    let refused = |line: &str, instead: &str, expected: &str| {
        assert!(sample.contains(line), "{line}");
        let error = resolve(&sample.replacen(line, instead, 1));
        let error = error.err().unwrap().to_string();
        let (_, what) = error.split_once(": ").unwrap();
        assert!(what.starts_with(expected), "{error}");
    };
    let names = "names = [\"live.venue.example\"]";
    refused(names, "names = []", "acme.names: list 1 to 20");
    refused(
        names,
        "names = [\"*.a.example\"]",
        "acme.names[0]: \"*.a.example\" is a wildcard",
    );
    refused(
        names,
        "names = [\"a.example\", \"A.example\"]",
        "acme.names[1]: this name is given twice",
    );
    refused(
        "agree_to_terms = true",
        "agree_to_terms = false",
        "acme.agree_to_terms: the authority issues nothing",
    );
    refused("ops@venue.example", "ops", "acme.mail: write one address");
    refused(
        "directory = \"https://",
        "directory = \"http://",
        "acme.directory: write the https:// URL",
    );
    refused(
        "challenges = [\"http-01\", ",
        "challenges = [\"tls-alpn-01\", ",
        "acme.challenges: list",
    );
    refused(
        "challenges = [\"http-01\", ",
        "challenges = [\"dns-01\", ",
        "acme.challenges",
    );
    refused(
        "state_directory = \"/var/lib/footlight/distributor\"",
        "state_directory = \"here\"",
        "acme.state_directory: give an absolute path",
    );
    refused(
        "ca = \"/etc/footlight/certificate.pem\"",
        "ca = \"/nowhere\"",
        "acme.ca: /nowhere cannot be read",
    );
    let key = "[https]\nkey = \"/etc/footlight/key.pem\"";
    refused(
        "[https]",
        key,
        "acme: stands beside https.certificate or https.key",
    );
}

#[test]
fn limits_are_told_by_their_key() {
    refused(
        "connections = 200",
        "connections = 0",
        "limits.connections: 0 is outside 1 to 50000",
    );
    refused(
        "\"::1\"]",
        "\"::1/129\"]",
        "limits.exempt[1]: \"::1/129\" is no range",
    );
    refused(
        "parked = \"1GiB\"",
        "parked = \"1KiB\"",
        "limits.parked: 1KiB is outside 1MiB",
    );
    refused(
        "requests = 2400",
        "request = 2400",
        "limits.request: unknown key; did you mean requests?",
    );
    let line = |egress: &str| format!("[limits]\negress = {egress:?}");
    let (_, config) = resolve(&SAMPLE.replacen("[limits]", &line("900M"), 1)).unwrap();
    assert_eq!(config.limits.egress, Some(900_000_000));
    refused(
        "[limits]",
        &line("900k"),
        "limits.egress: 900k is outside 1M",
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

/// The sample with its `[peer]` in effect.
fn sample_with_peers() -> String {
    let is_key = |line: &str| line.starts_with('[') || line.contains(" = ");
    let mut section = String::new();
    let lines = SAMPLE.lines().skip_while(|line| *line != "# [peer]");
    for line in lines.take_while(|line| !line.is_empty()) {
        if let Some(line) = line.strip_prefix("# ").filter(|line| is_key(line)) {
            section = section + line + "\n";
        }
    }
    format!("{SAMPLE}\n{section}")
}

#[test]
fn the_samples_peers_are_whole_and_name_every_key() {
    let text = sample_with_peers();
    let (raw, config) = resolve(&text).unwrap();
    let peering = config.peering.unwrap();
    assert_eq!((peering.own, peering.distributors.len()), (0, 2));
    assert_eq!(peering.distributors[1].url, "https://d2.live.example");
    assert!(config.cors.is_empty(), "every page may read");
    let named = text.replacen("origins = []", "origins = [\"https://venue.example\"]", 1);
    let own = [
        "venue.example",
        "live.example",
        "d1.live.example",
        "d2.live.example",
    ];
    assert_eq!(
        resolve(&named).unwrap().1.cors,
        own.map(|host| format!("https://{host}")),
        "our own watch page may too"
    );
    let [first, second] = &raw.peer.as_ref().unwrap().distributor[..] else {
        panic!()
    };
    assert_eq!((first.weight, second.weight), (1, 1));
    let written = toml::Value::try_from(raw.peer.unwrap()).unwrap();
    let read: toml::Value = toml::from_str(&text).unwrap();
    assert_eq!(written["distributor"][0], read["peer"]["distributor"][0]);
    for key in written.as_table().unwrap().keys() {
        assert!(read["peer"].get(key).is_some(), "{key}");
    }
}

#[test]
fn a_mistake_among_the_peers_is_told_by_its_key() {
    for (line, instead, expected) in [
        (
            "name = \"distributor-1\"\nlisten",
            "name = \"distributor-3\"\nlisten",
            "peer.name: \"distributor-3\" is not in the list of distributors; did you mean \"distributor-",
        ),
        (
            "url = \"https://live.example\"",
            "url = \"http://live.example\"",
            "peer.url: \"http://live.example\" is no address for viewers",
        ),
        (
            "https://d2.live.example",
            "https://d2.live.example/",
            "peer.distributor[1].url: \"https://d2.live.example/\" is no",
        ),
        (
            "https://d2.live.example",
            "https://d1.live.example",
            "peer.distributor[1].url: this address is given twice",
        ),
        (
            "name = \"distributor-2\"",
            "name = \"distributor-1\"",
            "peer.distributor[1].name: this name is given twice",
        ),
        (
            "name = \"distributor-2\"",
            "name = \"No 2\"",
            "peer.distributor[1].name: a box's name",
        ),
        (
            "8090\"\nurl = \"https://d1.live.example\"\nweight = 1",
            "8090\"\nurl = \"https://d1.live.example\"\nweight = 0",
            "peer.distributor[0].weight: a weight is",
        ),
        (
            "10.0.0.12:8090",
            "10.0.0.12",
            "peer.distributor[1].address: ",
        ),
        (
            "[[peer.distributor]]\nname = \"distributor-2\"",
            "[[peer.distributor]]\nnmae = \"distributor-2\"",
            "peer.distributor[1].nmae: unknown key; did you mean name?",
        ),
    ] {
        let text = sample_with_peers();
        let (before, after) = text.rsplit_once(line).unwrap();
        let error = resolve(&format!("{before}{instead}{after}")).err().unwrap();
        let error = error.to_string();
        let (_, what) = error.split_once(": ").unwrap();
        assert!(what.starts_with(expected), "{error}");
    }
}

#[test]
fn a_list_of_one_is_as_none() {
    let text = sample_with_peers();
    let (alone, _) = text.rsplit_once("[[peer.distributor]]").unwrap();
    assert_eq!(resolve(alone).unwrap().1.peering, None);
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
