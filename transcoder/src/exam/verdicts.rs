//! The verdicts of the last exam, in a file: a transcoder that is restarted in mid-show encodes with the right encoder at
//! once.
//!
//! They count only if they are whole, were written by a version that writes them alike, and for this very machine and
//! these terms (`machine`). Whatever is in doubt is examined anew. An encoder that was only slow is no verdict to keep:
//! perhaps the box was busy. When an encoder fails in a show, the file goes.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    path::PathBuf,
};

use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use super::{Report, Terms, machine};
use crate::worker::Encoder;

/// Raised with any change of what is written.
const FORMAT: u32 = 1;
/// No file of ours is longer: six encoders, and a reason of a line or two for each.
const MOST: u64 = 64 << 10;

/// Where they are kept.
#[derive(Debug, Clone, Default)]
pub struct Verdicts {
    path: Option<PathBuf>,
    /// Nothing when the machine cannot be told from others.
    machine: Option<String>,
}

/// Why verdicts do not count.
#[derive(Debug, thiserror::Error)]
pub(super) enum Doubt {
    #[error("they are kept nowhere")]
    Nowhere,
    #[error("they cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    #[error("the file is damaged or of another version: {0}")]
    Damaged(#[from] serde_json::Error),
    #[error("the file is longer than any of ours")]
    TooLong,
    #[error("they are of another version")]
    Version,
    #[error("since then something was installed or configured, or this is another machine")]
    Machine,
    #[error("they are not of all encoders, or contradict themselves")]
    Incomplete,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    format: u32,
    machine: String,
    reports: Vec<Report>,
}

impl Verdicts {
    /// Those for `terms`, on this machine.
    pub(super) fn of(terms: &Terms) -> Self {
        let machine = machine::name(terms);
        if let Err(error) = &machine {
            info!(%error, "this machine cannot be told from others: verdicts are not kept");
        }
        Self {
            path: terms.verdicts.clone(),
            machine: machine.ok(),
        }
    }

    /// The reports on the encoders of `order`.
    pub(super) fn read(&self, order: &[Encoder]) -> Result<Vec<Report>, Doubt> {
        let (Some(path), Some(machine)) = (&self.path, &self.machine) else {
            return Err(Doubt::Nowhere);
        };
        let mut text = Vec::new();
        File::open(path)?.take(MOST + 1).read_to_end(&mut text)?;
        if text.len() as u64 > MOST {
            return Err(Doubt::TooLong);
        }
        let kept: Kept = serde_json::from_slice(&text)?;
        if kept.format != FORMAT {
            return Err(Doubt::Version);
        }
        if kept.machine != *machine {
            return Err(Doubt::Machine);
        }
        if !is_whole(&kept.reports, order) {
            return Err(Doubt::Incomplete);
        }
        Ok(kept.reports)
    }

    /// Keeps the reports, if they are worth it.
    pub(super) fn write(&self, reports: &[Report], order: &[Encoder]) {
        let (Some(path), Some(machine)) = (&self.path, &self.machine) else {
            return;
        };
        if !is_whole(reports, order) {
            return self.doubt();
        }
        let kept = Kept {
            format: FORMAT,
            machine: machine.clone(),
            reports: reports.to_vec(),
        };
        let written = serde_json::to_vec_pretty(&kept).map_err(io::Error::from);
        let written = written.and_then(|text| {
            if let Some(directory) = path.parent() {
                fs::create_dir_all(directory)?;
            }
            let unfinished = path.with_extension("tmp");
            let mut file = File::create(&unfinished)?;
            file.write_all(&text)?;
            file.sync_data()?;
            fs::rename(&unfinished, path)
        });
        if let Err(error) = written {
            warn!(
                path = %path.display(), %error,
                "the exam's verdicts cannot be kept: after a restart encoders are examined anew, and x264 encodes until then"
            );
        }
    }

    /// They may be wrong: the next start examines anew.
    pub(crate) fn doubt(&self) {
        if let Some(path) = &self.path
            && let Err(error) = fs::remove_file(path)
            && error.kind() != io::ErrorKind::NotFound
        {
            warn!(path = %path.display(), %error, "the exam's verdicts are doubtful and cannot be removed");
        }
    }
}

/// One verdict on each of `order`, of which one passed and none was only slow.
fn is_whole(reports: &[Report], order: &[Encoder]) -> bool {
    let consistent =
        |report: &Report| report.passed == report.reason.is_none() && !report.only_slow;
    reports.iter().map(|report| &report.encoder).eq(order)
        && reports.iter().all(consistent)
        && reports.iter().any(|report| report.passed)
}

#[cfg(test)]
mod tests;
