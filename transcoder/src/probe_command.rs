//! `footlight-transcoder probe`: examines all encoders here and now, and says what came of it.
//!
//! It uses the configuration's `[encoder]` and `[ladder]`, or their defaults where the file cannot be read, and disturbs
//! a running transcoder no more than any other program that encodes.

use std::path::Path;

use live::daemon::{
    Exit, Process,
    command::{CommandHelp, CommandLine, answer, complain, may_colour},
    config::{self, Given, Problems, Sources as _},
    lexopt::{Arg, Parser},
};
use serde_json::json;
use tokio::runtime::Builder;

use crate::{
    config::encoder::Sections,
    daemon::Transcoder,
    exam::{Examiner, Report, Standing, Terms, table},
    worker::EncoderKind,
};

/// For `--help`.
pub(crate) const HELP: CommandHelp = CommandHelp {
    name: "probe",
    usage: &[
        "           each encoder's exam, as a table; exit 69 if none passed",
        "--json     the same, for scripts",
    ],
    about: "Examine the encoders of this machine",
};

/// Carries the command out.
pub(crate) fn run(line: &CommandLine) -> Exit {
    let json = match parse(line) {
        Ok(json) => json,
        Err(what) => return line.refuse::<Transcoder>(HELP.name, what),
    };
    let terms = match terms(line) {
        Ok(terms) => terms,
        Err(exit) => return exit,
    };
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("the system refused a runtime: {error}"));
            return Exit::System;
        }
    };
    let reports = match runtime.block_on(examine(&terms)) {
        Ok(reports) => reports,
        Err(what) => {
            complain(&what);
            return Exit::Unavailable;
        }
    };
    answer(&match json {
        true => format!("{:#}\n", json!({ "encoders": reports })),
        false => table(&reports, may_colour()),
    });
    if reports.iter().any(|report| report.passed) {
        Exit::Ok
    } else {
        Exit::Unavailable
    }
}

fn parse(line: &CommandLine) -> Result<bool, String> {
    let mut json = false;
    let mut parser = Parser::from_args(&line.arguments);
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        if argument != Arg::Long("json") {
            return Err(argument.unexpected().to_string());
        }
        json = true;
    }
    Ok(json)
}

/// From the configuration, of which nothing else is looked at: it may name secrets that this operator must not read.
fn terms(line: &CommandLine) -> Result<Terms, Exit> {
    let mut text = String::new();
    match Process.file(&line.config) {
        Ok(read) => text = read,
        Err(error) => complain(&format!(
            "{} cannot be read ({error}): examining for the default ladder",
            line.config.display()
        )),
    }
    let mut given = Given::default();
    given.files.insert(line.config.clone(), text);
    let terms = |sections: &Sections, problems: &mut Problems<'_>| Some(sections.terms(problems));
    config::read(&line.config, &given, terms)
        .map(|(_, terms)| terms)
        .map_err(|error| {
            complain(&error.to_string());
            Exit::Usage
        })
}

/// All there are, those of the operator's order first.
async fn examine(terms: &Terms) -> Result<Vec<Report>, String> {
    if terms.ladder.is_empty() {
        return Err("[ladder] has no rungs: there is nothing to encode".to_owned());
    }
    let program = Path::new("/proc/self/exe");
    let examiner = Examiner::new(program, &terms.ladder, terms.shows).await;
    let examiner = examiner.map_err(|error| error.to_string())?;
    let others = EncoderKind::ALL
        .iter()
        .filter(|kind| !terms.order.contains(kind));
    let order: Vec<EncoderKind> = terms.order.iter().chain(others).copied().collect();
    let mut reports = Vec::new();
    for &encoder in Standing::new(&order).order() {
        reports.push(
            examiner
                .examine(encoder, &encoder.recipe(terms.preset))
                .await,
        );
    }
    Ok(reports)
}
