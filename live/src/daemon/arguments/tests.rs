//! What may be typed, and what is said of what may not.

use super::*;

const COMMANDS: &[CommandHelp] = &[CommandHelp {
    name: "keys",
    usage: &["list [--json]", "revoke ID"],
    about: "Stream keys",
}];

fn parsed(line: &str) -> Result<Command, String> {
    parse("mux", COMMANDS, line.split_whitespace())
}

#[test]
fn options() {
    let defaults = Options {
        config: "/etc/footlight/mux.toml".into(),
        check: false,
        log: telemetry::Style::Auto,
        log_level: None,
    };
    assert_eq!(parsed(""), Ok(Command::Run(defaults)));
    let all = Options {
        config: "a.toml".into(),
        check: true,
        log: telemetry::Style::Json,
        log_level: Some(telemetry::Level::Debug),
    };
    let line = "--config a.toml --check --log=json --log-level debug";
    assert_eq!(parsed(line), Ok(Command::Run(all)));
    for help in ["--help", "-h", "--check --help"] {
        assert_eq!(parsed(help), Ok(Command::Help));
    }
    for version in ["--version", "-V"] {
        assert_eq!(parsed(version), Ok(Command::Version));
    }
}

#[test]
fn a_command_has_its_own_line_and_the_configuration_is_named_anywhere() {
    for line in [
        "-c a.toml keys list --json",
        "keys list --config a.toml --json",
        "keys --config=a.toml list --json",
        "keys list --json -c a.toml",
    ] {
        let own = CommandLine {
            config: "a.toml".into(),
            arguments: vec!["list".into(), "--json".into()],
        };
        assert_eq!(parsed(line), Ok(Command::Own("keys", own)), "{line}");
    }
}

#[test]
fn what_is_mistyped_is_told_its_likely_spelling() {
    for (line, expected) in [
        ("--confg a", "--confg is no option; did you mean --config?"),
        (
            "--loglevel info",
            "--loglevel is no option; did you mean --log-level?",
        ),
        ("--chekc", "--chekc is no option; did you mean --check?"),
        ("--zzz", "--zzz is no option; see --help"),
        ("-x", "-x is no option; see --help"),
        ("mux.toml", "\"mux.toml\" is no command; see --help"),
        ("kyes list", "\"kyes\" is no command; did you mean keys?"),
        ("keys -c", "missing argument for option '-c'"),
        ("--config", "missing argument for option '--config'"),
        (
            "--log yaml",
            "--log: \"yaml\" is none of auto, journal, pretty, json",
        ),
        (
            "--log-level loud",
            "--log-level: \"loud\" is none of error, warn, info, debug, trace",
        ),
        (
            "--check=yes",
            "unexpected argument for option '--check': \"yes\"",
        ),
    ] {
        assert_eq!(parsed(line), Err(expected.to_owned()), "{line}");
    }
}

#[test]
fn help_names_every_option() {
    let help = super::super::usage::help("mux", "One stream in, many out.", COMMANDS);
    for option in OPTIONS {
        assert!(help.contains(&option.typed()), "{option:?}");
    }
    assert!(help.contains("Stream keys:\n  footlight-mux keys list [--json]\n"));
    assert!(help.lines().all(|line| line.len() <= 110));
}
