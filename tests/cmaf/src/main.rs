//! `cmaf INIT OBJECT...`: an initialization section, and the segments or parts that follow each other behind it.
//!
//! Prints a line for each issue: `error|warning CODE MESSAGE`. Exit code 1 if a file cannot be read.

use std::{env, fs, process::ExitCode};

use transmux::{Severity, validate_cmaf_track};

fn main() -> ExitCode {
    let read: Result<Vec<Vec<u8>>, _> = env::args_os().skip(1).map(fs::read).collect();
    let files = match read {
        Ok(files) => files,
        Err(error) => {
            eprintln!("cmaf: {error}");
            return ExitCode::FAILURE;
        }
    };
    let Some((init, objects)) = files.split_first() else {
        eprintln!("usage: cmaf INIT OBJECT...");
        return ExitCode::FAILURE;
    };
    let objects: Vec<&[u8]> = objects.iter().map(Vec::as_slice).collect();
    for issue in validate_cmaf_track(init, &objects) {
        let severity = match issue.severity {
            Severity::Error => "error",
            _ => "warning",
        };
        println!("{severity} {} {}", issue.code, issue.message.replace('\n', " "));
    }
    ExitCode::SUCCESS
}
