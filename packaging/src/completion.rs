//! [pure] What shells offer for a daemon's command line: its options with their words, its commands with theirs.

use live::daemon::{
    command::CommandHelp,
    usage::{OPTIONS, OptionHelp},
};

use crate::Subject;

/// For bash-completion's directory.
pub fn bash(of: &Subject<'_>) -> String {
    let name = of.name;
    let function = format!("_footlight_{name}");
    let first: Vec<_> = options()
        .chain(of.commands.iter().map(|c| c.name.into()))
        .collect();
    let mut text = format!(
        "# Made from the daemon's own words.\n{function}() {{\n    \
         local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} offer='{}' each\n    \
         case $before in\n        --config | -c) COMPREPLY=($(compgen -f -- \"$word\")); return ;;\n",
        first.join(" ")
    );
    for option in OPTIONS.iter().filter(|option| !option.words.is_empty()) {
        let words = option.words.join(" ");
        text += &format!(
            "        --{}) COMPREPLY=($(compgen -W '{words}' -- \"$word\")); return ;;\n",
            option.long
        );
    }
    text += "    esac\n    for each in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n        case $each in\n";
    for command in of.commands {
        text += &format!(
            "            {}) offer='{}' ;;\n",
            command.name,
            words(command).join(" ")
        );
    }
    text += "        esac\n    done\n    COMPREPLY=($(compgen -W \"$offer\" -- \"$word\"))\n}\n";
    text + &format!("complete -F {function} footlight-{name}\n")
}

/// For zsh's vendor-completions.
pub fn zsh(of: &Subject<'_>) -> String {
    let name = of.name;
    let mut text = format!(
        "#compdef footlight-{name}\n# Made from the daemon's own words.\nlocal -a commands\ncommands=(\n"
    );
    for command in of.commands {
        text += &format!(
            "  {}\n",
            quoted(&format!(
                "{}:{}",
                command.name,
                command.about.replace(':', "\\:")
            ))
        );
    }
    text += ")\n_arguments -S \\\n";
    for option in OPTIONS {
        let about: Vec<_> = option.about(name).collect();
        let about = about
            .join(" ")
            .replace('[', "(")
            .replace(']', ")")
            .replace(':', "\\:");
        let long = option.long;
        text += &format!(
            "  {} \\\n",
            quoted(&format!("--{long}[{about}]{}", zsh_value(&option)))
        );
    }
    text +=
        "  '1: :{_describe command commands}' \\\n  '*:: :->rest' && return\ncase $words[1] in\n";
    for command in of.commands {
        text += &format!(
            "  {}) compadd -- {} ;;\n",
            command.name,
            words(command).join(" ")
        );
    }
    text + "esac\n"
}

fn zsh_value(option: &OptionHelp) -> String {
    match option.value {
        None => String::new(),
        Some(value) if option.words.is_empty() => format!(":{value}:_files"),
        Some(value) => format!(":{value}:({})", option.words.join(" ")),
    }
}

/// For fish's vendor_completions.d.
pub fn fish(of: &Subject<'_>) -> String {
    let program = format!("complete -c footlight-{}", of.name);
    let mut text = format!("# Made from the daemon's own words.\n{program} -f\n");
    for option in OPTIONS {
        let about: Vec<_> = option.about(of.name).collect();
        let short = option
            .short
            .map_or_else(String::new, |c| format!(" -s {c}"));
        let value = match (option.value, option.words) {
            (None, _) => String::new(),
            (Some(_), []) => " -r -F".into(),
            (Some(_), words) => format!(" -x -a {}", quoted(&words.join(" "))),
        };
        text += &format!(
            "{program} -l {}{short}{value} -d {}\n",
            option.long,
            quoted(&about.join(" "))
        );
    }
    for command in of.commands {
        let about = quoted(command.about);
        text += &format!(
            "{program} -n __fish_use_subcommand -a {} -d {about}\n",
            command.name
        );
        let seen = format!("-n '__fish_seen_subcommand_from {}'", command.name);
        text += &format!(
            "{program} {seen} -a {}\n",
            quoted(&words(command).join(" "))
        );
    }
    text
}

fn options() -> impl Iterator<Item = String> {
    OPTIONS.iter().map(|option| format!("--{}", option.long))
}

/// What may be typed behind a command as it stands in its usage; capitals stand for something else.
pub fn words(command: &CommandHelp) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in command
        .usage
        .iter()
        .flat_map(|way| syntax(way).split([' ', '|']))
    {
        let word = word.trim_matches(['[', ']', '.']);
        let is_word =
            |word: &str| word.len() > 1 && word.chars().all(|c| c.is_ascii_lowercase() || c == '-');
        if is_word(word) && !words.iter().any(|known| known == word) {
            words.push(word.to_owned());
        }
    }
    words
}

/// The part of a usage line that is typed: it ends before two blanks. A line that goes on may be explanation alone.
fn syntax(way: &str) -> &str {
    let typed = way.trim_start();
    if typed.len() < way.len() && !typed.starts_with('[') {
        return "";
    }
    typed.split("  ").next().unwrap_or_default()
}

/// One word for any of the shells.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests;
