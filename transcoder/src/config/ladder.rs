//! [pure] `[ladder]`: the encoded rungs, and what players are told of the rest.

use std::collections::BTreeSet;

use live::daemon::config::{BitRate, Problems};
use serde::{Deserialize, Serialize};

use crate::ladder::{Fps, MAX_RUNGS, Rung};

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawLadder {
    rungs: Vec<RawRung>,
    source_bitrate: BitRate,
    audio_bitrate: BitRate,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRung {
    height: u16,
    bitrate: BitRate,
    #[serde(default)]
    fps: Fps,
}

/// What one stream has otherwise; a key that is left out is that of `[ladder]`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LadderOverride {
    rungs: Option<Vec<RawRung>>,
    source_bitrate: Option<BitRate>,
    audio_bitrate: Option<BitRate>,
}

/// What it means.
pub(super) struct Ladder {
    pub(super) rungs: Vec<Rung>,
    pub(super) source_bps: u32,
    pub(super) audio_bps: u32,
}

impl Default for RawLadder {
    fn default() -> Self {
        // Steps of 1.6 to 2 between them, as Apple's authoring rules advise, at what `veryfast` needs for a picture
        // that nobody complains about.
        let rungs = [(1080, 4500), (720, 2800), (480, 1400), (360, 800)];
        let rung = |(height, kilobits)| RawRung {
            height,
            bitrate: BitRate::from_kilobits(kilobits),
            fps: Fps::Auto,
        };
        Self {
            rungs: rungs.map(rung).into(),
            source_bitrate: BitRate::from_kilobits(6000),
            audio_bitrate: BitRate::from_kilobits(160),
        }
    }
}

impl RawLadder {
    /// With what a stream has otherwise.
    pub(super) fn with(&self, stream: &LadderOverride) -> Self {
        Self {
            rungs: stream.rungs.clone().unwrap_or_else(|| self.rungs.clone()),
            source_bitrate: stream.source_bitrate.unwrap_or(self.source_bitrate),
            audio_bitrate: stream.audio_bitrate.unwrap_or(self.audio_bitrate),
        }
    }

    /// `at` is the section's own key: `ladder`, `stream[0].ladder`.
    pub(super) fn resolve(&self, at: &str, problems: &mut Problems<'_>) -> Ladder {
        let kilobits = BitRate::from_kilobits;
        problems.within(
            format!("{at}.source_bitrate"),
            self.source_bitrate,
            kilobits(100)..=kilobits(100_000),
        );
        problems.within(
            format!("{at}.audio_bitrate"),
            self.audio_bitrate,
            kilobits(16)..=kilobits(1000),
        );
        Ladder {
            rungs: self.rungs(at, problems),
            source_bps: bps(self.source_bitrate),
            audio_bps: bps(self.audio_bitrate),
        }
    }

    fn rungs(&self, at: &str, problems: &mut Problems<'_>) -> Vec<Rung> {
        if self.rungs.len() > MAX_RUNGS {
            problems.refuse(
                format!("{at}.rungs"),
                format_args!("more than {MAX_RUNGS} rungs; leave some out"),
            );
        }
        let mut heights = BTreeSet::new();
        let mut rungs = Vec::new();
        for (index, raw) in self.rungs.iter().enumerate() {
            if !heights.insert(raw.height) {
                problems.refuse(
                    format!("{at}.rungs[{index}].height"),
                    "is there twice; each height once",
                );
            }
            match Rung::new(raw.height, bps(raw.bitrate)) {
                Ok(rung) => rungs.push(rung.at(raw.fps)),
                Err(error) => problems.refuse(format!("{at}.rungs[{index}]"), error),
            }
        }
        rungs
    }
}

fn bps(rate: BitRate) -> u32 {
    u32::try_from(rate.get()).unwrap_or(u32::MAX)
}
