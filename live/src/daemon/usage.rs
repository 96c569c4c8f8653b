//! [pure] What is said of a daemon's command line: by `--help`, and from here by its man page and by shells' completions.

use super::command::CommandHelp;

/// An option that every daemon has.
#[derive(Debug, Clone, Copy)]
pub struct OptionHelp {
    /// One letter, as in `-c`.
    pub short: Option<char>,
    /// As in `--config`.
    pub long: &'static str,
    /// What must follow it.
    pub value: Option<&'static str>,
    /// All that may follow it, where that is a choice of words.
    pub words: &'static [&'static str],
    /// What it does, in lines; `{name}` stands for the daemon's name.
    pub about: &'static [&'static str],
}

/// All of them, in the order of `--help`.
pub const OPTIONS: [OptionHelp; 6] = [
    OptionHelp {
        short: Some('c'),
        long: "config",
        value: Some("FILE"),
        words: &[],
        about: &["read the configuration from FILE [/etc/footlight/{name}.toml]"],
    },
    OptionHelp {
        short: None,
        long: "check",
        value: None,
        words: &[],
        about: &[
            "read the configuration, print what is in effect, start nothing;",
            "exit 0 when it is good, 64 when it is not",
        ],
    },
    OptionHelp {
        short: None,
        long: "log",
        value: Some("STYLE"),
        words: &["auto", "journal", "pretty", "json"],
        about: &["auto, journal, pretty or json [auto: journal under systemd, else pretty]"],
    },
    OptionHelp {
        short: None,
        long: "log-level",
        value: Some("LEVEL"),
        words: &["error", "warn", "info", "debug", "trace"],
        about: &["error, warn, info, debug or trace; wins over [log] level [info]"],
    },
    OptionHelp {
        short: Some('V'),
        long: "version",
        value: None,
        words: &[],
        about: &["print the version"],
    },
    OptionHelp {
        short: Some('h'),
        long: "help",
        value: None,
        words: &[],
        about: &["print this"],
    },
];

/// What signals do.
pub const SIGNALS: &str =
    "TERM or INT drains and stops, a second one stops at once; HUP reads the configuration again.";

/// What it exits with, and why.
pub const EXIT_CODES: &[(u8, &str)] = &[
    (0, "stopped as asked"),
    (64, "bad option or configuration"),
    (69, "address not available"),
    (70, "a bug"),
    (71, "the system refused a resource"),
    (77, "not permitted"),
];

impl OptionHelp {
    /// As it is typed: `-c, --config FILE`.
    pub fn typed(&self) -> String {
        let short = self.short.map_or_else(String::new, |c| format!("-{c}, "));
        let value = self.value.map_or_else(String::new, |v| format!(" {v}"));
        format!("{short}--{}{value}", self.long)
    }

    /// What it does, for the daemon of this name.
    pub fn about(&self, name: &str) -> impl Iterator<Item = String> {
        let said = move |line: &&str| line.replace("{name}", name);
        self.about.iter().map(said)
    }

    fn help(&self, name: &str) -> String {
        let indent = if self.short.is_some() { 2 } else { 6 };
        let head = format!("{:indent$}{}", "", self.typed());
        let lines: Vec<_> = self.about(name).collect();
        let about = lines.join(&format!("\n{:22}", ""));
        match head.len() {
            ..=20 => format!("{head:22}{about}\n"),
            _ => format!("{head}\n{:22}{about}\n", ""),
        }
    }
}

/// How one command is used; a line that begins with a blank goes on with the one before.
pub fn usage(name: &str, command: &CommandHelp) -> String {
    let lead = format!("footlight-{name} {}", command.name);
    let line = |(index, way): (usize, &&str)| {
        let goes_on = index > 0 && way.starts_with(' ');
        let lead = if goes_on {
            " ".repeat(lead.len())
        } else {
            lead.clone()
        };
        format!("  {lead} {way}\n")
    };
    command.usage.iter().enumerate().map(line).collect()
}

/// What `--help` prints.
pub fn help(name: &str, about: &str, commands: &[CommandHelp]) -> String {
    let options: String = OPTIONS.iter().map(|option| option.help(name)).collect();
    let own = |command: &CommandHelp| format!("\n{}:\n{}", command.about, usage(name, command));
    let own: String = commands.iter().map(own).collect();
    let codes: Vec<_> = EXIT_CODES
        .iter()
        .map(|(code, why)| format!("{code} {why}"))
        .collect();
    let (first, second) = codes.split_at(3);
    format!(
        "\
{about}

Usage: footlight-{name} [OPTION]...

{options}{own}
Signals: {SIGNALS}
Exit codes: {},
{}.
",
        first.join(", "),
        second.join(", "),
    )
}
