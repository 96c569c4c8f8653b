//! `footlight-distributor capacity`: how many viewers the line carries, for an operator who plans an evening.

use std::time::Duration;

use live::{
    Directives, Object, ObjectPath, StreamName,
    daemon::{
        Exit, Process,
        command::{CommandHelp, CommandLine, answer, complain, may_colour},
        config::{self, BitRate},
        lexopt::{Arg, Parser, ValueExt},
        paper::Paper,
    },
    placement::{self, Member},
};
use serde::Deserialize;
use tokio::runtime::Builder;

use crate::{
    Distributor,
    capacity::Capacity,
    config::{Config, LimitsSection},
    ladder::Ladder,
    presentation::{TEMPLATE_MAX, Template},
    route::Key,
    upstream::{Upstream, UpstreamError},
};

/// For `--help`.
pub(crate) const HELP: CommandHelp = CommandHelp {
    name: "capacity",
    usage: &[
        "                  of the qualities that a transcoder makes by default",
        "STREAM            of those that this stream has now, as its transcoder says",
        "--egress RATE     of a line of so many bits per second, not [limits] egress",
        "--json            for scripts",
    ],
    about: "Print how many viewers the configured line carries at each quality",
};

/// An origin that runs answers in milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug, Default, PartialEq, Eq)]
struct Options {
    stream: Option<StreamName>,
    egress: Option<BitRate>,
    json: bool,
}

/// Carries the command out.
pub(crate) fn run(line: &CommandLine) -> Exit {
    let options = match parse(line) {
        Ok(options) => options,
        Err(what) => return line.refuse::<Distributor>(HELP.name, what),
    };
    match capacity(line, &options) {
        Ok((capacity, _)) if options.json => answer(&format!("{}\n", capacity.json())),
        Ok((capacity, of)) => {
            let paper = Paper {
                width: None,
                colour: may_colour(),
            };
            let lines = capacity.lines(&of);
            let text: String = lines.iter().map(|line| line.write(paper) + "\n").collect();
            answer(&text)
        }
        Err(exit) => exit,
    }
}

fn parse(line: &CommandLine) -> Result<Options, String> {
    let mut options = Options::default();
    let mut parser = Parser::from_args(&line.arguments);
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        match argument {
            Arg::Long("json") => options.json = true,
            Arg::Long("egress") => {
                let value = parser.value().and_then(|value| value.string());
                let value = value.map_err(|error| error.to_string())?;
                let rate = value.parse::<BitRate>();
                options.egress = Some(rate.map_err(|error| format!("--egress: {error}"))?);
            }
            Arg::Value(word) if options.stream.is_none() => {
                let word = word.string().map_err(|error| error.to_string())?;
                let stream = word.parse::<StreamName>();
                let stream = stream.map_err(|_| format!("{word:?} is no stream's name"))?;
                options.stream = Some(stream);
            }
            unknown @ (Arg::Short(_) | Arg::Long(_) | Arg::Value(_)) => {
                return Err(unknown.unexpected().to_string());
            }
        }
    }
    Ok(options)
}

/// What the line carries, and of whose qualities that is.
fn capacity(line: &CommandLine, options: &Options) -> Result<(Capacity, String), Exit> {
    let given = options.egress.map(BitRate::get);
    let (ladder, of, egress) = match &options.stream {
        None => {
            let of = "what a transcoder makes by default".to_owned();
            let egress = given.map_or_else(|| configured(line), |given| Ok(Some(given)))?;
            (Ladder::usual(), of, egress)
        }
        Some(stream) => {
            let (_, config) = line.read::<Distributor>()?;
            let egress = given.or(config.limits.egress);
            (
                asked(&config, stream)?,
                format!("what {stream} has"),
                egress,
            )
        }
    };
    let egress = egress.ok_or_else(|| {
        let file = line.config.display();
        let what = format!(
            "{file} has no [limits] egress: say there what the line carries, or with --egress 900M"
        );
        line.refuse::<Distributor>(HELP.name, what)
    })?;
    Ok((Capacity::of(&ladder, egress), of))
}

/// `[limits] egress`. Nothing else of the file is looked at: it may name secrets that this operator must not read.
fn configured(line: &CommandLine) -> Result<Option<u64>, Exit> {
    #[derive(Deserialize)]
    struct File {
        #[serde(default)]
        limits: LimitsSection,
    }
    let limits = |file: &File, problems: &mut config::Problems<'_>| {
        Some(file.limits.resolve(problems).egress)
    };
    let read = config::read(&line.config, &Process, limits);
    let (_, egress) = read.map_err(|error| {
        complain(&error.to_string());
        Exit::Usage
    })?;
    Ok(egress)
}

/// The qualities of `stream`, as the first of its origins says that knows it.
fn asked(config: &Config, stream: &StreamName) -> Result<Ladder, Exit> {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| {
        complain(&format!("the system refused what it takes to ask: {error}"));
        Exit::System
    })?;
    let upstream = crate::upstream(config, crate::shown(config)).map_err(|error| {
        complain(&error.to_string());
        Exit::System
    })?;
    let members: Vec<Member> = config
        .origins
        .iter()
        .map(|origin| origin.member.clone())
        .collect();
    let path = ObjectPath {
        stream: stream.clone(),
        object: Object::Multivariant,
    };
    let key = Key::new(path, Directives::default());
    for origin in placement::ranks(stream, &members) {
        let name = members.get(origin).map_or("", |member| member.name());
        match runtime.block_on(playlist(&upstream, origin, &key)) {
            Ok(text) => match Template::read(&text, stream) {
                Some(template) => return Ok(template.ladder()),
                None => complain(&format!("{name}: what it says of {stream} is no playlist")),
            },
            Err(error) => complain(&format!("{name}: {error}")),
        }
    }
    complain(&format!(
        "no transcoder says which qualities {stream} has; is it on the air?"
    ));
    Err(Exit::Unavailable)
}

async fn playlist(upstream: &Upstream, origin: usize, key: &Key) -> Result<Vec<u8>, UpstreamError> {
    let mut object = upstream.get(origin, key, PATIENCE).await?;
    let mut text = Vec::new();
    // A longer one is not understood anyway.
    while let Some(bytes) = object.next().await?.filter(|_| text.len() <= TEMPLATE_MAX) {
        text.extend_from_slice(&bytes);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(arguments: &[&str]) -> Result<Options, String> {
        parse(&CommandLine {
            config: "/etc/footlight/distributor.toml".into(),
            arguments: arguments.iter().map(Into::into).collect(),
        })
    }

    #[test]
    fn the_command_line_is_taken_or_refused_with_advice() {
        assert_eq!(options(&[]), Ok(Options::default()));
        let wanted = Options {
            stream: Some("stage".parse().unwrap()),
            egress: Some("900M".parse().unwrap()),
            json: true,
        };
        assert_eq!(
            options(&["stage", "--egress", "900M", "--json"]),
            Ok(wanted)
        );
        for (bad, expected) in [
            (&["Stage"][..], "no stream's name"),
            (&["a", "b"], "b"),
            (&["--egress", "1Gb"], "--egress: "),
            (&["--egres"], "--egres"),
        ] {
            let refused = options(bad).unwrap_err();
            assert!(refused.contains(expected), "{refused}");
        }
    }
}
