//! [pure] `[[stream]]`: what one stream has otherwise than the others. Key by key; what is left out is as in the section
//! of that name.

use std::collections::BTreeMap;

use live::{StreamName, daemon::config::Problems};
use serde::{Deserialize, Serialize};

use super::{
    Raw, ladder::LadderOverride, pictures::PicturesOverride, slate::SlateOverride,
    window::WindowOverride,
};
use crate::stream::Settings;

/// Most of them: more than the streams that a box takes at once, as not all are on air together.
const MAX: usize = 1024;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStream {
    name: String,
    #[serde(default)]
    ladder: LadderOverride,
    record: Option<bool>,
    #[serde(default)]
    slate: SlateOverride,
    #[serde(default)]
    window: WindowOverride,
    #[serde(default)]
    pictures: PicturesOverride,
}

/// The settings of the streams that are named, each `others` but for what it has otherwise.
pub(super) fn resolve(
    raw: &Raw,
    others: &Settings,
    problems: &mut Problems<'_>,
) -> BTreeMap<StreamName, Settings> {
    if raw.stream.len() > MAX {
        problems.refuse("stream", format_args!("there may be {MAX} at most"));
    }
    let mut streams = BTreeMap::new();
    for (index, stream) in raw.stream.iter().enumerate() {
        let at = format!("stream[{index}]");
        let settings = stream.settings(raw, others, &at, problems);
        let Some(name) = problems.parse::<StreamName>(format!("{at}.name"), &stream.name) else {
            continue;
        };
        if streams.insert(name, settings).is_some() {
            problems.refuse(format!("{at}.name"), "another stream has this name");
        }
    }
    streams
}

impl RawStream {
    fn settings(
        &self,
        raw: &Raw,
        others: &Settings,
        at: &str,
        problems: &mut Problems<'_>,
    ) -> Settings {
        let ladder = raw.ladder.with(&self.ladder);
        let ladder = ladder.resolve(&format!("{at}.ladder"), problems);
        Settings {
            ladder: ladder.rungs,
            source_bps: ladder.source_bps,
            audio_bps: ladder.audio_bps,
            record: self.record.unwrap_or(others.record),
            slate: (raw.slate.with(&self.slate)).resolve(&format!("{at}.slate"), problems),
            window_ms: (self.window)
                .length_ms(&format!("{at}.window"), problems)
                .unwrap_or(others.window_ms),
            pictures: self.pictures.enabled.unwrap_or(others.pictures),
            ..others.clone()
        }
    }
}
