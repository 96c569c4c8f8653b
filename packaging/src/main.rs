//! The man pages and completions of the three daemons, written into a directory: what `make packages` puts into the
//! packages beside the binaries.

use std::{env, error::Error, fs, path::Path, process::ExitCode};

use live::daemon::Daemon;
use packaging::{Subject, completion, manual};

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [directory, date] = arguments.as_slice() else {
        live::daemon::command::complain("usage: papers DIRECTORY YYYY-MM-DD");
        return ExitCode::from(64);
    };
    match write(Path::new(directory), date) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            live::daemon::command::complain(&format!("{directory}: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn write(directory: &Path, date: &str) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(directory)?;
    papers::<mux::Mux>(directory, date, include_str!("../../mux/mux.toml"))?;
    let sample = include_str!("../../transcoder/transcoder.toml");
    papers::<transcoder::Transcoder>(directory, date, sample)?;
    let sample = include_str!("../../distributor/distributor.toml");
    papers::<distributor::Distributor>(directory, date, sample)?;
    Ok(())
}

fn papers<D: Daemon>(directory: &Path, date: &str, sample: &str) -> Result<(), Box<dyn Error>> {
    let of = Subject::of::<D>(date);
    let name = of.name;
    for (file, text) in [
        (format!("footlight-{name}.8"), manual::daemon(&of)),
        (
            format!("footlight-{name}.toml.5"),
            manual::configuration(&of, sample),
        ),
        (format!("footlight-{name}.bash"), completion::bash(&of)),
        (format!("_footlight-{name}"), completion::zsh(&of)),
        (format!("footlight-{name}.fish"), completion::fish(&of)),
    ] {
        fs::write(directory.join(file), text)?;
    }
    Ok(())
}
