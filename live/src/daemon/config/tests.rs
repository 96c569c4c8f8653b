//! What an operator is told about a configuration, word by word.

use serde::{Deserialize, Serialize};

use super::*;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Raw {
    rtmp: Rtmp,
    hold: Timespan,
    secret: Option<SecretSource>,
    transcoder: Vec<Member>,
    admin: AdminSection,
    log: LogSection,
    drain: DrainSection,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Rtmp {
    listen: Listen,
    app: String,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Member {
    name: String,
    address: HostPort,
    #[serde(default)]
    weight: u32,
}

impl Default for Raw {
    fn default() -> Self {
        Self {
            rtmp: Rtmp::default(),
            hold: Timespan::from_secs(300),
            secret: None,
            transcoder: Vec::new(),
            admin: AdminSection::on_port(9101),
            log: LogSection::default(),
            drain: DrainSection::default(),
        }
    }
}

impl Default for Rtmp {
    fn default() -> Self {
        Self {
            listen: Listen::one("[::]:1935".parse().unwrap()),
            app: "live".to_owned(),
        }
    }
}

struct Config {
    settings: Settings,
    secret: Option<Secret>,
    streams: Vec<crate::StreamName>,
}

fn resolve(raw: &Raw, problems: &mut Problems<'_>) -> Option<Config> {
    problems.within(
        "hold",
        raw.hold,
        Timespan::from_secs(10)..=Timespan::from_secs(3600),
    );
    let mut streams = Vec::new();
    for (index, member) in raw.transcoder.iter().enumerate() {
        streams.extend(problems.parse(format!("transcoder[{index}].name"), &member.name));
    }
    let settings = Settings::resolve(&raw.admin, &raw.log, &raw.drain, problems);
    let secret = match &raw.secret {
        Some(source) => Some(problems.secret("secret", source)?),
        None => None,
    };
    Some(Config {
        settings,
        secret,
        streams,
    })
}

fn given(text: &str) -> Given {
    let files = [
        ("/etc/mux.toml", text),
        ("/run/secret", "hush\n"),
        ("/run/empty", "\n"),
        ("/run/credentials/mux/cluster", "credible\n"),
    ];
    let variable = ("CREDENTIALS_DIRECTORY", "/run/credentials/mux");
    Given {
        files: files.map(|(path, text)| (path.into(), text.into())).into(),
        variables: [variable].map(|(n, v)| (n.into(), v.into())).into(),
    }
}

fn read_text(text: &str) -> Result<(Raw, Config), ConfigError> {
    read(Path::new("/etc/mux.toml"), &given(text), resolve)
}

/// Reads `text`; it must be refused with `expected`, a line for each problem.
fn refused(text: &str, expected: &[&str]) {
    let Err(error) = read_text(text) else {
        panic!("taken: {text}");
    };
    assert_eq!(
        error.to_string().lines().collect::<Vec<_>>(),
        expected,
        "for {text}"
    );
}

#[test]
fn an_empty_file_is_the_defaults_and_what_check_prints_reads_back_equal() {
    let (raw, config) = read_text("").unwrap();
    assert_eq!(raw, Raw::default());
    assert_eq!(config.settings.drain.as_secs(), 10);
    let printed = toml::to_string_pretty(&raw).unwrap();
    let (again, _) = read_text(&printed).unwrap();
    assert_eq!(again, raw);
}

#[test]
fn values_are_taken_as_written() {
    let text = r#"
hold = "2m"
secret = { credential = "cluster" }
rtmp.listen = ["[::]:1935", "127.0.0.1:0"]
log.level = "debug"
[[transcoder]]
name = "a"
address = "[fd00::2]:1935"
"#;
    let (raw, config) = read_text(text).unwrap();
    assert_eq!(raw.hold, Timespan::from_secs(120));
    assert_eq!(raw.rtmp.listen.addresses().len(), 2);
    assert_eq!(raw.transcoder[0].address.to_string(), "[fd00::2]:1935");
    assert_eq!(config.secret.unwrap().expose(), "credible");
    assert_eq!(config.streams.len(), 1);
    assert_eq!(config.settings.level, crate::daemon::Level::Debug);
}

#[test]
fn a_mistyped_key_is_told_its_likely_spelling() {
    refused(
        "[rtmp]\nlisen = \"[::]:1935\"\n",
        &["/etc/mux.toml:2: rtmp.lisen: unknown key; did you mean listen?"],
    );
    refused(
        "\n[rmtp]\nlisten = \"[::]:1935\"\n",
        &["/etc/mux.toml:2: rmtp: unknown key; did you mean rtmp?"],
    );
    refused(
        "[rtmp]\nzzz = 1\n",
        &["/etc/mux.toml:2: rtmp.zzz: unknown key; known here: listen, app"],
    );
    refused(
        "[[transcoder]]\nname = \"a\"\naddress = \"a:1\"\n[[transcoder]]\nname = \"b\"\naddress = \"a:1\"\nwieght = 1\n",
        &["/etc/mux.toml:7: transcoder[1].wieght: unknown key; did you mean weight?"],
    );
}

#[test]
fn a_value_of_the_wrong_kind_is_told_what_to_write() {
    for (line, expected) in [
        (
            "hold = \"5 minutes\"",
            "hold: \"5 minutes\" is no span of time: write a whole number and a unit, such as \"500ms\", \"2s\", \"5m\" or \"1h\"",
        ),
        (
            "hold = 5",
            "hold: invalid type: integer `5`, expected a string",
        ),
        (
            "rtmp.listen = \"1935\"",
            "rtmp.listen: \"1935\" is no address to listen on: write IP:PORT, such as \"127.0.0.1:9101\" or \"[::]:1935\"",
        ),
        (
            "rtmp.listen = [\"[::]:1\", \"x\"]",
            "rtmp.listen: \"x\" is no address to listen on: write IP:PORT, such as \"127.0.0.1:9101\" or \"[::]:1935\"",
        ),
        ("rtmp.listen = []", "rtmp.listen: give 1 to 16 addresses"),
        (
            "log.level = \"loud\"",
            "log.level: \"loud\" is none of error, warn, info, debug, trace",
        ),
        (
            "transcoder = [{ name = \"a\", address = \"a\" }]",
            "transcoder[0].address: \"a\" is no HOST:PORT: write a name or an address and a port, such as \"transcoder-1:1935\" or \"[fd00::2]:1935\"",
        ),
        (
            "transcoder = [{ name = \"a\" }]",
            "transcoder[0].address: is missing",
        ),
        (
            "secret = { fiel = \"/run/secret\" }",
            "secret: write either { file = \"/path\" } or { credential = \"name\" }",
        ),
        (
            "secret = { file = \"/run/secret\", credential = \"c\" }",
            "secret: write either { file = \"/path\" } or { credential = \"name\" }",
        ),
        (
            "secret = \"hush\"",
            "secret: a secret is not written here: put it into a file and write { file = \"/path\" }",
        ),
    ] {
        refused(line, &[&format!("/etc/mux.toml:1: {expected}")]);
    }
}

#[test]
fn a_value_out_of_bounds_is_told_them_with_its_line() {
    refused(
        "\n\nhold = \"2s\"\n",
        &["/etc/mux.toml:3: hold: 2s is outside 10s to 1h"],
    );
    refused(
        "[drain]\n\ndeadline = \"11m\"\n",
        &["/etc/mux.toml:3: drain.deadline: 11m is outside 0ms to 10m"],
    );
    refused(
        "[[transcoder]]\nname = \"Stage\"\naddress = \"a:1\"\n",
        &[
            "/etc/mux.toml:2: transcoder[0].name: a stream name is made of a-z, 0-9, '-' and '_', and starts with a letter or digit",
        ],
    );
}

#[test]
fn all_that_is_wrong_is_told_at_once_in_the_order_of_the_file() {
    refused(
        "holt = \"1s\"\n[rtmp]\nap = \"x\"\nlisten = \"?\"\n[[transcoder]]\nname = 5\naddress = \"a:1\"\n",
        &[
            "/etc/mux.toml:1: holt: unknown key; did you mean hold?",
            "/etc/mux.toml:3: rtmp.ap: unknown key; did you mean app?",
            "/etc/mux.toml:4: rtmp.listen: \"?\" is no address to listen on: write IP:PORT, such as \"127.0.0.1:9101\" or \"[::]:1935\"",
            "/etc/mux.toml:6: transcoder[0].name: invalid type: integer `5`, expected a string",
        ],
    );
    refused(
        "drain.deadline = \"1h\"\nhold = \"1s\"\n",
        &[
            "/etc/mux.toml:1: drain.deadline: 1h is outside 0ms to 10m",
            "/etc/mux.toml:2: hold: 1s is outside 10s to 1h",
        ],
    );
}

#[test]
fn what_is_no_toml_is_told_where() {
    refused(
        "hold = \"2m\"\nrtmp = {\n",
        &["/etc/mux.toml:2: unclosed inline table, expected `}`"],
    );
    refused(
        "hold = \"2m\"\nhold = \"3m\"\n",
        &["/etc/mux.toml:2: duplicate key"],
    );
}

#[test]
fn a_file_that_cannot_be_read_is_told_so() {
    let read = read(Path::new("/nowhere"), &given(""), resolve);
    assert_eq!(
        read.err().unwrap().to_string(),
        "/nowhere: cannot be read: entity not found"
    );
}

#[test]
fn a_secret_that_cannot_be_had_is_told_why_and_never_shown() {
    for (line, expected) in [
        (
            "secret = { file = \"/run/none\" }",
            "/run/none cannot be read: entity not found",
        ),
        ("secret = { file = \"/run/empty\" }", "/run/empty is empty"),
        (
            "secret = { credential = \"../mux\" }",
            "the credential \"../mux\" is no plain name: it is the ID of LoadCredential=",
        ),
    ] {
        refused(line, &[&format!("/etc/mux.toml:1: secret: {expected}")]);
    }
    let secret = SecretSource::File("/run/secret".into());
    let secret = secret.load(&given("")).unwrap();
    assert_eq!(secret.expose(), "hush");
    assert_eq!(format!("{secret:?}"), "Secret(hidden)");
    let credential = SecretSource::Credential("cluster".to_owned());
    let error = credential.load(&Given::default()).unwrap_err().to_string();
    assert_eq!(
        error,
        "there is no $CREDENTIALS_DIRECTORY: add LoadCredential=cluster:/path to the unit, or use { file = \"/path\" }"
    );
}

#[test]
fn the_nearest_spelling_is_near() {
    let known = ["listen", "level", "deadline"];
    assert_eq!(nearest("lisetn", known), Some("listen"));
    assert_eq!(nearest("listening", known), Some("listen"));
    assert_eq!(nearest("qqq", known), None);
}
