//! [pure] `[slate]`: what encoded rungs show while nobody publishes.

use std::path::PathBuf;

use live::daemon::config::Problems;
use serde::{Deserialize, Serialize};

use crate::slate::Card;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawSlate {
    enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    picture: Option<PathBuf>,
}

/// What one stream has otherwise; a key that is left out is that of `[slate]`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SlateOverride {
    enabled: Option<bool>,
    picture: Option<PathBuf>,
}

impl Default for RawSlate {
    fn default() -> Self {
        Self {
            enabled: true,
            picture: None,
        }
    }
}

impl RawSlate {
    /// With what a stream has otherwise.
    pub(super) fn with(&self, stream: &SlateOverride) -> Self {
        Self {
            enabled: stream.enabled.unwrap_or(self.enabled),
            picture: stream.picture.clone().or_else(|| self.picture.clone()),
        }
    }

    /// `at` is the section's own key: `slate`, `stream[0].slate`.
    pub(super) fn resolve(&self, at: &str, problems: &mut Problems<'_>) -> Card {
        if let Some(picture) = &self.picture
            && !picture.is_absolute()
        {
            problems.refuse(
                format!("{at}.picture"),
                "is no absolute path: write where the file lies from / on",
            );
        }
        match &self.picture {
            _ if !self.enabled => Card::Nothing,
            Some(picture) => Card::File(picture.clone()),
            None => Card::BuiltIn,
        }
    }
}
