//! [pure] Man pages: of a daemon (section 8) and of its configuration (section 5).

use live::daemon::usage::{EXIT_CODES, OPTIONS, SIGNALS, usage};

use crate::Subject;

/// `man footlight-mux`.
pub fn daemon(of: &Subject<'_>) -> String {
    let name = of.name;
    let mut page = head(of, &format!("footlight-{name}"), 8);
    let about = of.about.trim_end_matches('.');
    page += &format!(".SH NAME\nfootlight\\-{name} \\- {}\n", plain(about));
    page += &format!(".SH SYNOPSIS\n.B footlight\\-{name}\n[OPTION]...\n");
    for command in of.commands {
        page += &format!(".br\n.B footlight\\-{name} {}\n...\n", plain(command.name));
    }
    page += &format!(".SH DESCRIPTION\n{}\n", plain(of.about));
    page += ".SH OPTIONS\n";
    for option in OPTIONS {
        let about: Vec<_> = option.about(name).collect();
        page += &format!(
            ".TP\n.B {}\n{}\n",
            plain(&option.typed()),
            plain(&about.join(" "))
        );
    }
    page += ".SH COMMANDS\n";
    for command in of.commands {
        page += &format!(".SS {}\n{}:\n", plain(command.name), plain(command.about));
        page += &literal(&usage(name, command));
    }
    page += &format!(".SH SIGNALS\n{}\n", plain(SIGNALS));
    page += ".SH EXIT STATUS\n";
    for (code, why) in EXIT_CODES {
        page += &format!(".TP\n.B {code}\n{}\n", plain(why));
    }
    page += &format!(".SH FILES\n.TP\n.I /etc/footlight/{name}.toml\nThe configuration; see\n");
    page += &format!(".BR footlight\\-{name}.toml (5).\n");
    page += ".SH SEE ALSO\n.BR journalctl (1)\nwith \\-x says of an event what to do about it, and with STREAM=NAME ";
    page += "tells one stream's story.\n";
    page
}

/// `man footlight-mux.toml`: the sample that is installed, in which every key is explained.
pub fn configuration(of: &Subject<'_>, sample: &str) -> String {
    let name = of.name;
    let mut page = head(of, &format!("footlight-{name}.toml"), 5);
    page +=
        &format!(".SH NAME\nfootlight\\-{name}.toml \\- the configuration of footlight\\-{name}\n");
    page += &format!(".SH DESCRIPTION\nWhat is installed as\n.IR /etc/footlight/{name}.toml :\n");
    page += &literal(sample);
    page += &format!(".SH SEE ALSO\n.BR footlight\\-{name} (8)\n");
    page
}

fn head(of: &Subject<'_>, title: &str, section: u8) -> String {
    let (date, version) = (of.date, of.version);
    format!(
        ".\\\" Made from the daemon's own words.\n.TH {} {section} {date} \"Footlight {version}\" Footlight\n",
        plain(&title.to_uppercase())
    )
}

/// Lines as they stand, too long ones going on in the next.
fn literal(text: &str) -> String {
    let text = text.trim_end_matches('\n');
    let lines: String = text
        .lines()
        .map(|line| format!("{}\n", plain(line)))
        .collect();
    format!(".PP\n.nf\n{lines}.fi\n")
}

/// Text that means nothing to troff.
fn plain(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    match text.chars().next() {
        Some('.' | '\'') => format!("\\&{text}"),
        _ => text,
    }
}
