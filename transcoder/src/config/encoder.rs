//! [pure] `[encoder]`: what encodes the rungs.

use std::{collections::BTreeSet, path::PathBuf};

use live::daemon::config::Problems;
use serde::{Deserialize, Serialize};

use super::ladder::RawLadder;
use crate::{
    exam::Terms,
    ladder::Rung,
    worker::{EncoderKind, Preset},
};

/// What may be written.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawEncoder {
    order: Vec<EncoderKind>,
    preset: Preset,
    exam: bool,
    shows: usize,
    verdicts: PathBuf,
}

impl Default for RawEncoder {
    fn default() -> Self {
        Self {
            order: EncoderKind::ALL.to_vec(),
            preset: Preset::default(),
            exam: true,
            shows: 1,
            verdicts: "/var/lib/footlight/transcoder/exam.json".into(),
        }
    }
}

impl RawEncoder {
    /// Notes what is wrong.
    pub(crate) fn resolve(&self, ladder: Vec<Rung>, problems: &mut Problems<'_>) -> Terms {
        let kinds: BTreeSet<_> = self.order.iter().collect();
        if kinds.is_empty() || kinds.len() < self.order.len() {
            problems.refuse(
                "encoder.order",
                "names the encoders to use, best first, each once: nvenc, vaapi, x264, openh264",
            );
        }
        problems.within("encoder.shows", self.shows, 1..=16);
        let kept = !self.verdicts.as_os_str().is_empty();
        if kept && !self.verdicts.is_absolute() {
            problems.refuse("encoder.verdicts", "give an absolute path, or nothing");
        }
        Terms {
            order: self.order.clone(),
            preset: self.preset,
            exam: self.exam,
            shows: self.shows,
            ladder,
            verdicts: kept.then(|| self.verdicts.clone()),
        }
    }
}

/// What of a configuration file an exam depends on; the rest of the file is not looked at.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Sections {
    ladder: RawLadder,
    encoder: RawEncoder,
}

impl Sections {
    /// Notes what is wrong.
    pub(crate) fn terms(&self, problems: &mut Problems<'_>) -> Terms {
        let ladder = self.ladder.resolve("ladder", problems).rungs;
        self.encoder.resolve(ladder, problems)
    }
}
